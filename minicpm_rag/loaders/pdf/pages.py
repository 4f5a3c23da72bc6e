"""Reads PDF pages with pypdfium2 and draws them.

pdfium is not thread-safe: calls from several threads end the process with a segmentation fault. So every call
here runs under one lock, which is held for a page at a time.
Knows nothing of text recognition: a page without text is reported as a scan.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.files import protected
from minicpm_rag.loaders.pdf import expansion
from minicpm_rag.loaders.pdf.drawing import Box, Picture, Rules, read_drawing
from minicpm_rag.loaders.pdf.glyphs import INKED, UNTOLD, Glyphs, read_glyphs, turned
from minicpm_rag.loaders.pdf.notes import LINE_HEIGHT, read_notes
from minicpm_rag.loaders.pdf.pictures import looks_like_text
from minicpm_rag.messages import Message, reason_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

_LOCK = threading.RLock()
_SCAN_SHARE = 0.5  # of the page that pictures cover
_PICTURE_SHARE = 0.03  # of the page: a smaller picture is no picture of text
_MOST_WRITTEN = 30  # characters on a picture: on more it is a background, or has its text already
_STAMP_CHARACTERS = 60  # a scan may carry a page number or the scanner's name as text
_LETTER_SHAPES = 30  # a page with more shapes of a letter's size and no text shows text drawn as outlines
_MOST_UNKNOWN = 0.3  # share of the characters whose meaning the font does not say
_FEWEST_UNKNOWN = 5
_MOST_PICTURE_PIXELS = 40_000_000
_MOST_ATTACHMENTS = 20


@dataclass(frozen=True)
class RawPage:
    """What a PDF says of a page.

    A page that shows a picture where text should be is a scan, and so is one whose fonts do not say which characters
    they draw, or whose text is drawn as outlines.
    """

    number: int
    label: str
    glyphs: Glyphs
    rules: Rules
    box: Box
    turns: int  # quarters clockwise that the page is turned when shown
    is_scan: bool
    is_legible: bool  # whether its fonts say which characters they draw
    pictures: list[Picture] = field(default_factory=list)  # of text, in a page of text
    notes: list[str] = field(default_factory=list)

    def upright(self, boxes: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
        """Boxes as left, top, right, bottom of the page as it is shown, from its upper left corner."""
        left, _, _, top = turned(numpy.array([self.box], numpy.float32), self.turns)[0]
        shown = turned(boxes, self.turns)
        return numpy.stack([shown[:, 0] - left, top - shown[:, 3], shown[:, 2] - left, top - shown[:, 1]], axis=1)

    @property
    def width(self) -> float:
        """Of the page as it is shown, in its units."""
        left, bottom, right, top = self.box
        return top - bottom if self.turns % 2 else right - left


class Pdf:
    """An open PDF."""

    def __init__(self, document: Any) -> None:
        self._document = document
        self._form: Any = None
        self._without_text: set[tuple[int, int, int]] = set()  # pictures that were looked at
        import pypdfium2.raw as pdfium

        if pdfium.FPDF_GetFormType(document.raw) != pdfium.FORMTYPE_NONE:
            document.init_forms()
            self._form = document.formenv.raw if document.formenv is not None else None

    def __len__(self) -> int:
        with _LOCK:
            return len(self._document)

    @property
    def has_xfa(self) -> bool:
        """Whether it is a form in Adobe's XML language, which pages need not show."""
        import pypdfium2.raw as pdfium

        with _LOCK:
            kind = pdfium.FPDF_GetFormType(self._document.raw)
            return kind in (pdfium.FORMTYPE_XFA_FULL, pdfium.FORMTYPE_XFA_FOREGROUND)

    @property
    def has_pages_of_xfa(self) -> bool:
        """Whether such a form makes all of its pages itself: what the file has as pages stands in for them."""
        import pypdfium2.raw as pdfium

        with _LOCK:
            return bool(pdfium.FPDF_GetFormType(self._document.raw) == pdfium.FORMTYPE_XFA_FULL)

    def attachments(self) -> list[str]:
        """The names of the files that it holds; one whose name is damaged is called by its number."""
        import pypdfium2

        def name(number: int) -> str:
            try:
                return str(self._document.get_attachment(number).get_name())
            except (pypdfium2.PdfiumError, UnicodeDecodeError):  # keeps no text out
                return f"({number + 1})"

        with _LOCK:
            return [name(number) for number in range(min(self._document.count_attachments(), _MOST_ATTACHMENTS))]

    def outline(self) -> list[tuple[int, str, int]]:
        """Its bookmarks as (level from 1, words, page number)."""
        with _LOCK:
            return [
                (entry.level + 1, entry.get_title(), (entry.get_dest().get_index() or 0) + 1)
                for entry in self._document.get_toc(max_depth=6)
                if entry.get_dest() is not None
            ]

    def page(self, index: int) -> RawPage:
        """What stands on a page, from 0. Raises DocumentError."""
        with _LOCK, self._page(index) as page:
            label = self._document.get_page_label(index) or str(index + 1)
            box = page.get_bbox()
            area = max(1.0, (box[2] - box[0]) * (box[3] - box[1]))
            turns = page.get_rotation() // 90
            glyphs = read_glyphs(page)
            drawing = read_drawing(page)
            sizes = glyphs.sizes[glyphs.sizes > 0]
            notes = read_notes(page, self._form, float(numpy.median(sizes)) * LINE_HEIGHT if len(sizes) else 0.0, turns)
            legible = is_legible(glyphs)
            is_scan = not legible
            if int(((glyphs.classes & (INKED | UNTOLD)) > 0).sum()) + len(notes.placed) < _STAMP_CHARACTERS:
                covered = sum(picture.area for picture in drawing.pictures) / area
                is_scan = is_scan or covered > _SCAN_SHARE or drawing.letters > _LETTER_SHAPES
            pictures = [] if is_scan else [each for each in drawing.pictures if self._holds_text(each, area, glyphs)]
        glyphs = glyphs.with_more(notes.placed, turns)
        return RawPage(
            index + 1, label, glyphs, drawing.rules, box, turns, is_scan, legible,
            [replace(picture, thing=None) for picture in pictures], notes.apart,
        )  # fmt: skip

    def _holds_text(self, picture: Picture, page_area: float, glyphs: Glyphs) -> bool:
        """Whether a picture on an open page shows text that the page has not; one that comes again is known."""
        if picture.area <= _PICTURE_SHARE * page_area or picture.identity in self._without_text:
            return False
        if _written_on(glyphs, picture.box) >= _MOST_WRITTEN:
            return False
        if looks_like_text(picture):
            return True
        self._without_text.add(picture.identity)
        return False

    def draw(self, index: int, scale: float) -> Image:
        """Draw a page, from 0, as an RGB image; `scale` is pixels for each page unit."""
        with _LOCK, self._page(index) as page:
            pixels = page.get_width() * page.get_height() * scale * scale
            if pixels > _MOST_PICTURE_PIXELS:
                scale *= (_MOST_PICTURE_PIXELS / pixels) ** 0.5
            bitmap = page.render(scale=scale)
            try:
                picture: Image = bitmap.to_pil().convert("RGB").copy()
                return picture
            finally:
                bitmap.close()

    @contextmanager
    def _page(self, index: int) -> Iterator[Any]:
        """Open a page; the caller holds the lock."""
        import pypdfium2

        try:
            page = self._document[index]
        except pypdfium2.PdfiumError as exc:
            raise DocumentError("loaders.pdf_page_damaged", number=index + 1) from exc
        try:
            yield page
        finally:
            page.close()


@contextmanager
def open_pdf(path: Path, password: str = "") -> Iterator[Pdf]:
    """Open a PDF. Raises DocumentError."""
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
        raise damaged() from exc
    try:
        with _LOCK:
            pdf = Pdf(document)
        yield pdf
    finally:
        with _LOCK:
            document.close()


def page_count(path: Path) -> int:
    """Return the number of pages."""
    with open_pdf(path) as pdf:
        return len(pdf)


def page_image(path: Path, page_number: int, *, dots_per_inch: int) -> Image:
    """Draw a page, 1-based, as an RGB image."""
    with open_pdf(path) as pdf:
        return pdf.draw(page_number - 1, dots_per_inch / 72)


def is_legible(glyphs: Glyphs) -> bool:
    """Whether the fonts of a page say which characters they draw."""
    untold = int(((glyphs.classes & UNTOLD) > 0).sum())
    drawn = int(((glyphs.classes & INKED) > 0).sum()) + untold
    return untold <= max(_FEWEST_UNKNOWN, _MOST_UNKNOWN * drawn)


def _written_on(glyphs: Glyphs, box: Box) -> int:
    """How many characters stand in a box."""
    x, y = glyphs.boxes[:, [0, 2]].mean(axis=1), glyphs.boxes[:, [1, 3]].mean(axis=1)
    inside = (x > box[0]) & (x < box[2]) & (y > box[1]) & (y < box[3])
    return int((inside & ((glyphs.classes & INKED) > 0)).sum())


def damaged() -> DocumentError:
    """The error for a PDF that cannot be opened."""
    return DocumentError("loaders.damaged", what=Message("loaders.pdf"))
