"""Reads tables kept as text: csv and tsv.

Rows are numbered as a spreadsheet would show them: the first is 1.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.files import read_text
from minicpm_rag.loaders.sheets.layout import write_grid
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import reason_of
from minicpm_rag.records import LoadedFile, Page

_LONGEST_CELL = 100_000_000  # characters; the csv module's own limit is 131,072 for the whole process
_DECLARED = re.compile(r"\"?sep=([^\w\n])\"?\r?\n", re.IGNORECASE)
_DELIMITERS = ",;\t|"


def read(path: Path) -> LoadedFile:
    """Read a csv file as one table, whatever mark parts its cells."""
    return read_text(path, _as_declared)


def read_tabbed(path: Path) -> LoadedFile:
    """Read a tsv file as one table."""
    return read_text(path, lambda text: _page(text, "\t"))


def _as_declared(text: str) -> Page:
    """The page of a csv file; a first line such as "sep=;" is for Excel, which does not show it as a row."""
    declared = _DECLARED.match(text)
    return _page(text[declared.end() :], declared.group(1)) if declared else _page(text, _delimiter(text))


def _page(text: str, delimiter: str) -> Page:
    csv.field_size_limit(_LONGEST_CELL)
    writer = PageWriter()
    try:
        write_grid(enumerate(_rows(text, delimiter), start=1), writer)
    except csv.Error as exc:
        raise DocumentError("loaders.table_unreadable", why=reason_of(exc)) from exc
    return writer.page(1, kind="sheet")


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    for row in csv.reader(_lines(text), delimiter=delimiter):
        count("cells", len(row))
        yield row


def _lines(text: str) -> Iterator[str]:
    """The lines one by one: a long file is not held twice."""
    start = 0
    while start < len(text):
        end = text.find("\n", start) + 1 or len(text)
        yield text[start:end]
        start = end


def _delimiter(text: str) -> str:
    """Return the mark that parts the first lines into the same number of cells, more than one."""
    sample = "\n".join(text[:20_000].split("\n")[:20])
    best, best_score = ",", 0.0
    for mark in _DELIMITERS:
        widths = [len(row) for row in csv.reader(io.StringIO(sample, newline=""), delimiter=mark) if row]
        usual = max(set(widths), key=widths.count, default=1)
        score = widths.count(usual) / len(widths) + 0.01 * usual if usual > 1 else 0.0
        if score > best_score:
            best, best_score = mark, score
    return best
