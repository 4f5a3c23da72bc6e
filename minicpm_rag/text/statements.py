"""The pieces of a passage that can be quoted: sentences and table rows, where they lie and how they read.

Knows no question and no answer.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from minicpm_rag.records import PAGE_KIND, TABLE_HEADER
from minicpm_rag.text.scripts import has_wide
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.table_headers import MOST_HEADER_ROWS, header_rows_of, joined_header
from minicpm_rag.text.table_rows import ROWS, cells, is_rule

if TYPE_CHECKING:
    from langchain_core.documents import Document

_LONGEST_ROW = 240  # characters: a row with a longer text in a cell is quoted by its sentences
_LONGEST_JOINED = 160  # characters: clauses that end with a semicolon are joined up to this length
_BESIDE = 100  # characters before and after a heading in which its line must begin and end
_QUOTED = re.compile(r"^[ \t]*(?:>[ \t]?)+", re.MULTILINE)  # what a mail quotes of the one before
_INK = re.compile(r"\S")
# No sentence's end, no list item, no "name: value".
_HEADING = re.compile(r"(?![-*•·])[^\n:：|]{1,60}(?<![.。!?！？;；,，…])")
_NUMBERED = re.compile(r"#{1,6}[ \t]|第[一二三四五六七八九十百\d]+[章节条]|[（(]?[一二三四五六七八九十]+[、）)]")
# "3. Deposit": a heading where a blank line stands before it and no other number after it, as in a list.
_COUNTED = re.compile(r"\d{1,2}(?:\.\d{1,2}){0,3}[.)、]?[ \t]*[^\W\d]")
_MOST_DIGITS = 0.4  # of a heading's characters: above that it is a telephone number, a date or a price


@dataclass(frozen=True)
class Statement:
    """A sentence or table row of a passage: `page_content[start:end]`. `header` is the row's header line."""

    start: int
    end: int
    text: str
    header: str = ""

    @property
    def readable(self) -> str:
        """The text as it is shown: a row as "Model: AL-200; Price: 1299", a sentence on one line.

        The marks of what a mail quotes are left out.
        """
        if not ROWS.fullmatch(self.text):
            return " ".join(_QUOTED.sub("", self.text).split())
        names = cells(self.header) if self.header else []
        pairs = [(name, cell) for name, cell in zip_longest(names, cells(self.text), fillvalue="") if cell]
        wide = any(has_wide(name + cell) for name, cell in pairs)
        colon, semicolon = ("：", "；") if wide else (": ", "; ")
        return semicolon.join(f"{name}{colon}{cell}" if name else cell for name, cell in pairs)


def statements(document: Document) -> list[Statement]:
    """Cut a passage into statements in reading order; header lines of tables and their rules are not among them."""
    text = document.page_content
    found: list[Statement] = []
    header = str(document.metadata.get(TABLE_HEADER) or "")
    position = 0
    header_end = 0  # of a header that the passage holds
    rows = list(ROWS.finditer(text))
    for number, row in enumerate(rows):
        between = _sentences(text, position, row.start())
        if between and position:
            header = ""  # prose between two tables: the next row is a header
        found += between
        position = row.end()
        if not header:
            header, header_end = _header(text, rows[number : number + MOST_HEADER_ROWS + 1])
        elif is_rule(row.group()) or row.start() < header_end:
            continue
        elif row.end() - row.start() <= _LONGEST_ROW:
            found.append(Statement(row.start(), row.end(), row.group(), header))
        else:
            found += _sentences(text, row.start(), row.end(), header)
    return found + _sentences(text, position, len(text))


def _header(text: str, rows: Sequence[re.Match[str]]) -> tuple[str, int]:
    """The header that the first of the rows begins, as one line, and where it ends: "2023" may stand above "Sales"."""
    together = list(rows[:1])
    for row in rows[1:]:
        if text[together[-1].end() : row.start()].strip():
            break
        together.append(row)
    said = [cells(row.group()) for row in together]
    count = header_rows_of(said)
    header = rows[0].group().strip() if count == 1 else f"| {' | '.join(joined_header(said[:count]))} |"
    return header, together[count - 1].end()


def is_heading(document: Document, statement: Statement) -> bool:
    """Tell whether the statement reads like the heading of what follows it: a short line by itself.

    Either it is numbered or marked as one, or blank lines are around it. Not every format says what is a heading;
    slides do, and all that they say stands on short lines by itself.
    """
    if document.metadata.get(PAGE_KIND) == "slide":
        return False
    line, text, start, end = statement.text, document.page_content, statement.start, statement.end
    before = text[max(0, start - _BESIDE) : start].rpartition("\n")[2]
    after, line_end, _ = text[end : end + _BESIDE].partition("\n")
    alone = line_end and len(before) < _BESIDE and not before.strip() and not after.strip()
    if statement.header or not alone or not _HEADING.fullmatch(line) or not _INK.search(text, end):
        return False
    if sum(character.isdigit() for character in line) > _MOST_DIGITS * len(line):
        return False
    apart = not _INK.search(text, 0, start) or text.endswith("\n\n", 0, start)
    if apart and _COUNTED.match(line) and not _COUNTED.match(text[end:].lstrip()):
        return True
    return bool(_NUMBERED.match(line)) or (apart and text.startswith("\n\n", end))


def _sentences(text: str, start: int, end: int, header: str = "") -> list[Statement]:
    found: list[Statement] = []
    for a, b in sentence_spans(text[start:end]):
        a, b = start + a, start + b
        last = found[-1] if found else None
        if last and _continues(text, last, a) and b - last.start <= _LONGEST_JOINED:
            found[-1] = Statement(last.start, b, text[last.start : b], header)
        elif any(character.isalnum() for character in text[a:b]):
            found.append(Statement(a, b, text[a:b], header))
    return found


def _continues(text: str, last: Statement, start: int) -> bool:
    """Tell whether the sentence at `start` goes on after a semicolon: half of it would be a poor quote."""
    return last.text[-1] in "；;" and "\n" not in text[last.end : start]
