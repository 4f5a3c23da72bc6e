"""Turns a file or a web page into pages of text; what cannot become text gets a DocumentError with a remedy.

The content decides, the name's ending only where that leaves a choice: HTML named .pdf is read as HTML.
Does not know chunks, knowledge bases or models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import one_document
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.formats import FORMATS, SUFFIXES, reader_of
from minicpm_rag.loaders.kinds import kind_of
from minicpm_rag.messages import joined, reason_of
from minicpm_rag.records import LoadedFile, Page
from minicpm_rag.text.languages import language_of

__all__ = ["SUFFIXES", "load_address", "load_file"]


@one_document()
def load_file(
    path: Path, *, ocr: bool = True, password: str = "", recognised: Callable[[], None] = lambda: None
) -> LoadedFile:
    """Read a file into pages of text; with `ocr`, scans too where the ocr extra is installed.

    In this process: `isolated.load_file` is for files that may be hostile. The password is tried where the file
    wants one. Calls `recognised` after each page that went through text recognition. Raises DocumentError for
    whatever cannot be read, and no other error.
    """
    try:
        found = kind_of(path)
        wanted: dict[str, Any] = {"ocr": ocr, "recognised": recognised} if FORMATS[found.kind].has_scans else {}
        if FORMATS[found.kind].may_be_encrypted:
            wanted["password"] = password
        read = reader_of(found.kind)(path, **wanted)
    except OSError as exc:
        raise DocumentError("loaders.cannot_be_opened", why=reason_of(exc)) from exc
    except RecursionError as exc:
        raise DocumentError("loaders.nested_too_deeply") from exc
    except MemoryError as exc:
        raise DocumentError("loaders.needs_memory") from exc
    pages = tuple(replace(page, language=language_of(page.text)) for page in read.pages)
    return replace(read, pages=pages, note=joined(found.note, read.note))


@one_document()
def load_address(address: str) -> LoadedFile:
    """Fetch one web page by its http or https address and read it; nothing it refers to is loaded."""
    from minicpm_rag.loaders.encodings import decode
    from minicpm_rag.loaders.html import html_page
    from minicpm_rag.loaders.web import fetch

    fetched = fetch(address)
    if fetched.is_html:
        page, title, encoding = html_page(fetched.data, fetched.charset)
        return loaded(title or address, [page], encoding=encoding)
    decoded = decode(fetched.data, fetched.charset)
    return loaded(address, [Page(1, decoded.text)], encoding=decoded.encoding)
