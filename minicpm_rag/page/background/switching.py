"""Changing the model that answers: in the background, because loading takes seconds, and once for all sessions.

The workspace does the loading; this runs it in a thread and keeps the error.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page.once import Once

logger = logging.getLogger(__name__)


class Switching:
    """The change under way, or how the last one ended."""

    def __init__(self) -> None:
        self.error: Message | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def is_running(self) -> bool:
        """Whether what answers is changing now."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self) -> None:
        """Return when no change is under way any more."""
        while (thread := self._thread) is not None and thread.is_alive():
            thread.join()

    def start(self, change: Callable[[], None]) -> None:
        """Begin a change; one that comes while another runs waits for it."""
        with self._lock:
            before = self._thread
            self._thread = threading.Thread(target=self._run, args=(before, change), name="switch-model", daemon=True)
            self._thread.start()

    def _run(self, before: threading.Thread | None, change: Callable[[], None]) -> None:
        if before is not None:
            before.join()
        self.error = None
        try:
            change()
        except RAGError as error:
            self.error = error.message
        except Exception:
            logger.exception("Switching failed")
            self.error = Message("system.fault")


@Once
def shared() -> Switching:
    """The change of the model, which all sessions share."""
    return Switching()
