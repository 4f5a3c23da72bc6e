"""Cells that give a range ("1天以上3天以内", "up to 5 kg"): which rows an amount in a question does not mean.

Knows no table but the header and the row that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from minicpm_rag.text.measures import measures
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.table_rows import cells
from minicpm_rag.text.terms import fold

_LONGEST = 40  # characters of a cell that is nothing but a range
# Bounded, and begun only where a number begins: else a long run of digits takes time in the square of its length.
_NUMBER = (
    r"(?:(?<![\d,.])\d[\d,.]{0,20}|(?<![〇零一二两三四五六七八九十百千万])[〇零一二两三四五六七八九十百千万]{1,20})"
)
_COUNTED = re.compile(rf"(?P<number>{_NUMBER})\s*(?:周(?=岁))?(?P<counter>[人件台个张本份次户名岁])")
_IN_HEADER = re.compile(r"[(（\[]\s{0,3}(?P<unit>[^()（）\[\]\s][^()（）\[\]]{0,11}?)\s{0,3}[)）\]]")
_BETWEEN = re.compile(
    rf"{_NUMBER}[^\d一二两三四五六七八九十]{{0,6}}?(?:-|\u2013|—|~|至|到|\bto\b|\band\b)\s{{0,3}}\D{{0,2}}{_NUMBER}"
)
_LEAST = re.compile(
    r"以上|超过|大于|高于|多于|不少于|不低于|起$|>|≥|\+|\b(?:over|above|more than|from|at least|exceeding)\b"
)
_MOST = re.compile(
    r"以内|以下|内$|不超过|不足|不满|未满|少于|小于|低于|不大于|<|≤|\b(?:up to|under|below|less than|at most|within)\b"
)


_LIMIT = re.compile(
    r"以上|超过|大于|高于|多于|不少于|不低于|至少|满|以内|以下|不足|少于|小于|低于|至多|最多|至|到"
    r"|\b(?:over|under|above|below|more than|less than|up to|at least|at most|within|between|or more|older|younger)\b"
)
_SENTENCE_END = re.compile(r"[。；;\n]|\.\s")


def range_of(cell: str) -> tuple[float, float] | None:
    """The least and the greatest value that a cell takes in; None where it gives no range."""
    plain = fold(cell)
    if len(plain) > _LONGEST:
        return None
    found = sorted(numbers(plain))
    if len(found) == 2 and (_BETWEEN.search(plain) or (_LEAST.search(plain) and _MOST.search(plain))):
        return found[0], found[1]
    if len(found) != 1:
        return None
    if _MOST.search(plain):
        return float("-inf"), found[0]
    return (found[0], float("inf")) if _LEAST.search(plain) else None


def with_units(text: str) -> frozenset[tuple[float, str]]:
    """The numbers of a text with the unit that each stands with: (3.0, "day")."""
    counted = {(value, match["counter"]) for match in _COUNTED.finditer(fold(text)) for value in numbers(match.group())}
    return frozenset(counted | {(value, unit) for value, units in measures(text).items() for unit in units})


def limited_units(text: str) -> frozenset[str]:
    """The units of amounts to which the text sets a limit: "year" of 满二十年的 and of "over 20 years"."""
    found: set[str] = set()
    for sentence in _SENTENCE_END.split(fold(text)):
        if _LIMIT.search(sentence):
            found |= {unit for _, unit in with_units(sentence)}
    return frozenset(found)


def outside(asked: frozenset[tuple[float, str]], header: str, row: str) -> bool | None:
    """Whether the row is for other amounts than those asked for; None where none of its cells is a range of such."""
    found: bool | None = None
    for name, cell in zip(cells(header), cells(row), strict=False):
        if not asked or (held := range_of(cell)) is None:
            continue
        units = {unit for _, unit in with_units(cell)} or _units_of(name)
        meant = [value for value, unit in asked if unit in units]
        if meant:
            found = bool(found) or not any(held[0] <= value <= held[1] for value in meant)
    return found


def fitting(question: str, rows: Sequence[tuple[str, str]]) -> list[bool]:
    """For each (header, row) whether it may be meant: not where it is outside of its range and another is within."""
    asked = with_units(question)
    told = [outside(asked, header, row) if header else None for header, row in rows]
    within = {header for (header, _), one in zip(rows, told, strict=True) if one is False}
    return [one is not True or header not in within for (header, _), one in zip(rows, told, strict=True)]


def _units_of(name: str) -> set[str]:
    said = _IN_HEADER.search(name)
    return {unit for _, unit in with_units(f"1 {said['unit'] if said else name}")}
