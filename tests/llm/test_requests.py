"""Requests wait in order of arrival, hear their place, and are read by the thread that asked."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from threading import Event

import pytest

from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.queued import Queued
from minicpm_rag.llm.generation.request import Request, RequestQueue


def request(cancel: Event | None = None) -> Request:
    return Request([1, 2], Sampling(), cancel or Event())


def heard(waiting: Request) -> list[int]:
    """The places that were told before the request ended."""
    places: list[int] = []
    waiting.end()
    assert list(waiting.tokens(places.append)) == []
    return places


def test_requests_are_served_in_order_of_arrival_except_those_put_first() -> None:
    queue: RequestQueue[Request] = RequestQueue()
    first, second, again = request(), request(), request()
    queue.add(first)
    queue.add(second)
    queue.add(again, first=True)
    order = []
    while (waiting := queue.first()) is not None:
        assert queue.remove(waiting)
        order.append(waiting)
    assert order == [again, first, second]
    assert not queue.remove(first)


def test_a_place_is_told_once_and_again_when_it_changes() -> None:
    queue: RequestQueue[Request] = RequestQueue()
    first, second = request(), request()
    queue.add(first)
    queue.add(second)
    for _ in range(3):
        queue.tell_places()
    queue.remove(first)
    queue.tell_places()
    second.tell_place(0)
    assert heard(first) == [1]
    assert heard(second) == [2, 1, 0]


def test_cancelled_requests_are_taken_out_wherever_they_wait() -> None:
    queue: RequestQueue[Request] = RequestQueue()
    theirs = Event()
    requests = [request(), request(theirs), request()]
    for waiting in requests:
        queue.add(waiting)
    theirs.set()
    requests[2].cancel.set()
    assert queue.remove_cancelled() == requests[1:]
    assert queue.first() is requests[0]


def test_reading_ends_once_the_callers_event_is_set_and_never_sets_it() -> None:
    theirs = Event()
    waiting = request(theirs)
    waiting.put(7)
    tokens = waiting.tokens()
    assert next(tokens) == 7
    tokens.close()
    assert waiting.cancel.is_set()
    assert not theirs.is_set()
    silent = request(theirs)
    theirs.set()
    assert list(silent.tokens()) == []


def test_an_error_reaches_the_reader_after_the_tokens_before_it() -> None:
    waiting = request()
    waiting.put(7)
    waiting.end(ConnectionResetError("gone"))
    tokens = waiting.tokens()
    assert next(tokens) == 7
    with pytest.raises(ConnectionResetError, match="gone"):
        next(tokens)


class Counting:
    """An engine without a queue that says three tokens."""

    slots = 1

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        yield from (1, 2, 3)

    def shrink(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_where_no_thread_can_be_started_the_reader_hears_it_and_the_slot_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    engine = Queued(Counting())
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        with pytest.raises(RuntimeError, match="new thread"):
            list(engine.stream([1], Sampling(), Event()))
    assert list(engine.stream([1], Sampling(), Event())) == [1, 2, 3]
    engine.close()
