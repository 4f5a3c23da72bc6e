"""The chain from a question to a cited answer, as a LangChain Runnable that streams `records.AnswerEvent`s.

    chain = build_chain(retriever=retriever, llm=MiniCPM_LLM(folder))
    for event in chain.stream({"question": "保修期多久？", "history": []}):
        print(event)

rewrite -> retrieval -> evidence check -> prompt in a budget -> model stream -> citations; without a model the
sentences that answer are quoted. Knows no page and builds nothing: `workspace` does.
"""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from minicpm_rag.answering.answer import Answer
from minicpm_rag.answering.citations import PageText
from minicpm_rag.answering.finding import find
from minicpm_rag.answering.followups import carry_over, stands_alone
from minicpm_rag.answering.rewrite import MOST_NEW_TOKENS, read, rewrite_prompt
from minicpm_rag.answering.writing import Task, quote, write
from minicpm_rag.errors import RAGError
from minicpm_rag.llm.streams import stream_text, token_counter
from minicpm_rag.records import (
    AnswerEvent,
    Finished,
    Retrieved,
    Rewritten,
    Text,
    Turn,
)
from minicpm_rag.text.questions import language_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.retrievers import BaseRetriever

    from minicpm_rag.library import Library
    from minicpm_rag.settings import Settings

__all__ = ["Answer", "AnswerChain", "build_chain"]

NEAREST = 3  # passages shown with a refusal

_REFUSAL = {
    "zh": "资料中没有找到足够的依据来回答这个问题，下面是最接近的几段。",
    "en": "The documents hold too little evidence to answer this question; the nearest passages are below.",
}
_NOTHING = {
    "zh": "资料中没有与这个问题有关的内容。",
    "en": "The documents hold nothing that bears on this question.",
}


@dataclass
class _Request:
    question: str
    history: Sequence[Turn] = ()
    answer_anyway: bool = False
    standalone_question: str | None = None
    cancel: threading.Event = field(default_factory=threading.Event)


class AnswerChain(Runnable[Mapping[str, Any], AnswerEvent]):
    """Answers questions; made by `build_chain`. Threads may share it: a stream holds all of its question.

    Input: `question`; `history`, a list of `records.Turn`; and if wanted `answer_anyway` (skip the evidence
    check), `standalone_question` (skip rewriting) and `cancel`, an Event that stops the answer.
    """

    def __init__(
        self,
        retriever: BaseRetriever,
        llm: BaseLanguageModel[Any] | None,
        library: Library | None,
        *,
        temperature: float,
        max_new_tokens: int,
        context_tokens: int,
    ) -> None:
        self.retriever = retriever
        self.llm = llm
        self.library = library
        self.temperature = temperature
        self.max_new_tokens = max_new_tokens
        self.context_tokens = context_tokens

    def stream(
        self,
        input: Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> Generator[AnswerEvent, None, None]:
        """Yield the events of one answer; closing the stream stops the model at once."""
        request = _request(input)
        seconds: dict[str, float] = {}
        began = time.monotonic()
        standalone = yield from self._standalone(request, config)
        seconds["rewrite"] = time.monotonic() - began
        yield Rewritten(request.question, standalone, standalone != request.question)
        began = time.monotonic()
        found = find(self.retriever, standalone, config)
        seconds["retrieve"] = time.monotonic() - began
        refused = not found.documents or (found.evidence < found.bar and not request.answer_anyway)
        documents = found.documents[:NEAREST] if refused else found.documents
        yield Retrieved(documents, found.evidence, found.bar, refused)
        if request.cancel.is_set():
            yield Finished("", [], [], documents, "stopped", seconds)
        elif refused:
            sentence = (_REFUSAL if documents else _NOTHING)[language_of(request.question)]
            yield Text(sentence)
            yield Finished(sentence, [], [], documents, "refused", seconds)
        else:
            follows_up = not stands_alone(standalone, request.history)
            task = Task(
                standalone,
                documents,
                self.page_text(),
                request.history if follows_up else (),
                found.similarity,
                seconds,
            )
            if self.llm is None:
                yield from quote(task)
                return
            yield from write(
                task,
                self.llm,
                context_tokens=self._context_tokens(self.llm),
                new_tokens=self.max_new_tokens,
                temperature=self.temperature,
                cancel=request.cancel,
                config=config,
            )

    def invoke(
        self,
        input: Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> AnswerEvent:
        """Return the last event: the finished answer."""
        *_, last = self.stream(input, config, **kwargs)
        return last

    async def astream(
        self,
        input: Mapping[str, Any],  # noqa: A002 - LangChain's name
        config: RunnableConfig | None = None,
        **kwargs: Any | None,
    ) -> AsyncIterator[AnswerEvent]:
        """Yield the events of one answer without blocking the event loop."""
        cancel = input.get("cancel") or threading.Event()
        events = self.stream({**input, "cancel": cancel}, config)
        event: AnswerEvent | None = None
        try:
            while (event := await run_in_executor(config, next, events, None)) is not None:
                yield event
        finally:
            if event is not None:
                cancel.set()  # left early; a `next` that still runs in its thread ends by this

    def page_text(self) -> PageText | None:
        """What quotes are proven against; None where there is no library, so that passages are."""
        return None if self.library is None else self.library.page_text

    def _standalone(self, request: _Request, config: RunnableConfig | None) -> Generator[AnswerEvent, None, str]:
        """Yield while the model rewrites; return the question that can be searched for by itself."""
        question, history = request.question, request.history
        if request.standalone_question and request.standalone_question.strip():
            return request.standalone_question.strip()
        if stands_alone(question, history):
            return question
        if self.llm is None:
            return carry_over(question, history)
        messages = rewrite_prompt(question, history)
        limit = self._context_tokens(self.llm) - MOST_NEW_TOKENS
        if token_counter(self.llm)(messages) > limit:
            return carry_over(question, history)
        pieces = stream_text(
            self.llm,
            messages,
            cancel=request.cancel,
            config=config,
            temperature=0.0,
            max_new_tokens=MOST_NEW_TOKENS,
        )
        with closing(pieces):
            return (yield from read(pieces, question, history))

    def _context_tokens(self, llm: BaseLanguageModel[Any]) -> int:
        return int(getattr(llm, "context_tokens", self.context_tokens))


def build_chain(
    settings: Settings | None = None,
    *,
    retriever: BaseRetriever,
    llm: BaseLanguageModel[Any] | None = None,
    library: Library | None = None,
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
    return AnswerChain(
        retriever,
        llm,
        library if library is not None else getattr(retriever, "library", None),
        temperature=values["temperature"],
        max_new_tokens=values["max_new_tokens"],
        context_tokens=values["llm_context_tokens"],
    )


def _request(given: Mapping[str, Any]) -> _Request:
    question = str(given.get("question") or "").strip()
    if not question:
        raise RAGError("There is no question. Type one, or pass {'question': '...'}.")
    return _Request(
        question,
        list(given.get("history") or ()),
        bool(given.get("answer_anyway")),
        given.get("standalone_question"),
        given.get("cancel") or threading.Event(),
    )
