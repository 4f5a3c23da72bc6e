"""Answer with quotes: the statements that answer, and the difference or comparison of two of them.

Knows no model and no retrieval.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations import quote_statements
from minicpm_rag.answering.difference import difference
from minicpm_rag.answering.extractive import Excerpt, excerpts
from minicpm_rag.answering.style import AS_ASKED, Length, Style
from minicpm_rag.answering.which_more import which_more
from minicpm_rag.messages import Message, text
from minicpm_rag.records import TABLE_HEADER, Answer, AnswerEvent, Citation, PageText, Reading, Similarity, Text
from minicpm_rag.text.scripts import is_chinese

if TYPE_CHECKING:
    from langchain_core.documents import Document

_MOST_QUOTED: dict[Length, int] = {"short": 1, "normal": 3, "detailed": 6}
_ANSWERS = 0.5  # the reader's probability from which a passage is taken to answer


def chosen_for(
    begun: Answer,
    readings: Sequence[Reading | None] = (),
    *,
    similarity: Similarity | None,
    style: Style = AS_ASKED,
    threshold: float = 0.0,
) -> list[Excerpt]:
    """The statements that answer best: those in the chosen language, where some of it answer.

    `threshold` is that of the evidence.
    """
    return excerpts(
        begun.standalone_question,
        begun.documents,
        readings,
        most=_MOST_QUOTED[style.length],
        similarity=similarity,
        left_out=_in_another_language(begun.documents, readings, style),
        threshold=threshold,
    )


def quote(
    begun: Answer,
    readings: Sequence[Reading | None] = (),
    *,
    page_text: PageText | None,
    similarity: Similarity | None,
    style: Style = AS_ASKED,
    threshold: float = 0.0,
) -> Iterator[AnswerEvent]:
    """Answer with the statements that `chosen_for` finds."""
    began = time.monotonic()
    chosen = chosen_for(begun, readings, similarity=similarity, style=style, threshold=threshold)
    answer = quoted(begun, chosen, page_text=page_text, style=style)
    for line in answer.text.splitlines(keepends=True):
        yield Text(line)
    yield replace(answer, seconds=begun.seconds | {"generate": time.monotonic() - began})


def quoted(begun: Answer, chosen: Sequence[Excerpt], *, page_text: PageText | None, style: Style = AS_ASKED) -> Answer:
    """The answer that is made of these statements, and of what can be computed of them."""
    question = begun.standalone_question
    said: Message | None = None
    if (subtracted := difference(question, chosen, begun.documents)) is not None:
        result, high, low = subtracted.written
        said, chosen = Message("answering.difference", result=result, high=high, low=low), subtracted.said_in
    elif (compared := which_more(question, chosen, begun.documents)) is not None:
        (name, other), (amount, others) = compared.names, compared.written
        said = Message("answering.which_more", name=name, amount=amount, other=other, others=others)
        chosen = compared.said_in
    begun, chosen = _numbered_as_read(begun, chosen)
    quotes, citations = quotes_of(chosen, begun.documents, page_text)
    if said is not None and citations:
        quotes, citations = _below(text(style.language_for(question), said), quotes, citations)
    return replace(begun, text=quotes, citations=citations, mode="extractive")


def _below(said: str, quotes: str, citations: Sequence[Citation]) -> tuple[str, list[Citation]]:
    """The quotes below what was computed of them, which has their marks."""
    first = {one.number: replace(one, sentence_start=0, sentence_end=len(said)) for one in citations}
    line = said + "".join(f"[{number}]" for number in sorted(first)) + "\n\n"
    moved = [
        replace(one, sentence_start=one.sentence_start + len(line), sentence_end=one.sentence_end + len(line))
        for one in citations
    ]
    return line + quotes, [*(first[number] for number in sorted(first)), *moved]


def _numbered_as_read(begun: Answer, chosen: Sequence[Excerpt]) -> tuple[Answer, list[Excerpt]]:
    """The answer and its excerpts with the passages in the order in which they are quoted: the first mark is [1]."""
    first = list(dict.fromkeys(one.number for one in chosen))
    order = [*first, *(number for number in range(1, len(begun.documents) + 1) if number not in first)]
    moved = {number: place for place, number in enumerate(order, 1)}
    documents = [begun.documents[number - 1] for number in order]
    return replace(begun, documents=documents), [replace(one, number=moved[one.number]) for one in chosen]


def quotes_of(
    chosen: Sequence[Excerpt], documents: Sequence[Document], page_text: PageText | None, *, with_names: bool = False
) -> tuple[str, list[Citation]]:
    """The statements written as quotes, each with its mark, and their citations."""
    statements = [(excerpt.number, excerpt.statement) for excerpt in chosen]
    return quote_statements(statements, documents, page_text, with_names=with_names)


def _in_another_language(
    documents: Sequence[Document], readings: Sequence[Reading | None], style: Style
) -> frozenset[int]:
    """The numbers of the passages that are not in the chosen language, where the reader finds an answer in one that is.

    Rows of tables are in no language.
    """
    foreign = {
        number
        for number, document in enumerate(documents, 1)
        if style.language is not None
        and not document.metadata.get(TABLE_HEADER)
        and is_chinese(document.page_content) != (style.language == "zh")
    }
    own = (reading for number, reading in enumerate(readings, 1) if number not in foreign)
    return frozenset(foreign) if any(one is not None and one.answers >= _ANSWERS for one in own) else frozenset()
