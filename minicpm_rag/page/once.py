"""Things that are made once in the server's life and shared by all sessions.

Streamlit's own `cache_resource` would do, but any browser may empty it by a message that it can send, logged in or not:
the library would be opened twice, answers and jobs under way forgotten.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

_all: list[Once[object]] = []


class Once(Generic[T]):
    """A function whose result is kept after the first call; thread-safe. An error is not kept."""

    def __init__(self, make: Callable[[], T]) -> None:
        self.__doc__ = make.__doc__
        self._make = make
        self._lock = threading.RLock()
        self._made: list[T] = []
        _all.append(self)  # type: ignore[arg-type]

    def __call__(self) -> T:
        """What was made, made now where nothing was yet."""
        with self._lock:
            if not self._made:
                self._made.append(self._make())
            return self._made[0]

    def clear(self) -> None:
        """Forget what was made."""
        with self._lock:
            self._made.clear()


def forget() -> None:
    """Forget everything, as a restart of the server does; for tests."""
    for each in _all:
        each.clear()
