"""A document cut into sections by its stored headings, and the sentences that say most of each.

Knows no question and no model.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.records import DocumentRow, Page
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

MOST_SECTIONS = 12
_LEAST = 24  # characters; a shorter section belongs to the one before
_LONGEST_LINE = 60  # characters of a heading as it is shown
_MARKED = re.compile(r"#{1,6}[ \t]")  # a heading of Markdown, whatever it says: "# Postmortem: the outage of May 3."
_SHORT = 12  # characters of a statement that says little
_LONG = 260


@dataclass(frozen=True)
class Section:
    """A part of one document: what stands above it, and its passages, one for each page it is on."""

    heading: str
    passages: tuple[Document, ...]

    @property
    def length(self) -> int:
        """How many characters it has."""
        return sum(len(passage.page_content) for passage in self.passages)


def sections(row: DocumentRow, pages: Sequence[Page]) -> list[Section]:
    """The sections of a document in reading order, at most MOST_SECTIONS: small ones are joined."""
    found: list[Section] = []
    for heading, passage in _pieces(row, pages):
        if found and (heading == found[-1].heading or len(passage.page_content) < _LEAST or not heading):
            found[-1] = Section(found[-1].heading, (*found[-1].passages, passage))
        else:
            found.append(Section(heading, (passage,)))
    while len(found) > MOST_SECTIONS:
        place = min(range(len(found) - 1), key=lambda index: found[index].length + found[index + 1].length)
        joined = Section(found[place].heading, found[place].passages + found[place + 1].passages)
        found[place : place + 2] = [joined]
    return found


def told(section: Section) -> list[tuple[int, Statement]]:
    """The statements of a section that can be quoted, each with its passage's place, headings left out."""
    found = []
    for place, passage in enumerate(section.passages):
        for statement in statements(passage):
            bare = statement.text.strip("# ").strip()
            is_marked = _MARKED.match(statement.text) is not None
            if bare and bare != section.heading and not is_marked and not is_heading(passage, statement):
                found.append((place, statement))
    return found


def central(section: Section, count: int) -> list[tuple[int, Statement]]:
    """The statements that share most with the rest of the section, in reading order."""
    all_told = told(section)
    texts = [Counter(terms(statement.text)) for _, statement in all_told]
    spread = Counter(term for text in texts for term in text)
    weights = {term: math.log(1 + len(texts) / number) for term, number in spread.items()}
    whole = Counter[str]()
    for text in texts:
        whole.update(text)

    def score(place: int) -> float:
        text, length = texts[place], len(all_told[place][1].text)
        norm = math.sqrt(sum((weights[term] * number) ** 2 for term, number in text.items())) or 1.0
        shared = sum(weights[term] ** 2 * number * whole[term] for term, number in text.items()) / norm
        fitting = 0.5 if length < _SHORT or length > _LONG else 1.0
        return shared * fitting * (1.15 if place == 0 else 1.0)

    best = sorted(sorted(range(len(texts)), key=lambda place: -score(place))[:count])
    return [all_told[place] for place in best]


def _pieces(row: DocumentRow, pages: Sequence[Page]) -> Iterator[tuple[str, Document]]:
    """The text of each page, parted at its headings of the two highest levels there are."""
    levels = sorted({heading.level for page in pages for heading in page.headings})[:2]
    for page in pages:
        marks = [heading for heading in page.headings if heading.level in levels]
        bounds = [(0, ""), *((mark.start, mark.text) for mark in marks), (len(page.text), "")]
        for (start, heading), (end, _) in pairwise(bounds):
            if page.text[start:end].strip():
                yield heading[:_LONGEST_LINE], _passage(row, page, start, end, heading)


def _passage(row: DocumentRow, page: Page, start: int, end: int, heading: str) -> Document:
    from langchain_core.documents import Document

    header = next((table.header for table in page.tables if table.start <= start < table.end), "")
    return Document(
        page_content=page.text[start:end],
        metadata={
            records.PAGE: page.number,
            records.PAGE_KIND: page.kind,
            records.PAGE_LABEL: page.label,
            records.START: start,
            records.END: end,
            records.HEADINGS: heading,
            records.TABLE_HEADER: header,
            records.DOCUMENT_ID: row.id,
            records.SOURCE: row.source,
            records.TITLE: row.title,
            records.SCORE: 1.0,
        },
    )
