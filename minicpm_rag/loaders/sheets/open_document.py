"""Reads OpenDocument spreadsheets (ods) as they are shown: the file keeps each cell's text beside its value.

Full dates are written as ISO dates, as for Excel. The format: OASIS OpenDocument 1.3, part 3, chapter 9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

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


class Readable(Protocol):
    """A file or a part of one."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes more."""


_STYLE, _TABLE, _ROW = f"{STYLE}style", f"{TABLE}table", f"{TABLE}table-row"
_CELLS = (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")


def open_document_pages(part: Readable, hidden_label: str, damaged: list[str]) -> list[Page]:
    """One page for each sheet, never held whole; a damaged document is read as far as it goes and is named `damaged`.

    `part` is the content of a packed document, or a flat one.
    """
    from lxml import etree

    hidden: set[str] = set()
    pages: list[Page] = []
    events = etree.iterparse(
        part,
        events=("start", "end"),
        tag=(_STYLE, _TABLE, _ROW),
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        recover=True,
    )
    for event, element in events:
        if event == "end" and element.tag == _STYLE:
            parts = element.iterchildren(f"{STYLE}table-properties")
            if any(each.get(f"{TABLE}display") == "false" for each in parts):
                hidden.add(element.get(f"{STYLE}name", ""))
        elif event == "start" and _is_sheet(element):
            title = element.get(f"{TABLE}name", "")
            label = hidden_label.format(title=title) if element.get(f"{TABLE}style-name") in hidden else title
            writer = PageWriter()
            notes: list[str] = []
            write_grid(_rows(_elements(events, element), notes), writer)
            for note in notes:
                writer.paragraph(note)
            pages.append(writer.page(len(pages) + 1, kind="sheet", label=label))
    if len(events.error_log):
        damaged.append("content.xml")
    return pages


def _is_sheet(element: Any) -> bool:
    parent = element.getparent()
    return element.tag == _TABLE and parent is not None and parent.tag == f"{OFFICE}spreadsheet"


def _elements(events: Iterator[tuple[str, Any]], sheet: Any) -> Iterator[Any]:
    """The row elements of a sheet up to its end, each let go with what is before it."""
    for event, element in events:
        if event == "start":
            continue
        if element is sheet:
            break
        if element.tag == _ROW:
            if next(element.iterancestors(_TABLE), None) is not sheet:
                continue  # of the table that a chart keeps, in a flat document
            yield element
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]
    sheet.clear()


def _rows(elements: Iterable[Any], notes: list[str]) -> Iterator[Row]:
    """The rows with cells, by their numbers; a cell that spans rows stands in each of them. Comments go to `notes`."""
    number = 1
    spanning: dict[int, tuple[int, str]] = {}  # column -> last row, text
    for row in elements:
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
