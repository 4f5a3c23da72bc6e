"""Puts the characters of Hebrew and Arabic lines into the order in which they are read.

pdfium turns words that were drawn from left to right, but not where each stands by itself as browsers print them, nor
Latin words and numbers among them, and it turns ligatures with them. Works on boxes alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_ALEFS = frozenset("اأإآ")
_LAM = "ل"
_OPENING, _CLOSING = "([{", ")]}"
_LEVEL = 0.5  # of the lower one's height: words that overlap so much stand on one line

Word = list[int]  # places of its characters


def put_in_order(
    texts: list[str], inked: NDArray[numpy.bool_], ends: NDArray[numpy.bool_], boxes: NDArray[numpy.float32]
) -> list[int] | None:
    """The places of a page's characters in reading order; None where nothing runs to the left.

    Boxes are left, top, right, bottom. Those of such a word get one height, in place: a mark above it is no line of
    its own. Brackets that are drawn mirrored change their text.
    """
    if not any(RIGHT_TO_LEFT.match(text) for text in set(texts)):
        return None
    order = list(range(len(texts)))
    for start, end in _runs(~ends):
        words = [list(range(start + a, start + b)) for a, b in _runs(inked[start:end])]
        leftward = [any(RIGHT_TO_LEFT.match(texts[place]) for place in word) for word in words]
        if not any(leftward):
            continue
        for number, word in enumerate(words):
            if leftward[number]:
                words[number] = _word_in_order(word, texts, boxes)
                boxes[word, 1], boxes[word, 3] = boxes[word, 1].max(), boxes[word, 3].min()
        letters = [place for word in words for place in word if texts[place].isalpha()]
        if 2 * sum(bool(RIGHT_TO_LEFT.match(texts[place])) for place in letters) > len(letters):
            _turn_brackets(words, texts)
            words = _words_in_order(words, texts, boxes)
        between = [place for place in range(start, end) if not inked[place]]
        _put(order, start, words, between, [len(word) for word in words])
    return order


def _runs(flags: NDArray[numpy.bool_]) -> Iterator[tuple[int, int]]:
    """Where each run of set flags starts and ends."""
    changes = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], flags.astype(numpy.int8), [0]]))).tolist()
    yield from zip(changes[::2], changes[1::2], strict=True)


def _put(order: list[int], start: int, words: Sequence[Word], between: Sequence[int], lengths: Sequence[int]) -> None:
    """Write the places of a line: its words, one of the spaces after each, the spaces left over at the end."""
    spaces = list(between)
    place = start
    for word, length in zip(words, lengths, strict=True):
        order[place : place + length] = word
        place += length
        if spaces:
            order[place] = spaces.pop(0)
            place += 1
    order[place : place + len(spaces)] = spaces


def _word_in_order(word: Word, texts: Sequence[str], boxes: NDArray[numpy.float32]) -> Word:
    """The characters of a word from right to left; numbers and Latin letters inside of it keep their order."""
    own = boxes[word]
    middles = dict(zip(word, ((own[:, 0] + own[:, 2]) / 2).tolist(), strict=True))
    heights = (own[:, 1] + own[:, 3]) / 2
    if len(word) > 2 and max(middles.values()) - min(middles.values()) < heights.max() - heights.min():
        return word  # written up or down the page
    pieces: list[Word] = []
    for place in word:
        if pieces and _runs_right(texts[place]) and _runs_right(texts[pieces[-1][-1]]):
            pieces[-1].append(place)
        else:
            pieces.append([place])
    marks = [piece for piece in pieces if _is_mark(texts[piece[0]])]
    rest = [piece for piece in pieces if not _is_mark(texts[piece[0]])]
    rest.sort(key=lambda piece: -max(middles[place] for place in piece))
    for number in range(len(rest) - 1):
        first, second = rest[number][0], rest[number + 1][0]
        one_glyph = bool((boxes[first] == boxes[second]).all())
        if one_glyph and texts[first] in _ALEFS and texts[second] == _LAM:
            rest[number], rest[number + 1] = rest[number + 1], rest[number]
    for mark in marks:
        rest.insert(_place_of_mark(mark[0], rest, texts, boxes), mark)
    return [place for piece in rest for place in piece]


def _place_of_mark(mark: int, rest: Sequence[Word], texts: Sequence[str], boxes: NDArray[numpy.float32]) -> int:
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


def _words_in_order(words: list[Word], texts: Sequence[str], boxes: NDArray[numpy.float32]) -> list[Word]:
    """The words of a line from right to left, Latin words one after the other from left to right."""
    tops, bottoms = [boxes[word, 1].max() for word in words], [boxes[word, 3].min() for word in words]
    lowest = min(top - bottom for top, bottom in zip(tops, bottoms, strict=True))
    if min(tops) - max(bottoms) < _LEVEL * lowest:
        return words  # pdfium missed the end of a line
    ordered = sorted(words, key=lambda word: -float(boxes[word, 2].max()))
    found: list[Word] = []
    latin: list[Word] = []
    for word in ordered:
        written = "".join(texts[place] for place in word)
        if any(map(str.isalpha, written)) and not RIGHT_TO_LEFT.search(written):
            latin.insert(0, word)
            continue
        found += latin
        latin = []
        found.append(word)
    return found + latin


def _turn_brackets(words: Sequence[Word], texts: list[str]) -> None:
    """Put right the brackets that stand mirrored: an opening one ends no word, a closing one begins none."""
    for word in words:
        if len(word) < 2:
            continue
        first = texts[word[0]]
        if first and first in _CLOSING:
            texts[word[0]] = _OPENING[_CLOSING.index(first)]
        end = next((place for place in reversed(word) if texts[place] not in ".,:;،؛"), word[-1])
        last = texts[end]
        if end != word[0] and last and last in _OPENING:
            texts[end] = _CLOSING[_OPENING.index(last)]


def _runs_right(text: str) -> bool:
    return text.isalnum() and not RIGHT_TO_LEFT.match(text)


def _is_mark(text: str) -> bool:
    return unicodedata.category(text[0]) == "Mn" if text else False
