"""What a page is about, in words that fit into a question: headings worth asking for, cells of its tables.

Plain rules on text; it does not know who asks.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath
from typing import TYPE_CHECKING

from minicpm_rag.text.table_rows import cells

if TYPE_CHECKING:
    from minicpm_rag.records import Page

LONGEST_SUBJECT = 40
ROWS_READ = 2
MOST_SHARED = 8  # values in a column by which rows are grouped
MOST_ROWS = 20  # of a table whose rows one asks about by name
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_NUMBER = re.compile(
    r"(?:第[一二三四五六七八九十百\d]{1,12}[章节条篇部]|[（(][一二三四五六七八九十\d]{1,12}[)）]"
    r"|[一二三四五六七八九十]{1,12}[、.．]|\d{1,9}(?:\.\d{1,9}){0,9}[、.．)]?(?=\s)|\d{1,9}[、.．)]"
    r"|(?:chapter|section|part)\s+\w{1,40}[:.]?)\s*",
    re.IGNORECASE,
)
# Headings that say where one is, not what it is about.
_EMPTY = re.compile(
    r"(?:welcome|introduction|intro|overview|(?:table of )?contents|index|preface|foreword|summary|abstract|about.*"
    r"|background|general|conclusions?|references|appendix.*|contacts?|notes?|faq|glossary|imprint|disclaimer|copyright"
    r"|acknowledge?ments|revision history|欢迎.*|目录|前言|引言|序言?|总则|附则|附录.*|结语"
    r"|摘要|致谢|说明|备注|关于.*|背景|参考文献|联系.*|常见问题|版权.*|修订.*|.*(?:简介|概述|概况|须知))",
    re.IGNORECASE,
)
_NAMED = re.compile(r"(?=.*\d)(?=.*[^\W\d])[\w .+/-]{2,30}")
# Words at the beginning of a heading or title that make it no noun.
_NO_NOUN = re.compile(
    r"\w+ing|how|what|why|when|where|which|who|if|with|without|in|on|at|for|to|from|by|the|a|an|our|your|you|we|is|are|can|do",
    re.IGNORECASE,
)
_SLASH = re.compile(r"(?<!\s)\s*[/|／｜]\s*")  # between the same words in two languages
# What nobody asks for as "the … of": a participle, or several things.
_NO_VALUE = re.compile(r".*(?:ed|[^s]s)", re.IGNORECASE)
_AMOUNT = re.compile(r"[¥$€]?\d[\d,.]*")
_HAS_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"\d{4}[-/.年]\d{1,2}")
_UNIT = re.compile(r"\s{0,9}[（(][^（()）]*[)）]\s*$")


def file_title(name: str) -> str:
    """What a file is about, by its name."""
    return re.sub(r"[_\-\s]+", " ", PurePath(name).stem).strip()


def own_title(page: Page) -> str:
    """The title that the first page begins with; empty where it begins otherwise, or is nothing but a title."""
    if len(page.headings) < 2 or not _is_first(page):
        return ""
    title = re.split(r"[,:，：]\s*", page.headings[0].text.strip())[0]
    return title if 2 <= len(title) <= LONGEST_SUBJECT else ""


def _is_first(page: Page) -> bool:
    """Whether the first heading stands before all text but front matter."""
    return not _FRONT_MATTER.sub("", page.text[: page.headings[0].start]).strip(" #\n")


def of_page(page: Page) -> Iterator[str]:
    """Headings below the title that say what follows; in a text without headings, lines that look like some."""
    headings = [heading.text for heading in page.headings]
    if own_title(page) or (page.number == 1 and len(headings) == 1 and _is_first(page)):
        headings = headings[1:]
        if not headings:
            return
    for heading in headings or _lines_apart(page.text):
        number = _NUMBER.match(heading.strip())
        subject = heading.strip()[number.end() if number else 0 :].strip()
        if 2 <= len(subject) <= LONGEST_SUBJECT and not all(map(_EMPTY.fullmatch, _SLASH.split(subject))):
            yield subject


def _lines_apart(text: str) -> Iterator[str]:
    """Numbered lines on their own."""
    for line in text.split("\n"):
        if _NUMBER.match(line.strip()) and len(line.strip()) <= LONGEST_SUBJECT and not re.search(r"[。；;.]$", line):
            yield line


def table_cells(page: Page) -> Iterator[tuple[str, str]]:
    """What a row's first cell names by a number ("AL-100"), and the column of the row's first value."""
    for table in page.tables:
        if len(table.rows) > MOST_ROWS:
            continue
        columns = [_UNIT.sub("", cell) for cell in cells(table.header)]
        for start, _ in table.rows[:ROWS_READ]:
            row = cells(page.text[start:].split("\n", 1)[0])
            numbers = [
                index for index, cell in enumerate(row[1:], 1) if re.match(r"[¥$€]?\d", cell) and not _DATE.match(cell)
            ]
            if numbers and numbers[0] < len(columns) and _NAMED.fullmatch(row[0]):
                column = columns[numbers[0]]
                is_asked_for = not _HAS_DIGIT.search(column) and not _NO_VALUE.fullmatch(column)
                if is_asked_for and 2 <= len(column) <= LONGEST_SUBJECT:
                    yield row[0], column


def table_totals(page: Page) -> Iterator[tuple[str, str]]:
    """A value that many rows of a long table share, and the column whose numbers, of a unit, could be added up."""
    for table in page.tables:
        names, rows = cells(table.header), [cells(page.text[start:].split("\n", 1)[0]) for start, _ in table.rows]
        if len(rows) <= MOST_ROWS or any(len(row) != len(names) for row in rows):
            continue
        columns = list(zip(names, zip(*rows, strict=True), strict=True))
        shared = [Counter(values) for _, values in columns if not any(map(_HAS_DIGIT.search, values))]
        told = next((counts for counts in shared if 1 < len(counts) <= MOST_SHARED and "" not in counts), None)
        summed = [name for name, values in columns if _UNIT.search(name) and all(map(_AMOUNT.fullmatch, values))]
        if told and summed:
            yield told.most_common(1)[0][0], _UNIT.sub("", summed[0])


def in_a_sentence(words: str) -> str:
    """The words as they stand inside a sentence: "Working hours" begins small, "AirLeaf" and "EU law" do not."""
    first, _, rest = words.partition(" ")
    if rest and words.isascii() and _NO_NOUN.fullmatch(first) and not first.lower().endswith("ing"):
        return f"“{words}”"
    plain = first.isascii() and first[:1].isupper() and (first[1:].islower() or len(first) == 1)
    return words[:1].lower() + words[1:] if plain and rest == rest.lower() else words


def with_article(title: str) -> str:
    """An English title as it stands inside a sentence."""
    return f"“{title}”" if _NO_NOUN.fullmatch(title.split(" ")[0]) else f"the {in_a_sentence(title)}"
