"""Reading sources for ingest: a file's hash, and its pages, or a DocumentError that becomes the verdict.

Does not know the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.indexing.sources import is_address
from minicpm_rag.indexing.storage import NewDocument
from minicpm_rag.library.originals import sha256_of
from minicpm_rag.loaders import isolated
from minicpm_rag.messages import reason_of
from minicpm_rag.records import LoadedFile


class Reader:
    """Reads files and web pages in child processes, the next file already while this one is embedded."""

    def __init__(self, *, ocr: bool, is_new: Callable[[str], bool]) -> None:
        """`is_new` tells by its hash whether the library lacks a file: others need not be read."""
        self._ocr = ocr
        self._is_new = is_new
        self._measures: dict[str, tuple[str, int]] = {}  # hash and size of files that were begun
        self._begun: dict[str, Future[LoadedFile]] = {}

    def begin(self, source: str) -> None:
        """Begin to read a file that will soon be asked for; an error is raised when it is."""
        if is_address(source) or source in self._measures:
            return
        try:
            measure = sha256_of(Path(source))
        except OSError:
            return
        is_twin = any(sha256 == measure[0] for sha256, _ in self._measures.values())
        self._measures[source] = measure
        if self._is_new(measure[0]) and not is_twin:
            self._begun[source] = isolated.begin(lambda: isolated.load_file(Path(source), ocr=self._ocr))

    def measured(self, blank: NewDocument, path: Path) -> NewDocument:
        """The document with the hash and the size of its file."""
        try:
            key = str(path)
            sha256, size = self._measures.pop(key) if key in self._measures else sha256_of(path)
        except OSError as exc:
            raise DocumentError("indexing.file_closed", why=reason_of(exc)) from exc
        return replace(blank, sha256=sha256, size_bytes=size)

    def file(self, path: Path) -> LoadedFile:
        """Read a file into pages."""
        begun = self._begun.pop(str(path), None)
        return isolated.load_file(path, ocr=self._ocr) if begun is None else begun.result()

    def address(self, blank: NewDocument) -> tuple[NewDocument, LoadedFile]:
        """Fetch a web page; its text stands for its bytes, which differ at every visit."""
        loaded = isolated.load_address(blank.source)
        content = "\f".join(page.text for page in loaded.pages).encode(errors="replace")
        return replace(blank, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content)), loaded


def filled(blank: NewDocument, loaded: LoadedFile) -> NewDocument:
    """The document with the pages that were read."""
    return replace(
        blank,
        title=loaded.title or blank.title,
        pages=loaded.pages,
        pages_present=loaded.pages_present,
        encoding=loaded.encoding,
        reason=loaded.note,
        remedy=loaded.remedy,
    )
