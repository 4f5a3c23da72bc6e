"""Finds tables among the lines of a PDF page: lines one after the other whose cells stand in the same columns.

Ruled lines are not looked at. A cell wrapped to a second line is joined to its row.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag.pdf_lines import Fragment, Glyph, Line

_FEWEST_ROWS = 3
_FULL_ROWS = 0.6  # share of rows that must have a cell in every column

Row = list[list[Glyph]]


def table_runs(lines: Sequence[Line]) -> list[tuple[int, int, list[Row]]]:
    """Return (first line, line after the last, rows of cells) of every table."""
    runs: list[tuple[int, int, list[Row]]] = []
    position = 0
    while position < len(lines):
        end = position
        while end < len(lines) and len(lines[end].fragments) > 1:
            end += 1
        columns = _columns(lines[position:end])
        if end - position >= _FEWEST_ROWS and columns:
            end = _with_wrapped_cells(lines, position, end, columns)
            runs.append((position, end, _rows(lines[position:end], columns)))
        position = max(end, position + 1)
    return runs


def _columns(lines: Sequence[Line]) -> list[tuple[float, float]]:
    """Return the x ranges of the columns, [] where the lines' cells do not stand under each other."""
    ranges: list[list[float]] = []
    for fragment in sorted((f for line in lines for f in line.fragments), key=lambda f: f.left):
        if ranges and fragment.left < ranges[-1][1]:
            ranges[-1][1] = max(ranges[-1][1], fragment.right)
        else:
            ranges.append([fragment.left, fragment.right])
    full = sum(len(line.fragments) == len(ranges) for line in lines)
    return [(a, b) for a, b in ranges] if len(ranges) > 1 and full >= _FULL_ROWS * len(lines) else []


def _with_wrapped_cells(
    lines: Sequence[Line], start: int, end: int, columns: Sequence[tuple[float, float]]
) -> int:
    """Take in single cells after the last row that go on with a column other than the first."""
    while (
        end < len(lines) and len(lines[end].fragments) == 1 and _column(lines[end].fragments[0], columns) > 0
    ):
        end += 1
    return end


def _column(fragment: Fragment, columns: Sequence[tuple[float, float]]) -> int:
    """Return the number of the column the fragment stands in, -1 for none or several."""
    inside = [
        n
        for n, (left, right) in enumerate(columns)
        if fragment.left < right + 1 and fragment.right > left - 1
    ]
    return inside[0] if len(inside) == 1 else -1


def _rows(lines: Sequence[Line], columns: Sequence[tuple[float, float]]) -> list[Row]:
    rows: list[Row] = []
    for line in lines:
        cells: Row = [[] for _ in columns]
        for fragment in line.fragments:
            cells[max(0, _column(fragment, columns))] += fragment.glyphs
        if rows and len(line.fragments) == 1:
            for cell, more in zip(rows[-1], cells, strict=True):
                cell += more
        else:
            rows.append(cells)
    return rows
