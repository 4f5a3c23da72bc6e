"""Pages that are pictures: their recognised text laid out as a page is, and what is said about them.

Does not know where a picture comes from, nor how its text is recognised (`ocr`).
"""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.pdf.layout import PageText, lay_out
from minicpm_rag.loaders.pdf.lines import Glyph
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import Page

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL_OCR = Message("loaders.install_ocr")


def page_of(number: int, label: str, text: PageText) -> Page:
    """The page that a text laid out makes."""
    return Page(number, text.text, "page", label, tuple(text.headings), tuple(text.tables))


def scan_note(unread: int, recognised: int, present: int) -> Message | None:
    """What the user should know about a file's scans: how many were not read, and how many by recognition."""
    return joined(
        Message("loaders.scans_unread", unread=unread, present=present) if unread else None,
        Message("loaders.scans_read", read=recognised, present=present) if recognised else None,
    )


def recognised_text(image: Image) -> PageText:
    """Recognise the text of a page's picture; each character gets its share of its line's box for the layout."""
    glyphs: list[Glyph] = []
    lines = recognition.recognise(image)
    usual = median(line.bottom - line.top for line in lines) if lines else 0.0
    for line in lines:
        text = clean(line.text)
        height = line.bottom - line.top
        if 0.75 * usual < height < 1.3 * usual:
            height = usual  # boxes of one text size vary by what hangs above and below
        middle = -(line.top + line.bottom) / 2
        bottom, top = middle - height / 2, middle + height / 2
        widths = [1.0 if character.isascii() else 2.0 for character in text]
        unit = (line.right - line.left) / max(sum(widths), 1.0)
        left = line.left
        for character, width in zip(text, widths, strict=True):
            right = left + width * unit
            glyphs.append(Glyph(len(glyphs), character, left, bottom, right, top))
            left = right
        glyphs.append(Glyph(len(glyphs), "\n", left, bottom, left, top))
    return lay_out(glyphs)
