"""Reads OpenDocument spreadsheets (ods) as they are shown: the file keeps each cell's text beside its value.

Full dates are written as ISO dates, as for Excel. The format: OASIS OpenDocument 1.3, part 3, chapter 9.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from typing import Any

from minicpm_rag.loaders.bounds import count, number_of
from minicpm_rag.loaders.opendocument.names import OFFICE, STYLE, TABLE, TEXT
from minicpm_rag.loaders.sheets.layout import Row, write_grid
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.records import Page

# Day, month and year: in numbers, or the month as a word. "March 2026" is no day.
_FULL_DATE = re.compile(
    r"\d{1,4}\W{1,3}\d{1,4}\W{1,3}\d{1,4}|\d{1,2}\W{1,3}[^\W\d]{3,12}\W{1,3}\d{1,4}"
    r"|[^\W\d]{3,12}\W{1,3}\d{1,2}\W{1,3}\d{4}"
)
_CELLS = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")


def open_document_pages(archive: zipfile.ZipFile, hidden_label: str) -> list[Page]:
    """One page for each sheet; raises KeyError or SyntaxError where the archive holds no such document."""
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    root = etree.fromstring(archive.read("content.xml"), parser)
    hidden = {
        style.get(f"{STYLE}name")
        for style in root.iter(f"{STYLE}style")
        if any(part.get(f"{TABLE}display") == "false" for part in style.iterchildren(f"{STYLE}table-properties"))
    }
    pages = []
    for number, table in enumerate(root.iterfind(f"{OFFICE}body/{OFFICE}spreadsheet/{TABLE}table"), start=1):
        writer = PageWriter()
        notes: list[str] = []
        write_grid(_rows(table, notes), writer)
        for note in notes:
            writer.paragraph(note)
        title = table.get(f"{TABLE}name", "")
        label = hidden_label.format(title=title) if table.get(f"{TABLE}style-name") in hidden else title
        pages.append(writer.page(number, kind="sheet", label=label))
    return pages


def _rows(table: Any, notes: list[str]) -> Iterator[Row]:
    """The rows with cells, by their numbers; a cell that spans rows stands in each of them. Comments go to `notes`."""
    number = 1
    spanning: dict[int, tuple[int, str]] = {}  # column -> last row, text
    for row in table.iter(f"{TABLE}table-row"):
        repeated = max(1, number_of(row.get(f"{TABLE}number-rows-repeated"), 1))
        cells: list[str] = []
        blank = 0
        for cell in row.iterchildren(*_CELLS):
            times = max(1, number_of(cell.get(f"{TABLE}number-columns-repeated"), 1))
            column = len(cells) + blank
            last, above = spanning.get(column, (0, ""))
            is_covered = cell.tag == _CELLS[1]
            text = (above if last >= number else "") if is_covered else _text(cell)
            rows_spanned = number_of(cell.get(f"{TABLE}number-rows-spanned"), 1)
            if text and rows_spanned > 1:
                spanning[column] = (number + rows_spanned - 1, text)
            notes += [f"{_letters(column)}{number}: {note}" for note in _notes(cell)]
            if not text:
                blank += times
                continue
            count("cells", blank + times)
            cells += [""] * blank + [text] * times
            blank = 0
        if cells:
            count("cells", len(cells) * (repeated - 1))
            for offset in range(repeated):
                yield number + offset, list(cells)
        number += repeated


def _text(cell: Any) -> str:
    """What the cell shows; a full date as ISO writes it."""
    paragraphs = cell.iterchildren(f"{TEXT}p")
    text = one_line(" ".join("".join(_words(paragraph)) for paragraph in paragraphs))
    count("characters", len(text))
    date = cell.get(f"{OFFICE}date-value", "")
    if date and _FULL_DATE.search(text):
        day, _, time = date.partition("T")
        return day if time in ("", "00:00:00") else f"{day} {time[:5]}"
    return text or cell.get(f"{OFFICE}value", "") or date


def _words(element: Any) -> Iterator[str]:
    """The text of a paragraph, spaces counted and tabs included, comments not."""
    yield element.text or ""
    for child in element:
        if child.tag == f"{TEXT}s":
            yield " " * min(number_of(child.get(f"{TEXT}c"), 1), 1000)
        elif child.tag in (f"{TEXT}tab", f"{TEXT}line-break"):
            yield " "
        elif isinstance(child.tag, str) and child.tag != f"{OFFICE}annotation":
            yield from _words(child)
        yield child.tail or ""


def _notes(cell: Any) -> Iterator[str]:
    for note in cell.iterchildren(f"{OFFICE}annotation"):
        text = one_line(" ".join("".join(_words(paragraph)) for paragraph in note.iterchildren(f"{TEXT}p")))
        if text:
            yield text


def _letters(column: int) -> str:
    """A column's name: A for 0, AA for 26."""
    name = ""
    while column >= 0:
        column, rest = divmod(column, 26)
        name, column = chr(65 + rest) + name, column - 1
    return name
