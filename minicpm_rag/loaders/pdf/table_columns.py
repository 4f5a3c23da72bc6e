"""Finds the x positions between the columns of a table, and the column that a fragment of text stands in."""

from __future__ import annotations

import itertools
from bisect import bisect, bisect_left
from collections.abc import Sequence

from minicpm_rag.loaders.pdf.drawing import Rule
from minicpm_rag.loaders.pdf.lines import ITEM_MARK, Fragment, Line

FEWEST_ROWS = 3
_CELL_SPACING = 6.0  # page units, between the lines below neighbouring cells
_OVERHANG = 0.25  # of a word's width
_MOSTLY_INSIDE = 0.7  # share of a fragment's width in one column
_FEWEST_FILLED = 0.2  # share of rows in which a column has a cell
_MOST_CROSSING = 0.12  # share of rows that may cross the space between two columns: headers above several
_MOST_HEADERS = 3
_CLOSE_GAP = 0.6  # of the font size: more than a space
_FEWEST_CLOSE_ROWS, _MOST_CLOSE = 4, 0.9  # lines that all have such a gap, and the share of those with every cell


def between_columns(lines: Sequence[Line]) -> list[float]:
    """The x positions that hardly any line's text crosses, with text of several lines on either side.

    The first two lines may cross them: they may be headers above several columns.
    """
    headers = 2 if len(lines) > _MOST_HEADERS else 0
    allowed = int(_MOST_CROSSING * (len(lines) - headers))
    changes = sorted(
        change
        for number, line in enumerate(lines)
        for f in line.fragments
        for change in ((f.left + 0.5, int(number >= headers)), (f.right - 0.5, -int(number >= headers)))
    )
    spaces: list[tuple[float, float]] = []
    covering = 0
    for (place, step), (following, _) in itertools.pairwise(changes):
        covering += step
        if covering > allowed or following - place < 0.01:
            continue
        if spaces and place - spaces[-1][1] < 0.02:
            spaces[-1] = (spaces[-1][0], following)
        else:
            spaces.append((place, following))
    spaces = [(start, end) for start, end in spaces if end - start > 1]
    fewest = max(1, min(2, len(lines) - 1), int(_FEWEST_FILLED * len(lines)))
    places: list[float] = []
    left = float("-inf")
    for start, end in spaces:
        place = (start + end) / 2
        filled = sum(any(left < f.left and f.right < place + 1 for f in line.fragments) for line in lines)
        if filled >= fewest:
            places.append(place)
            left = place
    while places:
        filled = sum(any(f.left > places[-1] - 1 for f in line.fragments) for line in lines)
        if filled >= fewest:
            break
        places.pop()
    return places


def with_columns_inside(xs: Sequence[float], lines: Sequence[Line]) -> list[float]:
    """The x of a grid's lines, and those between columns that no line parts."""
    found = list(xs)
    for left, right in itertools.pairwise(xs):
        inside = [
            Line(tuple(f for f in line.fragments if left - 1 < f.left and f.right < right + 1))
            for line in lines
            if sum(left - 1 < f.left and f.right < right + 1 for f in line.fragments) > 1
        ]
        if len(inside) >= FEWEST_ROWS:
            places = [x for x in between_columns(inside) if left + 2 < x < right - 2]
            found += [x for x in places if not _parts_marks(inside, x)]
    return sorted(found)


def _parts_marks(lines: Sequence[Line], place: float) -> bool:
    """Whether nothing but the marks of a list stands on the left of a place where lines are parted."""
    before = [line.fragments[0].text for line in lines if line.fragments[0].right < place]
    return all(ITEM_MARK.fullmatch(text) and not text.isalnum() for text in before)


def with_close_columns(places: Sequence[float], lines: Sequence[Line]) -> list[float]:
    """The x positions between columns, and those where every line has a space too narrow to part cells by itself."""
    if len(lines) < _FEWEST_CLOSE_ROWS:
        return list(places)
    parts = [[_parted_at_gaps(fragment) for fragment in line.fragments] for line in lines]
    if all(len(own) == 1 for line in parts for own in line):
        return list(places)
    parted = [Line(tuple(itertools.chain.from_iterable(line))) for line in parts]
    found = between_columns(parted)
    edges = [float("-inf"), *found, float("inf")]
    full = sum(len({column_of(part, edges) for part in line.fragments}) == len(edges) - 1 for line in parted)
    return found if len(found) > len(places) and full >= _MOST_CLOSE * len(lines) else list(places)


def _parted_at_gaps(fragment: Fragment) -> list[Fragment]:
    """The parts of a fragment between which more than a space stands."""
    words = fragment.words()
    starts = [0]
    for a, b in itertools.pairwise(words):
        if b.left - a.right > _CLOSE_GAP * fragment.size:
            starts.append(b.start - fragment.start)
    ends = [len(fragment.text[:end].rstrip()) for end in [*starts[1:], len(fragment.text)]]
    return [fragment.part(start, end) for start, end in zip(starts, ends, strict=True)]


def between_rules(lines: Sequence[Line], level: Sequence[Rule]) -> list[float]:
    """The x positions between lines that are drawn end to end, one below each cell, at two heights or more."""
    top, bottom = lines[0].top + 6, lines[-1].bottom - 6
    inside = sorted((rule for rule in level if bottom <= rule.at <= top), key=lambda rule: (round(rule.at), rule.start))
    between = sorted(
        (a.end + b.start) / 2
        for a, b in itertools.pairwise(inside)
        if round(a.at) == round(b.at) and 0 < b.start - a.end < _CELL_SPACING
    )
    groups: list[list[float]] = []
    for place in between:
        if groups and place - groups[-1][0] < 2:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [group[0] for group in groups if len(group) > 1]


def column_of(fragment: Fragment, edges: Sequence[float]) -> int:
    """The number of the column that a fragment stands in: by its middle, or by its left edge where it spans several."""
    first, last = bisect(edges, fragment.left, 1, len(edges) - 1), bisect_left(edges, fragment.right, 1, len(edges) - 1)
    if last - first > 1:
        inside = [min(fragment.right, edges[n]) - max(fragment.left, edges[n - 1]) for n in range(first, last + 1)]
        widest = max(range(len(inside)), key=inside.__getitem__)
        return first - 1 + (widest if inside[widest] >= _MOSTLY_INSIDE * fragment.width else 0)
    return bisect(edges, (fragment.left + fragment.right) / 2, 1, len(edges) - 1) - 1


def split_at(fragment: Fragment, places: Sequence[float]) -> list[Fragment]:
    """The parts of a fragment whose words stand in different columns."""
    if not any(fragment.left < place < fragment.right for place in places):
        return [fragment]
    words = fragment.words()
    if any(_parts_word(word, place) for word in words for place in places):
        return [fragment]  # it spans columns
    parts: list[list[Fragment]] = []
    last = -1
    for word in words:
        column = sum(place <= (word.left + word.right) / 2 for place in places)
        if column == last:
            parts[-1].append(word)
        else:
            parts.append([word])
        last = column
    return [fragment.part(part[0].start - fragment.start, part[-1].end - fragment.start) for part in parts]


def _parts_word(word: Fragment, place: float) -> bool:
    """Whether a place lies well inside of a word: the headers of close columns reach a little into the next."""
    margin = max(1.0, _OVERHANG * word.width)
    return word.left + margin < place < word.right - margin
