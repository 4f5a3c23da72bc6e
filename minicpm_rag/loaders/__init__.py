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
from minicpm_rag.loaders.encrypted import decrypted
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.formats import FORMATS, SUFFIXES, reader_of
from minicpm_rag.loaders.kinds import ENCRYPTED, kind_of
from minicpm_rag.messages import Message, joined, reason_of
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
    options = {"ocr": ocr, "recognised": recognised, "password": password}
    try:
        found = kind_of(path)
        if found.kind == ENCRYPTED:
            with decrypted(path, password) as opened:
                read = replace(_read(opened, kind_of(opened).kind, options), title=path.name)
        else:
            read = _read(path, found.kind, options)
    except OSError as exc:
        raise DocumentError("loaders.cannot_be_opened", why=reason_of(exc)) from exc
    except RecursionError as exc:
        raise DocumentError("loaders.nested_too_deeply") from exc
    except MemoryError as exc:
        raise DocumentError("loaders.needs_memory") from exc
    pages = tuple(replace(page, language=language_of(page.text)) for page in read.pages)
    return replace(read, pages=pages, note=joined(found.note, read.note))


def _read(path: Path, kind: str, options: dict[str, Any]) -> LoadedFile:
    """Read a file of a known kind with those of the options that its reader takes."""
    if kind == ENCRYPTED:
        raise DocumentError("loaders.damaged", what=Message("loaders.file"))  # locked twice
    entry = FORMATS[kind]
    wanted = ["ocr", "recognised"] * entry.has_scans + ["password"] * entry.may_be_encrypted
    return reader_of(kind)(path, **{name: options[name] for name in wanted})


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
