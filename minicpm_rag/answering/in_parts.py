"""Answer a question in parts, each with its own evidence; a part without evidence is said to have none.

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
from minicpm_rag.answering.difference import difference
from minicpm_rag.answering.extractive import Excerpt
from minicpm_rag.answering.parts import Part
from minicpm_rag.answering.quoting import chosen_for
from minicpm_rag.answering.quoting import quoted as quoted_from
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.answering.tables import TableAnswer
from minicpm_rag.library import Library
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    PAGE,
    START,
    Answer,
    AnswerEvent,
    PageText,
    Retrieval,
    Scope,
    Similarity,
    Text,
)
from minicpm_rag.text.comparisons import sides
from minicpm_rag.text.questions import asks_for, chinese_words, content_terms, holds, language_of
from minicpm_rag.text.terms import fold, terms

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
    # The SQL alone does not tell two sheets of one name in two files.
    queries = {
        (one.sql, *(table.id for table in one.tables))
        for answer in computed
        if answer is not None
        for one in answer.computed
    }
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
    is_table = all(one.part.aspect for one in found)
    chosen = [_chosen(one, similarity, style) for one in found]
    together = [(place,) for place in range(len(found))] if is_table else _together(found, chosen)
    if not is_table:
        together = _with_told_elsewhere(found, chosen, together)
        chosen = _each_once(found, chosen, together)
    told = [
        _told(one, statements, library, page_text, style) if one.has_evidence else None
        for one, statements in zip(found, chosen, strict=True)
    ]
    if is_table:
        yield from _in_a_table(composed, found, told, language)
    else:
        for places in together:
            asked = ("" if language == "zh" else " ").join(found[place].part.shown for place in places)
            yield from _under_a_head(composed, asked, [told[place] for place in places], language)
    computations = tuple(one for answer in told if answer is not None for one in answer.computations)
    seconds = begun.seconds | {"generate": time.monotonic() - began}
    is_all_computed = all(one.computed is not None for one in found)
    mode = "computed" if is_all_computed else "extractive"
    yield replace(composed.answer, mode=mode, seconds=seconds, computations=computations)  # type: ignore[arg-type]


def missing(found: Sequence[Found], language: Language) -> str:
    """What an answer by a model says of the parts that have no evidence; empty where all have."""
    lacking = [
        f"{one.part.name} · {one.part.aspect}" if one.part.aspect else one.part.shown
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


def _begun(found: Found) -> Answer:
    return Answer(standalone_question=found.part.question, documents=found.retrieval.documents)


def _chosen(found: Found, similarity: Callable[[Retrieval], Similarity | None], style: Style) -> list[Excerpt]:
    """The statements that answer a part; none where it has no evidence, or is computed."""
    if not found.has_evidence or found.computed is not None:
        return []
    retrieval = found.retrieval
    return chosen_for(
        _begun(found),
        retrieval.readings,
        similarity=similarity(retrieval),
        style=style,
        threshold=retrieval.threshold,
    )


def _told(
    found: Found, chosen: Sequence[Excerpt], library: Library | None, page_text: PageText | None, style: Style
) -> Answer:
    if found.computed is None or library is None:
        return quoted_from(_begun(found), chosen, page_text=page_text, style=style)
    *_, last = tables.answer(_begun(found), found.computed, library, style)
    assert isinstance(last, Answer)
    return last


def _together(found: Sequence[Found], chosen: Sequence[Sequence[Excerpt]]) -> list[tuple[int, ...]]:
    """The parts, by their places, that the same statement answers best: they are answered under one head."""
    groups: dict[object, tuple[int, ...]] = {}
    for place, (one, statements) in enumerate(zip(found, chosen, strict=True)):
        best = _place(one, _best(statements)) if _may_be_shortened(one, statements) else place
        groups[best] = (*groups.get(best, ()), place)
    return list(groups.values())


def _with_told_elsewhere(
    found: Sequence[Found], chosen: Sequence[Sequence[Excerpt]], together: Sequence[tuple[int, ...]]
) -> list[tuple[int, ...]]:
    """The parts as they are answered, where one without evidence joins the part that is quoted what answers it.

    大同站是哪天，领队是谁？ is one row, in which its own search for 大同的领队 may see too little.
    """
    groups = [list(places) for places in together]
    for place, one in enumerate(found):
        if one.has_evidence:
            continue
        telling = next(
            (other for other, said in enumerate(chosen) if any(_tells(each, one.part) for each in said)), None
        )
        if telling is not None:
            groups = [[each for each in places if each != place] for places in groups]
            next(places for places in groups if telling in places).append(place)
    return [tuple(places) for places in groups if places]


def _tells(excerpt: Excerpt, part: Part) -> bool:
    """Whether a statement has all words of a part, and such a thing as it asks for."""
    text = f"{excerpt.statement.header} {excerpt.statement.text}"
    plain = fold(text)
    if language_of(part.shown) == "zh":
        asked = [word for word, kind in chinese_words(part.shown) if len(word) > 1 and kind[0] in "nvaj"]
        is_said = all(word in plain for word in asked)
    else:
        asked = content_terms(part.shown)
        is_said = frozenset(asked) <= frozenset(terms(text))
    kinds = asks_for(part.shown) - {"definition"}
    # A row has what its header names, and a name need not look like one there.
    is_there = bool(excerpt.statement.header) or (bool(kinds) and all(holds(kind, text) for kind in kinds))
    return bool(asked) and is_said and is_there


def _each_once(
    found: Sequence[Found], chosen: Sequence[Sequence[Excerpt]], together: Sequence[tuple[int, ...]]
) -> list[list[Excerpt]]:
    """What is quoted for each part, where no statement is quoted twice.

    It stands under the part that it answers best, else under the first.
    """
    firsts = [places[0] for places in together if _may_be_shortened(found[places[0]], chosen[places[0]])]
    best = {_place(found[place], _best(chosen[place])): place for place in firsts}
    told: set[object] = set()
    once: list[list[Excerpt]] = []
    for number, (one, statements) in enumerate(zip(found, chosen, strict=True)):
        kept = list(statements)
        if _may_be_shortened(one, statements):
            places = {_place(one, each): each for each in statements}
            kept = [each for place, each in places.items() if place not in told and best.get(place, number) == number]
            told.update(_place(one, each) for each in kept)
        once.append(kept)
    return once


def _may_be_shortened(found: Found, chosen: Sequence[Excerpt]) -> bool:
    """Whether a part is quoted, and not compared: a comparison keeps both its sides."""
    question, documents = found.part.question, found.retrieval.documents
    return bool(chosen) and sides(question) is None and difference(question, chosen, documents) is None


def _best(chosen: Sequence[Excerpt]) -> Excerpt:
    return max(chosen, key=lambda one: one.score)


def _place(found: Found, one: Excerpt) -> object:
    """Where a statement stands; what tells one without a place is its text."""
    metadata = found.retrieval.documents[one.number - 1].metadata
    start = metadata.get(START)
    if start is None:
        return one.statement.text
    return metadata.get(DOCUMENT_ID), metadata.get(PAGE), start + one.statement.start


def _in_a_table(
    composed: Composed, found: Sequence[Found], told: Sequence[Answer | None], language: Language
) -> Iterator[AnswerEvent]:
    """A row for each aspect, a column for each thing that it is asked of."""
    names = list(dict.fromkeys(one.part.name for one in found))
    subject = text(language, Message("answering.compared_subject"))
    yield composed.add(f"| {' | '.join(map(cell, (subject, *names)))} |\n{'| --- ' * (len(names) + 1)}|")
    for one, answer in zip(found, told, strict=True):
        if one.part.name == names[0]:
            yield composed.add(f"\n| {cell(one.part.aspect)} | ")
        yield from _in_a_cell(composed, answer, language)
        yield composed.add(" | " if one.part.name != names[-1] else " |")


def _under_a_head(
    composed: Composed, asked: str, answers: Sequence[Answer | None], language: Language
) -> Iterator[AnswerEvent]:
    """The answers of one or several parts under the questions that they answer."""
    yield composed.add(f"{chr(10) * 2 if composed.answer.text else ''}**{asked}**\n\n")
    said = [one for one in answers if one is not None and (one.text or len(answers) == 1)]
    if not said:
        yield composed.add(text(language, Message("answering.part_without_evidence")))
    for number, answer in enumerate(said):
        yield composed.add("\n" if number else "")
        yield composed.add_cited(answer.text, answer.citations, answer.documents)


def _in_a_cell(composed: Composed, answer: Answer | None, language: Language) -> Iterator[AnswerEvent]:
    """An answer on one line: its cited sentences one after the other."""
    if answer is None or not answer.citations:
        yield composed.add(text(language, Message("answering.part_without_evidence")))
        return
    for place, citation in enumerate(answer.citations):
        sentence = answer.text[citation.sentence_start : citation.sentence_end]
        said = cell(sentence)
        local = replace(citation, sentence_start=0, sentence_end=len(said))
        if place and answer.citations[place - 1].sentence_start == citation.sentence_start:
            continue
        yield composed.add(" " if place else "")
        yield composed.add_cited(f"{said}[{citation.number}]", [local], answer.documents)
