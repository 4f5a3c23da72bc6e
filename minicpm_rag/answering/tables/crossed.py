"""Columns under a header of two rows (成人 and 儿童 under each of 平日 and 周末), whose parts a question names apart.

Knows the names of columns and the text of a question only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minicpm_rag.answering.tables.names import SYNONYMS
from minicpm_rag.text.scripts import has_han

_LEAST_HAN, _LEAST_LETTERS = 2, 3
_ALTERNATIVES = re.compile(r"[及和与或、/／,，&]|\b(?:and|or)\b")  # 周末 of 周末及节假日
_SAME: tuple[tuple[str, ...], ...] = (
    ("平日", "平时", "工作日", "weekday", "weekdays", "midweek"),
    ("周末", "双休日", "weekend", "weekends"),
    ("节假日", "假日", "节日", "holiday", "holidays", "public holidays", "bank holidays"),
    *(
        tuple(row.split("|"))
        for name, row in SYNONYMS.items()
        if name in ("adult", "child", "senior", "infant", "member")
    ),
)


@dataclass(frozen=True)
class Crossed:
    """Columns that the question names by both parts, each with where the part stands that tells it from the others."""

    columns: tuple[tuple[int, tuple[int, int]], ...]
    spans: tuple[tuple[int, int], ...]  # all that names them


def crossed(question: str, names: Sequence[tuple[int, str]]) -> Crossed | None:
    """One column or two of those numbered and named, in lower case; None where the question names no such ones."""
    grid = _grid(names)
    if not grid:
        return None
    above = _said(question, dict.fromkeys(group for group, _ in grid))
    below = _said(question, dict.fromkeys(own for _, own in grid))
    if not above or not below or len(above) * len(below) > 2:
        return None
    telling = above if len(above) == 2 else below
    columns = tuple(
        (grid[group, own], telling.get(group) or telling[own])
        for group in above
        for own in below
        if (group, own) in grid
    )
    return Crossed(columns, (*above.values(), *below.values()))


def _grid(names: Sequence[tuple[int, str]]) -> dict[tuple[str, str], int]:
    """The columns by what stands above and below, where every part above has the same ones below, at least two."""
    places = {
        (name[: space.start()], name[space.end() :]): (number, name)
        for number, name in names
        for space in re.finditer(r" ", name)
    }
    for first in sorted({above for above, _ in places}, key=len, reverse=True):  # "low season" before "low"
        own = [below for above, below in places if above == first]
        groups = [
            above
            for above in dict.fromkeys(above for above, _ in places)
            if all((above, below) in places for below in own)
        ]
        if len(own) > 1 and len(groups) > 1:
            return {(above, below): places[above, below][0] for above in groups for below in own}
    return {}


def _said(question: str, parts: Sequence[str] | dict[str, None]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for part in parts:
        places = [place for said in _ways(part) if (place := _place(question, said)) is not None]
        if places:
            found[part] = max(places, key=lambda place: place[1] - place[0])
    return found


def _ways(part: str) -> Iterator[str]:
    """A part of a name as it may be said: whole, one of its alternatives, or by another word for it."""
    for one in dict.fromkeys([part, *map(str.strip, _ALTERNATIVES.split(part))]):
        if len(one) >= (_LEAST_HAN if has_han(one) else _LEAST_LETTERS):
            yield one
            yield from (word for row in _SAME if one in row for word in row)


def _place(question: str, said: str) -> tuple[int, int] | None:
    pattern = re.escape(said) if has_han(said) else rf"\b{re.escape(said)}(?:s|['’]s)?\b"
    match = re.search(pattern, question)
    return match.span() if match is not None else None
