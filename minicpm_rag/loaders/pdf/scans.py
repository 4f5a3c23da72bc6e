"""Pages and parts of pages that are pictures: their recognised text, laid out as a page is, and what is said of them.

Does not know where a picture comes from, nor how its text is recognised (`ocr`).
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy

from minicpm_rag.loaders import ocr as recognition
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.pdf.drawing import Box
from minicpm_rag.loaders.pdf.glyphs import Glyph, glyphs_of, turned
from minicpm_rag.loaders.pdf.layout import PageText, lay_out
from minicpm_rag.loaders.pdf.pages import RawPage
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import Page
from minicpm_rag.text.scripts import is_wide

if TYPE_CHECKING:
    from PIL.Image import Image

INSTALL_OCR = Message("loaders.install_ocr")


def page_of(number: int, label: str, text: PageText) -> Page:
    """The page that a text laid out makes."""
    return Page(number, text.text, "page", label, tuple(text.headings), tuple(text.tables))


def scan_note(unread: Sequence[str], recognised: int, present: int) -> Message | None:
    """What the user should know about a file's scans: which pages were not read, and how many by recognition."""
    return joined(
        Message("loaders.scans_left_out", unread=len(unread), present=present, pages=unread) if unread else None,
        Message("loaders.scans_read", read=recognised, present=present) if recognised else None,
    )


def recognised_text(image: Image) -> PageText:
    """Recognise the text of a page's picture; each character gets its share of its line's box for the layout."""
    return lay_out(glyphs_of(_glyphs(recognition.recognise(image))))


def recognised_glyphs(image: Image, raw: RawPage, box: Box) -> list[Glyph]:
    """Recognise the text of a picture on a page; the characters stand where they do on the page as it is shown."""
    left, _, right, top = turned(numpy.array([box], numpy.float32), raw.turns)[0].tolist()
    found = recognition.recognise(image)
    scale = (right - left) / max(found.width, 1)
    return [
        Glyph(
            glyph.text,
            left + glyph.left * scale,
            top + glyph.bottom * scale,
            left + glyph.right * scale,
            top + glyph.top * scale,
        )
        for glyph in _glyphs(found)
    ]


def part_of(picture: Image, raw: RawPage, box: Box) -> Image:
    """The part of a drawn page that a box covers."""
    scale = picture.width / raw.width
    left, top, right, bottom = (raw.upright(numpy.array([box], numpy.float32))[0] * scale).tolist()
    edges = (max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom))
    return picture.crop((round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])))


def _glyphs(found: recognition.Recognised) -> list[Glyph]:
    """The characters of a picture in pixels, the origin at its upper left and y growing upwards."""
    glyphs: list[Glyph] = []
    lines = found.lines
    usual = median(line.bottom - line.top for line in lines) if lines else 0.0
    for line in lines:
        text = clean(line.text)
        height = line.bottom - line.top
        if 0.75 * usual < height < 1.3 * usual:
            height = usual  # boxes of one text size vary by what hangs above and below
        middle = -(line.top + line.bottom) / 2
        bottom, top = middle - height / 2, middle + height / 2
        widths = [2.0 if is_wide(character) else 1.0 for character in text]
        unit = (line.right - line.left) / max(sum(widths), 1.0)
        left = line.left
        for character, width in zip(text, widths, strict=True):
            right = left + width * unit
            glyphs.append(Glyph(character, left, bottom, right, top))
            left = right
        glyphs.append(Glyph("\n", left, bottom, left, top))
    return glyphs
