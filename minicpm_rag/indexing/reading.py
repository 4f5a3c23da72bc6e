"""Reading one source for ingest: its bytes' hash, and its pages, or a DocumentError that becomes the verdict.

Does not know the library.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import replace
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.indexing.storage import NewDocument
from minicpm_rag.library.originals import sha256_of
from minicpm_rag.messages import reason_of
from minicpm_rag.records import LoadedFile

log = logging.getLogger(__name__)


def measured(blank: NewDocument, path: Path) -> NewDocument:
    """The document with the hash and the size of its file."""
    try:
        sha256, size = sha256_of(path)
    except OSError as exc:
        raise DocumentError("indexing.file_closed", why=reason_of(exc)) from exc
    return replace(blank, sha256=sha256, size_bytes=size)


def read_address(blank: NewDocument) -> tuple[NewDocument, LoadedFile]:
    """Fetch a web page; its text stands for its bytes, which differ at every visit."""
    from minicpm_rag.loaders import load_address

    loaded = load_address(blank.source)
    content = "\f".join(page.text for page in loaded.pages).encode(errors="replace")
    return replace(blank, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content)), loaded


def read_file(path: Path, *, ocr: bool) -> LoadedFile:
    """Read a file into pages."""
    from minicpm_rag.loaders import load_file

    try:
        return load_file(path, ocr=ocr)
    except DocumentError:
        raise
    except Exception as exc:  # a reader's own defect must not stop the other files; it becomes the verdict
        log.exception("reading %r", str(path))
        raise DocumentError("indexing.reader_failed", kind=type(exc).__name__, why=reason_of(exc)) from exc


def filled(blank: NewDocument, loaded: LoadedFile) -> NewDocument:
    """The document with the pages that were read, refused where they hold what no file can store."""
    try:
        for page in loaded.pages:
            page.text.encode()
    except UnicodeEncodeError as exc:
        raise DocumentError("indexing.broken_characters") from exc
    return replace(
        blank,
        title=loaded.title or blank.title,
        pages=loaded.pages,
        pages_present=loaded.pages_present,
        encoding=loaded.encoding,
        reason=loaded.note,
        remedy=loaded.remedy,
    )
