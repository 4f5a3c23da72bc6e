"""The characters of a page as arrays: what pdfium says of them, or what stands for a picture's recognised text.

A page has thousands of characters, so nothing here makes an object for each: pdfium is called through pointers that
need no conversion, and the rest is done on whole arrays.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import TYPE_CHECKING, Any

import numpy

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.loaders.pdf.calls import calls
from minicpm_rag.loaders.pdf.right_to_left import RIGHT_TO_LEFT, put_in_order
from minicpm_rag.text.scripts import COMMON_HAN, HANGUL, is_wide

if TYPE_CHECKING:
    from numpy.typing import NDArray

INKED, SPACE, LINE_END, WIDE, UNTOLD, LEFTWARD = 1, 2, 4, 8, 16, 32  # flags of a character
UNKNOWN = "\ufffd"  # text of a character whose font does not say what it is: left out
_HANGUL = re.compile(f"[{HANGUL}]")  # as wide as Han, but written with spaces
_MOST_PAGE_CHARACTERS = 500_000
_BULLETS = frozenset([0xF06C, 0xF06E, 0xF0A7, 0xF0B7, 0xF0D8, 0xF0FC])  # of Symbol and Wingdings, as Word uses them
_BOLD_NAME = re.compile(rb"bold|black|heavy|demi|simhei|heiti|CMBX|SFBX|-medi|[-,]bd?\b", re.IGNORECASE)
_BOLD_WEIGHT = 650  # pdfium guesses it from the width of stems; regular ones come to 500
_SLANT = 0.15  # of a quarter turn
_WATERMARK_SIZE = 28.0  # of a slanted text's letters: smaller ones name the bars of a chart
SLANTED = 4  # turns of a watermark, which is no part of the page's text
_FILLED_AND_STROKED = 2  # text render mode: how programs fake bold


@dataclass(frozen=True)
class Glyph:
    """One character as a caller gives it: its text ("\\n" for a line end, more than one letter for ligatures), its box.

    `size` is that of its font, where known.
    """

    text: str
    left: float
    bottom: float
    right: float
    top: float
    size: float = 0.0
    bold: bool = False


@dataclass(frozen=True)
class Glyphs:
    """All characters of a page in the order they were drawn; the position in these arrays is a character's number.

    `boxes` has left, bottom, right, top in page units, the origin at the bottom left. `turns` says how many quarter
    turns counter-clockwise the writing has taken from left-to-right in the page's own coordinates; SLANTED for a
    watermark.
    """

    texts: list[str]
    classes: NDArray[numpy.uint8]  # flags: INKED and others
    boxes: NDArray[numpy.float32]  # (characters, 4)
    turns: NDArray[numpy.int8]
    sizes: NDArray[numpy.float32]
    bold: NDArray[numpy.bool_]
    fonts: NDArray[numpy.int32]  # a number for each font

    def with_more(self, more: Sequence[Glyph], turns: int) -> Glyphs:
        """These and further characters, numbered on; boxes of the new ones are on the page turned by `turns`."""
        if not more:
            return self
        new = glyphs_of(more)
        new.turns[:] = turns
        return Glyphs(
            self.texts + new.texts,
            numpy.concatenate([self.classes, new.classes]),
            numpy.concatenate([self.boxes, turned(new.boxes, -turns % 4)]),
            numpy.concatenate([self.turns, new.turns]),
            numpy.concatenate([self.sizes, new.sizes]),
            numpy.concatenate([self.bold, new.bold]),
            numpy.concatenate([self.fonts, new.fonts - 1]),
        )


def turned(boxes: NDArray[numpy.float32], turns: int) -> NDArray[numpy.float32]:
    """Boxes on a page that is turned clockwise by so many quarters, about the origin."""
    left, bottom, right, top = boxes.T
    if turns == 1:
        columns = (bottom, -right, top, -left)
    elif turns == 2:
        columns = (-right, -top, -left, -bottom)
    elif turns == 3:
        columns = (-top, left, -bottom, right)
    else:
        return boxes
    result: NDArray[numpy.float32] = numpy.stack(columns, axis=1)
    return result


def glyphs_of(glyphs: Sequence[Glyph]) -> Glyphs:
    """Upright characters as arrays."""
    boxes = numpy.array([(g.left, g.bottom, g.right, g.top) for g in glyphs], numpy.float32).reshape(-1, 4)
    sizes = numpy.array([glyph.size or glyph.top - glyph.bottom for glyph in glyphs], numpy.float32)
    turns = numpy.zeros(len(glyphs), numpy.int8)
    bold, fonts = numpy.array([glyph.bold for glyph in glyphs], bool), numpy.zeros(len(glyphs), numpy.int32)
    texts = [glyph.text for glyph in glyphs]
    classes = numpy.array([_class_of(text) for text in texts], numpy.uint8)
    return Glyphs(texts, classes, boxes, turns, sizes, bold, fonts)


def read_glyphs(page: Any) -> Glyphs:
    """The characters of a pdfium page; the caller holds the lock. Raises DocumentError where there are too many."""
    text_page = page.get_textpage()
    try:
        count = text_page.count_chars()
        if count > _MOST_PAGE_CHARACTERS:
            raise DocumentError("loaders.pdf_page_too_much_text")
        pointer = ctypes.cast(text_page.raw, ctypes.c_void_p).value
        call = calls()
        codes = _codes(pointer, count)
        # pdfium's rectangle is left, top, right, bottom.
        rectangles = numpy.zeros((count, 4), numpy.float32)
        blank = (codes == 0x20) | (codes == 0x0A) | (codes == 0x0D)
        drawn = numpy.flatnonzero(~blank)
        _call_each(call.loose_box, pointer, drawn.tolist(), rectangles, drawn)
        # The look of a word is that of its first letter.
        starts = numpy.flatnonzero(~blank & numpy.concatenate([[True], blank[:-1]])[:count])
        looks = numpy.repeat(_looks(pointer, starts.tolist()), numpy.diff([0, *starts, count]), axis=0)
        texts, classes = _texts(codes)
        numpy.nan_to_num(rectangles, copy=False, posinf=0.0, neginf=0.0)
        if (classes & LEFTWARD).any():
            order = put_in_order(texts, (classes & INKED) > 0, (classes & LINE_END) > 0, rectangles)
            texts, classes = [texts[place] for place in order], classes[order]
            rectangles, looks = rectangles[order], looks[order]
        return Glyphs(
            texts,
            classes,
            rectangles[:, [0, 3, 2, 1]],
            looks[:, 0].astype(numpy.int8),
            looks[:, 1],
            looks[:, 2] > 0,
            looks[:, 3].astype(numpy.int32),
        )
    finally:
        text_page.close()


def _codes(pointer: int | None, count: int) -> NDArray[numpy.uint32]:
    """The number of each character; those of two UTF-16 units follow each other as these."""
    buffer = numpy.zeros(count + 1, numpy.uint16)
    call = calls()
    written = call.text(pointer, 0, count, buffer.ctypes.data)
    codes: NDArray[numpy.uint32] = buffer[:count].astype(numpy.uint32)
    # The whole text at once leaves some characters out, after which its places are no characters' numbers.
    samples = [*range(0, count, 97), *range(max(0, count - 3), count)]
    if written != count + 1 or any(call.unicode(pointer, index) != codes[index] for index in samples):
        codes = numpy.array([call.unicode(pointer, index) for index in range(count)], numpy.uint32)
    return codes


def _call_each(
    function: Any, pointer: int | None, numbers: list[int], results: NDArray[Any], rows: NDArray[numpy.intp]
) -> list[int]:
    """What a function of pdfium answers for each of these characters; what it finds out it writes into the rows."""
    addresses = (results.ctypes.data + rows * results.strides[0]).tolist()
    return list(map(function, repeat(pointer), numbers, addresses))


def _looks(pointer: int | None, starts: list[int]) -> NDArray[numpy.float32]:
    """Quarter turns, size, boldness and font of what stands before the first word, and of each word.

    The words begin at these characters. They are those of the text object that drew the character.
    """
    call = calls()
    handles = [handle or 0 for handle in map(call.text_object, repeat(pointer), starts)]
    first_of: dict[int, int] = {}
    for handle, start in zip(handles, starts, strict=True):
        first_of.setdefault(handle, start)
    first_of.pop(0, None)
    firsts = list(first_of.values())
    matrices = numpy.zeros((len(firsts), 6), numpy.float32)
    answers = _call_each(call.matrix, pointer, firsts, matrices, numpy.arange(len(firsts)))
    told = numpy.array(answers, bool) & numpy.isfinite(matrices[:, :4]).all(axis=1)
    a, b, c, d = numpy.where(told[:, None], matrices[:, :4], 0).astype(float).T
    looks = numpy.zeros((len(firsts) + 1, 4), numpy.float32)
    own = looks[1:]
    quarters = numpy.arctan2(b, a) / (math.pi / 2)
    own[:, 0] = numpy.rint(quarters) % 4
    own[told, 1] = (numpy.array(list(map(call.font_size, repeat(pointer), firsts))) * numpy.hypot(c, d))[told]
    own[(numpy.abs(quarters - numpy.rint(quarters)) > _SLANT) & (own[:, 1] >= _WATERMARK_SIZE), 0] = SLANTED
    fonts: dict[int, tuple[int, bool]] = {}
    for place, (handle, first) in enumerate(first_of.items()):
        if not told[place]:
            continue
        font = call.font(handle) or 0
        if font not in fonts:
            fonts[font] = len(fonts), _is_bold(font, pointer, first)
        number, bold = fonts[font]
        own[place, 2:] = bold or call.render_mode(handle) == _FILLED_AND_STROKED, number
    place_of = {handle: place for place, handle in enumerate([0, *first_of])}
    found: NDArray[numpy.float32] = looks[[0, *map(place_of.__getitem__, handles)]]
    return found


def _is_bold(font: int, pointer: int | None, index: int) -> bool:
    """Whether a font, in which the character at the index is written, is bold."""
    import pypdfium2.raw as pdfium

    name = ctypes.create_string_buffer(128)
    pdfium.FPDFFont_GetBaseFontName(ctypes.cast(font, pdfium.FPDF_FONT), name, len(name))
    weight = pdfium.FPDFText_GetFontWeight(ctypes.cast(pointer or 0, pdfium.FPDF_TEXTPAGE), index)
    return _BOLD_NAME.search(name.value) is not None or weight >= _BOLD_WEIGHT


def _texts(codes: NDArray[numpy.uint32]) -> tuple[list[str], NDArray[numpy.uint8]]:
    """What each code is as stored text, and its class; the second half of a surrogate pair has none."""
    numbers = codes.tolist()
    text_of = {code: _text_of(code) for code in set(numbers)}
    class_of = {code: _class_of(text) for code, text in text_of.items()}
    texts = list(map(text_of.__getitem__, numbers))
    classes = numpy.array(bytearray(map(class_of.__getitem__, numbers)), numpy.uint8)
    high = 0
    for index in numpy.flatnonzero((codes >= 0xD800) & (codes < 0xE000)).tolist():
        code = int(codes[index])
        texts[index] = ""
        if code < 0xDC00:
            high = code
        else:
            texts[index] = _text_of(0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00)) if high else UNKNOWN
            high = 0
        classes[index] = _class_of(texts[index])
    return texts, classes


@lru_cache(maxsize=10_000)
def _class_of(text: str) -> int:
    """The flags of a character's text."""
    if not text or text == UNKNOWN:
        return UNTOLD if text else 0
    if text.isspace():
        return SPACE | (LINE_END if text == "\n" else 0)
    if RIGHT_TO_LEFT.match(text) and not text.isdigit():
        return INKED | LEFTWARD
    return INKED | (WIDE if is_wide(text) and not _HANGUL.match(text) else 0)


@lru_cache(maxsize=10_000)
def _text_of(code: int) -> str:
    """A character as stored: line ends as \\n, hyphens there as -, ligatures and letters of formulas as plain ones."""
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
    if 0x80 <= code < 0xA0 or (code < 0x20 and code != 0x09):  # a control character is no letter that was drawn
        return UNKNOWN
    text = clean(chr(code))
    is_other_form = "\ufb00" <= text <= "\ufb06" or "\U0001d400" <= text <= "\U0001d7ff"  # ligatures; formulas
    return unicodedata.normalize("NFKC", text) if is_other_form else " " if text == "\t" else text
