"""Waiting, while the page is drawn, for something that takes seconds: a click elsewhere ends the waiting at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

import streamlit as st

LOOK_SECONDS = 0.2  # how often it is looked whether something else was clicked

T = TypeVar("T")


def done(work: Callable[[], T]) -> T:
    """What `work` returns or raises. It goes on in its thread when the waiting ends, and nobody hears of it."""
    future: Future[T] = Future()
    threading.Thread(target=_do, args=(work, future), name="waited-for", daemon=True).start()
    while not wait([future], LOOK_SECONDS).done:
        st.session_state.get("view")  # where Streamlit ends a run for the next one
    return future.result()


def _do(work: Callable[[], T], future: Future[T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:
        future.set_exception(error)
