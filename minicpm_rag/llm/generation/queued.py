"""A queue in front of an engine that has none: requests are served in order of arrival, each in a thread.

Knows nothing of how tokens are made.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Generator, Sequence

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.generation import Engine, Sampling
from minicpm_rag.llm.generation.memory import stream_within_memory
from minicpm_rag.llm.generation.request import Request, RequestQueue

# How long a reader that leaves waits for its worker, which ends within two tokens; a long prompt's first takes time.
_JOIN_SECONDS = 5.0


class Queued:
    """Serves as many requests at once as an engine has slots; see `QueueingEngine`.

    A worker never waits for its reader: a reader that stops reading without closing its stream delays the others
    only by the time its own answer takes.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.slots = engine.slots
        self._queue: RequestQueue[Request] = RequestQueue()
        self._lock = threading.Lock()
        self._free = engine.slots
        self._closed = False
        self._running: dict[threading.Thread, Request] = {}
        # Also called when the interpreter exits: ending it while a thread is inside torch aborts the process.
        self._stop = weakref.finalize(self, _stop_all, self._running)

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        cancel: threading.Event,
        on_queue: Callable[[int], object] | None = None,
    ) -> Generator[int]:
        """Yield new tokens, see `QueueingEngine.stream`. Raises what the engine raises, OutOfMemoryError too."""
        request = Request(prompt_ids, sampling, cancel)
        self._queue.add(request)
        self._serve()
        try:
            yield from request.tokens(on_queue)
        finally:
            request.cancel.set()
            if self._queue.remove(request):
                self._queue.tell_places()
            else:
                request.ended.wait(_JOIN_SECONDS)

    def close(self) -> None:
        """End every request, those that wait with ModelError, and free the engine."""
        self._closed = True
        self._serve()
        self._stop()
        self._engine.close()

    def _serve(self) -> None:
        """Start a worker for each request that there is a slot for; none once the engine is closed."""
        with self._lock:
            while (self._free or self._closed) and (request := self._queue.first()) is not None:
                self._queue.remove(request)
                if self._closed or request.cancel.is_set():
                    request.end(ModelError("llm.closed") if self._closed else None)
                    continue
                request.tell_place(0)
                worker = threading.Thread(target=self._work, args=(request,), name="generation", daemon=True)
                self._running[worker] = request
                self._free -= 1
                try:
                    worker.start()
                except RuntimeError as error:  # the system has no thread left
                    del self._running[worker]
                    self._free += 1
                    request.end(error)
        self._queue.tell_places()

    def _work(self, request: Request) -> None:
        end: BaseException | None = None
        try:
            for token in stream_within_memory(self._engine, request.ids, request.sampling, request.cancel):
                request.put(token)
        except BaseException as error:  # raised again by the reader
            end = error
        with self._lock:
            del self._running[threading.current_thread()]
            self._free += 1
        self._serve()
        request.end(end)


def _stop_all(running: dict[threading.Thread, Request]) -> None:
    workers = dict(running)
    for request in workers.values():
        request.cancel.set()
    for worker in workers:
        worker.join(_JOIN_SECONDS)
