"""An answer that is made of parts, each with its own passages and citations: summaries, comparisons, several questions.

Knows numbers and offsets only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, END, PAGE, START, Answer, Citation, Text

if TYPE_CHECKING:
    from langchain_core.documents import Document

_MARK = re.compile(r"\[(\d{1,3})\]")


class Composed:
    """An answer made of parts: the marks and places of each are moved to where it stands in the whole."""

    def __init__(self, begun: Answer) -> None:
        self.answer = replace(begun, documents=[])

    def add(self, part: str) -> Text:
        """Add text without citations."""
        self.answer = replace(self.answer, text=self.answer.text + part)
        return Text(part)

    def add_cited(
        self,
        part: str,
        citations: Sequence[Citation],
        documents: Sequence[Document],
        unsupported: Sequence[tuple[int, int]] = (),
    ) -> Text:
        """Add text whose marks number `documents` from 1.

        Passages that are cited get the next numbers; one that was cited before keeps its own. Each citation keeps its
        own document, which is labelled with the section of the quote.
        """
        known = list(self.answer.documents)
        places = {_place(document): number for number, document in enumerate(known, start=1)}
        numbers: dict[int, int] = {}
        for local in dict.fromkeys(one.number for one in citations):
            document = documents[local - 1]
            if _place(document) not in places:
                known.append(document)
                places[_place(document)] = len(known)
            numbers[local] = places[_place(document)]
        start = len(self.answer.text)

        def written(mark: re.Match[str]) -> str:
            return f"[{numbers.get(int(mark[1]), mark[1])}]"

        def place(offset: int) -> int:
            return start + len(_MARK.sub(written, part[:offset]))

        moved = _MARK.sub(written, part)
        placed = [
            replace(
                one,
                number=numbers[one.number],
                sentence_start=place(one.sentence_start),
                sentence_end=place(one.sentence_end),
            )
            for one in citations
        ]
        self.answer = replace(
            self.answer,
            text=self.answer.text + moved,
            documents=known,
            citations=[*self.answer.citations, *placed],
            unsupported=[*self.answer.unsupported, *((place(first), place(last)) for first, last in unsupported)],
        )
        return Text(moved)


def _place(document: Document) -> tuple[object, ...]:
    """Where a passage stands; what tells one without a place is its text."""
    metadata = document.metadata
    place = tuple(metadata.get(key) for key in (DOCUMENT_ID, PAGE, START, END))
    return place if None not in place else (document.page_content,)


def cell(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return " ".join(text.replace("|", "\\|").split())
