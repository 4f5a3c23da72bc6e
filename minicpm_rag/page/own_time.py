"""How much of a run of the page is our own work: processor time of its thread while no function of Streamlit runs.

`bench rerun` starts it as `python -m minicpm_rag.page.own_time KNOWLEDGE_BASE DOCUMENTS RUNS`, with the home folder in
the environment, and reads one line of JSON: seconds by scene.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from statistics import median
from types import FunctionType, MethodType
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.testing.v1 import AppTest

from minicpm_rag.page import app, server, shared
from minicpm_rag.page.background import switching

LIMIT_SECONDS, LOOK_SECONDS = 600, 0.05
# What the session remembers when a scene is drawn.
SCENES: dict[str, dict[str, Any]] = {
    "chat": {"view": "chat"},
    "library": {"view": "library"},
    "library, last screen": {"view": "library", "documents-screen-": "last"},
    "library, newest": {"view": "library", "sort-documents": "newest"},
    "model": {"view": "model"},
}
# Decorators, and what only raises: the functions that these are given are ours.
_NO_ELEMENTS = {"fragment", "dialog", "rerun", "stop", "switch_page"}


class OwnTime:
    """A clock of one thread's processor time that stands still in the functions that `stopped_in` was given."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._since: float | None = None  # None while it stands

    @contextmanager
    def running(self) -> Iterator[None]:
        """Let it run within the block."""
        self._since = time.thread_time()
        try:
            yield
        finally:
            self._stop()

    def _stop(self) -> None:
        if self._since is not None:
            self.seconds += time.thread_time() - self._since
            self._since = None

    def stopped_in(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, in which the clock stands, except in those of our functions that it is given and calls."""

        @wraps(function)
        def called(*arguments: Any, **options: Any) -> Any:
            if self._since is None:
                return function(*arguments, **options)
            self._stop()
            try:
                found = function(
                    *(self._running_in(value) for value in arguments),
                    **{name: self._running_in(value) for name, value in options.items()},
                )
            finally:
                self._since = time.thread_time()
            # A component is a function that draws.
            return self.stopped_in(found) if isinstance(found, FunctionType) else found

        return called

    def _running_in(self, value: Any) -> Any:
        if not isinstance(value, FunctionType):
            return value

        @wraps(value)
        def called(*arguments: Any, **options: Any) -> Any:
            if self._since is not None:
                return value(*arguments, **options)
            with self.running():
                return value(*arguments, **options)

        return called


@contextmanager
def streamlit_timed(clock: OwnTime) -> Iterator[None]:
    """Within the block the clock stands in all functions of Streamlit that the page calls to draw."""
    ours = [module for name, module in sys.modules.items() if name.startswith("minicpm_rag.page")]
    before: list[tuple[Any, str, Any]] = []
    for place in (DeltaGenerator, st, *ours):
        for name in dir(place):
            value = getattr(place, name)
            is_drawn_with = isinstance(value, (FunctionType, MethodType)) and value.__module__.startswith("streamlit")
            if is_drawn_with and not name.startswith("_") and name not in _NO_ELEMENTS:
                before.append((place, name, vars(place).get(name)))
                setattr(place, name, clock.stopped_in(value))
    try:
        yield
    finally:
        for place, name, value in before:
            delattr(place, name) if value is None else setattr(place, name, value)


def measure(knowledge_base: str, documents: int, runs: int) -> dict[str, dict[str, float]]:
    """Draw each scene so many times more after the first; seconds of our `own` work and of the `whole` run.

    Medians, and of our own work the `worst` too. Raises RuntimeError where the library does not come up.
    """
    from minicpm_rag.page.views.documents import ROWS_PER_SCREEN

    server.Gate.is_in_place = True  # nobody else is let in: there is no server
    page = AppTest.from_file(str(server.SCRIPT), default_timeout=LIMIT_SECONDS)
    page.session_state["knowledge_base"] = knowledge_base
    page.run()
    while not shared.opening().done():
        time.sleep(LOOK_SECONDS)
    switching.shared().wait()  # models are loaded, which must not end with this process half way
    clock, own, whole = OwnTime(), list[float](), list[float]()
    drawn = app.show

    def timed() -> None:
        clock.seconds, began = 0.0, time.thread_time()
        with clock.running():
            drawn()
        own.append(clock.seconds)
        whole.append(time.thread_time() - began)

    found = {}
    for scene, remembered in SCENES.items():
        for name, value in remembered.items():
            page.session_state[name] = -(-documents // ROWS_PER_SCREEN) if value == "last" else value
        page.run()  # imports, and what is worked out once
        if scene == "library" and not any((each.key or "").startswith("preview-") for each in page.button):
            raise RuntimeError(f"no document of {knowledge_base} is shown")
        own.clear()
        whole.clear()
        with streamlit_timed(clock):
            app.show = timed
            try:
                for _ in range(runs):
                    page.run()
            finally:
                app.show = drawn
        found[scene] = {"own": median(own), "worst": max(own), "whole": median(whole)}
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
