"""Reading sources for ingest: a file's hash, and its pages or the DocumentError that becomes its verdict.

Does not know the library.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.indexing.sources import is_address
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

    def measure(self, path: Path) -> tuple[str, int]:
        """The SHA-256 of a file's bytes, in hex, and their number. Raises DocumentError."""
        try:
            key = str(path)
            return self._measures.pop(key) if key in self._measures else sha256_of(path)
        except OSError as exc:
            raise DocumentError("indexing.file_closed", why=reason_of(exc)) from exc

    def file(self, path: Path) -> LoadedFile:
        """Read a file into pages. Raises DocumentError, which becomes the verdict."""
        begun = self._begun.pop(str(path), None)
        return isolated.load_file(path, ocr=self._ocr) if begun is None else begun.result()

    def address(self, address: str) -> LoadedFile:
        """Fetch a web page. Raises DocumentError."""
        return isolated.load_address(address)


def measure_text(loaded: LoadedFile) -> tuple[str, int]:
    """What `measure` gives for a web page's text, which stands for its bytes: these differ at every visit."""
    content = "\f".join(page.text for page in loaded.pages).encode(errors="replace")
    return hashlib.sha256(content).hexdigest(), len(content)
