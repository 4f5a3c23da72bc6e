"""Groups the characters of a PDF page into fragments (runs on one line) and fragments into lines.

Works on boxes alone, in the page's own units with the origin at the bottom left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from minicpm_rag.text.scripts import is_wide

_CELL_GAP = 1.5  # of the line height: a wider gap parts columns or cells


UNKNOWN = "\ufffd"  # text of a character whose font does not say what it is: left out


@dataclass(frozen=True)
class Glyph:
    """A character of the page: its number there, its text ("" or more than one for ligatures) and its box.

    A line end the PDF library made up has the text "\\n"; a space may have an empty box.
    """

    index: int
    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def height(self) -> float:
        """Height of the box."""
        return self.top - self.bottom


@dataclass(frozen=True)
class Fragment:
    """Characters standing together on one line, without space at either end."""

    glyphs: tuple[Glyph, ...]

    @cached_property
    def _inked(self) -> list[Glyph]:
        return [glyph for glyph in self.glyphs if not glyph.text.isspace()]

    @cached_property
    def left(self) -> float:
        """Left edge."""
        return min(glyph.left for glyph in self._inked)

    @cached_property
    def right(self) -> float:
        """Right edge."""
        return max(glyph.right for glyph in self._inked)

    @cached_property
    def bottom(self) -> float:
        """Lower edge."""
        return min(glyph.bottom for glyph in self._inked)

    @cached_property
    def top(self) -> float:
        """Upper edge."""
        return max(glyph.top for glyph in self._inked)

    @cached_property
    def height(self) -> float:
        """Usual height of its characters."""
        heights = sorted(glyph.height for glyph in self._inked)
        return max(heights[len(heights) // 2], 0.1)

    @property
    def width(self) -> float:
        """Distance between left and right edge."""
        return self.right - self.left


@dataclass(frozen=True)
class Line:
    """Fragments side by side on one line, from left to right."""

    fragments: tuple[Fragment, ...]

    @cached_property
    def text(self) -> str:
        """All characters, fragments parted by a space."""
        return " ".join("".join(glyph.text for glyph in fragment.glyphs) for fragment in self.fragments)

    @property
    def left(self) -> float:
        """Left edge."""
        return self.fragments[0].left

    @cached_property
    def right(self) -> float:
        """Right edge."""
        return max(fragment.right for fragment in self.fragments)

    @cached_property
    def bottom(self) -> float:
        """Lower edge."""
        return min(fragment.bottom for fragment in self.fragments)

    @cached_property
    def height(self) -> float:
        """Usual height of the characters of its first fragment."""
        return self.fragments[0].height

    @cached_property
    def first_word_width(self) -> float:
        """Width of the first part that cannot be broken: one Chinese character or one word."""
        glyphs = self.fragments[0].glyphs
        right = glyphs[0].right
        for glyph in glyphs[1:]:
            if is_wide(glyphs[0].text) or glyph.text.isspace() or is_wide(glyph.text):
                break
            right = glyph.right
        return right - glyphs[0].left


def fragments_of(glyphs: Sequence[Glyph]) -> list[Fragment]:
    """Return the fragments in the order they were drawn."""
    fragments: list[Fragment] = []
    current: list[Glyph] = []
    last: Glyph | None = None  # the last one with ink

    def finish() -> None:
        while current and current[-1].text.isspace():
            current.pop()
        if current:
            fragments.append(Fragment(tuple(current)))
        current.clear()

    for glyph in glyphs:
        if glyph.text == "\n":
            finish()
        elif glyph.text.isspace():
            if current and not current[-1].text.isspace():
                current.append(glyph)
        elif glyph.text and glyph.text != UNKNOWN:
            if current and last is not None and _is_apart(last, glyph):
                finish()
            if len(current) > 1 and current[-1].text.isspace() and _is_spurious(current, glyph):
                current.pop()
            current.append(glyph)
            last = glyph
    finish()
    return fragments


def lines_of(fragments: Sequence[Fragment]) -> list[Line]:
    """Join neighbours that stand side by side; the order is kept."""
    lines: list[list[Fragment]] = []
    for fragment in fragments:
        if lines and _same_line(lines[-1][-1], fragment) and fragment.left >= lines[-1][-1].right - 1:
            lines[-1].append(fragment)
        else:
            lines.append([fragment])
    return [Line(tuple(line)) for line in lines]


def _is_apart(last: Glyph, glyph: Glyph) -> bool:
    height = max(last.height, glyph.height, 0.1)
    overlap = min(last.top, glyph.top) - max(last.bottom, glyph.bottom)
    gap = glyph.left - last.right
    return overlap < 0.3 * min(last.height, glyph.height) or gap > _CELL_GAP * height or gap < -2 * height


def _is_spurious(current: Sequence[Glyph], glyph: Glyph) -> bool:
    """Tell whether a space between two Chinese characters only comes from wide setting."""
    before = current[-2]
    both_wide = bool(is_wide(before.text) and is_wide(glyph.text))
    return both_wide and glyph.left - before.right < 0.2 * glyph.height


def _same_line(a: Fragment, b: Fragment) -> bool:
    return min(a.top, b.top) - max(a.bottom, b.bottom) > 0.5 * min(a.height, b.height)
