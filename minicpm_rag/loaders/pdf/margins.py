"""Running heads, feet and page numbers: lines at a page's edge that stand there on the pages near it too."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from minicpm_rag.loaders.pdf.lines import Fragment, Line, lines_of

NEAR_PAGES = 2  # before and after: left and right pages differ
_ZONE = 0.13  # of the page's height, at either end
_REACH = 0.1  # of the page's height, further in: the text that an edge's line stands apart from
_MOST_LINES = 3  # at either end
_LEAST_GAP = 1.5  # of the line's height, to the text: the header of a table stands nearer
_SAME_PLACE = 0.015  # of the page's height
_PAGE_NUMBER = re.compile(
    r"[\W_]*(?:(?:page|seite|pagina|página|p\.?|第)\s*)?(\d{1,4}|[ivxlc]{1,7})(?:\s*(?:页|頁|of|von|de|sur|/|／|共)\s*[\d页頁共\s]*)?[\W_]*",
    re.IGNORECASE,
)
# What browsers print above and below a web page: "4/11/26, 2:29 PM  Your bill", "https://example.org/bill  1/2"
_PRINTED_AT = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4},? +\d{1,2}:\d\d(?: ?[AP]M)?\b", re.IGNORECASE)
_PRINTED_FROM = re.compile(r"(?:https?|file)://\S.*?\d{1,4} ?/ ?\d{1,4}", re.IGNORECASE)


@dataclass(frozen=True)
class EdgeLine:
    """A line at the upper or lower edge of a page."""

    words: str  # with # for numbers, so that page numbers are alike
    height: float  # of its place, as a share of the page's height
    text: str
    fragments: tuple[Fragment, ...]


def edge_lines(fragments: Sequence[Fragment], bottom: float, top: float) -> list[EdgeLine]:
    """The lines near the edges of a page that stand apart from its text; the page reaches from `bottom` to `top`."""
    height = max(top - bottom, 1.0)
    above, below = top - _ZONE * height, bottom + _ZONE * height
    reach = _REACH * height
    upper = _outer(_lines([f for f in fragments if f.top > above - reach]), lambda line: line.bottom > above)
    lower = _outer(_lines([f for f in fragments if f.bottom < below + reach])[::-1], lambda line: line.top < below)
    return [
        EdgeLine(_words(line.text), (line.bottom - bottom) / height, line.text, line.fragments)
        for line in {line.fragments: line for line in (*upper, *lower)}.values()
    ]


def _lines(fragments: Sequence[Fragment]) -> list[Line]:
    return lines_of(sorted(fragments, key=lambda f: (-round(f.top), f.left)))


def _outer(lines: Sequence[Line], is_inside: Callable[[Line], bool]) -> list[Line]:
    found: list[Line] = []
    for line in lines[:_MOST_LINES]:
        if not is_inside(line):
            break
        found.append(line)
    while found:  # those near the text belong to it
        following = lines[len(found)] if len(found) < len(lines) else None
        if following is None or abs(found[-1].bottom - following.bottom) >= _LEAST_GAP * found[-1].height:
            break
        found.pop()
    return found


def _words(text: str) -> str:
    if (number := _PAGE_NUMBER.fullmatch(text)) is not None:
        return text[: number.start(1)] + "#" + re.sub(r"\d+", "#", text[number.end(1) :])
    return " ".join(re.sub(r"\d+", "#", text).casefold().split())


def running(
    own: Sequence[EdgeLine], near: Mapping[int, Sequence[EdgeLine]], number: int, label: str
) -> tuple[list[EdgeLine], str]:
    """Those of a page's edge lines that stand on a page near it too, are nothing but the page's number, or a browser's.

    `near` has the edge lines of pages by their numbers. The text is the page's label: the number that is printed on
    it, where those on the pages near it go on from that and the file has no labels of its own.
    """
    others = [line for lines in near.values() for line in lines]
    found = [
        line
        for line in own
        if _is_number_of(line.text, number, label)
        or any(line.words == other.words and abs(line.height - other.height) < _SAME_PLACE for other in others)
    ]
    printed_at = [line for line in own if line.height > 0.5 and _PRINTED_AT.match(line.text)]
    printed_from = [line for line in own if line.height < 0.5 and _PRINTED_FROM.fullmatch(line.text.strip())]
    if printed_at and printed_from:
        found += [line for line in (*printed_at, *printed_from) if line not in found]
    if label != str(number):
        return found, label
    for line in found:
        printed = _printed(line)
        if printed is not None and any(
            _printed(other) == printed + place - number for place, lines in near.items() for other in lines
        ):
            return found, str(printed)
    return found, label


def _printed(line: EdgeLine) -> int | None:
    """The number that a line consists of."""
    found = _PAGE_NUMBER.fullmatch(line.text)
    return int(found.group(1)) if found is not None and found.group(1).isdecimal() else None


def _is_number_of(text: str, number: int, label: str) -> bool:
    found = _PAGE_NUMBER.fullmatch(text)
    return found is not None and found.group(1).casefold() in (str(number), label.casefold())
