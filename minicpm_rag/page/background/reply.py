"""An answer in the making, in a thread of its own: it goes on while the page is redrawn, and is kept.

The page reads its fields ten times a second. It knows answer events and conversations, not widgets.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import RAGError
from minicpm_rag.library.ledger.conversations import Conversations, stored
from minicpm_rag.records import Finished, Retrieved, Rewritten, StoredAnswer, Text, Turn, Waiting

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.workspace import Workspace

PATIENCE_SECONDS = 0.4  # a stop must be seen within a second
HEAD_START_SECONDS = 0.15  # for the page to show the question before answering takes the processor

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """What is asked, and how the person wants it answered."""

    question: str
    history: list[Turn]
    knowledge_base: str
    standalone_question: str | None = None  # set by hand: the follow-up is not rewritten
    answer_anyway: bool = False
    options: dict[str, Any] | None = None  # values of the Model view, as the workspace takes them


class Reply:
    """One running answer. `stage` is opening, searching, waiting, reading, writing or done."""

    def __init__(
        self,
        request: Request,
        *,
        opening: Callable[[], Workspace],
        conversations: Conversations,
        owner: str,
        conversation: int,
        exchange: int,
        fault: str,
    ) -> None:
        self.request = request
        self.conversation = conversation
        self.exchange = exchange
        self.stage = "opening"
        self.position = 0
        self.text = ""
        self.standalone_question = ""
        self.documents: list[Document] = []
        self.began = time.monotonic()
        self.unsaved: str | None = None  # why the answer could not be kept, where it could not
        self.shown = threading.Event()  # set by the page once the person sees the question
        self.done = threading.Event()
        self._opening = opening
        self._conversations = conversations
        self._owner = owner
        self._fault = fault
        self._cancelled = threading.Event()
        self._finishing = threading.Lock()
        self._answer: Any = None
        threading.Thread(target=self._run, name=f"reply-{exchange}", daemon=True).start()

    def cancel(self) -> None:
        """Stop: the text so far is kept, the model is freed. Returns within PATIENCE_SECONDS."""
        self._cancelled.set()
        if self._answer is not None:
            # Beside us, because it looks for the citations of what is there.
            threading.Thread(target=self._answer.cancel, name="stop", daemon=True).start()
        if not self.done.wait(PATIENCE_SECONDS):
            self._finish(StoredAnswer(self.text, "stopped", documents=self.documents))

    def _run(self) -> None:
        self.shown.wait(HEAD_START_SECONDS)
        self._finish(self._answered())

    def _finish(self, answer: StoredAnswer) -> None:
        with self._finishing:
            # A stop does not wait for a slow device: what comes later, with citations, takes its place,
            # unless the question is being answered anew.
            if not self.done.is_set() or self._is_kept(self.answer):
                self._keep(answer)
            self.stage = "done"
            self.done.set()

    def _is_kept(self, answer: StoredAnswer) -> bool:
        try:
            kept = self._conversations.exchanges(self._owner, self.conversation)
        except RAGError:
            return False
        return any(exchange.id == self.exchange and exchange.answer == answer for exchange in kept)

    def _answered(self) -> StoredAnswer:
        model = ""
        try:
            workspace = self._opening()
            model = workspace.model_name or ""
            finished = self._streamed(workspace)
        except RAGError as error:
            return self._failed(str(error), model)
        except Exception:
            logger.exception("Answering failed")
            return self._failed(self._fault, model)
        return stored(finished, standalone_question=self.standalone_question, model=model)

    def _streamed(self, workspace: Workspace) -> Finished:
        request = self.request
        self.stage = "searching"
        self._answer = answer = workspace.answer(
            request.question,
            request.history,
            request.knowledge_base,
            answer_anyway=request.answer_anyway,
            standalone_question=request.standalone_question,
            **request.options or {},
        )
        if self._cancelled.is_set():
            answer.cancel()
        for event in answer.events():
            self._take(event)
            if isinstance(event, Finished):
                return event
        return Finished(answer.text, answer.citations, answer.unsupported, answer.documents, "stopped", answer.seconds)

    def _take(self, event: object) -> None:
        if isinstance(event, Rewritten) and event.changed:
            self.standalone_question = event.standalone_question
        elif isinstance(event, Retrieved):
            self.documents, self.stage = event.documents, "reading"
        elif isinstance(event, Waiting):
            self.position, self.stage = event.position, "waiting" if event.position else "reading"
        elif isinstance(event, Text):
            self.text, self.stage = self.text + event.text, "writing"

    def _failed(self, sentence: str, model: str) -> StoredAnswer:
        return StoredAnswer(
            self.text,
            "failed",
            standalone_question=self.standalone_question,
            documents=self.documents,
            error=sentence,
            model=model,
        )

    def _keep(self, answer: StoredAnswer) -> None:
        if answer.mode == "failed" and self._cancelled.is_set():
            answer = replace(answer, mode="stopped", error="")
        self.answer = answer
        try:
            self._conversations.answer(self._owner, self.conversation, self.exchange, answer)
        except RAGError as error:  # a full disk, or the conversation was deleted meanwhile: still shown
            logger.warning("An answer could not be kept: %s", error)
            self.unsaved = str(error)
