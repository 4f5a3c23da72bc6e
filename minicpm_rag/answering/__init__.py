"""The chain from a question to a cited answer, as a LangChain Runnable that streams `records.AnswerEvent`s.

    chain = build_chain(retriever=retriever, llm=MiniCPM_LLM(folder))
    for event in chain.stream({"question": "保修期多久？"}):
        print(event)

follow-up completed -> retrieval -> evidence check -> prompt within a budget -> model's text -> citations; without
a model the sentences that answer are quoted. Knows no page, and builds neither model nor library: `workspace` does.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from langchain_core.runnables import Runnable, RunnableConfig
from langchain_core.runnables.config import run_in_executor

from minicpm_rag.answering.held import held
from minicpm_rag.answering.means import Means
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.answering.ways import Ways
from minicpm_rag.errors import RAGError
from minicpm_rag.records import Answer, AnswerEvent, Question
from minicpm_rag.text.questions import check_question

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.retrievers import BaseRetriever

    from minicpm_rag.library import Library
    from minicpm_rag.settings import Settings

__all__ = ["AnswerChain", "build_chain"]


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
        return self._means.context_tokens

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
        means, question = self._means, _question(next(inputs))
        if (library := means.searched_library) is not None:
            question = held(question, library, means.knowledge_base)
        yield from Ways(means, question, config).events()

    @property
    def _means(self) -> Means:
        return Means(
            self.retriever,
            self.llm,
            self.library,
            temperature=self.temperature,
            max_new_tokens=self.max_new_tokens,
            usual_context_tokens=self._context_tokens,
            style=self.style,
        )


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
