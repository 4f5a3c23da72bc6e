"""A question handed to the chain, and its events as they are read by one client that may leave at any time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from typing import Any

import anyio.to_thread
from starlette.concurrency import iterate_in_threadpool

from minicpm_rag.answering import AnswerChain
from minicpm_rag.api.context import Context
from minicpm_rag.api.links import Linked
from minicpm_rag.errors import RAGError
from minicpm_rag.fields import answer_fields
from minicpm_rag.messages import Language
from minicpm_rag.records import DOCUMENT_ID, PAGE, Answer, AnswerEvent, Question, Retrieval


class Asked:
    """One question being answered; `events` plays it, afterwards `answer` and `retrieval` are there."""

    def __init__(self, context: Context, chain: AnswerChain, question: Question, base: str, language: Language) -> None:
        self._context = context
        self._chain = chain
        self.question = question
        self._base = base
        self._language = language
        self.answer = Answer()
        self.retrieval: Retrieval | None = None

    def events(self) -> Generator[AnswerEvent]:
        """The chain's events. Raises what the chain raises."""
        try:
            for event in self._chain.stream(self.question):
                self.answer = self.answer.after(event)
                if isinstance(event, Retrieval):
                    self.retrieval = event
                yield event
        except RAGError as error:
            self._context.metrics.failed(error)
            raise
        except GeneratorExit:  # the client has left
            self._context.metrics.answered(self.answer)
            raise
        self._context.metrics.answered(self.answer)

    def finished(self) -> Asked:
        """Read the answer to its end."""
        for _ in self.events():
            pass
        return self

    def fields(self) -> dict[str, Any]:
        """The whole answer as JSON values; each citation with a link that opens its passage."""
        fields = answer_fields(self.question.text, self.retrieval, self.answer, self._language)
        for citation in fields["citations"]:
            if isinstance(citation.get(DOCUMENT_ID), int) and isinstance(citation.get(PAGE), int):
                start, end = citation["quote_offsets"]
                user = self._context.workspace.library.user
                linked = Linked(citation[DOCUMENT_ID], citation[PAGE], start, end, "" if user is None else user.shown)
                citation["link"] = self._context.links.passage(self._base, linked)
        return fields


async def as_events(asked: Asked, written: Callable[[AnswerEvent], Iterator[dict[str, Any]]]) -> AsyncIterator[str]:
    """Server-sent events: what `written` makes of each event of the chain. A client that leaves stops the model."""
    events = asked.events()
    try:
        async for event in iterate_in_threadpool(events):
            for message in written(event):
                yield sent(message, message.pop("event", ""))
    finally:
        asked.question.cancel.set()
        with anyio.CancelScope(shield=True):  # closing it frees the model; not left to the garbage collector
            await anyio.to_thread.run_sync(events.close)


def sent(message: dict[str, Any] | str, name: str = "") -> str:
    """One server-sent event."""
    data = message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
    return (f"event: {name}\n" if name else "") + f"data: {data}\n\n"
