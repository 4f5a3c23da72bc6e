"""Answer a question in parts: each part with its own evidence, and said of each that has none.

Without a model every part is quoted; with one, the model answers the whole question from the passages of all parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from minicpm_rag.answering import tables
from minicpm_rag.answering.composed import Composed, cell
from minicpm_rag.answering.parts import Part
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.answering.tables import TableAnswer
from minicpm_rag.answering.writing import quote
from minicpm_rag.library import Library
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import Answer, AnswerEvent, PageText, Retrieval, Scope, Similarity, Text

if TYPE_CHECKING:
    from langchain_core.documents import Document

_MOST_OF_A_PART = 2  # passages of each part that the model reads


@dataclass(frozen=True)
class Found:
    """What a part's own search found: a computation over tables, or passages."""

    part: Part
    retrieval: Retrieval
    computed: TableAnswer | None = None

    @property
    def has_evidence(self) -> bool:
        """Whether the part can be answered."""
        return self.computed is not None or (
            bool(self.retrieval.documents) and self.retrieval.evidence >= self.retrieval.threshold
        )


def scope_of(part: Part, scope: Scope) -> Scope:
    """The documents that a part names, else those of the whole question."""
    return Scope(documents=tuple(row.id for row in part.documents)) if part.documents else scope


def all_computed(asked: Sequence[Part], computed: Sequence[TableAnswer | None]) -> list[Found]:
    """The parts with their numbers, where each is computed by a query of its own; else none."""
    found = []
    for part, answer in zip(asked, computed, strict=True):
        if part.aspect or answer is None:
            return []
        found.append(Found(part, Retrieval([], 0.0, 0.0), answer))
    queries = {one.sql for answer in computed if answer is not None for one in answer.computed}
    return found if len(queries) >= len(found) else []


def joined(found: Sequence[Found]) -> Retrieval:
    """The passages of all parts as one result, the best of each part first."""
    answered = [one for one in found if one.has_evidence and one.computed is None]
    documents: list[Document] = []
    for row in zip_longest(*(one.retrieval.documents[:_MOST_OF_A_PART] for one in answered)):
        documents += [document for document in row if document is not None and document not in documents]
    best = max((one.retrieval for one in answered), key=lambda one: one.evidence, default=Retrieval([], 1.0, 0.0))
    return Retrieval(documents, best.evidence, best.threshold)


def quoted(
    begun: Answer,
    found: Sequence[Found],
    library: Library | None,
    language: Language,
    *,
    page_text: PageText | None,
    similarity: Callable[[Retrieval], Similarity | None],
    style: Style = AS_ASKED,
) -> Iterator[AnswerEvent]:
    """Answer each part with quotes: in a table where aspects of several things are asked for, else one by one."""
    began = time.monotonic()
    composed = Composed(begun)
    yield joined(found)
    told = [_told(one, library, page_text, similarity, style) if one.has_evidence else None for one in found]
    nothing = text(language, Message("answering.part_without_evidence"))
    computations = tuple(one for answer in told if answer is not None for one in answer.computations)
    if all(one.part.aspect for one in found):
        names = list(dict.fromkeys(one.part.name for one in found))
        subject = text(language, Message("answering.compared_subject"))
        yield composed.add(f"| {' | '.join(map(cell, (subject, *names)))} |\n{'| --- ' * (len(names) + 1)}|")
        for one, answer in zip(found, told, strict=True):
            if one.part.name == names[0]:
                yield composed.add(f"\n| {cell(one.part.aspect)} | ")
            yield from _in_a_cell(composed, answer, nothing)
            yield composed.add(" | " if one.part.name != names[-1] else " |")
    else:
        for place, (one, answer) in enumerate(zip(found, told, strict=True)):
            yield composed.add(f"{'' if place == 0 else chr(10) * 2}**{one.part.question}**\n\n")
            if answer is None:
                yield composed.add(nothing)
            else:
                yield composed.add_cited(answer.text, answer.citations, answer.documents)
    seconds = begun.seconds | {"generate": time.monotonic() - began}
    is_all_computed = all(one.computed is not None for one in found)
    mode = "computed" if is_all_computed else "extractive"
    yield replace(composed.answer, mode=mode, seconds=seconds, computations=computations)  # type: ignore[arg-type]


def missing(found: Sequence[Found], language: Language) -> str:
    """What an answer by a model says of the parts that have no evidence; empty where all have."""
    lacking = [
        f"{one.part.name} · {one.part.aspect}" if one.part.aspect else one.part.question
        for one in found
        if not one.has_evidence
    ]
    said = ("；" if language == "zh" else "; ").join(lacking)
    return text(language, Message("answering.parts_without_evidence", parts=said)) if lacking else ""


def with_missing(answering: Iterator[AnswerEvent], lacking: str) -> Iterator[AnswerEvent]:
    """The events of a model's answer, with what no evidence was found for below it."""
    for event in answering:
        if isinstance(event, Answer) and lacking and event.mode == "model":
            yield Text(f"\n\n{lacking}")
            event = replace(event, text=f"{event.text}\n\n{lacking}")
        yield event


def _told(
    found: Found,
    library: Library | None,
    page_text: PageText | None,
    similarity: Callable[[Retrieval], Similarity | None],
    style: Style,
) -> Answer:
    begun = Answer(standalone_question=found.part.question, documents=found.retrieval.documents)
    if found.computed is not None and library is not None:
        *_, last = tables.answer(begun, found.computed, library, style)
    else:
        retrieval = found.retrieval
        *_, last = quote(
            begun,
            retrieval.readings,
            page_text=page_text,
            similarity=similarity(retrieval),
            threshold=retrieval.threshold,
            style=style,
        )
    assert isinstance(last, Answer)
    return last


def _in_a_cell(composed: Composed, answer: Answer | None, nothing: str) -> Iterator[AnswerEvent]:
    """An answer on one line: its cited sentences one after the other."""
    if answer is None or not answer.citations:
        yield composed.add(nothing)
        return
    for place, citation in enumerate(answer.citations):
        sentence = answer.text[citation.sentence_start : citation.sentence_end]
        said = cell(sentence)
        local = replace(citation, sentence_start=0, sentence_end=len(said))
        if place and answer.citations[place - 1].sentence_start == citation.sentence_start:
            continue
        yield composed.add(" " if place else "")
        yield composed.add_cited(f"{said}[{citation.number}]", [local], answer.documents)
