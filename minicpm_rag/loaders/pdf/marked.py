"""Draws a page with quotes marked on it."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.pdf.drawing import Box
from minicpm_rag.loaders.pdf.finished import finished
from minicpm_rag.loaders.pdf.glyphs import Glyphs, turned
from minicpm_rag.loaders.pdf.layout import PageText
from minicpm_rag.loaders.pdf.margins import NEAR_PAGES
from minicpm_rag.loaders.pdf.pages import Pdf, RawPage, open_pdf

_MARK_COLOUR = (255, 226, 90)
_CHOSEN_COLOUR = (255, 190, 40)


def page_picture(
    path: Path, page_number: int, quotes: Sequence[str], *, chosen: Sequence[str] = (), width_pixels: int = 1000
) -> tuple[bytes, bool]:
    """Return a PNG of the page with the quotes marked, and whether all of them were found on it.

    The `chosen` ones among them are marked more strongly. White space is ignored, so that a quote from the page's text
    is found although its lines were joined.
    """
    from PIL import Image, ImageChops, ImageDraw

    with open_pdf(path) as pdf:
        count = len(pdf)
        if not 1 <= page_number <= count:
            raise DocumentError("loaders.pdf_no_page", count=count, number=page_number)
        raw = pdf.page(page_number - 1)
        picture = pdf.draw(page_number - 1, width_pixels / raw.width)
        text = _text_of(pdf, raw, count)
    found = {quote: _origins(text, quote) for quote in quotes}
    marks = Image.new("RGB", picture.size, "white")
    draw = ImageDraw.Draw(marks)
    scale = picture.width / raw.width
    for quote in sorted(found, key=lambda quote: quote in chosen):
        colour = _CHOSEN_COLOUR if quote in chosen else _MARK_COLOUR
        for box in _line_boxes(raw.glyphs, found[quote]):
            corners = raw.upright(numpy.array([box], numpy.float32))[0] * scale
            draw.rectangle([round(float(corner)) for corner in corners], fill=colour)
    buffer = io.BytesIO()
    # Multiplied, the marks tint the paper and leave the letters dark.
    ImageChops.multiply(picture, marks).save(buffer, format="PNG")
    return buffer.getvalue(), bool(found) and all(found.values())


def _text_of(pdf: Pdf, raw: RawPage, count: int) -> PageText:
    """The text of a page as it was stored: what is near decides what of it runs on every page."""

    def near() -> Iterator[RawPage]:
        for index in range(max(0, raw.number - 1 - NEAR_PAGES), min(count, raw.number + 1 + NEAR_PAGES)):
            page = raw if index == raw.number - 1 else _page(pdf, index)
            if page is not None:
                yield page

    return next(page.text for page in finished(near()) if page.raw is raw)


def _page(pdf: Pdf, index: int) -> RawPage | None:
    """A page; None for a damaged one, which was passed over when the file was read, too."""
    try:
        return pdf.page(index)
    except DocumentError:
        return None


def _origins(text: PageText, quote: str) -> list[int]:
    """Return the page's characters behind a quote, [] when the text does not hold it."""
    wanted = "".join(quote.split())
    positions = [index for index, character in enumerate(text.text) if not character.isspace()]
    start = "".join(text.text[index] for index in positions).find(wanted) if wanted else -1
    if start < 0:
        return []
    return [text.origins[index] for index in positions[start : start + len(wanted)] if text.origins[index] >= 0]


def _line_boxes(glyphs: Glyphs, origins: Sequence[int]) -> list[Box]:
    """Return one box in page units for each run of the characters on a line."""
    boxes: list[list[float]] = []
    last: tuple[float, float, float, float] | None = None
    last_turns = -1
    for index in origins:
        turns = int(glyphs.turns[index])
        own = glyphs.boxes[index : index + 1]
        left, bottom, right, top = turned(own, turns)[0].tolist()
        if last is not None and turns == last_turns:
            overlap = min(top, last[3]) - max(bottom, last[1])
            height = max(top - bottom, 0.1)
            if overlap > 0.5 * min(height, last[3] - last[1]) and -1 < left - last[2] < 2 * height:
                before, (a, b, c, d) = boxes[-1], own[0].tolist()
                boxes[-1] = [min(before[0], a), min(before[1], b), max(before[2], c), max(before[3], d)]
                last = (left, bottom, right, top)
                continue
        boxes.append(own[0].tolist())
        last, last_turns = (left, bottom, right, top), turns
    return [(a, b, c, d) for a, b, c, d in boxes]
