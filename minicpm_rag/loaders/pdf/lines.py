"""Groups the characters of a page into fragments (runs on one line) and fragments into lines.

Works on boxes alone. Sideways text is turned first, so that all writing here goes from left to right.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy

from minicpm_rag.loaders.pdf.glyphs import INKED, LEFTWARD, LINE_END, SPACE, WIDE, Glyphs, turned
from minicpm_rag.loaders.pdf.right_to_left import RIGHT_TO_LEFT
from minicpm_rag.text import scripts
from minicpm_rag.text.scripts import is_wide

if TYPE_CHECKING:
    from numpy.typing import NDArray

_VERTICAL_HEIGHT = 2.5  # of the font size
_FEWEST_DOWN = 3  # steps downward that are vertical writing
_LEAST_SIZE = 0.01  # a page's unit may be a metre
_CELL_GAP = 0.95  # of the line height: a wider gap may part cells, in justified lines it may be a space
_BACKWARD_GAP = 2.0  # of the line height, against the direction of writing or in text that runs to the left
_SAME_EDGE = 3.0  # page units
_WIDE_GAP = 1.5  # of the line height: a wider gap parts whatever stands on a line
_PUNCTUATION = frozenset('.,:;!?()[]،؛؟"')
ITEM_MARK = re.compile(r"[^\w\s]{1,2}|[o§]|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|[①-⑳]")
_WORD = re.compile(r"\S+")
_ALL_WIDE = re.compile(f"[{scripts.WIDE}]")


@dataclass(frozen=True, eq=False)
class Characters:
    """The text of all characters that are written in one direction, in the order they were drawn.

    Arrays have an entry for each character of `text`: the number of the page's character that it came from, and where
    that stands once the page is turned so that its writing is upright.
    """

    text: str
    origins: NDArray[numpy.int32]
    left: NDArray[numpy.float32]
    right: NDArray[numpy.float32]


@dataclass(eq=False)
class Fragment:
    """Characters standing together on one line, without space at either end: `characters.text[start:end]`.

    A page has thousands and nothing changes them; a class that is frozen takes three times as long to make.
    """

    characters: Characters
    start: int
    end: int
    left: float
    bottom: float
    right: float
    top: float
    size: float  # of the font
    bold: bool
    font: int = -1
    leans: int = 0  # quarter turns counter-clockwise, of a label in a table of upright text

    def __post_init__(self) -> None:
        self.text = self.characters.text[self.start : self.end]
        self.height = self.top - self.bottom  # asked for far more often than a fragment is made
        self._words: list[Fragment] | None = None

    @property
    def width(self) -> float:
        """Distance between left and right edge."""
        return self.right - self.left

    @property
    def word_count(self) -> int:
        """How many words it has, three Chinese characters counted as one."""
        return len(self.text.split()) + len(_ALL_WIDE.findall(self.text)) // 3

    def turned(self, turns: int, other: int) -> Fragment:
        """A fragment of text with so many quarter turns, placed as on the page turned by the other number."""
        box = numpy.array([(self.left, self.bottom, self.right, self.top)], numpy.float32)
        left, bottom, right, top = turned(turned(box, -turns % 4), other)[0].tolist()
        own = slice(self.start, self.end)
        length = self.end - self.start
        characters = Characters(
            self.text,
            self.characters.origins[own],
            numpy.full(length, left, numpy.float32),
            numpy.full(length, right, numpy.float32),
        )
        leans = (turns - other) % 4
        return Fragment(characters, 0, length, left, bottom, right, top, self.size, self.bold, leans=leans)

    def words(self) -> list[Fragment]:
        """Its words as fragments."""
        if self._words is None:  # functools.cached_property takes a lock
            self._words = [self.part(*found.span()) for found in _WORD.finditer(self.text)]
        return self._words

    def part(self, start: int, end: int) -> Fragment:
        """The part of it from one place in its text to another."""
        a, b = self.start + start, self.start + end
        left, right = float(self.characters.left[a]), float(self.characters.right[b - 1])
        edges = (left, self.bottom, right, self.top)
        return Fragment(self.characters, a, b, *edges, self.size, self.bold, self.font, self.leans)


@dataclass(eq=False)
class Line:
    """Fragments side by side on one line, from left to right; its text has a space between them."""

    fragments: tuple[Fragment, ...]

    def __post_init__(self) -> None:
        first = self.fragments[0]
        self.text = first.text
        self.left, self.bottom, self.right, self.top = first.left, first.bottom, first.right, first.top
        self.height, self.size = first.height, first.size  # those of its first fragment
        self.bold = first.bold  # all of it
        self._has_gaps: bool | None = False
        if len(self.fragments) > 1:
            self.text = " ".join([fragment.text for fragment in self.fragments])
            self.left = min([fragment.left for fragment in self.fragments])
            self.bottom = min([fragment.bottom for fragment in self.fragments])
            self.right = max([fragment.right for fragment in self.fragments])
            self.top = max([fragment.top for fragment in self.fragments])
            self.bold = all(fragment.bold for fragment in self.fragments)
            self._has_gaps = None  # not known yet

    def gap_after(self, number: int) -> bool:
        """Whether more than a space stands between a fragment and the next."""
        a, b = self.fragments[number], self.fragments[number + 1]
        if number == 0 and ITEM_MARK.fullmatch(a.text):
            return False
        return b.left - a.right > _WIDE_GAP * max(a.height, b.height)

    @property
    def has_gaps(self) -> bool:
        """Whether more than spaces stands between its fragments."""
        if self._has_gaps is None:
            self._has_gaps = any(map(self.gap_after, range(len(self.fragments) - 1)))
        return self._has_gaps

    @property
    def is_vertical(self) -> bool:
        """Whether its characters stand below each other."""
        return self.height > _VERTICAL_HEIGHT * self.size

    def hangs_before(self, following: Line) -> bool:
        """Whether it begins with an item's mark, and the following line stands below the words after that."""
        text = self.fragments[0].text
        words = self.fragments[0].words()
        if not ITEM_MARK.fullmatch(text.split(maxsplit=1)[0]):
            return False
        second = words[1] if len(words) > 1 else self.fragments[1] if len(self.fragments) > 1 else None
        return second is not None and abs(second.left - following.left) < _SAME_EDGE

    @property
    def first_word_width(self) -> float:
        """Width of the first part that cannot be broken: one Chinese character or one word."""
        first = self.fragments[0]
        wide = _ALL_WIDE.search(first.text)
        end = 1 if is_wide(first.text) else len(first.text.split(maxsplit=1)[0])
        if wide and 0 < wide.start() < end:
            end = wide.start()
        return float(first.characters.right[first.start + end - 1]) - first.left


def fragments_of(glyphs: Glyphs, turns: int = 0) -> list[Fragment]:
    """The fragments of the text that has taken so many quarter turns, in the order they were drawn.

    Boxes are turned back, so that this text runs from left to right.
    """
    inked = ((glyphs.classes & INKED) > 0) & (glyphs.turns == turns)
    numbers = numpy.flatnonzero(inked)
    if not len(numbers):
        return []
    left, bottom, right, top = turned(glyphs.boxes[numbers], turns).T
    height = numpy.maximum(top - bottom, 0.1)
    # Where one character after another does not stand beside it, or the PDF library saw the line end, text is parted.
    overlap = numpy.minimum(top[1:], top[:-1]) - numpy.maximum(bottom[1:], bottom[:-1])
    gap = left[1:] - right[:-1]
    taller = numpy.maximum(height[1:], height[:-1])
    line_ends = numpy.cumsum((glyphs.classes & LINE_END) > 0)[numbers]
    apart = (overlap < 0.3 * numpy.minimum(height[1:], height[:-1])) | (gap > _CELL_GAP * taller)
    leftward = (glyphs.classes[numbers] & LEFTWARD) > 0
    mixed = leftward[1:] ^ leftward[:-1]  # a Latin word in such a line lies beyond its own width
    if leftward.any():  # and so does punctuation beside it
        beside = numpy.isin(line_ends, line_ends[leftward])
        beside &= numpy.array([glyphs.texts[number] in _PUNCTUATION for number in numbers.tolist()])
        mixed |= beside[1:] | beside[:-1]
    back = numpy.where(leftward[1:], left[:-1] - right[1:] > _BACKWARD_GAP * taller, gap < -_BACKWARD_GAP * taller)
    apart |= (back & ~mixed) | (line_ends[1:] != line_ends[:-1])
    wide = (glyphs.classes[numbers] & WIDE) > 0
    below = _goes_down(left, bottom, right, top) & wide[1:] & wide[:-1]
    apart &= ~below
    # One space is kept between two inked characters, none between two wide ones that are only set widely.
    between = numpy.diff(numbers) > 1
    spaced = numpy.zeros(len(numbers), bool)
    counted = numpy.concatenate([[0], numpy.cumsum((glyphs.classes & SPACE) > 0)])
    spaced[1:] = between & (counted[numbers[1:]] > counted[numbers[:-1]]) & ~apart
    for place in numpy.flatnonzero(mixed & ~apart).tolist():
        a, b = glyphs.texts[numbers[place]], glyphs.texts[numbers[place + 1]]
        spaced[place + 1] |= a.isalpha() and b.isalpha()
    spaced[1:] &= ~(wide[1:] & wide[:-1] & (gap < 0.2 * height[1:]))
    return _fragments(glyphs, numbers, spaced, apart, (left, bottom, right, top), below)


def _fragments(
    glyphs: Glyphs,
    numbers: NDArray[numpy.intp],
    spaced: NDArray[numpy.bool_],
    apart: NDArray[numpy.bool_],
    edges: tuple[NDArray[numpy.float32], ...],
    below: NDArray[numpy.bool_],
) -> list[Fragment]:
    left, bottom, right, top = edges
    texts = glyphs.texts
    pieces = [texts[number] for number in numbers.tolist()]
    for place in numpy.flatnonzero(spaced).tolist():
        pieces[place] = " " + pieces[place]
    lengths = numpy.fromiter(map(len, pieces), numpy.intp, len(pieces))
    characters = Characters(
        "".join(pieces),
        numpy.repeat(numbers, lengths).astype(numpy.int32),
        numpy.repeat(left, lengths),
        numpy.repeat(right, lengths),
    )
    starts = numpy.concatenate([[0], numpy.flatnonzero(apart) + 1])
    places = numpy.concatenate([[0], numpy.cumsum(lengths)])
    ends = numpy.append(starts[1:], len(numbers))
    sizes = glyphs.sizes[numbers]
    sizes = numpy.where(sizes > 0, sizes, top - bottom)
    # The middle one of each fragment's sizes, and of its edges where a few characters stand out
    group = numpy.repeat(numpy.arange(len(starts)), ends - starts)
    middle = starts + (ends - starts) // 2

    def usual(values: NDArray[numpy.float32]) -> list[float]:
        if (numpy.minimum.reduceat(values, starts) == numpy.maximum.reduceat(values, starts)).all():
            alike: list[float] = values[starts].tolist()
            return alike
        usual_of: list[float] = values[numpy.lexsort((values, group))][middle].tolist()
        return usual_of

    # Vertical writing reaches from the top of its first character to the bottom of its last.
    upright = numpy.add.reduceat(numpy.append(below, False).astype(numpy.int32), starts) * 2 > ends - starts
    bottoms = numpy.where(upright, numpy.minimum.reduceat(bottom, starts), usual(bottom))
    tops = numpy.where(upright, numpy.maximum.reduceat(top, starts), usual(top))
    bold = numpy.add.reduceat(glyphs.bold[numbers].astype(numpy.int32), starts) * 2 > ends - starts
    found = zip(
        places[starts].tolist(),
        places[ends].tolist(),
        numpy.minimum.reduceat(left, starts).tolist(),
        bottoms.tolist(),
        numpy.maximum.reduceat(right, starts).tolist(),
        tops.tolist(),
        usual(sizes),
        bold.tolist(),
        glyphs.fonts[numbers[starts]].tolist(),
        strict=True,
    )
    return [
        Fragment(characters, start, end, a, b, c, max(d, b + 0.1), size, is_bold, font)
        for start, end, a, b, c, d, size, is_bold, font in found
    ]


def _goes_down(
    left: NDArray[numpy.float32],
    bottom: NDArray[numpy.float32],
    right: NDArray[numpy.float32],
    top: NDArray[numpy.float32],
) -> NDArray[numpy.bool_]:
    """Which characters have the next one close under them, several times in a row: vertical writing."""
    width, height = right - left, top - bottom
    down = numpy.abs((left[1:] + right[1:]) - (left[:-1] + right[:-1])) < 0.4 * width[:-1]
    space = bottom[:-1] - top[1:]
    down &= (space > -0.3 * height[:-1]) & (space < 0.25 * height[:-1])
    changes = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], down.astype(numpy.int8), [0]])))
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        if end - start < _FEWEST_DOWN:
            down[start:end] = False
    return down


def lines_of(fragments: Sequence[Fragment]) -> list[Line]:
    """Join fragments that stand side by side; lines from top to bottom.

    Text in one piece keeps its order. Where drawing goes back up, as in a table drawn by column or cell by cell, what
    stands at one height becomes a line.
    """
    lines: list[list[Fragment]] = []
    for fragment in fragments:
        if lines and same_line(lines[-1][-1], fragment) and fragment.left >= lines[-1][-1].right - 1:
            lines[-1].append(fragment)
        else:
            lines.append([fragment])
    made = [Line(tuple(line)) for line in lines]
    if all(_is_below(line, below) for line, below in itertools.pairwise(made)):
        return made
    return _by_height(fragments)


def _is_below(line: Line, below: Line) -> bool:
    """Whether drawing went on downwards, neither up nor, except where a language does, to the left."""
    if below.top > line.top + 0.5 * line.height:
        return False
    last, first = line.fragments[-1], below.fragments[0]
    if first.right > last.left + 1 or not same_line(last, first) or line.is_vertical:
        return True
    return RIGHT_TO_LEFT.search(last.text + first.text) is not None


def _by_height(fragments: Sequence[Fragment]) -> list[Line]:
    """Lines of what stands at one height, from top to bottom."""
    rows: list[list[Fragment]] = []
    for fragment in sorted(fragments, key=lambda f: -(f.top + f.bottom)):
        for row in rows[-3:]:
            if same_line(row[0], fragment) and all(_beside(fragment, other) for other in row):
                row.append(fragment)
                break
        else:
            rows.append([fragment])
    return [Line(tuple(sorted(row, key=lambda f: f.left))) for row in rows]


def same_line(a: Fragment, b: Fragment) -> bool:
    """Whether two fragments stand at one height."""
    top = a.top if a.top < b.top else b.top  # this is asked most of all: min and max take three times as long
    bottom = a.bottom if a.bottom > b.bottom else b.bottom
    lower, other = a.top - a.bottom, b.top - b.bottom
    return top - bottom > 0.5 * (lower if lower < other else other)


def _beside(a: Fragment, b: Fragment) -> bool:
    return a.left >= b.right - 1 or b.left >= a.right - 1


def usual_size(fragments: Sequence[Fragment]) -> float:
    """The font size that most characters have."""
    sizes: dict[float, int] = {}
    for fragment in fragments:
        size = round(fragment.size * 2) / 2 if fragment.size >= 1 else max(fragment.size, _LEAST_SIZE)
        sizes[size] = sizes.get(size, 0) + fragment.end - fragment.start
    return max(sizes, key=lambda size: sizes[size]) if sizes else 0.0
