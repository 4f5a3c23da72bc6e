"""Finds tables among the lines of a PDF page: lines one after the other whose cells stand in columns.

Ruled lines are not looked at. A cell wrapped to a second line is joined to its row.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag.loaders.pdf.lines import Fragment, Glyph, Line

_FEWEST_ROWS = 3
_FULL_ROWS = 0.6  # share of rows that must have a cell in every column

Row = list[list[Glyph]]


def table_runs(lines: Sequence[Line]) -> list[tuple[int, int, list[Row]]]:
    """Return (first line, line after the last, rows of cells) of every table."""
    runs: list[tuple[int, int, list[Row]]] = []
    position = taken = 0
    while position < len(lines):
        end = position
        while end < len(lines) and len(lines[end].fragments) > 1:
            end += 1
        columns = _columns(lines[position:end])
        if end - position >= _FEWEST_ROWS and columns:
            start = position
            if start > taken and _is_header(lines[start - 1], lines[start], columns):
                start -= 1
            end = taken = _with_wrapped_cells(lines, end, columns)
            runs.append((start, end, _rows(lines[start:end], columns)))
        position = max(end, position + 1)
    return runs


def _is_header(line: Line, below: Line, columns: Sequence[tuple[float, float]]) -> bool:
    """Tell whether a line whose words stand close together is the header, each word over a column."""
    if line.bottom - below.bottom > 3 * line.height:
        return False
    words = [_column(word[0].left, word[-1].right, columns) for word in _words(line.fragments[0])]
    return len(line.fragments) == 1 and -1 not in words and len(set(words)) == len(columns)


def _words(fragment: Fragment) -> list[list[Glyph]]:
    words: list[list[Glyph]] = [[]]
    for glyph in fragment.glyphs:
        if glyph.text.isspace():
            words.append([])
        else:
            words[-1].append(glyph)
    return [word for word in words if word]


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


def _with_wrapped_cells(lines: Sequence[Line], end: int, columns: Sequence[tuple[float, float]]) -> int:
    """Take in single cells after the last row that go on with a column other than the first."""
    while end < len(lines) and len(lines[end].fragments) == 1:
        fragment = lines[end].fragments[0]
        near = 0 < lines[end - 1].bottom - lines[end].bottom < 2 * fragment.height
        if not near or _column(fragment.left, fragment.right, columns) < 1:
            break
        end += 1
    return end


def _column(left: float, right: float, columns: Sequence[tuple[float, float]]) -> int:
    """Return the number of the column the x range stands in, -1 for none or several."""
    inside = [number for number, (start, end) in enumerate(columns) if left < end + 1 and right > start - 1]
    return inside[0] if len(inside) == 1 else -1


def _rows(lines: Sequence[Line], columns: Sequence[tuple[float, float]]) -> list[Row]:
    rows: list[Row] = []
    for line in lines:
        cells: Row = [[] for _ in columns]
        wrapped = bool(rows) and len(line.fragments) == 1
        pieces = [list(fragment.glyphs) for fragment in line.fragments]
        if len(pieces) == 1 and not wrapped:
            pieces = _words(line.fragments[0])
        for piece in pieces:
            cell = cells[max(0, _column(piece[0].left, piece[-1].right, columns))]
            if cell:
                cell.append(Glyph(-1, " ", 0, 0, 0, 0))
            cell += piece
        if wrapped:
            for cell, more in zip(rows[-1], cells, strict=True):
                cell += more
        else:
            rows.append(cells)
    return rows
