"""One answer: iterate it for text, then ask it for text, citations and passages.

A stopped one keeps what it has. It holds what belongs to one question, so it may be kept before it is read,
and read again afterwards. Knows the events of the chain, not how they are made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.citations import cite
from minicpm_rag.records import AnswerEvent, Citation, Finished, Retrieved, Rewritten, Text, Turn

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.answering import AnswerChain


class Answer:
    """The answer to one question, in the making or made.

    `for piece in answer` runs the chain and yields text; `answer.events()` yields its events instead. Reading
    it a second time replays it. Leaving the loop, closing the iterator or `cancel()` from another thread
    stops the model and keeps the text so far, with its citations.
    """

    def __init__(
        self,
        chain: AnswerChain,
        question: str,
        history: Sequence[Turn] = (),
        *,
        answer_anyway: bool = False,
        standalone_question: str | None = None,
    ) -> None:
        self.question = question
        self._chain = chain
        self._cancel = threading.Event()
        self._request: dict[str, Any] = {
            "question": question,
            "history": list(history),
            "answer_anyway": answer_anyway,
            "standalone_question": standalone_question,
            "cancel": self._cancel,
        }
        self._changing = threading.Lock()
        self._events: list[AnswerEvent] = []
        self._started = False
        self._finished: Finished | None = None

    def __iter__(self) -> Iterator[str]:
        with closing(self.events()) as events:  # type: ignore[type-var]
            for event in events:
                if isinstance(event, Text):
                    yield event.text

    def events(self) -> Iterator[AnswerEvent]:
        """Yield the events of the answer; raises what the chain raises."""
        with self._changing:
            replay = self._started or self._finished is not None
            self._started = True
        if replay:
            yield from list(self._events)
            return
        try:
            with closing(self._chain.stream(self._request)) as events:  # type: ignore[type-var]
                for event in events:
                    if not self._keep(event):
                        return
                    yield event
        finally:
            # The reader has gone, or the chain failed: what is there stays.
            self.cancel()

    def cancel(self) -> None:
        """Stop the model and finish with the text so far; harmless when repeated or too late."""
        self._cancel.set()
        with self._changing:
            if self._finished is None:
                self._finished = self._partial()
                self._events.append(self._finished)

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come."""
        return self._finished is not None

    @property
    def text(self) -> str:
        """The answer so far, as shown."""
        if self._finished is not None:
            return self._finished.text
        return "".join(event.text for event in list(self._events) if isinstance(event, Text))

    @property
    def citations(self) -> list[Citation]:
        """The proven citations; empty until the answer is finished."""
        return self._finished.citations if self._finished else []

    @property
    def unsupported(self) -> list[tuple[int, int]]:
        """Offsets in `text` of factual sentences that no passage supports; empty until it is finished."""
        return self._finished.unsupported if self._finished else []

    @property
    def documents(self) -> list[Document]:
        """The passages found, as soon as they are."""
        if self._finished is not None:
            return self._finished.documents
        return next((event.documents for event in list(self._events) if isinstance(event, Retrieved)), [])

    @property
    def standalone_question(self) -> str:
        """The question that was searched for."""
        found = (event.standalone_question for event in list(self._events) if isinstance(event, Rewritten))
        return next(found, self.question)

    @property
    def seconds(self) -> dict[str, float]:
        """What each stage took: rewrite, retrieve, first_token, generate."""
        return self._finished.seconds if self._finished else {}

    @property
    def mode(self) -> str | None:
        """model, extractive, refused or stopped; None until it is finished."""
        return self._finished.mode if self._finished else None

    def _keep(self, event: AnswerEvent) -> bool:
        """Take an event in, unless the answer was finished by `cancel` meanwhile."""
        with self._changing:
            if self._finished is not None:
                return False
            self._events.append(event)
            if isinstance(event, Finished):
                self._finished = event
            return True

    def _partial(self) -> Finished:
        text, documents = self.text, self.documents
        cited = cite(text, self.standalone_question, documents, page_text=self._chain.page_text(), is_cut=True)
        return Finished(cited.text, cited.citations, cited.unsupported, documents, "stopped")
