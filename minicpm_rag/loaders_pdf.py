"""Reads a PDF file into pages, scanned pages through text recognition where that is installed.

Does not know how characters become text (`pdf`) or how pictures do (`ocr`).
"""

from __future__ import annotations

from pathlib import Path

from minicpm_rag import pdf
from minicpm_rag.errors import DocumentError
from minicpm_rag.records import LoadedFile, Page

OCR_REMEDY = 'Install text recognition with: pip install ".[ocr]"'


def load_pdf(path: Path, *, ocr: bool) -> LoadedFile:
    """Read a PDF; pages without text are counted but not returned."""
    pages: list[Page] = []
    present = scans = 0
    for page in pdf.read_pages(path):
        present += 1
        text = page.text
        if text.text.strip():
            pages.append(
                Page(page.number, text.text, "page", page.label, tuple(text.headings), tuple(text.tables))
            )
        scans += page.is_scan
    note = f"{scans} of {present} pages are scans without text." if scans else ""
    if not pages:
        raise DocumentError(note or "The file contains no text.", OCR_REMEDY if scans else "")
    return LoadedFile(path.name, tuple(pages), present, note=note, remedy=OCR_REMEDY if scans else "")
