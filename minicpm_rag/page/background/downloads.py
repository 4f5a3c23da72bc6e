"""Downloads of models, shared by all sessions: progress, pause, resume, error.

It does not draw, and does not know what the model is for.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.errors import DownloadStoppedError, RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page.once import Once

if TYPE_CHECKING:
    from minicpm_rag.models import Model

logger = logging.getLogger(__name__)


class Download:
    """A model being fetched. Pausing stops the transfer; resuming goes on from what has arrived."""

    def __init__(self, model: Model, folder: Path) -> None:
        self.model = model
        self.folder = folder
        self.bytes_done = 0
        self.bytes_total = model.download_bytes
        self.error: Message | None = None
        self.state = "running"  # running, paused, failed, done
        self._cancel = threading.Event()
        self._start()

    def pause(self) -> None:
        """Stop for now; what has arrived stays."""
        self._cancel.set()

    def resume(self) -> None:
        """Go on; harmless while it runs."""
        if self.state in ("paused", "failed"):
            self._start()

    def _start(self) -> None:
        self.error, self.state = None, "running"
        self._cancel = threading.Event()
        threading.Thread(
            target=self._run, args=(self._cancel,), name=f"download-{self.model.name}", daemon=True
        ).start()

    def _run(self, cancel: threading.Event) -> None:
        from minicpm_rag import models

        try:
            models.download(self.model, self.folder, on_progress=self._progress, cancel=cancel)
        except DownloadStoppedError:
            self.state = "paused"
        except RAGError as error:
            self.error, self.state = error.message, "failed"
        except Exception:
            logger.exception("Downloading %s failed", self.model.name)
            self.error, self.state = Message("system.fault"), "failed"
        else:
            self.state = "done"

    def _progress(self, bytes_done: int, bytes_total: int) -> None:
        self.bytes_done, self.bytes_total = bytes_done, bytes_total


@Once
def shared() -> dict[str, Download]:
    """The downloads by model name, one table for all sessions."""
    return {}
