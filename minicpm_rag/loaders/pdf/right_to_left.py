"""Puts the characters of Hebrew and Arabic words into the order in which they are read.

pdfium turns words that were drawn from left to right, but not where each stands by itself as browsers print them, and
it turns ligatures with them. Works on boxes alone.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_ALEFS = frozenset("اأإآ")
_LAM = "ل"


def put_in_order(texts: Sequence[str], inked: NDArray[numpy.bool_], boxes: NDArray[numpy.float32]) -> list[int] | None:
    """The places of a page's characters in reading order; None where they stand so already.

    Boxes are left, top, right, bottom. Those of such a word get one height, in place: a mark above it is no line of
    its own.
    """
    if not any(RIGHT_TO_LEFT.match(text) for text in set(texts)):
        return None
    order = list(range(len(texts)))
    changes = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], inked.astype(numpy.int8), [0]])))
    for start, end in zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True):
        if any(RIGHT_TO_LEFT.match(text) for text in texts[start:end]):
            word = boxes[start:end]
            order[start:end] = [start + place for place in _word_in_order(texts[start:end], word)]
            word[:, 1], word[:, 3] = word[:, 1].max(), word[:, 3].min()
    return order


def _word_in_order(texts: Sequence[str], boxes: NDArray[numpy.float32]) -> list[int]:
    """The places of a word's characters in reading order."""
    middles = ((boxes[:, 0] + boxes[:, 2]) / 2).tolist()
    letters = [place for place, text in enumerate(texts) if RIGHT_TO_LEFT.match(text) and not _is_mark(text)]
    steps = [middles[b] - middles[a] for a, b in itertools.pairwise(letters)]
    rising = sum(step > 0 for step in steps)
    is_turned = rising > sum(step < 0 for step in steps)
    # Numbers and Latin letters inside of the word run from left to right, and keep their order.
    pieces: list[list[int]] = []
    for place, text in enumerate(texts):
        if place and _runs_right(text) and _runs_right(texts[place - 1]):
            pieces[-1].append(place)
        else:
            pieces.append([place])
    marks = [piece for piece in pieces if _is_mark(texts[piece[0]])]
    rest = [piece for piece in pieces if not _is_mark(texts[piece[0]])]
    if is_turned:
        rest.sort(key=lambda piece: -max(middles[place] for place in piece))
    for number, (first, second) in enumerate(itertools.pairwise(rest)):
        one_glyph = bool((boxes[first[0]] == boxes[second[0]]).all())
        if one_glyph and texts[first[0]] in _ALEFS and texts[second[0]] == _LAM:
            rest[number], rest[number + 1] = second, first
    for mark in marks:
        rest.insert(_place_of_mark(mark[0], rest, texts, boxes), mark)
    return [place for piece in rest for place in piece]


def _place_of_mark(mark: int, rest: Sequence[list[int]], texts: Sequence[str], boxes: NDArray[numpy.float32]) -> int:
    """Where among the pieces a mark belongs: behind the letter that it stands over."""
    middle = (boxes[mark, 0] + boxes[mark, 2]) / 2

    def distance(number: int) -> float:
        left, _, right, _ = boxes[rest[number][0]].tolist()
        return float(max(left - middle, middle - right, 0.0) + abs((left + right) / 2 - middle) / 1000)

    letters = [number for number, piece in enumerate(rest) if RIGHT_TO_LEFT.match(texts[piece[0]])]
    place = min(letters, key=distance) + 1 if letters else len(rest)
    while place < len(rest) and _is_mark(texts[rest[place][0]]):
        place += 1
    return place


def _runs_right(text: str) -> bool:
    return text.isalnum() and not RIGHT_TO_LEFT.match(text)


def _is_mark(text: str) -> bool:
    return unicodedata.category(text[0]) == "Mn"
