"""Tables of documents as values to compute with: made from the tables in stored pages, one SQL table for each.

A row knows where its line stands on its page: that line is the original text of its cells, and what is cited.
`table_queries` asks questions of them.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain

from minicpm_rag.library.ledger import checksums
from minicpm_rag.library.ledger.connection import Connection, is_sqlite
from minicpm_rag.records import Column, DataTable, Page, Table
from minicpm_rag.text import table_rows
from minicpm_rag.text.cells import Value, total_label, typed

MOST_COLUMNS = 200  # what lies beyond is found by searching only
_LEAST_ROWS = 2
_SENTENCE_ENDS = "。.！!？?；;"
_LONGEST_CAPTION = 80  # characters
# "11月献血人次", "30 day returns": more than a unit stands behind the number
_COUNTED_NAME = re.compile(r"\d[\d.,]{0,12}\s?(?P<words>[一-鿿]{3,}|[a-z]+ [a-z].*)", re.IGNORECASE)
_YEAR_NAME = re.compile(r"(?:19|20)\d\d(?:\s*([^\W\d_]+).*)?")


@dataclass(frozen=True)
class _Found:
    """A table as it stands on one or more pages, still as texts."""

    page: Page
    header: list[str]
    rows: list[tuple[int, int, int, list[str]]]  # page, number in the file, offset of its line, cells
    caption: str
    is_last: bool  # on its page: it may go on at the top of the next one


def data_table(number: int) -> str:
    """The name of the SQL table that holds the rows of a data table."""
    return f"data_{number}"


def add(connection: Connection, document_id: int, pages: Iterable[Page]) -> None:
    """Store the tables of a document's pages, in place of those stored before."""
    remove(connection, document_id)
    for found in _joined(pages):
        if len(found.rows) >= _LEAST_ROWS and len(found.header) > 1:
            _add_one(connection, document_id, found)
    sum_up(connection, document_id)
    connection.execute("UPDATE documents SET tables_read = 1 WHERE id = ?", (document_id,))


def sum_up(connection: Connection, document_id: int) -> None:
    """Give the tables of a document the checksums of what is stored."""
    for number in _numbers(connection, document_id):
        connection.execute("UPDATE data_tables SET checksum = ? WHERE id = ?", (_checksum(connection, number), number))


def damaged(connection: Connection, document_id: int) -> int:
    """How many of a document's tables are not as they were stored; those never stored (`unread`) are none."""
    rows = connection.execute(
        "SELECT data_tables.id, checksum FROM data_tables JOIN documents ON documents.id = document_id "
        "WHERE document_id = ? AND tables_read = 1",
        (document_id,),
    ).fetchall()
    return sum(_checksum(connection, number) != checksum for number, checksum in rows)


def _checksum(connection: Connection, number: int) -> int | None:
    """Of a table's description and rows; None where they cannot be read."""
    described = "SELECT page, label, caption, columns, row_count FROM data_tables WHERE id = ?"
    if not is_sqlite(connection):
        return checksums.of_rows(chain(connection.execute(described, (number,)), read_rows(connection, number)[1]))
    try:
        rows = connection.execute(f"SELECT * FROM {data_table(number)} ORDER BY position")
        return checksums.of_rows(chain(connection.execute(described, (number,)), rows))
    except sqlite3.DatabaseError:  # the table is gone, or a text is none any more
        return None


def _numbers(connection: Connection, document_id: int) -> list[int]:
    rows = connection.execute("SELECT id FROM data_tables WHERE document_id = ?", (document_id,))
    return [int(row[0]) for row in rows]


def remove(connection: Connection, document_id: int) -> None:
    """Delete the tables of a document."""
    for number in _numbers(connection, document_id):
        if is_sqlite(connection):
            connection.execute(f"DROP TABLE IF EXISTS {data_table(number)}")
        else:
            connection.execute("DELETE FROM data_rows WHERE data_table = ?", (number,))
    connection.execute("DELETE FROM data_tables WHERE document_id = ?", (document_id,))


def unread(connection: Connection) -> list[int]:
    """Ready documents whose tables were never stored: those of an older version of this program."""
    rows = connection.execute("SELECT id FROM documents WHERE status = 'ready' AND tables_read = 0")
    return [int(row[0]) for row in rows]


def listed(connection: Connection, kb_id: int) -> list[DataTable]:
    """The tables of a knowledge base's ready documents, in the order in which they were stored."""
    rows = connection.execute(
        "SELECT data_tables.*, documents.title FROM data_tables JOIN documents "
        "ON documents.id = data_tables.document_id AND documents.status = 'ready' "
        "WHERE documents.kb_id = ? ORDER BY data_tables.id",
        (kb_id,),
    )
    return [
        DataTable(
            id=row["id"],
            document_id=row["document_id"],
            title=row["title"],
            page=row["page"],
            label=row["label"],
            caption=row["caption"],
            columns=tuple(Column(**entry | {"texts": tuple(entry["texts"])}) for entry in json.loads(row["columns"])),
            rows=row["row_count"],
        )
        for row in rows
    ]


def _add_one(connection: Connection, document_id: int, found: _Found) -> None:
    width = min(MOST_COLUMNS, len(found.header))
    totals = [total_label(cells) for *_, cells in found.rows]
    columns: list[Column] = []
    values: list[list[Value]] = []
    for position in range(width):
        texts = [cells[position] if position < len(cells) else "" for *_, cells in found.rows]
        column, read = typed(found.header[position], texts, counts=[not total for total in totals])
        columns.append(column)
        values.append(read)
    (number,) = connection.execute(
        "INSERT INTO data_tables(document_id, page, label, caption, columns, row_count) "
        "VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        (
            document_id, found.page.number, found.page.label, found.caption,
            json.dumps([asdict(column) for column in columns], ensure_ascii=False), totals.count(""),
        ),
    ).fetchone()  # fmt: skip
    rows = [
        (position, page, row, start, total or None, *(column[position] for column in values))
        for position, ((page, row, start, _), total) in enumerate(zip(found.rows, totals, strict=True))
    ]
    write_rows(connection, number, width, rows)


def write_rows(connection: Connection, number: int, width: int, rows: Sequence[Sequence[Value | None]]) -> None:
    """Store the rows of a data table: position, page, row, start, label of a total, then `width` cells.

    SQLite has a table for each, which it computes with. PostgreSQL has them packed: a question unpacks them into a
    SQLite database in memory, so that SQL which a model wrote never reaches a server that others share.
    """
    if not is_sqlite(connection):
        packed = zlib.compress(json.dumps([width, rows], ensure_ascii=False).encode(), 6)
        connection.execute("INSERT INTO data_rows(data_table, rows) VALUES (?, ?)", (number, packed))
        return
    name = data_table(number)
    cells = ", ".join(f"c{position}" for position in range(width))
    connection.execute(
        f"CREATE TABLE {name}(position INTEGER PRIMARY KEY, page INTEGER NOT NULL, row INTEGER NOT NULL, "
        f"start INTEGER NOT NULL, total TEXT, {cells})"
    )
    connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * (width + 5))})", rows)


def read_rows(connection: Connection, number: int) -> tuple[int, list[list[Value | None]]]:
    """What `write_rows` stored: the number of cells, and the rows."""
    if not is_sqlite(connection):
        (packed,) = connection.execute("SELECT rows FROM data_rows WHERE data_table = ?", (number,)).fetchone()
        width, rows = json.loads(zlib.decompress(packed))
        return width, rows
    rows = [list(row) for row in connection.execute(f"SELECT * FROM {data_table(number)} ORDER BY position")]
    (columns,) = connection.execute("SELECT columns FROM data_tables WHERE id = ?", (number,)).fetchone()
    return len(json.loads(columns)), rows


def _joined(pages: Iterable[Page]) -> Iterator[_Found]:
    """The tables of pages; one that goes on at the top of the next page of a PDF is one table."""
    pending: _Found | None = None
    for found in (each for page in pages for each in _on_page(page)):
        if (
            pending is not None
            and pending.is_last
            and found.page.kind == pending.page.kind == "page"
            and found.header == pending.header
            and found.rows
            and pending.rows
            and found.page.number == pending.rows[-1][0] + 1
        ):
            pending = _Found(pending.page, pending.header, pending.rows + found.rows, pending.caption, found.is_last)
            continue
        if pending is not None:
            yield pending
        pending = found
    if pending is not None:
        yield pending


def _on_page(page: Page) -> Iterator[_Found]:
    for number, table in enumerate(page.tables, start=1):
        header = table_rows.cells(table.header)
        said: dict[str, str] = {}  # a long table says the same again and again: each text is held once
        rows = [
            (page.number, row, start, [said.setdefault(cell, cell) for cell in _cells_at(page.text, start)])
            for start, row in table.rows
        ]
        if _is_data(header, [cells for *_, cells in rows]):
            first = table.rows[0][1] - 1 if table.rows else 1
            rows.insert(0, (page.number, max(1, first), table.start, header))
            header = [""] * len(header)
        width = max([len(header), *(len(cells) for *_, cells in rows)])
        header += [""] * (width - len(header))
        yield _Found(page, header, rows, _caption(page, table), number == len(page.tables))


def _is_data(header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
    """Whether what was taken for a header is the first row: a table without names for its columns."""
    if not rows:
        return False
    said = [
        (position, typed("", [cell])[0].kind)
        for position, cell in enumerate(header)
        if cell.strip() and not _names_a_year(cell, position, rows) and not _names_a_count(cell, position, rows)
    ]
    values = [(position, kind) for position, kind in said if kind in ("number", "date")]
    below = {
        position: typed("", [cells[position] if position < len(cells) else "" for cells in rows[:50]])[0].kind
        for position, _ in values
    }
    return bool(values) and all(below[position] == kind for position, kind in values)


def _names_a_year(cell: str, position: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a cell such as 2024, "2024 Sales" or 2024年收入 names a column: below are no years, no such unit."""
    found = _YEAR_NAME.fullmatch(cell.strip())
    if found is None:
        return False
    below = [cells[position].strip() for cells in rows if position < len(cells)]
    word = found.group(1)
    return not any(word in text if word else _YEAR_NAME.fullmatch(text) for text in below)


def _names_a_count(cell: str, position: int, rows: Sequence[Sequence[str]]) -> bool:
    """Whether a cell such as 11月献血人次 names a column: below are numbers, none with those words behind it."""
    found = _COUNTED_NAME.fullmatch(cell.strip())
    below = [cells[position].strip() for cells in rows if position < len(cells) and cells[position].strip()]
    return found is not None and bool(below) and not any(found["words"] in text for text in below)


def _caption(page: Page, table: Table) -> str:
    """The heading above a table, or the line just before it where that is short and no sentence."""
    headings = [heading.text for heading in page.headings if heading.start < table.start]
    before = page.text[: table.start].rstrip("\n").rpartition("\n")[2].strip("#* \t")
    is_near = 0 < len(before) <= _LONGEST_CAPTION and not table_rows.is_row(before) and before[-1] not in _SENTENCE_ENDS
    parts = [*headings[-1:], *([before] if is_near and before not in headings[-1:] else [])]
    return " ".join(parts)[: 2 * _LONGEST_CAPTION]


def _cells_at(text: str, start: int) -> list[str]:
    return table_rows.cells(text[start : _line_end(text, start)])


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end
