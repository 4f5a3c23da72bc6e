"""A fair queue in front of something that serves few at a time: first come, first served.

Knows nothing of models.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Condition, Event

# A cancelled wait ends within this time: an Event cannot wake a Condition.
_LOOK_SECONDS = 0.05


class Turns:
    """Hands out `slots` turns in order of arrival."""

    def __init__(self, slots: int) -> None:
        self._changed = Condition()
        self._waiting: deque[object] = deque()
        self._free = slots

    def take(self, cancel: Event, on_queue: Callable[[int], object] | None = None) -> bool:
        """Wait for a turn; False where `cancel` was set first.

        `on_queue` hears the position (1 is next) when waiting starts and whenever it changes, in the caller's
        thread. Each turn taken must be given back by `release`.
        """
        ticket = object()
        heard = 0
        with self._changed:
            self._waiting.append(ticket)
        try:
            while not cancel.is_set():
                with self._changed:
                    position = self._waiting.index(ticket) + 1
                    if position <= self._free:
                        self._free -= 1
                        return True
                    if position == heard:
                        self._changed.wait(_LOOK_SECONDS)
                        continue
                heard = position
                if on_queue is not None:
                    on_queue(position)
            return False
        finally:
            with self._changed:
                self._waiting.remove(ticket)
                self._changed.notify_all()

    def release(self) -> None:
        """Give a turn back; any thread may."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()
