"""Several OpenAI-compatible servers that serve the same model, used as one: the least busy one answers.

A server that fails is left out, and looked at again every CHECK_SECONDS until it answers. An answer that breaks before
its first word is asked of another server; after it, the reader has seen words that another would not continue.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import Any, TypeVar

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.openai_server import USUAL_WINDOW, OpenAIServer, Piece

_log = logging.getLogger(__name__)

CHECK_SECONDS = 5.0
# What another server may do better. A key, a prompt or an option that one refuses, all refuse.
_DOWN = {
    "llm.server_unreachable",
    "llm.server_unknown_host",
    "llm.server_timeout",
    "llm.server_broke_off",
    "llm.server_no_answer",
    "llm.server_no_tls",
    "llm.server_certificate",
    "llm.server_proxy",
}
_ELSEWHERE = _DOWN | {
    "llm.server_overloaded",
    "llm.server_no_model",
    "llm.server_not_found",
    "llm.server_error",
}

Found = TypeVar("Found")


class ServerGroup:
    """Offers what one OpenAIServer offers. Threads may share it. Raises ModelError: the last server's."""

    def __init__(self, servers: Sequence[OpenAIServer], *, window: int | None = None) -> None:
        self._servers = servers
        self._window = window
        self._lock = threading.Lock()
        self._answering = dict.fromkeys(servers, 0)  # answers under way at each server
        self._asked = dict.fromkeys(servers, 0)  # in all, so that idle servers take turns
        self._down: set[OpenAIServer] = set()
        self._closed = threading.Event()

    @property
    def model(self) -> str:
        """The model that answers, as the first server that can be asked calls it."""
        return self._of_any(lambda server: server.model)

    @property
    def window(self) -> int:
        """The context length in tokens: the user's, else what the first server that can be asked says."""
        if self._window is None:
            try:
                self._window = self._of_any(lambda server: server.told_window()) or USUAL_WINDOW
            except ModelError:
                return USUAL_WINDOW
        return self._window

    @property
    def best(self) -> OpenAIServer:
        """The server that would be asked now."""
        return self._by_load()[0]

    @property
    def down(self) -> list[str]:
        """The addresses that are left out now."""
        with self._lock:
            return [server.address for server in self._servers if server in self._down]

    def models(self) -> list[str]:
        """The names of all models that the servers list. Raises ModelError where one does not answer."""
        return list(dict.fromkeys(name for server in self._servers for name in server.models()))

    def first_words(self) -> str:
        """The first piece of an answer to a greeting, of each server: whether all of them answer."""
        first, *_ = [server.first_words() for server in self._servers]
        return first

    def stream(
        self, messages: list[dict[str, Any]], options: Mapping[str, Any], cancelled: threading.Event
    ) -> Generator[Piece]:
        """Yield an answer as it comes, of the least busy server, or of the next where that one fails before a word."""
        waiting = self._by_load()
        while True:
            server = waiting.pop(0)
            has_begun = has_ended = False
            try:
                with (
                    self._counted(server),
                    closing(server.stream(messages, options, cancelled, is_patient=not waiting)) as pieces,
                ):
                    for piece in pieces:
                        has_begun = has_begun or bool(piece.text) or piece.is_thought
                        has_ended = has_ended or piece.ending is not None
                        yield piece
            except ModelError as error:
                if not has_begun:
                    self._note(server, error)
                if has_begun or cancelled.is_set() or not waiting or error.message.key not in _ELSEWHERE:
                    raise
            else:
                # A connection that was closed in order, without a word or an ending, is a server that went away.
                if has_begun or has_ended or cancelled.is_set() or not waiting:
                    return
                self._leave_out(server)
            waiting.sort(key=self._load)
            _log.info("%s did not answer; %s is asked", server.address, waiting[0].address)

    def error(self, error: Exception, has_begun: bool = False) -> ModelError:
        """Our error for what openai or httpx raised, with the address that would be asked now."""
        return self.best.error(error, has_begun)

    def close(self) -> None:
        """End the looking after servers that are left out."""
        self._closed.set()

    def _of_any(self, ask: Callable[[OpenAIServer], Found]) -> Found:
        """What the first server that answers says."""
        waiting = self._by_load()
        while True:
            server = waiting.pop(0)
            try:
                return ask(server)
            except ModelError as error:
                self._note(server, error)
                if not waiting or error.message.key not in _ELSEWHERE:
                    raise

    def _by_load(self) -> list[OpenAIServer]:
        """All servers, the one to be asked first at the front; those left out at the end, as a last resort."""
        return sorted(self._servers, key=self._load)

    def _load(self, server: OpenAIServer) -> tuple[bool, int, int]:
        with self._lock:
            return server in self._down, self._answering[server], self._asked[server]

    @contextmanager
    def _counted(self, server: OpenAIServer) -> Iterator[None]:
        with self._lock:
            self._answering[server] += 1
            self._asked[server] += 1
        try:
            yield
        finally:
            with self._lock:
                self._answering[server] -= 1

    def _note(self, server: OpenAIServer, error: ModelError) -> None:
        if error.message.key in _DOWN:
            self._leave_out(server)

    def _leave_out(self, server: OpenAIServer) -> None:
        with self._lock:
            if server in self._down:
                return
            self._down.add(server)
        _log.warning("The model server at %s does not answer and is left out for now.", server.address)
        threading.Thread(target=self._look_after, args=(server,), name="server-check", daemon=True).start()

    def _look_after(self, server: OpenAIServer) -> None:
        while not self._closed.wait(CHECK_SECONDS):
            try:
                server.models()
            except ModelError as error:  # noqa: PERF203 (that is what is waited for)
                _log.debug("%s still does not answer: %s", server.address, error)
            else:
                with self._lock:
                    self._down.discard(server)
                _log.warning("The model server at %s answers again.", server.address)
                return
