"""Joins the lines of a table into its rows: a cell may wrap over several lines, beside cells of one.

Knows the columns already; see `table_columns`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from minicpm_rag.loaders.pdf.drawing import Rule
from minicpm_rag.loaders.pdf.lines import Fragment, Line
from minicpm_rag.loaders.pdf.table_columns import column_of, split_at
from minicpm_rag.text.table_headers import is_value

_WRAPPED = 1.15  # of the least distance of two lines in a column: more parts its cells
_SPACED = 1.25  # of the least distance of two lines: more is a gap between rows
_MOST_WITH_CELLS = 0.7  # share of rows with several cells: prose beside margin notes has fewer
_RULED = 0.3  # share of the spaces between lines where a line is drawn
_REACH = 0.5  # of the width of two lines, that a line drawn between them must reach over

Cell = list[Fragment]
Row = list[Cell]


def reaches_over(rule: Rule, left: float, right: float) -> bool:
    """Whether a line that is drawn reaches over enough of a width to part what is above it from what is below."""
    return min(rule.end, right) - max(rule.start, left) > _REACH * (right - left)


def rows_of(lines: Sequence[Line], places: Sequence[float], level: Sequence[Rule], *, wraps: bool) -> list[Row] | None:
    """The rows of a table's lines; a line that only goes on with cells of the row above is joined to it.

    With `wraps` as `_rows_of_wrapped_cells` tells them.
    """
    edges = [float("-inf"), *places, float("inf")]
    rows: list[Row] = []
    cells_of = []
    for line in lines:
        cells: Row = [[] for _ in edges[1:]]
        for fragment in (part for each in line.fragments for part in split_at(each, places)):
            cells[column_of(fragment, edges)].append(fragment)
        if line is lines[0] and len(line.fragments) == len(cells) and not all(cells):
            # Headers on the left of their columns stand over the end of the numbers before them.
            cells = [[fragment] for fragment in line.fragments]
        cells_of.append(cells)
    gaps = [above.bottom - below.bottom for above, below in itertools.pairwise(lines)]
    tight = min(gaps) if gaps else 0.0
    is_spaced = bool(gaps) and max(gaps) > _SPACED * tight
    ruled = _is_ruled(lines, level)
    if wraps:
        return _rows_of_wrapped_cells(lines, cells_of, level if ruled else ())
    for number, (line, cells) in enumerate(zip(lines, cells_of, strict=True)):
        if not rows:
            rows.append(cells)
            continue
        ruled_off = ruled and _is_between(level, lines[number - 1], line)
        if not ruled_off and _goes_on(rows[-1], cells, gaps[number - 1], tight, is_spaced=is_spaced, ruled=ruled):
            for cell, more in zip(rows[-1], cells, strict=True):
                cell += more
        else:
            rows.append(cells)
    return rows


def _rows_of_wrapped_cells(lines: Sequence[Line], cells_of: Sequence[Row], level: Sequence[Rule]) -> list[Row] | None:
    """The rows of a table whose cells wrap and whose rows stand apart; None where they cannot be told so.

    Short cells may stand at the top, in the middle or at the bottom of their row: the lines of each column make cells,
    and cells beside each other make a row. `level` are the lines drawn between rows, where that is how they are parted.
    """
    columns = [[number for number, cells in enumerate(cells_of) if cells[column]] for column in range(len(cells_of[0]))]
    steps = [lines[a].bottom - lines[b].bottom for own in columns for a, b in itertools.pairwise(own)]
    tight = min((step for step in steps if step > 0), default=0.0)
    if not level and sum(step > _SPACED * tight for step in steps) < 2:
        return None
    blocks: list[tuple[list[int], int]] = []  # the lines of a cell, its column
    for column, own in enumerate(columns):
        for number, above in zip(own, [None, *own], strict=False):
            apart = (
                above is None
                or lines[above].bottom - lines[number].bottom > _WRAPPED * tight
                or any(_is_between(level, lines[n], lines[n + 1]) for n in range(above, number))
            )
            if apart:
                blocks.append(([], column))
            blocks[-1][0].append(number)
    rows: list[list[tuple[list[int], int]]] = []
    last = -1
    for numbers, column in sorted(blocks):
        if numbers[0] > last:
            rows.append([])
        rows[-1].append((numbers, column))
        last = max(last, numbers[-1])
    if len(rows) < 2 or len(rows) == len(lines):
        return None
    found: list[Row] = []
    for row in rows:
        cells: Row = [[] for _ in columns]
        for numbers, column in row:
            values = sum(is_value(text_of(cells_of[number][column])) for number in numbers)
            if cells[column] or values > 1:
                return None  # cells of several rows
            cells[column] = [fragment for number in numbers for fragment in cells_of[number][column]]
        lengths = {len(numbers) for numbers, _ in row}
        if len(row) > 1 and lengths != {1} and len(lengths) == 1:
            return None  # rows that stand close together
        found.append(cells)
    several = [sum(map(bool, row)) > 1 for row in found]
    return found if several[0] and sum(several) >= _MOST_WITH_CELLS * len(several) else None


def _is_ruled(lines: Sequence[Line], level: Sequence[Rule]) -> bool:
    """Whether lines are drawn between rows, not only below the header and at the ends."""
    between = sum(_is_between(level, above, below) for above, below in itertools.pairwise(lines))
    return between >= 2 and between >= _RULED * (len(lines) - 1)


def _is_between(level: Sequence[Rule], above: Line, below: Line) -> bool:
    left, right = min(above.left, below.left), max(above.right, below.right)
    top, bottom = (above.bottom + above.top) / 2, (below.bottom + below.top) / 2
    return any(bottom < rule.at < top and reaches_over(rule, left, right) for rule in level)


def _goes_on(above: Row, cells: Row, gap: float, tight: float, *, is_spaced: bool, ruled: bool) -> bool:
    """Whether a line's cells continue those of the row above."""
    filled = [column for column, cell in enumerate(cells) if cell]
    if not all(above[column] for column in filled) or any(is_value(text_of(cells[column])) for column in filled):
        return False
    if len(filled) == len(cells):
        return False
    if ruled:
        return True
    if is_spaced and gap > _WRAPPED * tight:
        return False
    if filled == [0] and not is_spaced:  # a line with the first column only may begin a group of rows
        text = text_of(cells[0])
        return text[0].islower() or text_of(above[0])[-1] in ",-(（，、&/" or text[0] in ")）"
    return 0 not in filled or is_spaced


def text_of(cell: Cell) -> str:
    """The words of a cell."""
    return " ".join(fragment.text for fragment in cell)
