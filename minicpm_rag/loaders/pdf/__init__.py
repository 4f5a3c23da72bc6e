"""Reads PDF files into pages, scanned ones through text recognition where that is installed.

Does not know how characters become text (`pages`, `layout`) or how pictures do (`scans`).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.pdf import pages as pdf
from minicpm_rag.loaders.pdf.scans import INSTALL_OCR, page_of, recognised_text, scan_note
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_DOTS_PER_INCH = 200  # of a page drawn for text recognition


def read(path: Path, *, ocr: bool, recognised: Callable[[], None], password: str) -> LoadedFile:
    """Read a PDF; pages without text are counted but not returned. Calls `recognised` after each scan."""
    ocr = ocr and recognition.is_available()
    pages: list[Page] = []
    present = unread = read_scans = 0
    for page in pdf.read_pages(path, password=password, scan_dots_per_inch=_DOTS_PER_INCH if ocr else 0):
        present += 1
        text = page.text
        if page.picture is not None:
            found = recognised_text(page.picture)
            recognised()
            read_scans += bool(found.text)
            text = found if found.text else text
        unread += page.is_scan and not (ocr and text.text)
        if text.text.strip():
            pages.append(page_of(page.number, page.label, text))
    note = scan_note(unread, read_scans, present)
    remedy = INSTALL_OCR if unread and not ocr else None
    if not pages:
        raise DocumentError(note or Message("loaders.no_text"), remedy)
    return LoadedFile(path.name, tuple(pages), present, note=note, remedy=remedy)
