"""The chain from a question to a cited answer, as a LangChain Runnable that streams `records.AnswerEvent`s.

    chain = build_chain(retriever=retriever, llm=MiniCPM_LLM(folder))
    for event in chain.stream({"question": "保修期多久？"}):
        print(event)

follow-up completed -> retrieval -> evidence check -> prompt within a budget -> model's text -> citations; without
a model the sentences that answer are quoted. Knows no page, and builds neither model nor library: `workspace` does.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from minicpm_rag.answering import in_parts, tables, whole
from minicpm_rag.answering.followups import stands_alone
from minicpm_rag.answering.held import held
from minicpm_rag.answering.named import named
from minicpm_rag.answering.parts import Part, parts
from minicpm_rag.answering.rewrite import standalone_question
from minicpm_rag.answering.runs import step
from minicpm_rag.answering.small_talk import fixed, reply, small_talk
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.answering.tables import TableAnswer
from minicpm_rag.answering.writing import quote, write
from minicpm_rag.errors import NotFoundError, RAGError
from minicpm_rag.messages import Message, text
from minicpm_rag.records import (
    DOCUMENT_ID,
    EVIDENCE,
    Answer,
    AnswerEvent,
    DocumentRow,
    PageText,
    Question,
    Retrieval,
    Rewritten,
    Scope,
    Similarity,
    Text,
    Thought,
    Waiting,
)
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.text.questions import check_question

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.retrievers import BaseRetriever

    from minicpm_rag.embedding.reader import Reader
    from minicpm_rag.library import Library
    from minicpm_rag.settings import Settings

__all__ = ["AnswerChain", "build_chain"]

SECTION_TOKENS = 200  # that a model writes of a section, in a summary
NEAREST = 3  # passages shown with a refusal


class AnswerChain(Runnable["str | Question | Mapping[str, Any]", AnswerEvent]):
    """Answers questions; made by `build_chain`. Threads may share it: all state of an answer is in its stream.

    Input: a text, a `records.Question`, or a mapping of its fields, in which `text` is called `question` and
    `standalone` is called `standalone_question`.
    Output: the events; the last one is the whole `records.Answer`.
    """

    def __init__(
        self,
        retriever: BaseRetriever,
        llm: BaseLanguageModel[Any] | None,
        library: Library | None,
        *,
        temperature: float,
        max_new_tokens: int,
        context_tokens: int = 4096,
        style: Style = AS_ASKED,
    ) -> None:
        self.retriever = retriever
        self.llm = llm
        self.library = library
        self.temperature = temperature
        self.max_new_tokens = max_new_tokens
        self.style = style
        self._context_tokens = context_tokens

    @property
    def context_tokens(self) -> int:
        """The model's context window; a model on a server is asked for it."""
        return int(getattr(self.llm, "context_tokens", self._context_tokens))

    def stream(
        self,
        input: str | Question | Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Iterator[AnswerEvent]:
        """Yield the events of one answer; closing the stream stops the model at once.

        Raises RAGError where there is no question, else what retriever and model raise.
        """
        return self._transform_stream_with_config(iter([input]), self._events, config, **kwargs)

    def invoke(
        self,
        input: str | Question | Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Answer:
        """Return the finished answer."""
        *_, last = self.stream(input, config, **kwargs)
        assert isinstance(last, Answer)
        return last

    async def astream(
        self,
        input: str | Question | Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any | None,
    ) -> AsyncIterator[AnswerEvent]:
        """Yield the events of one answer without blocking the event loop."""
        question = _question(input)
        events = self.stream(question, config)
        event: AnswerEvent | None = None
        try:
            while (event := await run_in_executor(config, next, events, None)) is not None:
                yield event
        finally:
            if event is not None:
                question.cancel.set()  # left early; a `next` that still runs in its thread ends by this

    def _events(
        self, inputs: Iterator[str | Question | Mapping[str, Any]], run_manager: object, config: RunnableConfig
    ) -> Iterator[AnswerEvent]:
        """Every step from a question to its answer; callbacks of `config` see them as parts of the chain's run."""
        question = _question(next(inputs))
        if self.library is not None and self._knowledge_base:
            question = held(question, self.library, self._knowledge_base)
        talk = None if question.standalone is not None else small_talk(question.text)
        if talk is not None:
            yield from reply(
                talk, question.text, self.library, self._knowledge_base, self.style.language_for(question.text)
            )
            return
        began = time.monotonic()
        rows = self._rows(question.scope)
        after = None if question.standalone else whole.following(question.text, question.history, rows)
        with step(config, "rewrite", question.text) as rewriting:
            if after is not None:
                standalone = after.question
            elif of_a_table := self._of_a_table(question):
                standalone = of_a_table
            else:
                standalone = yield from standalone_question(question, self.llm, self.context_tokens, rewriting.config)
            rewriting.output = standalone
        seconds = {"rewrite": time.monotonic() - began}
        yield Rewritten(question.text, standalone, standalone != question.text)
        request = whole.requested(standalone, rows, is_held=question.scope != Scope())
        if request is not None:
            yield from self._whole(request, Answer(standalone_question=standalone, seconds=seconds), question, config)
            return
        if self.library is not None and rows and (thing := whole.thing_mentioned(standalone)):
            mentioning = whole.mentions(thing, rows, self.library, self._knowledge_base)
            if mentioning:
                begun = Answer(standalone_question=standalone, seconds=seconds)
                language = self.style.language_for(question.text)
                yield from whole.list_mentions(begun, thing, mentioning, self.library, language)
                return
        likely = named(standalone, rows) or (after.documents if after is not None else ())
        first = Scope(documents=tuple(row.id for row in likely)) if 0 < len(likely) < len(rows) else None
        began = time.monotonic()
        asked_parts = parts(standalone, rows)
        computed_parts = [
            self._computed(part.question, in_parts.scope_of(part, question.scope)) for part in asked_parts
        ]
        # 有几笔，合计多少: a number for each part, where the whole would be given one of the two.
        searched = in_parts.all_computed(asked_parts, computed_parts)
        if searched:
            begun = Answer(standalone_question=standalone, seconds=seconds | {"retrieve": time.monotonic() - began})
            yield from _proven(self._answered_in_parts(begun, searched, question, config), config)
            return
        computed = None if first is None else self._computed(standalone, first)
        computed = computed or self._computed(standalone, question.scope)
        if computed is None and self.llm is not None and self._is_missed(standalone, question.scope):
            computed = self._drafted(standalone, question, config)
        if computed is not None and self.library is not None:
            begun = Answer(standalone_question=standalone, seconds=seconds | {"retrieve": time.monotonic() - began})
            yield from tables.answer(begun, computed, self.library, self.style)
            return
        searched = self._in_parts(asked_parts, computed_parts, question, config)
        if any(one.has_evidence for one in searched):
            seconds["retrieve"] = time.monotonic() - began
            begun = Answer(standalone_question=standalone, seconds=seconds)
            yield from _proven(self._answered_in_parts(begun, searched, question, config), config)
            return
        found = self._found(standalone, question, first, config)
        seconds["retrieve"] = time.monotonic() - began
        refused = not found.documents or (found.evidence < found.threshold and not question.answer_anyway)
        if refused:
            found = replace(found, documents=found.documents[:NEAREST], refused=True)
        yield found
        asked = found.question or standalone
        missed = Message("answering.table_not_understood") if self._is_missed(standalone, question.scope) else None
        begun = Answer(standalone_question=asked, documents=found.documents, seconds=seconds, note=missed)
        if question.cancel.is_set():
            yield replace(begun, mode="stopped")
        elif refused:
            key = "answering.refused" if found.documents else self._why_nothing()
            sentence = text(self.style.language_for(question.text), Message(key))
            yield Text(sentence)
            yield replace(begun, text=sentence, mode="refused")
        elif self.llm is None:
            answering = quote(
                begun,
                found.readings,
                page_text=self._page_text,
                similarity=self._similarity(found),
                style=self.style,
                threshold=found.threshold,
            )
            yield from _proven(answering, config)
        else:
            answering = write(
                begun,
                self.llm,
                found.readings,
                history=() if stands_alone(standalone, question.history) else question.history,
                page_text=self._page_text,
                similarity=self._similarity(found),
                reader=self._reader,
                context_tokens=self.context_tokens,
                new_tokens=self.max_new_tokens,
                temperature=self.temperature,
                cancel=question.cancel,
                config=config,
                has_evidence=found.evidence >= found.threshold,
                style=self.style,
                threshold=found.threshold,
            )
            yield from _proven(answering, config)

    @property
    def _knowledge_base(self) -> str:
        return self.retriever.knowledge_base if isinstance(self.retriever, HybridRetriever) else ""

    def _why_nothing(self) -> str:
        if self.library is not None and self._knowledge_base and not self._rows(Scope()):
            return "answering.no_documents"
        return "answering.nothing_found"

    def _rows(self, scope: Scope) -> Sequence[DocumentRow]:
        """The documents that a question may be about."""
        if self.library is None or not self._knowledge_base:
            return ()
        within = self.library.within(self._knowledge_base, scope)
        rows = self.library.ready_documents(self._knowledge_base)
        return rows if within is None else [row for row in rows if row.id in within]

    def _whole(
        self, request: whole.Request, begun: Answer, question: Question, config: RunnableConfig
    ) -> Iterator[AnswerEvent]:
        """Summarize or compare whole documents, or ask which are meant."""
        assert self.library is not None
        language = self.style.language_for(question.text)
        if not request.documents:
            titles = [row.title for row in self.library.ready_documents(self._knowledge_base)]
            _, *events = fixed(question.text, whole.ask_which(request, titles, language))
            yield from events
        elif request.kind == "comparison":
            yield from whole.compare(begun, request, self.library, language)
        elif request.kind == "deadlines":
            yield from whole.list_deadlines(begun, request, self.library, language, question.cancel)
        else:
            llm = self.llm

            def by_model(asked: Answer) -> Iterator[AnswerEvent]:
                assert llm is not None
                return write(
                    asked,
                    llm,
                    history=(),
                    page_text=self._page_text,
                    similarity=None,
                    reader=self._reader,
                    context_tokens=self.context_tokens,
                    new_tokens=min(self.max_new_tokens, SECTION_TOKENS),
                    temperature=self.temperature,
                    cancel=question.cancel,
                    config=config,
                    style=self.style,
                )

            yield from whole.summarize(
                begun,
                request,
                self.library,
                language,
                write=None if llm is None else by_model,
                cancel=question.cancel,
            )

    def _in_parts(
        self,
        asked: Sequence[Part],
        computed: Sequence[TableAnswer | None],
        question: Question,
        config: RunnableConfig,
    ) -> list[in_parts.Found]:
        """What is computed for each part, or its own search finds, in the documents that it names."""
        found = []
        for part, answer in zip(asked, computed, strict=True):
            if question.cancel.is_set():
                return []
            scope = in_parts.scope_of(part, question.scope)
            retrieval = Retrieval([], 0.0, 0.0) if answer else self._retrieve(part.question, scope, config)
            found.append(in_parts.Found(part, retrieval, answer))
        return found

    def _answered_in_parts(
        self, begun: Answer, found: Sequence[in_parts.Found], question: Question, config: RunnableConfig
    ) -> Iterator[AnswerEvent]:
        """Answer each part with quotes, or the whole by the model, from the passages of all parts."""
        language = self.style.language_for(question.text)
        if self.llm is None or any(one.computed is not None for one in found):
            yield from in_parts.quoted(
                begun,
                found,
                self.library,
                language,
                page_text=self._page_text,
                similarity=self._similarity,
                style=self.style,
            )
            return
        joined = in_parts.joined(found)
        yield joined
        yield from in_parts.with_missing(
            write(
                replace(begun, documents=joined.documents),
                self.llm,
                history=(),
                page_text=self._page_text,
                similarity=None,
                reader=self._reader,
                context_tokens=self.context_tokens,
                new_tokens=self.max_new_tokens,
                temperature=self.temperature,
                cancel=question.cancel,
                config=config,
                style=self.style,
            ),
            in_parts.missing(found, language),
        )

    def _computed(self, question: str, scope: Scope) -> TableAnswer | None:
        """What the tables of the knowledge base give by computing; None where nothing is to be computed."""
        if self.library is None or not isinstance(self.retriever, HybridRetriever):
            return None
        try:
            name = self.retriever.knowledge_base
            near = None if self._reader is None else tables.nearness(self.retriever.embedder)
            return tables.compute(question, self.library, name, within=self.library.within(name, scope), near=near)
        except NotFoundError:  # a document was removed meanwhile: passages are searched as ever
            return None

    def _of_a_table(self, question: Question) -> str:
        """A follow-up on a question over a table, completed by what the table holds."""
        name = self._knowledge_base
        if self.library is None or not name or question.standalone is not None or not question.history:
            return ""
        try:
            within = self.library.within(name, question.scope)
            return tables.complete(question.text, question.history, self.library, name, within=within)
        except NotFoundError:  # as in _computed
            return ""

    def _drafted(self, standalone: str, question: Question, config: RunnableConfig) -> TableAnswer | None:
        """What the SQL that the model writes gives."""
        assert self.library is not None and self.llm is not None
        name = self._knowledge_base
        within = self.library.within(name, question.scope)
        return tables.draft(
            standalone, self.library, name, self.llm, within=within, cancel=question.cancel, config=config
        )

    def _is_missed(self, question: str, scope: Scope) -> bool:
        """Whether the question seems to ask for a computation over a table that was not understood."""
        if self.library is None or not self._knowledge_base:
            return False
        return tables.seems_asked(
            question, self.library, self._knowledge_base, within=self.library.within(self._knowledge_base, scope)
        )

    def _found(self, standalone: str, question: Question, first: Scope | None, config: RunnableConfig) -> Retrieval:
        """Passages of the documents that the question is likely about; of others, where those have no evidence."""
        if first is None:
            return self._retrieve(standalone, question.scope, config)
        found = self._retrieve(standalone, first, config)
        if found.evidence >= found.threshold or (question.answer_anyway and found.documents):
            return found
        everywhere = self._retrieve(standalone, question.scope, config)
        # A document has more evidence among others than by itself, because its name is a part of the question.
        is_elsewhere = everywhere.documents and everywhere.documents[0].metadata[DOCUMENT_ID] not in first.documents
        return everywhere if is_elsewhere else found

    def _retrieve(self, question: str, scope: Scope, config: RunnableConfig) -> Retrieval:
        """Find passages. A retriever that gives no evidence is trusted: what it finds counts as evidence."""
        if isinstance(self.retriever, HybridRetriever):
            return self.retriever.retrieve(question, filter=None if scope == Scope() else scope, config=config)
        documents = self.retriever.invoke(question, config)
        evidence = max((float(document.metadata.get(EVIDENCE, 1.0)) for document in documents), default=0.0)
        return Retrieval(documents, evidence, threshold=0.0)

    def _similarity(self, found: Retrieval) -> Similarity | None:
        return self.retriever.similarity(found) if isinstance(self.retriever, HybridRetriever) else None

    @property
    def _reader(self) -> Reader | None:
        return self.retriever.reader if isinstance(self.retriever, HybridRetriever) else None

    @property
    def _page_text(self) -> PageText | None:
        """What quotes are proven against; None where there is no library: then passages are."""
        return None if self.library is None else self.library.page_text


def build_chain(
    settings: Settings | None = None,
    *,
    retriever: BaseRetriever,
    llm: BaseLanguageModel[Any] | None = None,
    library: Library | None = None,
    style: Style = AS_ASKED,
) -> AnswerChain:
    """Make the chain of a retriever and, if there is one, a model; without one it answers with quotes.

    Any LangChain retriever and model will do. Quotes are proven against the library's pages: the retriever's
    own library where none is given.
    """
    from minicpm_rag.settings import Settings

    fields = Settings.model_fields
    values = {
        name: fields[name].default if settings is None else getattr(settings, name)
        for name in ("temperature", "max_new_tokens", "llm_context_tokens")
    }
    window = {} if values["llm_context_tokens"] is None else {"context_tokens": values["llm_context_tokens"]}
    return AnswerChain(
        retriever,
        llm,
        library if library is not None else getattr(retriever, "library", None),
        temperature=values["temperature"],
        max_new_tokens=values["max_new_tokens"],
        style=style,
        **window,
    )


def _proven(answering: Iterator[AnswerEvent], config: RunnableConfig) -> Iterator[AnswerEvent]:
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


def _question(given: str | Question | Mapping[str, Any]) -> Question:
    """The question, without blank space around it; fields of a mapping that are None count as not given."""
    if isinstance(given, str):
        given = Question(given)
    if not isinstance(given, Question):
        names = ("history", "answer_anyway", "cancel", "scope")
        fields = {name: given[name] for name in names if given.get(name) is not None}
        given = Question(str(given.get("question") or ""), standalone=given.get("standalone_question"), **fields)
    if not given.text.strip():
        raise RAGError("answering.no_question")
    for written in (given.text, given.standalone or ""):
        check_question(written)
    return replace(given, text=given.text.strip())
