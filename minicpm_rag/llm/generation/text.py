"""Text in, text out: a tokenizer, an engine, and the queue in front of it.

Knows nothing of LangChain, nor of how a token is chosen.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

from minicpm_rag.errors import PromptTooLongError
from minicpm_rag.llm.generation import Engine, Sampling, stream_within_memory
from minicpm_rag.llm.generation.text_stream import Detokenizer, StopStrings, byte_tokens
from minicpm_rag.llm.generation.turns import Turns

# How long closing waits for the worker: it ends within two tokens, but a long prompt's first takes time.
_JOIN_SECONDS = 5.0


class Cancel(threading.Event):
    """Set by us, or by the caller's own event, which is never set from here."""

    def __init__(self, outer: threading.Event | None = None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        """Whether either was set."""
        return super().is_set() or (self._outer is not None and self._outer.is_set())


class TextGenerator:
    """Answers prompts in order of arrival, as many at once as the engine has slots."""

    def __init__(self, engine: Engine, tokenizer: Any, window_tokens: int) -> None:
        self.engine = engine
        self._window_tokens = window_tokens
        self._tokenizer = tokenizer
        self._bytes_of = byte_tokens(tokenizer)
        self._turns = Turns(engine.slots)
        self._running: dict[threading.Thread, Cancel] = {}
        # Also runs at exit: Python must not end while a worker is inside torch, that aborts the process.
        self._stop_all = weakref.finalize(self, _stop_all, self._running)

    def close(self) -> None:
        """Stop what runs and free the engine."""
        self._stop_all()
        self.engine.close()

    @property
    def context_tokens(self) -> int:
        """The most tokens of prompt and answer together: the model's window, or what the cache holds."""
        memory = getattr(self.engine, "memory", None)
        return self._window_tokens if memory is None else min(self._window_tokens, memory.cache_tokens)

    def encode(self, rendered: str) -> list[int]:
        """Ids of a whole prompt, with one begin token."""
        begin = self._tokenizer.bos_token
        has_begin = bool(begin) and rendered.startswith(begin)
        ids: list[int] = self._tokenizer(rendered, add_special_tokens=not has_begin).input_ids
        return ids

    def stream(
        self,
        rendered: str,
        sampling: Sampling,
        *,
        stop: Sequence[str] = (),
        cancel: threading.Event | None = None,
        on_queue: Callable[[int], object] | None = None,
    ) -> Generator[str]:
        """The answer in pieces of whole characters, up to a stop string, an end token or the window's end.

        Closing it or setting `cancel` stops the engine. Raises PromptTooLongError and what the engine raises.
        """
        ids = self.encode(rendered)
        room = self.context_tokens - len(ids)
        if room < 1:
            raise PromptTooLongError(len(ids), self.context_tokens - 1)
        sampling = replace(sampling, max_new_tokens=min(sampling.max_new_tokens, room))
        detokenizer = Detokenizer(self._tokenizer, self._bytes_of)
        stops = StopStrings(stop)
        stopped = Cancel(cancel)
        with contextlib.closing(self._tokens(ids, sampling, stopped, on_queue)) as tokens:
            for token in tokens:
                text = stops.add(detokenizer.add(token))
                if stops.found:
                    stopped.set()  # before the reader gets the text, which may take its time with it
                if text:
                    yield text
                if stops.found:
                    return
        text = stops.add(detokenizer.finish()) + stops.finish()
        if text:
            yield text

    def _tokens(
        self, ids: list[int], sampling: Sampling, cancel: Cancel, on_queue: Callable[[int], object] | None
    ) -> Generator[int]:
        """New tokens, made by a worker thread once it is this prompt's turn.

        The worker never waits for the reader, so that a reader who stops reading without closing holds
        nobody else up for longer than its own answer takes.
        """
        if not self._turns.take(cancel, on_queue):
            return
        arrived: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()

        def work() -> None:
            end: BaseException | None = None
            try:
                for token in stream_within_memory(self.engine, ids, sampling, cancel):
                    arrived.put(token)
            except BaseException as exc:
                end = exc
            self._running.pop(threading.current_thread(), None)
            self._turns.release()
            arrived.put(end)

        worker = threading.Thread(target=work, name="minicpm-generate", daemon=True)
        self._running[worker] = cancel
        try:
            worker.start()
        except BaseException:
            self._running.pop(worker)
            self._turns.release()
            raise
        try:
            while (item := arrived.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            cancel.set()
            worker.join(_JOIN_SECONDS)


def _stop_all(running: dict[threading.Thread, Cancel]) -> None:
    workers = dict(running)
    for cancel in workers.values():
        cancel.set()
    for worker in workers:
        worker.join(_JOIN_SECONDS)
