"""Turns a file into pages of text, whatever its format; what cannot become text gets a DocumentError with a remedy.

The content decides, the name's ending only where the content leaves a choice: a web page named .pdf is read as HTML.
Does not know chunks, knowledge bases or models.
"""

from __future__ import annotations

from pathlib import Path

from minicpm_rag.encodings import DecodedText, decode
from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders_pdf import load_pdf
from minicpm_rag.records import LoadedFile, Page

_MARKDOWN = (".md", ".markdown", ".mdx")
_HTML = (".html", ".htm", ".xhtml")
_SEPARATED = (".csv", ".tsv")
_TEXT = (".txt", ".text", ".log")

SUFFIXES = frozenset([*_MARKDOWN, *_HTML, *_SEPARATED, *_TEXT, ".pdf", ".docx"])


def load_file(path: Path, *, ocr: bool = True) -> LoadedFile:
    """Read a file into pages of text; with `ocr`, scanned pages are recognised where the ocr extra is installed."""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(4096)
    if b"%PDF-" in head[:1024]:
        return load_pdf(path, ocr=ocr)
    if suffix == ".docx":
        from minicpm_rag.loaders_word import word_page

        return _checked(path, word_page(path))
    data = path.read_bytes()
    if suffix in _HTML:
        from minicpm_rag.loaders_html import decode_html, write_html
        from minicpm_rag.loaders_writer import PageWriter

        decoded = decode_html(data)
        writer = PageWriter()
        write_html(decoded.text, writer)
        return _checked(path, writer.page(1), decoded)
    if suffix not in SUFFIXES or suffix == ".pdf":
        raise DocumentError("Files of this kind are not supported.", f"Save it as pdf, docx or txt: {suffix}")
    decoded = decode(data)
    if suffix in _MARKDOWN:
        from minicpm_rag.loaders_text import markdown_page

        return _checked(path, markdown_page(decoded.text), decoded)
    if suffix in _SEPARATED:
        from minicpm_rag.loaders_tables import separated_page

        return _checked(
            path, separated_page(decoded.text, delimiter="\t" if suffix == ".tsv" else ""), decoded
        )
    return _checked(path, Page(1, decoded.text), decoded)


def _checked(path: Path, page: Page, decoded: DecodedText | None = None) -> LoadedFile:
    if not page.text.strip():
        raise DocumentError("The file contains no text.")
    return LoadedFile(path.name, (page,), 1, decoded.encoding if decoded else "")
