"""Reads PDF pages with pypdfium2 and draws a page with quotes marked on it.

pdfium is not thread-safe: calls from several threads end the process with a segmentation fault. So every call
here runs under one lock, which is held for a page at a time.
Knows nothing of text recognition: a page without text is reported as a scan.
"""

from __future__ import annotations

import ctypes
import io
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.files import protected
from minicpm_rag.loaders.pdf import expansion
from minicpm_rag.loaders.pdf.layout import PageText, lay_out
from minicpm_rag.loaders.pdf.lines import UNKNOWN, Glyph
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.text.scripts import COMMON_HAN

if TYPE_CHECKING:
    from PIL.Image import Image

_LOCK = threading.RLock()
_MOST_CHARACTERS = 30_000_000  # of a whole file; a book has one million
_MOST_PAGE_CHARACTERS = 500_000
_SCAN_SHARE = 0.5  # of the page that pictures cover
_BULLETS = frozenset([0xF06C, 0xF06E, 0xF0A7, 0xF0B7, 0xF0D8, 0xF0FC])  # of Symbol and Wingdings, as Word uses them
_STAMP_CHARACTERS = 60  # a scan may carry a page number or the scanner's name as text
_MARK_COLOUR = (255, 226, 90)
_MOST_PICTURE_PIXELS = 40_000_000


@dataclass(frozen=True)
class PdfPage:
    """A page of a PDF: its text, and whether it shows a picture where text should be.

    A page whose fonts do not say which characters they draw counts as a scan too.
    """

    number: int
    label: str
    text: PageText
    is_scan: bool
    picture: Image | None = None  # of a scan, where asked for


def read_pages(path: Path, *, password: str = "", scan_dots_per_inch: int = 0) -> Iterator[PdfPage]:
    """Yield the pages of a PDF, scans with their picture where a resolution is given.

    Raises DocumentError where the file cannot be opened.
    """
    characters = 0
    with _open(path, password) as document:
        with _LOCK:
            count = len(document)
        if not count:
            raise _damaged()
        for index in range(count):
            picture = None
            with _LOCK, _page(document, index) as page:
                label = document.get_page_label(index) or str(index + 1)
                glyphs = _glyphs(page)
                is_scan = _is_scan(page, glyphs)
                if is_scan and scan_dots_per_inch:
                    picture = _drawn(page, scan_dots_per_inch / 72)
            characters += len(glyphs)
            if characters > _MOST_CHARACTERS:
                raise DocumentError("loaders.pdf_too_much_text")
            yield PdfPage(index + 1, label, lay_out(glyphs), is_scan, picture)


def page_count(path: Path) -> int:
    """Return the number of pages."""
    with _open(path) as document, _LOCK:
        return len(document)


def page_image(path: Path, page_number: int, *, dots_per_inch: int) -> Image:
    """Draw a page, 1-based, as an RGB image."""
    with _open(path) as document, _LOCK, _page(document, page_number - 1) as page:
        return _drawn(page, dots_per_inch / 72)


def page_picture(
    path: Path, page_number: int, quotes: Sequence[str], *, width_pixels: int = 1000
) -> tuple[bytes, bool]:
    """Return a PNG of the page with the quotes marked, and whether all of them were found on it.

    White space is ignored, so that a quote from the page's text is found although its lines were joined.
    """
    from PIL import Image, ImageChops, ImageDraw

    with _open(path) as document, _LOCK:
        if not 1 <= page_number <= len(document):
            raise DocumentError("loaders.pdf_no_page", count=len(document), number=page_number)
        with _page(document, page_number - 1) as page:
            picture = _drawn(page, width_pixels / page.get_width())
            glyphs = _glyphs(page)
            text = lay_out(glyphs)
            found = [_origins(text, quote) for quote in quotes]
            boxes = [box for origins in found for box in _line_boxes(glyphs, origins)]
            corners = [_on_picture(page, picture, box) for box in boxes]
    marks = Image.new("RGB", picture.size, "white")
    draw = ImageDraw.Draw(marks)
    for corner in corners:
        draw.rectangle(corner, fill=_MARK_COLOUR)
    buffer = io.BytesIO()
    # Multiplied, the marks tint the paper and leave the letters dark.
    ImageChops.multiply(picture, marks).save(buffer, format="PNG")
    return buffer.getvalue(), bool(found) and all(found)


@contextmanager
def _open(path: Path, password: str = "") -> Iterator[Any]:
    import pypdfium2

    try:
        data = path.read_bytes()
    except OSError as exc:
        raise DocumentError("loaders.cannot_be_opened", why=reason_of(exc)) from exc
    if expansion.expands_too_far(data):
        raise DocumentError("loaders.pdf_unpacks_too_large", limit=expansion.MOST_BYTES)
    try:
        with _LOCK:
            document = pypdfium2.PdfDocument(data, password or None)
    except pypdfium2.PdfiumError as exc:
        if "password" in str(exc).lower():
            raise protected(Message("loaders.pdf"), password) from exc
        raise _damaged() from exc
    try:
        yield document
    finally:
        with _LOCK:
            document.close()


@contextmanager
def _page(document: Any, index: int) -> Iterator[Any]:
    """Open a page; the caller holds the lock."""
    import pypdfium2

    try:
        page = document[index]
    except pypdfium2.PdfiumError as exc:
        raise DocumentError("loaders.pdf_page_damaged", number=index + 1) from exc
    try:
        yield page
    finally:
        page.close()


def _damaged() -> DocumentError:
    return DocumentError("loaders.damaged", what=Message("loaders.pdf"))


def _glyphs(page: Any) -> list[Glyph]:
    """Return all characters of a page in drawing order; the caller holds the lock."""
    import pypdfium2.raw as pdfium

    text_page = page.get_textpage()
    try:
        count = text_page.count_chars()
        if count > _MOST_PAGE_CHARACTERS:
            raise DocumentError("loaders.pdf_page_too_much_text")
        raw = text_page.raw
        unicode_of, box_of = pdfium.FPDFText_GetUnicode, pdfium.FPDFText_GetLooseCharBox
        rectangle = pdfium.FS_RECTF()
        reference = ctypes.byref(rectangle)
        glyphs = []
        high = 0
        for index in range(count):
            code = unicode_of(raw, index)
            if 0xD800 <= code < 0xDC00:
                high = code
                continue
            if 0xDC00 <= code < 0xE000:
                code = 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00) if high else 0xFFFD
            high = 0
            text = _text_of(code)
            if not text:
                continue
            box_of(raw, index, reference)
            glyphs.append(Glyph(index, text, rectangle.left, rectangle.bottom, rectangle.right, rectangle.top))
        return glyphs
    finally:
        text_page.close()


def _text_of(code: int) -> str:
    """Return a character as stored: line ends as \\n, hyphens at line ends as -, ligatures as letters."""
    if code in (0x0A, 0x0D):
        return "\n"
    if code in (0x02, 0xAD, 0xFFFE):
        return "-"
    if 0x20 <= code < 0x7F or code in COMMON_HAN:  # nearly all characters: spare them the rest
        return chr(code)
    if code in _BULLETS:
        return "•"
    if code == 0 or code > 0x10FFFF or 0xE000 <= code < 0xF900:  # unmapped, or the font's private number
        return UNKNOWN
    text = clean(chr(code))
    return unicodedata.normalize("NFKC", text) if "\ufb00" <= text <= "\ufb06" else " " if text == "\t" else text


def _is_scan(page: Any, glyphs: Sequence[Glyph]) -> bool:
    """Tell whether the page needs text recognition; the caller holds the lock."""
    inked = [glyph.text for glyph in glyphs if not glyph.text.isspace()]
    unknown = sum(text == UNKNOWN for text in inked)
    if unknown > 20 and unknown > 0.3 * len(inked):
        return True
    return len(inked) < _STAMP_CHARACTERS and _picture_share(page) > _SCAN_SHARE


def _picture_share(page: Any) -> float:
    """Return how much of the page images cover; the caller holds the lock."""
    import pypdfium2.raw as pdfium

    area = 0.0
    for item in page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=3):
        left, bottom, right, top = item.get_bounds()
        area += (right - left) * (top - bottom)
    return area / max(1.0, float(page.get_width() * page.get_height()))


def _drawn(page: Any, scale: float) -> Image:
    pixels = page.get_width() * page.get_height() * scale * scale
    if pixels > _MOST_PICTURE_PIXELS:
        scale *= (_MOST_PICTURE_PIXELS / pixels) ** 0.5
    bitmap = page.render(scale=scale)
    try:
        picture: Image = bitmap.to_pil().convert("RGB").copy()
        return picture
    finally:
        bitmap.close()


def _origins(text: PageText, quote: str) -> list[int]:
    """Return the page's characters behind a quote, [] when the text does not hold it."""
    wanted = "".join(quote.split())
    positions = [index for index, character in enumerate(text.text) if not character.isspace()]
    start = "".join(text.text[index] for index in positions).find(wanted) if wanted else -1
    if start < 0:
        return []
    return [text.origins[index] for index in positions[start : start + len(wanted)] if text.origins[index] >= 0]


def _line_boxes(glyphs: Sequence[Glyph], origins: Sequence[int]) -> list[tuple[float, float, float, float]]:
    """Return one (left, bottom, right, top) for each run of the characters on a line."""
    by_index = {glyph.index: glyph for glyph in glyphs}
    boxes: list[tuple[float, float, float, float]] = []
    for index in origins:
        glyph = by_index[index]
        if boxes:
            left, bottom, right, top = boxes[-1]
            overlap = min(top, glyph.top) - max(bottom, glyph.bottom)
            if overlap > 0.5 * glyph.height and -1 < glyph.left - right < 2 * glyph.height:
                boxes[-1] = (left, min(bottom, glyph.bottom), max(right, glyph.right), max(top, glyph.top))
                continue
        boxes.append((glyph.left, glyph.bottom, glyph.right, glyph.top))
    return boxes


def _on_picture(page: Any, picture: Image, box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Convert page units to pixels, rotation and crop box included; the caller holds the lock."""
    import pypdfium2.raw as pdfium

    xs, ys = [], []
    for x, y in ((box[0], box[1]), (box[2], box[3])):
        column, row = ctypes.c_int(), ctypes.c_int()
        pdfium.FPDF_PageToDevice(
            page.raw, 0, 0, picture.width, picture.height, 0, x, y, ctypes.byref(column), ctypes.byref(row)
        )
        xs.append(column.value)
        ys.append(row.value)
    return min(xs), min(ys), max(xs), max(ys)
