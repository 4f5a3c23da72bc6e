"""Which tables a sheet holds: people put titles above them, notes below, and several on one sheet.

Knows rows of texts only; csv files are laid out alike.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.text.table_headers import header_rows_of, is_value

Row = tuple[int, list[str]]  # number in the file, cells

_MOST_ANALYSED_ROWS = 20_000  # a longer sheet is one table: nobody lays out so much by hand
_MOST_TITLE_ROWS = 10
# What begins as a note does, or ends as a sentence does
_SENTENCE_END = re.compile(r"[。！？；]|[a-z)][.!?](?:\s|$)")
_SHORTEST_SENTENCE = 12  # characters
_NOTE = re.compile(
    r"(?:[*※]|[（(\[【]?(?:备?注|附注|说明|notes?|remarks?|nb)[\d一二三]?\s*[:：.）)\]】])"
    r"|.{12,}[。.！!；;]\s*$",
    re.IGNORECASE | re.DOTALL,
)


def write_grid(rows: Iterable[Row], writer: PageWriter) -> None:
    """Write the rows of a sheet: titles as paragraphs, each table with its header. A long sheet is never held whole."""
    filled = (row for row in rows if any(row[1]))
    first = list(itertools.islice(filled, _MOST_ANALYSED_ROWS + 1))
    if len(first) > _MOST_ANALYSED_ROWS:
        _write_long(first, filled, writer)
        return
    blocks = list(_blocks(first))
    for block in blocks:
        _write_block(block, writer, is_only=len(blocks) == 1)


def _write_long(first: list[Row], rest: Iterator[Row], writer: PageWriter) -> None:
    """Write a sheet of one long table, which rows follow that are not read yet.

    A column that is blank in all of the `first` rows is left out; what a later row has there stands at its end.
    """
    titles = list(itertools.takewhile(lambda row: sum(map(bool, row[1])) == 1, first[:_MOST_TITLE_ROWS]))
    for _, cells in titles:
        writer.paragraph(next(filter(None, cells)), separator="\n")
    body = first[len(titles) :]
    used = sorted({column for _, cells in body for column, cell in enumerate(cells) if cell})
    blank = sorted(set(range(max(used, default=0))).difference(used))

    def written(row: Row) -> Row:
        number, cells = row
        shown = [cells[column] for column in used if column < len(cells)]
        late = [cells[column] for column in blank if column < len(cells) and cells[column]]
        return number, [*shown, *cells[max(used, default=0) + 1 :], *late]

    header_rows = header_rows_of([written(row)[1] for row in body[:4]])
    writer.table(map(written, itertools.chain(_consumed(body), rest)), header_rows=header_rows)


def _consumed(rows: list[Row]) -> Iterator[Row]:
    """The rows, each let go once it was given."""
    rows.reverse()
    while rows:
        yield rows.pop()


def _write_block(rows: list[Row], writer: PageWriter, *, is_only: bool) -> None:
    """Write one table; rows with a single cell above it are its title, not its header."""
    body = list(rows)
    titles: list[Row] = []
    while body and len(titles) < _MOST_TITLE_ROWS and sum(map(bool, body[0][1])) == 1:
        titles.append(body.pop(0))
    if not body:  # a list of one column, or text typed into a sheet
        if not is_only or _is_prose([next(filter(None, cells)) for _, cells in titles]):
            for _, cells in titles:
                writer.paragraph(next(filter(None, cells)), separator="\n")
        else:
            writer.table(_without_blank_columns(titles))
        return
    for _, cells in titles:
        writer.paragraph(next(filter(None, cells)), separator="\n")
    notes: list[str] = []
    while len(body) > 2 and (note := _note(body[-1][1])):
        notes.insert(0, note)
        body.pop()
    table = list(_without_blank_columns(body))
    writer.table(table, header_rows=header_rows_of([cells for _, cells in table[:4]]))
    for note in notes:
        writer.paragraph(note)


def _is_prose(lines: list[str]) -> bool:
    """Whether a sheet of one column is running text: at least half of its lines hold a sentence."""
    return sum(_SENTENCE_END.search(line, _SHORTEST_SENTENCE) is not None for line in lines) * 2 >= len(lines) > 1


def _note(cells: list[str]) -> str:
    """The text of a row that is no row of the table above it but a note: one cell that says so, or a sentence."""
    said = [cell for cell in cells if cell]
    return said[0] if len(said) == 1 and _NOTE.match(said[0].strip()) else ""


def _blocks(rows: list[Row]) -> Iterator[list[Row]]:
    """Part a sheet at blank rows and columns, where what follows begins with a header or a title of its own."""
    part: list[Row] = []
    for (before, _), row in pairwise([(0, [""]), *rows]):
        if part and row[0] > before + 1 and _begins_a_table(row[1], part):
            yield from _side_by_side(part)
            part = []
        part.append(row)
    if part:
        yield from _side_by_side(part)


def _begins_a_table(cells: list[str], part: list[Row]) -> bool:
    """Whether a row after a blank one is a title or header: names without values, or other columns than before."""
    own = {column for column, cell in enumerate(cells) if cell}
    before = {column for _, earlier in part for column, cell in enumerate(earlier) if cell}
    if len(own) == 1:  # a title; a cell far from the table is one of its own
        return len(before) > 1 and min(before) <= min(own) <= max(before)
    has_values = any(is_value(cell) for cell in cells if cell)
    return not has_values or not own <= before


def _side_by_side(rows: list[Row]) -> Iterator[list[Row]]:
    """Part a block at a blank column between two tables of at least two columns and two rows each."""
    width = max(len(cells) for _, cells in rows)
    used = [any(column < len(cells) and cells[column] for _, cells in rows) for column in range(width)]
    groups: list[list[int]] = [[]]
    for column, is_used in enumerate(used):
        if is_used:
            groups[-1].append(column)
        elif groups[-1]:
            groups.append([])
    groups = [group for group in groups if group]
    parts = [_columns(rows, group[0], group[-1] + 1) for group in groups]
    if len(groups) < 2 or any(len(group) < 2 or len(part) < 2 for group, part in zip(groups, parts, strict=True)):
        yield rows
    else:
        yield from parts


def _columns(rows: list[Row], first: int, last: int) -> list[Row]:
    return [(number, cells[first:last]) for number, cells in rows if any(cells[first:last])]


def _without_blank_columns(rows: list[Row]) -> Iterator[Row]:
    used = sorted({column for _, cells in rows for column, cell in enumerate(cells) if cell})
    for number, cells in rows:
        yield number, [cells[column] for column in used if column < len(cells)]
