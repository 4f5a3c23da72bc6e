"""Tables of web pages: which hold data, their rows, and how many of these are the header."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.html.shown import inner_text, is_shown
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.text.table_headers import header_rows_of

_MOST_HEADER_ROWS = 3


def is_data_table(table: Any) -> bool:
    """Tell a table of data from one that lays out the page, with tables or headings inside, or one column."""
    if any(True for tag in ("table", "h1", "h2", "h3") for _ in _inside(table, tag)):
        return False
    widths = [sum(1 for cell in row if cell.tag in ("td", "th")) for row in _inside(table, "tr")]
    return len(widths) > 1 and max(widths) > 1


def write_table(table: Any, writer: PageWriter) -> None:
    """Write a table of data under its caption."""
    for caption in table.iterchildren("caption"):
        writer.paragraph(inner_text(caption))
    rows = list(_rows(table))
    declared = 0
    for row in _inside(table, "tr"):
        if not (row.getparent().tag == "thead" or all(cell.tag == "th" for cell in row)):
            break
        declared += 1
    texts = [cells for _, cells in rows[:4] if any(cells)]
    said = declared if 1 < declared <= min(_MOST_HEADER_ROWS, len(rows) - 1) else 1
    writer.table(rows, header_rows=max(said, header_rows_of(texts)))


def _inside(element: Any, tag: str) -> Iterator[Any]:
    for found in element.iter(tag):
        if found is not element:
            yield found


def _rows(table: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a table, first 1; a cell over several rows is repeated in each."""
    waiting: dict[int, tuple[int, str]] = {}  # column: (rows still to fill, text)
    for number, row in enumerate(_inside(table, "tr"), start=1):
        cells: list[str] = []
        for cell in [*(c for c in row if c.tag in ("td", "th") and is_shown(c)), None]:
            while len(cells) in waiting:
                column = len(cells)
                left, text = waiting.pop(column)
                count("cells")
                cells.append(text)
                if left > 1:
                    waiting[column] = (left - 1, text)
            if cell is None:
                break
            text = inner_text(cell)
            column, height, width = len(cells), _span(cell, "rowspan"), _span(cell, "colspan")
            count("cells", width)
            cells += [text] + [""] * (width - 1)
            if height > 1:
                waiting |= {column + step: (height - 1, text if step == 0 else "") for step in range(width)}
        yield number, cells


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1").strip()
    return min(int(value), 1000) if value.isdigit() and value.isascii() and len(value) < 5 and int(value) else 1
