"""What the styles of an OpenDocument file say of its text: what is hidden, and how lists are numbered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from minicpm_rag.loaders.bounds import MOST_STYLES, number_of
from minicpm_rag.loaders.opendocument.names import STYLE, TEXT
from minicpm_rag.loaders.word.numbering import written

# Number formats that are written out by their first numbers, as the names that Word has for them.
_FORMATS = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
    "一, 二, 三, ...": "chineseCounting", "壹, 贰, 叁, ...": "chineseLegalSimplified",
    "壹, 貳, 參, ...": "ideographLegalTraditional", "甲, 乙, 丙, ...": "ideographTraditional",
    "子, 丑, 寅, ...": "ideographZodiac", "①, ②, ③, ...": "decimalEnclosedCircle",
    "１, ２, ３, ...": "decimalFullWidth", "01, 02, 03, ...": "decimalZero",
}  # fmt: skip
_LEVELS = 10


@dataclass(frozen=True)
class Level:
    """How a level of a list is numbered; `form` is "" where it has marks instead."""

    form: str
    before: str
    after: str
    start: int
    levels_shown: int

    def label(self, numbers: list[int]) -> str:
        """The number of an item, of the levels above it and its own."""
        if not self.form:
            return "-"
        shown = numbers[-self.levels_shown :] if self.levels_shown > 1 else numbers[-1:]
        return self.before + ".".join(written(number, self.form) for number in shown) + self.after


class Styles:
    """The styles of a document, common and automatic ones."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self._hiding: dict[str, bool] = {}
        self._striking: dict[str, bool] = {}
        self._bases: dict[str, str] = {}
        self._lists: dict[str, dict[int, Level]] = {}
        self._outline: dict[int, Level] = {}  # of headings
        for root in roots:
            for style in root.iter(f"{STYLE}style"):
                name = style.get(f"{STYLE}name", "")
                self._bases[name] = style.get(f"{STYLE}parent-style-name", "")
                for properties in style.iterchildren(f"{STYLE}text-properties"):
                    if (display := properties.get(f"{TEXT}display")) is not None:
                        self._hiding[name] = display == "none"
                    for how in ("style", "type"):
                        if (line := properties.get(f"{STYLE}text-line-through-{how}")) is not None:
                            self._striking[name] = line != "none"
            for style in root.iter(f"{TEXT}list-style"):
                self._lists[style.get(f"{STYLE}name", "")] = dict(map(_level, _elements(style)))
            for outline in root.iter(f"{TEXT}outline-style"):
                self._outline = dict(map(_level, _elements(outline)))

    def hides(self, name: str) -> bool:
        """Whether text of that style is hidden."""
        return self._has(self._hiding, name)

    def strikes(self, name: str) -> bool:
        """Whether text of that style is struck out."""
        return self._has(self._striking, name)

    def _has(self, known: Mapping[str, bool], name: str) -> bool:
        for _ in range(MOST_STYLES):
            if name in known:
                return known[name]
            name = self._bases.get(name, "")
            if not name:
                break
        return False

    def level(self, list_style: str, depth: int) -> Level | None:
        """How a list is numbered at a depth, 1 for the outermost; None where its style does not say."""
        return self._lists.get(list_style, {}).get(depth)

    def heading_level(self, depth: int) -> Level | None:
        """How headings of a level are numbered by themselves."""
        level = self._outline.get(depth)
        return level if level and level.form else None


def _elements(parent: Any) -> list[Any]:
    return [child for child in parent if isinstance(child.tag, str)]


def _level(element: Any) -> tuple[int, Level]:
    form = element.get(f"{STYLE}num-format", "")
    shown = min(number_of(element.get(f"{TEXT}display-levels"), 1), _LEVELS)
    return number_of(element.get(f"{TEXT}level"), 0), Level(
        _FORMATS.get(form, "decimal" if form else ""),
        element.get(f"{STYLE}num-prefix", ""),
        element.get(f"{STYLE}num-suffix", ""),
        number_of(element.get(f"{TEXT}start-value"), 1),
        shown,
    )
