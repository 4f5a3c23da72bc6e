"""One question on its way to an answer: the ways to answer it, in the order in which they are tried.

small talk -> question completed -> whole documents -> documents that mention a thing -> a number for each part
-> a number from tables -> a quote for each part -> passages, or a refusal. The first way that fits answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import chain

from langchain_core.runnables import RunnableConfig

from minicpm_rag.answering import in_parts, tables, whole
from minicpm_rag.answering.extractive import WHETHER, excerpts
from minicpm_rag.answering.followups import stands_alone
from minicpm_rag.answering.means import Means
from minicpm_rag.answering.named import named
from minicpm_rag.answering.parts import Part, parts
from minicpm_rag.answering.quoting import quote
from minicpm_rag.answering.rewrite import standalone_question
from minicpm_rag.answering.runs import step
from minicpm_rag.answering.small_talk import fixed, reply, small_talk
from minicpm_rag.answering.tables import TableAnswer
from minicpm_rag.answering.writing import write
from minicpm_rag.errors import NotFoundError
from minicpm_rag.messages import Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    Answer,
    AnswerEvent,
    DocumentRow,
    Question,
    Retrieval,
    Rewritten,
    Scope,
    Text,
    Thought,
    Waiting,
)
from minicpm_rag.text.ages import ages_asked, is_for_ages, without_ages
from minicpm_rag.text.questions import content_terms

SECTION_TOKENS = 200  # that a model writes of a section, in a summary
NEAREST = 3  # passages shown with a refusal

Answering = Iterator[AnswerEvent]


class Ways:
    """One question; `events` answers it. A way returns the events of its answer, or None where it does not fit."""

    def __init__(self, means: Means, question: Question, config: RunnableConfig) -> None:
        self.means = means
        self.question = question
        self.config = config
        self.standalone = question.text  # until it is completed
        self.language = means.style.language_for(question.text)
        self._likely: tuple[DocumentRow, ...] = ()  # documents that the question before was about
        self._seconds: dict[str, float] = {}
        self._began = 0.0

    def events(self) -> Answering:
        """Every step from the question to its answer; callbacks of `config` see them as parts of the chain's run."""
        question, means = self.question, self.means
        talk = None if question.standalone is not None else small_talk(question.text)
        if talk is not None:
            yield from reply(talk, question.text, means.library, means.knowledge_base, self.language)
            return
        yield from self._completed()
        for way in (
            self._whole_documents,
            self._documents_that_mention,
            self._number_for_each_part,
            self._number,
            self._quote_for_each_part,
        ):
            if (answering := way()) is not None:
                yield from answering
                return
        yield from self._passages()

    def _completed(self) -> Answering:
        """Complete a follow-up, by what was summarized before, by a table's words, by the model or by rule."""
        question = self.question
        began = time.monotonic()
        after = None if question.standalone else whole.following(question.text, question.history, self._rows)
        with step(self.config, "rewrite", question.text) as rewriting:
            if after is not None:
                self.standalone, self._likely = after.question, after.documents
            elif of_a_table := self._of_a_table():
                self.standalone = of_a_table
            else:
                self.standalone = yield from standalone_question(
                    question, self.means.llm, self.means.context_tokens, rewriting.config
                )
            rewriting.output = self.standalone
        self._began = time.monotonic()
        self._seconds["rewrite"] = self._began - began
        yield Rewritten(question.text, self.standalone, self.standalone != question.text)

    def _begun(self) -> Answer:
        """An answer without text yet, with the time taken so far."""
        seconds = self._seconds | {"retrieve": time.monotonic() - self._began}
        return Answer(standalone_question=self.standalone, seconds=seconds)

    @cached_property
    def _rows(self) -> Sequence[DocumentRow]:
        return self.means.rows(self.question.scope)

    # Whole documents
    def _whole_documents(self) -> Answering | None:
        """Summarize or compare whole documents or list their deadlines, or ask which are meant."""
        request = whole.requested(self.standalone, self._rows, is_held=self.question.scope != Scope())
        library = self.means.searched_library
        if request is None or library is None:
            return None
        cancel = self.question.cancel
        if not request.documents:
            titles = [row.title for row in library.ready_documents(self.means.knowledge_base)]
            _, *events = fixed(self.question.text, whole.ask_which(request, titles, self.language))
            return iter(events)
        begun = Answer(standalone_question=self.standalone, seconds=self._seconds)
        if request.kind == "comparison":
            return whole.compare(begun, request, library, self.language)
        if request.kind == "deadlines":
            return whole.list_deadlines(begun, request, library, self.language, cancel)
        by_model = None if self.means.llm is None else self._section
        return whole.summarize(begun, request, library, self.language, write=by_model, cancel=cancel)

    def _section(self, begun: Answer) -> Answering:
        """Have the model write of a section."""
        writer = self.means.writer
        assert writer is not None
        writer = replace(writer, new_tokens=min(writer.new_tokens, SECTION_TOKENS))
        return write(begun, writer, history=(), similarity=None, cancel=self.question.cancel, config=self.config)

    def _documents_that_mention(self) -> Answering | None:
        library = self.means.searched_library
        if library is None or not self._rows or not (thing := whole.thing_mentioned(self.standalone)):
            return None
        mentioning = whole.mentions(thing, self._rows, library, self.means.knowledge_base)
        if not mentioning:
            return None
        begun = Answer(standalone_question=self.standalone, seconds=self._seconds)
        return whole.list_mentions(begun, thing, mentioning, library, self.language)

    # Parts
    @cached_property
    def _parts(self) -> Sequence[Part]:
        return parts(self.standalone, self._rows)

    @cached_property
    def _computed_parts(self) -> Sequence[TableAnswer | None]:
        return [self._computed(part.question, in_parts.scope_of(part, self.question.scope)) for part in self._parts]

    def _number_for_each_part(self) -> Answering | None:
        """有几笔，合计多少 asks for two numbers: compute each, because the whole question would get only one."""
        found = in_parts.all_computed(self._parts, self._computed_parts)
        return self._in_parts(found) if found else None

    def _quote_for_each_part(self) -> Answering | None:
        """Search for each part in the documents that it names; None where no search finds evidence."""
        found: list[in_parts.Found] = []
        for part, computed in zip(self._parts, self._computed_parts, strict=True):
            if self.question.cancel.is_set():
                return None
            scope = in_parts.scope_of(part, self.question.scope)
            retrieval = Retrieval([], 0.0, 0.0) if computed else self.means.retrieve(part.question, scope, self.config)
            found.append(in_parts.Found(part, retrieval, computed))
        return self._in_parts(found) if any(one.has_evidence for one in found) else None

    def _in_parts(self, found: Sequence[in_parts.Found]) -> Answering:
        """Answer each part with quotes, or the whole by the model, from the passages of all parts."""
        begun, means = self._begun(), self.means
        if means.llm is None or any(one.computed is not None for one in found):
            answering = in_parts.quoted(
                begun,
                found,
                means.library,
                self.language,
                page_text=means.page_text,
                similarity=means.similarity,
                style=means.style,
            )
        else:
            answering = self._written_of_all_parts(begun, found)
        return _proven(answering, self.config)

    def _written_of_all_parts(self, begun: Answer, found: Sequence[in_parts.Found]) -> Answering:
        joined, writer = in_parts.joined(found), self.means.writer
        assert writer is not None
        yield joined
        begun = replace(begun, documents=joined.documents)
        written = write(begun, writer, history=(), similarity=None, cancel=self.question.cancel, config=self.config)
        yield from in_parts.with_missing(written, in_parts.missing(found, self.language))

    # Tables
    def _number(self) -> Answering | None:
        """What tables give by computing: those of the documents that the question names, then all."""
        computed = self._computed(self.standalone, self._first) if self._first is not None else None
        computed = computed or self._computed(self.standalone, self.question.scope)
        if computed is None and self.means.llm is not None and self._is_missed:
            computed = self._drafted()
        if computed is None or self.means.library is None:
            return None
        return tables.answer(self._begun(), computed, self.means.library, self.means.style)

    def _computed(self, question: str, scope: Scope, *, looks_up: bool = False) -> TableAnswer | None:
        """What the tables of the knowledge base give by computing; None where nothing is to be computed.

        `looks_up` also gives one number of one row, but not from tables in the other language.
        """
        library, name = self.means.searched_library, self.means.knowledge_base
        if library is None:
            return None
        try:
            embedder = None if self.means.reader is None or looks_up else self.means.embedder
            near = None if embedder is None else tables.nearness(embedder)
            within = library.within(name, scope)
            return tables.compute(question, library, name, within=within, near=near, looks_up=looks_up)
        except NotFoundError:  # a document was removed meanwhile: passages are searched as ever
            return None

    def _of_a_table(self) -> str:
        """A follow-up on a question over a table, completed by what the table holds."""
        library, question, name = self.means.searched_library, self.question, self.means.knowledge_base
        if library is None or question.standalone is not None or not question.history:
            return ""
        try:
            within = library.within(name, question.scope)
            return tables.complete(question.text, question.history, library, name, within=within)
        except NotFoundError:  # as in _computed
            return ""

    def _drafted(self) -> TableAnswer | None:
        """What the SQL that the model writes gives."""
        library, llm, name = self.means.library, self.means.llm, self.means.knowledge_base
        assert library is not None and llm is not None
        within = library.within(name, self.question.scope)
        return tables.draft(
            self.standalone, library, name, llm, within=within, cancel=self.question.cancel, config=self.config
        )

    @cached_property
    def _is_missed(self) -> bool:
        """Whether the question seems to ask for a computation over a table that was not understood."""
        library, name = self.means.searched_library, self.means.knowledge_base
        if library is None:
            return False
        within = library.within(name, self.question.scope)
        return tables.seems_asked(self.standalone, library, name, within=within)

    # Passages
    @cached_property
    def _first(self) -> Scope | None:
        """The documents that the question is likely about, where these are not all: they are searched first."""
        likely = named(self.standalone, self._rows) or self._likely
        return Scope(documents=tuple(row.id for row in likely)) if 0 < len(likely) < len(self._rows) else None

    def _passages(self) -> Answering:
        """Answer from the passages found, or refuse with the nearest."""
        question, means = self.question, self.means
        found = self._found()
        refused = not found.documents or (found.evidence < found.threshold and not question.answer_anyway)
        if refused and means.library is not None:
            row = self._computed(self.standalone, question.scope, looks_up=True)
            if row is not None:
                yield from tables.answer(self._begun(), row, means.library, means.style)
                return
        if refused:
            found = replace(found, documents=found.documents[:NEAREST], refused=True)
        begun = replace(self._begun(), standalone_question=found.question or self.standalone, documents=found.documents)
        yield found
        if self._is_missed:
            begun = replace(begun, note=Message("answering.table_not_understood"))
        if question.cancel.is_set():
            yield replace(begun, mode="stopped")
        elif refused:
            sentence = text(self.language, Message(self._why_refused(found)))
            yield Text(sentence)
            yield replace(begun, text=sentence, mode="refused")
        elif means.llm is None:
            answering = quote(
                begun,
                found.readings,
                page_text=means.page_text,
                similarity=means.similarity(found),
                style=means.style,
                threshold=found.threshold,
            )
            yield from _proven(answering, self.config)
        else:
            writer = means.writer
            assert writer is not None
            answering = write(
                begun,
                writer,
                found.readings,
                history=() if stands_alone(self.standalone, question.history) else question.history,
                similarity=means.similarity(found),
                cancel=question.cancel,
                config=self.config,
                has_evidence=found.evidence >= found.threshold,
                threshold=found.threshold,
            )
            yield from _proven(answering, self.config)

    def _found(self) -> Retrieval:
        """Passages for the question; where they have no evidence, for it without somebody's age, which they speak of.

        No text says 7 that is for ages from 6 to 10: "My son is 7. What does a lesson cost?"
        """
        found = self._found_for(self.standalone)
        ages = ages_asked(self.standalone)
        if not ages or found.evidence >= found.threshold or self.question.answer_anyway:
            return found
        asked = without_ages(self.standalone)
        without = self._found_for(asked) if content_terms(asked) else found
        if without.evidence < without.threshold:
            return found
        told = excerpts(self.standalone, without.documents, without.readings, threshold=without.threshold)
        bounds = [is_for_ages(ages, one.statement.text, one.statement.header) for one in told]
        is_for_them = True in bounds or (False in bounds and WHETHER.search(self.standalone) is not None)
        return replace(without, question="") if is_for_them else found

    def _found_for(self, asked: str) -> Retrieval:
        """Passages of the documents that the question is likely about; of others, where those have no evidence."""
        question, first = self.question, self._first
        if first is None:
            return self.means.retrieve(asked, question.scope, self.config)
        found = self.means.retrieve(asked, first, self.config)
        if found.evidence >= found.threshold or (question.answer_anyway and found.documents):
            return found
        everywhere = self.means.retrieve(asked, question.scope, self.config)
        # A document has more evidence among others than by itself, because its name is a part of the question.
        is_elsewhere = everywhere.documents and everywhere.documents[0].metadata[DOCUMENT_ID] not in first.documents
        return everywhere if is_elsewhere else found

    def _why_refused(self, found: Retrieval) -> str:
        """The key of what is said with a refusal."""
        if found.documents:
            return "answering.refused"
        is_empty = self.means.searched_library is not None and not self.means.rows(Scope())
        return "answering.no_documents" if is_empty else "answering.nothing_found"


def _proven(answering: Answering, config: RunnableConfig) -> Answering:
    """Report the proof of an answer as a run: from its first text to its last citation."""
    first = next(answering)
    while isinstance(first, (Waiting, Thought)):
        yield first
        first = next(answering)
    with step(config, "proof", first.text if isinstance(first, Text) else "") as proving:
        for event in chain([first], answering):
            if isinstance(event, Answer):
                proving.output = {"citations": event.citations, "unsupported": event.unsupported}
            yield event
