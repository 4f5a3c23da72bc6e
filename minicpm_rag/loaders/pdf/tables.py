"""Finds tables on a page: cells inside a grid of lines, or lines one after the other whose cells stand in columns.

A cell that wraps is joined to its row, an empty one stays empty.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from minicpm_rag.loaders.pdf.drawing import Grid, Rule
from minicpm_rag.loaders.pdf.lines import ITEM_MARK, Fragment, Line, lines_of
from minicpm_rag.loaders.pdf.right_to_left import RIGHT_TO_LEFT
from minicpm_rag.loaders.pdf.table_columns import (
    FEWEST_ROWS,
    between_columns,
    between_rules,
    column_of,
    split_at,
    with_close_columns,
    with_columns_inside,
)
from minicpm_rag.loaders.pdf.table_rows import Cell, Row, reaches_over, rows_of, text_of
from minicpm_rag.text.table_headers import header_rows_of, is_value

_CONTENTS = re.compile(r"(\S.*?[^\s.·…_])((?:[ ]?[.·…_]){4,}\s*)(\d{1,4}|[ivxlcIVXLC]{1,6}|[A-Z]-\d{1,3})")
_FULL_ROWS = 0.6  # share of rows that must have a cell in every column where there are only two
_FILLED_CELLS = 0.35  # of a grid: a drawing has lines too
_ROW_GAP = 2.6  # of the line height: more parts a table from what follows
_MOST_SINGLE = 9  # lines with one cell between lines with several: cells that wrap beside short ones
_LONGEST_REPEATED = 120  # characters of a cell that reaches over several rows
_LEVEL = 1.0  # page units
_SAME_EDGE = 2.0  # page units
_MOST_LABELS = 0.6  # share of the cells on the left that end with a colon
_PROSE_WORDS = 4  # of the usual cell: more in every column are columns of prose


@dataclass(frozen=True)
class FoundTable:
    """Rows of cells; `headers` of them name the columns."""

    rows: list[Row]
    headers: int


def table_in_grid(grid: Grid, fragments: Sequence[Fragment]) -> FoundTable | None:
    """The table that a grid's lines make of the fragments inside it; None where it is no table."""
    lines = lines_of(sorted(fragments, key=lambda f: (-round(f.top), f.left)))
    xs = with_columns_inside(grid.xs, lines)
    rows: list[Row] = [[[] for _ in xs[1:]] for _ in grid.ys[1:]]
    depths = [-y for y in grid.ys[1:-1]]
    for fragment in (piece for line in lines for each in line.fragments for piece in split_at(each, xs[1:-1])):
        middle = (fragment.bottom + fragment.top) / 2
        number = bisect(depths, -middle)
        rows[number][column_of(fragment, xs)].append(fragment)
    for cell in (cell for row in rows for cell in row if len(cell) > 1 and cell[0].leans):
        cell.sort(key=_along_label)
    _fill_merged_cells(rows, grid, xs)
    rows = [part for row in rows for part in _rows_between_lines(row, xs) if any(part)]
    used = [column for column in range(len(xs) - 1) if any(row[column] for row in rows)]
    rows = [[row[column] for column in used] for row in rows]
    cells = [cell for row in rows for cell in row]
    if len(rows) < 2 or len(used) < 2 or sum(map(bool, cells)) < _FILLED_CELLS * len(cells):
        return None
    return _found(rows)


def _along_label(fragment: Fragment) -> tuple[float, float]:
    """The order of the pieces of a label of several lines that is written up, or down, or upside down."""
    line = round(fragment.left / max(fragment.size / 2, 1.0))
    if fragment.leans == 1:
        return line, fragment.bottom
    return (-line, -fragment.top) if fragment.leans == 3 else (fragment.bottom, -fragment.right)


def _fill_merged_cells(rows: Sequence[Row], grid: Grid, xs: Sequence[float]) -> None:
    """Give each row the text of a cell that reaches over several: no line is drawn between them in its column."""
    drawn = [grid.drawn_at(y) for y in grid.ys[: len(rows)]]
    for column, (left, right) in enumerate(itertools.pairwise(xs)):
        first, middle = 0, (left + right) / 2
        for number in range(1, len(rows) + 1):
            if number < len(rows) and not any(rule.start < middle < rule.end for rule in drawn[number]):
                continue
            own = [fragment for row in rows[first:number] for fragment in row[column]]
            beside = [f for row in rows[first:number] for cell in (*row[:column], *row[column + 1 :]) for f in cell]
            if number - first > 1 and own and not _is_a_column(own, beside):
                is_short = sum(len(fragment.text) for fragment in own) <= _LONGEST_REPEATED
                for row in rows[first:number]:
                    row[column] = own if is_short or row is rows[first] else []
            first = number


def _is_a_column(fragments: Sequence[Fragment], beside: Sequence[Fragment]) -> bool:
    """Whether there are several lines of text and most stand level with text beside them: cells of several rows."""
    level = sum(any(abs(fragment.bottom - other.bottom) < _LEVEL for other in beside) for fragment in fragments)
    return len(lines_of(fragments)) > 1 and 2 * level > len(fragments)


def _rows_between_lines(row: Row, xs: Sequence[float]) -> list[Row]:
    """The rows that stand between two lines of a grid: several where columns hold several values, or as many lines."""
    stacks = [lines_of(cell) for cell in row if cell]
    values = [sum(is_value(line.text) and any(map(str.isdigit, line.text)) for line in stack) for stack in stacks]
    alike = {len(stack) for stack in stacks}
    if len(stacks) < 2 or (max(values) < 2 and (len(alike) > 1 or max(alike) < FEWEST_ROWS)):
        return [row]
    lines = lines_of(sorted((fragment for cell in row for fragment in cell), key=lambda f: (-round(f.top), f.left)))
    if sum(len(line.fragments) > 1 for line in lines) < 2:
        return [row]
    return rows_of(lines, xs[1:-1], (), wraps=True) or rows_of(lines, xs[1:-1], (), wraps=False) or [row]


def table_runs(lines: Sequence[Line], level: Sequence[Rule] = ()) -> list[tuple[int, int, FoundTable]]:
    """Every table as (first line, line after the last, table); `level` are the lines drawn between rows."""
    runs: list[tuple[int, int, FoundTable]] = []
    position = taken = 0
    contents = [_contents_row(line) for line in lines]
    while position < len(lines):
        end = position
        while end < len(lines) and contents[end]:
            end += 1
        if end - position >= FEWEST_ROWS:
            runs.append((position, end, FoundTable([row for row in contents[position:end] if row], 0)))
            position = taken = end
            continue
        if not _has_cells(lines[position]):
            position += 1
            continue
        found = _run(lines, position, taken, level, wraps=True) or _run(lines, position, taken, level, wraps=False)
        if found is None:
            position = _run_end(lines, position, wraps=False)
            continue
        runs.append(found)
        position = taken = found[1]
    return runs


def _run(
    lines: Sequence[Line], first: int, taken: int, level: Sequence[Rule], *, wraps: bool
) -> tuple[int, int, FoundTable] | None:
    """The table that begins at a line with several cells or, above it after `taken`, with its header.

    With `wraps` only one whose cells wrap, which may have several lines with one cell between those with more.
    """
    end = _run_end(lines, first, wraps=wraps)
    if not wraps:
        end = _without_foot(lines, first, end)
    if wraps and len({len(line.fragments) for line in lines[first:end]}) == 1:
        return None
    columns = _table(lines[first:end], level, wraps=wraps)
    if columns is None:
        return None
    start = first
    while start > taken and _is_header(lines[start - 1], lines[start], columns):
        start -= 1
    end = _with_wrapped_cells(lines, end, columns)
    rows = rows_of(lines[start:end], columns, level, wraps=wraps)
    return (start, end, _found(rows)) if rows and len(rows) > 1 else None


def _without_foot(lines: Sequence[Line], first: int, end: int) -> int:
    """The end of a run without a line at its foot that stands across columns: "Made by: Wang   Checked by: Zhao"."""
    if end - first <= FEWEST_ROWS + 1 or not _has_cells(lines[end - 1]):
        return end
    foot = lines[end - 1]
    rows = [line for line in lines[first : end - 1] if len(line.fragments) > 1]
    places = between_columns(rows)
    crosses = any(f.left < place - 1 and f.right > place + 1 for f in foot.fragments for place in places)
    is_fewer = len(foot.fragments) <= len(places) and len(places) > len(between_columns([*rows, foot]))
    return end - 1 if crosses and is_fewer else end


def _contents_row(line: Line) -> Row | None:
    """The title and the page of a line of a table of contents, which dots lead to; None for other lines."""
    found = _CONTENTS.fullmatch(line.text)
    if found is None:
        return None
    last = line.fragments[-1]
    number = last.part(len(last.text) - len(found.group(3)), len(last.text))
    title: Cell = []
    room = len(found.group(1))
    for fragment in line.fragments:
        if room > 0:
            title.append(fragment.part(0, min(room, len(fragment.text))))
            room -= len(fragment.text) + 1
    return [title, [number]]


def _has_cells(line: Line) -> bool:
    """Whether a line has several fragments; one without text stands for a table that was found before."""
    return len(line.fragments) > 1 and all(fragment.end > fragment.start for fragment in line.fragments)


def _run_end(lines: Sequence[Line], start: int, *, wraps: bool) -> int:
    """The end of the lines with several cells from `start` on; a few with one may stand between them."""
    end = start + 1
    single = 0
    for position in range(start + 1, len(lines)):
        line, above = lines[position], lines[position - 1]
        if not 0 < above.bottom - line.bottom <= _ROW_GAP * max(line.height, above.height) + 4:
            break
        if _has_cells(line):
            end, single = position + 1, 0
            continue
        if not line.text:
            break
        single += 1
        run = lines[start:end]
        if wraps and single <= _MOST_SINGLE and _stands_in_column(line.fragments[0], run):
            continue
        left, right = min(each.left for each in run), max(each.right for each in run)
        if single > 2 or line.right - line.left > 0.5 * (right - left) or line.left > right or line.right < left:
            break
    return end


def _stands_in_column(fragment: Fragment, run: Sequence[Line]) -> bool:
    """Whether a fragment begins or ends where cells do, and stands over or under one cell of each line."""
    is_level = any(
        abs(fragment.left - other.left) < _SAME_EDGE or abs(fragment.right - other.right) < _SAME_EDGE
        for line in run
        for cell in line.fragments
        for other in (cell, *cell.words())
    )
    return is_level and all(
        sum(fragment.left < other.right and other.left < fragment.right for other in line.fragments) <= 1
        for line in run
    )


def _table(lines: Sequence[Line], level: Sequence[Rule], *, wraps: bool) -> list[float] | None:
    """The x positions between the columns of a run of lines; None where they are no table."""
    several = [line for line in lines if len(line.fragments) > 1]
    if len(several) < 2:
        return None
    places = between_rules(lines, level)
    if not places:
        places = between_columns(several)
        around = between_columns(lines) if wraps else []  # the lines of a wrapped cell reach further than its last one
        places = around if len(around) == len(places) else places
        places = with_close_columns(places, several)
    if not places:
        return None
    ruled = _rules_within(lines, level) >= 2
    if len(several) < FEWEST_ROWS and not ruled and len(places) < 2:
        return None
    cells: list[list[Fragment]] = [[] for _ in range(len(places) + 1)]
    edges = [float("-inf"), *places, float("inf")]
    full = 0
    for line in several:
        columns = [column_of(fragment, edges) for fragment in line.fragments]
        full += len(set(columns)) == len(cells)
        for column, fragment in zip(columns, line.fragments, strict=True):
            cells[column].append(fragment)
    if len(cells) == 2 and full < _FULL_ROWS * len(several):
        return None
    marks = [ITEM_MARK.fullmatch(fragment.text) is not None for fragment in cells[0]]
    if len(cells) == 2 and sum(marks) > _MOST_LABELS * len(marks):
        return None  # a list
    if len(cells) % 2 == 0:
        labels = [text_ends_label(fragment) for column in cells[::2] for fragment in column]
        if sum(labels) > _MOST_LABELS * len(labels):
            return None  # a form: "Name: Ana Soto"
    wordy = [median(fragment.word_count for fragment in column) >= _PROSE_WORDS for column in cells if column]
    if all(wordy) and not ruled:
        return None
    return places


def _rules_within(lines: Sequence[Line], level: Sequence[Rule]) -> int:
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    top, bottom = lines[0].top + 6, lines[-1].bottom - 6
    return sum(bottom <= rule.at <= top and reaches_over(rule, left, right) for rule in level)


def _is_header(line: Line, below: Line, places: Sequence[float]) -> bool:
    """Whether a line whose words stand close together is the header, each word over a column."""
    if len(line.fragments) != 1 or not line.text or line.bottom - below.bottom > 3 * line.height:
        return False
    words = [column_of(word, [float("-inf"), *places, float("inf")]) for word in line.fragments[0].words()]
    crossing = any(word.left < place < word.right for word in line.fragments[0].words() for place in places)
    return not crossing and len(words) == len(places) + 1 and len(set(words)) == len(words)


def _with_wrapped_cells(lines: Sequence[Line], end: int, places: Sequence[float]) -> int:
    """Take in single cells after the last row that go on with a column other than the first."""
    while end < len(lines) and len(lines[end].fragments) == 1 and lines[end].text:
        fragment = lines[end].fragments[0]
        near = 0 < lines[end - 1].bottom - lines[end].bottom < 2 * fragment.height
        if not near or fragment.left < places[0] or any(fragment.left < place < fragment.right for place in places):
            break
        end += 1
    return end


def _found(rows: list[Row]) -> FoundTable:
    """The table of rows as they stand from left to right; where the language runs to the left, so do the cells."""
    text = "".join(text_of(cell) for row in rows for cell in row)
    if 2 * len(RIGHT_TO_LEFT.findall(text)) > sum(map(str.isalpha, text)):
        rows = [row[::-1] for row in rows]
    return FoundTable(rows, _headers(rows))


def _headers(rows: Sequence[Row]) -> int:
    """How many of the rows name the columns: none where the first one has values as those below do."""
    texts = [[text_of(cell) for cell in row] for row in rows]
    for column in range(len(texts[0])):
        below = [row[column] for row in texts[1:] if row[column]]
        if below and is_value(texts[0][column]) and sum(map(is_value, below)) >= 0.7 * len(below):
            return 0
    return header_rows_of(texts)


def text_ends_label(fragment: Fragment) -> bool:
    """Whether a fragment names what stands on its right."""
    return fragment.text[-1:] in (":", "：")
