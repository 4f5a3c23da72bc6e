"""Puts the characters of Hebrew and Arabic lines into the order in which they are read.

pdfium turns words that were drawn from left to right, but not where each stands by itself as browsers print them, nor
Latin words and numbers among them, and it turns ligatures with them. Works on boxes alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from numpy.typing import NDArray

RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_ALEFS = frozenset("اأإآ")
_LAM = "ل"
_SEPARATORS = "٬٫"  # within Arabic numbers, of thousands and of decimals
_OPENING, _CLOSING = "([{", ")]}"
_BRACKETS = frozenset("()[]{}")
_LEVEL = 0.5  # of the lower one's height: words that overlap so much stand on one line
_TOUCHING = 0.08  # of the height of a line: characters nearer than that belong to one word
_SPACE = 0.15  # of the height: a bracket that stands further away belongs to another word
_CELL_GAP = 0.95  # of the height: parts cells of a table
_RUN = re.compile("r(?:n{0,3}r)*|.")  # characters that run to the right, with punctuation inside; or one other

Word = list[int]  # places of its characters
Boxes = list[list[float]]  # left, top, right, bottom


def put_in_order(
    texts: list[str], inked: NDArray[numpy.bool_], ends: NDArray[numpy.bool_], boxes: NDArray[numpy.float32]
) -> list[int]:
    """The places of a page's characters in reading order.

    Boxes are left, top, right, bottom. Those of such a word get one height, in place: a mark above it is no line of
    its own. Brackets that are drawn mirrored change their text.
    """
    order = list(range(len(texts)))
    page_runs_left = _runs_left(texts)
    rows: Boxes = boxes.tolist()  # single numbers are much quicker so than from an array
    for start, end in _runs(~ends):
        words = [list(range(start + a, start + b)) for a, b in _runs(inked[start:end])]
        leftward = [any(RIGHT_TO_LEFT.match(texts[place]) for place in word) for word in words]
        if not any(leftward):
            continue
        is_level = [not _runs_up_or_down(word, rows) for word in words]
        for number, word in enumerate(words):
            if leftward[number]:
                top, bottom = max(rows[place][1] for place in word), min(rows[place][3] for place in word)
                boxes[word, 1], boxes[word, 3] = top, bottom
                for place in word:
                    rows[place][1], rows[place][3] = top, bottom
        if (page_runs_left or _runs_left(texts[start:end])) and all(is_level) and _stand_on_one_line(words, rows):
            words = _line_in_order(words, texts, rows)
            _turn_brackets(words, texts)
        else:
            for number, word in enumerate(words):
                if leftward[number] and is_level[number]:
                    words[number] = [place for part in _line_in_order([word], texts, rows) for place in part]
        between = [place for place in range(start, end) if not inked[place]]
        _put(order, start, words, between, [len(word) for word in words])
    return order


def _runs_left(texts: Sequence[str]) -> bool:
    """Whether most letters are of a writing that runs to the left."""
    letters = [text for text in texts if text.isalpha()]
    return 2 * sum(RIGHT_TO_LEFT.match(text) is not None for text in letters) > len(letters)


def _runs_up_or_down(word: Word, boxes: Boxes) -> bool:
    """Whether a word is written up or down the page."""
    if len(word) < 3:
        return False
    own = [boxes[place] for place in word]
    middles, heights = [left + right for left, _, right, _ in own], [top + bottom for _, top, _, bottom in own]
    return max(middles) - min(middles) < max(heights) - min(heights)


def _stand_on_one_line(words: Sequence[Word], boxes: Boxes) -> bool:
    """Whether all words overlap in height; else pdfium missed the end of a line."""
    tops = [max(boxes[place][1] for place in word) for word in words]
    bottoms = [min(boxes[place][3] for place in word) for word in words]
    lowest = min(top - bottom for top, bottom in zip(tops, bottoms, strict=True))
    return min(tops) - max(bottoms) >= _LEVEL * lowest


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


def _line_in_order(words: Sequence[Word], texts: Sequence[str], boxes: Boxes) -> list[Word]:
    """The words of a line, or the parts of a word, from right to left; Latin words and numbers run to the right.

    By Unicode's bidirectional algorithm (UAX 9), backwards and without its levels: several Latin words are one run,
    numbers by themselves one each, and punctuation at the edge of a run stands beyond it.
    """
    marks = [place for word in words for place in word if _is_mark(texts[place])]
    places = [place for word in words for place in word if not _is_mark(texts[place])]
    middle = {place: (boxes[place][0] + boxes[place][2]) / 2 for place in places}
    places.sort(key=lambda place: -middle[place])
    for number in range(len(places) - 1):
        first, second = places[number], places[number + 1]
        if texts[second] == _LAM and texts[first] in _ALEFS and boxes[first] == boxes[second]:  # one glyph
            places[number], places[number + 1] = second, first
    found: list[Word] = []
    latin: list[Word] = []  # words of a run, from right to left
    numbers: list[Word] = []  # after them: within the run where another Latin word follows
    for word, is_far in _parted(places, words, texts, boxes):
        written = "".join(texts[place] for place in word)
        is_latin = RIGHT_TO_LEFT.search(written) is None and any(map(str.isalpha, written))
        if is_latin and not is_far:
            latin += numbers
            numbers = []
        elif is_latin or is_far or not latin or RIGHT_TO_LEFT.search(written):
            found += [*_latin_in_order(latin, texts, middle), *(_in_runs(each, texts, middle) for each in numbers)]
            latin, numbers = [], []
        if is_latin:
            latin.append(word)
        elif latin:
            numbers.append(word)
        else:
            found.append(_in_runs(word, texts, middle))
    found += [*_latin_in_order(latin, texts, middle), *(_in_runs(each, texts, middle) for each in numbers)]
    return _with_marks(found, marks, texts, boxes) if marks else found


def _parted(
    places: Sequence[int], words: Sequence[Word], texts: Sequence[str], boxes: Boxes
) -> Iterator[tuple[Word, bool]]:
    """The words that characters from right to left make, and whether each stands in another cell than that before it.

    pdfium says which words there are; only a bracket it may have given to the wrong one.
    """
    number_of = {place: number for number, word in enumerate(words) for place in word}
    height = max((boxes[place][1] - boxes[place][3] for place in places), default=0.0)
    word: Word = []
    was_far = False
    for place in places:
        if word:
            before = word[-1]
            gap = boxes[before][0] - boxes[place][2]
            bracket = texts[before] in _BRACKETS or texts[place] in _BRACKETS
            same = number_of[before] == number_of[place]
            if gap > (_SPACE if bracket else _CELL_GAP if same else _TOUCHING) * height:
                yield word, was_far
                word, was_far = [], gap > _CELL_GAP * height
        word.append(place)
    if word:
        yield word, was_far


def _classes(word: Word, texts: Sequence[str]) -> str:
    """A letter for each character, by its class."""
    return "".join([_class(texts[place]) for place in word])


@lru_cache(maxsize=10_000)
def _class(text: str) -> str:
    """Of a Latin letter or another that runs to the right "r", of every digit too; of one to the left "l"; else "n"."""
    if text.isdigit():
        return "r"
    if RIGHT_TO_LEFT.match(text):
        return "n" if text in _SEPARATORS else "l"
    return "r" if text.isalnum() else "n"


def _in_runs(word: Word, texts: Sequence[str], middle: dict[int, float]) -> Word:
    """A word from right to left, what runs to the right inside of it turned."""
    classes = _classes(word, texts)
    if "r" not in classes:
        return word
    runs = (word[found.start() : found.end()] for found in _RUN.finditer(classes))
    return [place for run in runs for place in sorted(run, key=middle.__getitem__)]


def _latin_in_order(words: list[Word], texts: Sequence[str], middle: dict[int, float]) -> list[Word]:
    """Latin words, given from right to left, in their order; punctuation beyond either edge of them stays there."""
    if not words:
        return []
    first, last = _classes(words[0], texts), _classes(words[-1], texts)
    right = words[0][: len(first) - len(first.lstrip("n"))]
    left = words[-1][len(last.rstrip("n")) :]
    edges = {*right, *left}
    inner = [sorted((place for place in word if place not in edges), key=middle.__getitem__) for word in words[::-1]]
    return [[*right, *inner[0]], *inner[1:-1], [*inner[-1], *left]] if len(inner) > 1 else [[*right, *inner[0], *left]]


def _with_marks(words: list[Word], marks: Sequence[int], texts: Sequence[str], boxes: Boxes) -> list[Word]:
    """The words with each mark behind the letter that it stands over."""
    letters = [place for word in words for place in word if RIGHT_TO_LEFT.match(texts[place])]
    if not letters:
        return [*words, list(marks)]
    behind: dict[int, list[int]] = {}
    for mark in marks:
        middle = (boxes[mark][0] + boxes[mark][2]) / 2

        def distance(letter: int, middle: float = middle) -> float:
            left, _, right, _ = boxes[letter]
            return max(left - middle, middle - right, 0.0) + abs((left + right) / 2 - middle) / 1000

        behind.setdefault(min(letters, key=distance), []).append(mark)
    return [[each for place in word for each in (place, *behind.get(place, ()))] for word in words]


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


@lru_cache(maxsize=10_000)
def _is_mark(text: str) -> bool:
    return unicodedata.category(text[0]) == "Mn" if text else False
