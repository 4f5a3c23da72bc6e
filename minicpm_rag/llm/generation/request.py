"""A request on its way through an engine, and the queue in which it waits: first come, first served.

The thread that serves requests says what happens to them, the thread that asked reads it. Knows nothing of models.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, TypeVar

from minicpm_rag.llm.generation import Sampling

# A reader notices a set `cancel` within this time: a Queue cannot be woken by an Event.
_POLL_SECONDS = 0.05
_END = object()


class Cancel(threading.Event):
    """An Event that also counts as set while the caller's own is; the caller's is never set from here."""

    def __init__(self, outer: threading.Event | None = None) -> None:
        super().__init__()
        self._outer = outer

    def is_set(self) -> bool:
        """Whether either was set."""
        return super().is_set() or (self._outer is not None and self._outer.is_set())


class Request:
    """One prompt to continue. Once `cancel` is set, its tokens are no longer wanted."""

    def __init__(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: threading.Event) -> None:
        self.ids = list(prompt_ids)
        self.sampling = sampling
        self.cancel = Cancel(cancel)
        self.ended = threading.Event()
        self._place = 0
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def tell_place(self, place: int) -> None:
        """Tell the reader its place in the queue, if it has changed: 1 is next, 0 is being served."""
        if place != self._place:
            self._place = place
            self._events.put(_Place(place))

    def put(self, token: int) -> None:
        """Give the reader a new token."""
        self._events.put(token)

    def end(self, error: BaseException | None = None) -> None:
        """End the reader's stream, with an error where there was one."""
        self._events.put(_END if error is None else error)
        self.ended.set()

    def tokens(self, on_queue: Callable[[int], object] | None = None) -> Generator[int]:
        """Yield the new tokens; `on_queue` is called with each new place, in the reader's thread.

        Ends early once `cancel` is set, and sets it when it is closed. Raises what `end` was given.
        """
        try:
            while not self.cancel.is_set():
                try:
                    event = self._events.get(timeout=_POLL_SECONDS)
                except queue.Empty:
                    continue
                if event is _END:
                    return
                if isinstance(event, BaseException):
                    raise event
                if not isinstance(event, _Place):
                    yield event
                elif on_queue is not None:
                    on_queue(event.place)
        finally:
            self.cancel.set()


AnyRequest = TypeVar("AnyRequest", bound=Request)


class _Place:
    def __init__(self, place: int) -> None:
        self.place = place


class RequestQueue(Generic[AnyRequest]):
    """Waiting requests in order of arrival. Any thread may use it."""

    def __init__(self) -> None:
        self._waiting: deque[AnyRequest] = deque()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, request: AnyRequest, *, first: bool = False) -> None:
        """Add a request at the end, or with `first` at the head."""
        with self._lock:
            if first:
                self._waiting.appendleft(request)
            else:
                self._waiting.append(request)

    def first(self) -> AnyRequest | None:
        """The request that is served next."""
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def remove(self, request: AnyRequest) -> bool:
        """Take a request out, to serve it or because it was cancelled; False where it does not wait here."""
        with self._lock:
            if request not in self._waiting:
                return False
            self._waiting.remove(request)
            return True

    def remove_cancelled(self) -> list[AnyRequest]:
        """Take out the requests that were cancelled, and return them."""
        with self._lock:
            cancelled = [request for request in self._waiting if request.cancel.is_set()]
            for request in cancelled:
                self._waiting.remove(request)
            return cancelled

    def tell_places(self) -> None:
        """Tell each request its place, to be called after those that can be served now were taken out."""
        with self._lock:
            for place, request in enumerate(self._waiting, start=1):
                request.tell_place(place)
