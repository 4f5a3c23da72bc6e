"""Turns a file or a web page into pages of text; what cannot become text gets a DocumentError with a remedy.

The content decides, the name's ending only where that leaves a choice: HTML named .pdf is read as HTML.
Does not know chunks, knowledge bases or models.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import DecodedText, decode
from minicpm_rag.loaders.kinds import SUFFIXES, Kind, kind_of
from minicpm_rag.messages import Message, joined, reason_of
from minicpm_rag.records import LoadedFile, Page

__all__ = ["SUFFIXES", "load_address", "load_file"]

_MOST_TEXT_BYTES = 300_000_000


def load_file(path: Path, *, ocr: bool = True, recognised: Callable[[], None] = lambda: None) -> LoadedFile:
    """Read a file into pages of text; with `ocr`, scans too where the ocr extra is installed.

    In this process: `isolated.load_file` is for files that may be hostile. Calls `recognised` after each page that
    went through text recognition. Raises DocumentError for whatever cannot be read, and no other error.
    """
    try:
        found = kind_of(path)
        loaded = _load(path, found.kind, ocr=ocr, recognised=recognised)
    except OSError as exc:
        raise DocumentError("loaders.cannot_be_opened", why=reason_of(exc)) from exc
    except RecursionError as exc:
        raise DocumentError("loaders.nested_too_deeply") from exc
    except MemoryError as exc:
        raise DocumentError("loaders.needs_memory") from exc
    return replace(loaded, note=joined(found.note, loaded.note))


def load_address(address: str) -> LoadedFile:
    """Fetch one web page by its http or https address and read it; nothing it refers to is loaded."""
    from minicpm_rag.loaders.html import decode_html, write_html
    from minicpm_rag.loaders.web import fetch
    from minicpm_rag.loaders.writer import PageWriter

    fetched = fetch(address)
    if not fetched.is_html:
        decoded = decode(fetched.data, fetched.charset)
        return _loaded(address, [Page(1, decoded.text)], decoded)
    decoded = decode_html(fetched.data, fetched.charset)
    writer = PageWriter()
    title = write_html(decoded.text, writer)
    return _loaded(title or address, [writer.page(1)], decoded)


def _load(path: Path, kind: Kind, *, ocr: bool, recognised: Callable[[], None]) -> LoadedFile:
    """Hand the file to the reader of its kind; each is imported when first needed."""
    if kind in ("pdf", "picture"):
        from minicpm_rag.loaders.pdf import load_pdf, load_picture

        load = load_pdf if kind == "pdf" else load_picture
        return load(path, ocr=ocr, recognised=recognised)
    if kind == "docx":
        from minicpm_rag.loaders.word import word_page

        return _loaded(path.name, [word_page(path)])
    if kind == "pptx":
        from minicpm_rag.loaders.slides import slide_pages

        return _loaded(path.name, slide_pages(path))
    if kind == "xlsx":
        from minicpm_rag.loaders.sheets import sheet_pages

        return _loaded(path.name, sheet_pages(path))
    if kind == "epub":
        from minicpm_rag.loaders.book import book_pages

        return _loaded(path.name, book_pages(path))
    size = path.stat().st_size
    if size > _MOST_TEXT_BYTES:
        raise DocumentError("loaders.too_large", size=size)
    data = path.read_bytes()
    if kind in ("eml", "mhtml"):
        from minicpm_rag.loaders.mail import mail_page, saved_page

        if kind == "mhtml":
            return _loaded(path.name, [saved_page(data)])
        page, attachments = mail_page(data)
        note = Message("loaders.attachments", names=attachments) if attachments else None
        return _loaded(path.name, [page], note=note)
    if kind == "html":
        from minicpm_rag.loaders.html import decode_html, write_html
        from minicpm_rag.loaders.writer import PageWriter

        decoded = decode_html(data)
        writer = PageWriter()
        write_html(decoded.text, writer)
        return _loaded(path.name, [writer.page(1)], decoded)
    decoded = decode(data)
    return _loaded(path.name, [_text_page(decoded.text, kind)], decoded)


def _text_page(text: str, kind: Kind) -> Page:
    from minicpm_rag.loaders import data as loaders_data
    from minicpm_rag.loaders import separated as loaders_separated
    from minicpm_rag.loaders import text as loaders_text

    readers = {
        "markdown": loaders_text.markdown_page,
        "rst": loaders_text.restructured_page,
        "csv": loaders_separated.separated_page,
        "tsv": lambda tabbed: loaders_separated.separated_page(tabbed, delimiter="\t"),
        "json": loaders_data.json_page,
        "jsonl": loaders_data.json_lines_page,
        "notebook": loaders_data.notebook_page,
    }
    reader = readers.get(kind)
    return reader(text) if reader and text.strip() else Page(1, text)


def _loaded(
    title: str, pages: Sequence[Page], decoded: DecodedText | None = None, note: Message | None = None
) -> LoadedFile:
    """Keep the pages that have text; raise DocumentError where none has."""
    kept = tuple(page for page in pages if page.text.strip())
    if not kept:
        raise DocumentError("loaders.no_text")
    return LoadedFile(title, kept, len(pages), decoded.encoding if decoded else "", note)
