"""Changing what answers, in the background and once for all sessions: loading a model takes its time.

It does not load anything itself; the workspace does.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message

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


@st.cache_resource(show_spinner=False)
def shared() -> Switching:
    """The one change there can be."""
    return Switching()
