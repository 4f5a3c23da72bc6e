"""Builds the text of one page from headings, paragraphs and table rows, and keeps where each of them lies.

Knows nothing of file formats. Text is cleaned here, so that every loader stores the same kind of text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence

from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.encodings import clean
from minicpm_rag.records import Heading, Page, PageKind, Table
from minicpm_rag.text.table_headers import joined_header

_BLANKS = re.compile(r"(?<![ \t\u3000])[ \t\u3000]*\n\s*|[ \t]{2,}")
_LINE_END_SPACES = re.compile(r"(?<![ \t\u3000])[ \t\u3000]+\n")
_MANY_LINES = re.compile(r"\n{3,}")


class PageWriter:
    """The page being written."""

    def __init__(self) -> None:
        self._text = io.StringIO(newline="")
        self._length = 0
        self._headings: list[Heading] = []
        self._tables: list[Table] = []

    def heading(self, text: str, level: int) -> None:
        """Add a heading on its own line; an empty one is left out."""
        line = one_line(text)
        if line:
            start = self._append(line, "\n\n")
            self._headings.append(Heading(start, level, line))

    def paragraph(self, text: str, *, separator: str = "\n\n") -> None:
        """Add text after `separator`; line ends inside it are kept."""
        block = _MANY_LINES.sub("\n\n", _LINE_END_SPACES.sub("\n", clean(text))).strip("\n\t ")
        if block.strip():
            self._append(block, separator)

    def table(self, rows: Iterable[tuple[int, Sequence[str]]], *, header_rows: int = 1) -> None:
        """Add rows of (number in the file, cells), the header first, as Markdown lines without blank ones.

        Of several header rows the text keeps each; the table's header says of each column what stands above it.
        """
        headers: list[Sequence[str]] = []
        offsets: list[tuple[int, int]] = []
        start = self._length
        for number, cells in rows:
            line = table_line(cells)
            if not line:
                continue
            offset = self._append(line, "\n" if headers else "\n\n")
            if len(headers) >= max(1, header_rows):
                offsets.append((offset, number))
                continue
            start = start if headers else offset
            headers.append(cells)
        if headers:
            header = table_line(joined_header(headers))
            self._tables.append(Table(start, self._length, header, tuple(offsets)))

    def page(self, number: int, *, kind: PageKind = "text", label: str = "") -> Page:
        """Return what was written as a page."""
        return Page(number, self._text.getvalue(), kind, label, tuple(self._headings), tuple(self._tables))

    def _append(self, text: str, separator: str) -> int:
        """Add text, return the offset it starts at."""
        count("characters", len(separator) + len(text))
        if self._length:
            self._text.write(separator)
            self._length += len(separator)
        start = self._length
        self._text.write(text)
        self._length += len(text)
        return start


def one_line(text: str) -> str:
    """Return the text cleaned and on one line."""
    return _BLANKS.sub(" ", clean(text).strip()).strip()


def table_line(cells: Sequence[str]) -> str:
    """Return a Markdown table row, "" when every cell is blank; empty cells at the end are left out."""
    texts = [one_line(cell).replace("|", "\\|") if cell else "" for cell in cells]
    while texts and not texts[-1]:
        texts.pop()
    return f"| {' | '.join(texts)} |" if texts else ""
