"""An answer being made, in a thread of its own: it goes on while the page is redrawn, and is stored.

The page reads its fields ten times a second. It knows the chain's events and conversations, not widgets.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import RAGError
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.messages import Message
from minicpm_rag.page.once import Once
from minicpm_rag.records import Answer, AnswerEvent, Question, Retrieval, Text, Thought, Waiting

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

PATIENCE_SECONDS = 0.4  # a stop must be seen within a second
HEAD_START_SECONDS = 0.15  # for the page to draw the question before answering occupies the processor

logger = logging.getLogger(__name__)


class Reply:
    """One running answer. `stage` is opening or attaching, searching, waiting, reading, thinking, writing or done."""

    def __init__(
        self,
        question: Question,
        *,
        opening: Callable[[], Workspace],
        knowledge_base: str,
        options: Mapping[str, Any],
        conversations: Conversations,
        owner: str,
        conversation: int,
        exchange: int,
        stage: str = "opening",
    ) -> None:
        """`options` are those of `Workspace.chain`; the rest names where the answer is stored.

        `opening` gives the workspace once the question can be asked; `stage` says what is waited for until then.
        """
        self.question = question
        self.conversation = conversation
        self.exchange = exchange
        self.answer = Answer()  # as far as it has come
        self.stage = stage
        self.position = 0
        self.thinking_since = 0.0  # by time.monotonic; 0 for a model that does not think
        self.unsaved: Message | None = None  # why the answer could not be stored, where it could not
        self.shown = threading.Event()  # set by the page once the user sees the question
        self.done = threading.Event()
        self._opening = opening
        self._knowledge_base = knowledge_base
        self._options = options
        self._conversations = conversations
        self._owner = owner
        self._changing = threading.Lock()
        threading.Thread(target=self._run, name=f"reply-{exchange}", daemon=True).start()

    def stop(self) -> None:
        """Stop: the text so far is stored, the model is freed. Returns within PATIENCE_SECONDS."""
        self.question.cancel.set()
        if not self.done.wait(PATIENCE_SECONDS):
            self._finish(self.answer)

    def _run(self) -> None:
        self.shown.wait(HEAD_START_SECONDS)
        answer, model, error = Answer(), "", None
        try:
            workspace = self._opening()
            model = workspace.model_name or ""
            self.stage = "searching"
            chain = workspace.chain(self._knowledge_base, **self._options)
            if not self.question.cancel.is_set():
                for event in chain.stream(self.question):
                    answer = answer.after(event)
                    self._show(answer, event)
        except RAGError as raised:
            error = raised.message
        except Exception:
            logger.exception("Answering failed")
            error = Message("system.fault")
        if error is not None:
            answer = replace(answer, mode="failed", error=error)
        self._finish(replace(answer, model=model))

    def _show(self, answer: Answer, event: AnswerEvent) -> None:
        with self._changing:
            if self.done.is_set():  # stopped; what is still to come is stored, not shown
                return
            self.answer = answer
            if isinstance(event, Retrieval):
                self.stage = "reading"
            elif isinstance(event, Waiting):
                self.position = event.position
                self.stage = "waiting" if event.position else "thinking" if answer.thoughts else "reading"
            elif isinstance(event, Thought):
                self.stage = "thinking"
                self.thinking_since = self.thinking_since or time.monotonic()
            elif isinstance(event, Text):
                self.stage = "writing"

    def _finish(self, answer: Answer) -> None:
        """Store the answer; one that was stopped before the chain could say so is stopped all the same."""
        if answer.mode is None or (answer.mode == "failed" and self.question.cancel.is_set()):
            answer = replace(answer, mode="stopped", error=None)
        with self._changing:
            # A stop does not wait for a slow device. The answer that the chain then ends with, which has citations,
            # replaces what was stored at the stop, unless the question is being answered again.
            if not self.done.is_set() or self._is_stored(self.answer):
                self._store(answer)
            self.stage = "done"
            self.done.set()

    def _is_stored(self, answer: Answer) -> bool:
        try:
            stored = self._conversations.exchanges(self._owner, self.conversation)
        except RAGError:
            return False
        return any(exchange.id == self.exchange and exchange.answer == answer for exchange in stored)

    def _store(self, answer: Answer) -> None:
        self.answer = answer
        try:
            self._conversations.answer(self._owner, self.conversation, self.exchange, answer)
        except RAGError as error:  # a full disk, or the conversation was deleted meanwhile: still shown
            logger.warning("An answer could not be stored: %s", error)
            self.unsaved = error.message


class Replies:
    """The answers under way, by conversation: a tab that is closed or loaded again does not end them."""

    def __init__(self) -> None:
        self._running: dict[int, Reply] = {}
        self._unsaved: dict[int, Answer] = {}
        self._lock = threading.Lock()
        self.speed = 0.0  # tokens a second of the last answer that a model wrote

    def of(self, conversation: int) -> Reply | None:
        """The answer under way in a conversation; one that is done is forgotten at the next look."""
        with self._lock:
            reply = self._running.get(conversation)
            if reply is None or not reply.done.is_set():
                return reply
            del self._running[conversation]
            self.speed = reply.answer.tokens_per_second or self.speed
            if reply.unsaved:
                self._unsaved[reply.exchange] = replace(reply.answer, error=reply.unsaved)
            return None

    def begin(self, reply: Reply) -> None:
        """Remember an answer that has begun."""
        with self._lock:
            self._running[reply.conversation] = reply
            self._unsaved.pop(reply.exchange, None)

    def stop(self, conversation: int) -> None:
        """Stop the answer under way in a conversation, if there is one."""
        running = self.of(conversation)
        if running is not None:
            running.stop()

    def unsaved(self, exchange: int) -> Answer | None:
        """An answer that could not be written to the disk but is still in memory, with the reason."""
        with self._lock:
            return self._unsaved.get(exchange)


@Once
def shared() -> Replies:
    """The answers under way, one list for all sessions."""
    return Replies()
