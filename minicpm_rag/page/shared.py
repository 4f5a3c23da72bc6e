"""What all browser sessions share: settings, conversations, and the workspace, opened in the background.

Streamlit runs the page again at every click; what is made here is made once in the server's life.
"""

from __future__ import annotations

import gc
import logging
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger.opening import open_ledger
from minicpm_rag.page.background import switching
from minicpm_rag.page.once import Once
from minicpm_rag.settings import Settings, load_settings

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

WARM_AFTER_SECONDS = 1.0

logger = logging.getLogger(__name__)


@Once
def settings() -> Settings:
    """The settings, read once. Raises SettingsError."""
    return load_settings()


@Once
def conversations() -> Conversations:
    """The conversations of the home folder, open for all sessions."""
    return Conversations(open_ledger(settings().home, settings().database_url))


@Once
def opening() -> Future[Workspace]:
    """The workspace being opened in the background, once for all sessions: the page does not wait."""
    future: Future[Workspace] = Future()
    threading.Thread(target=_open, args=(settings(), future), name="open-workspace", daemon=True).start()
    return future


def _open(wanted: Settings, future: Future[Workspace]) -> None:
    try:
        # Imported here: they pull in LangChain and Chroma, which the first paint must not wait for.
        from minicpm_rag import indexing, workspace

        opened = workspace.open_workspace(wanted)
        indexing.Worker(opened.library, wanted.chunk_size, ocr=wanted.ocr, ray=wanted.ray).start()
    except BaseException as error:
        logger.exception("The workspace could not be opened")
        future.set_exception(error)
        return
    # Load the models before the first question. An error shows when the models are needed.
    switching.shared().start(lambda: _warm(opened))
    future.set_result(opened)


def _warm(opened: Workspace) -> None:
    # After the first paint: importing torch takes seconds of the interpreter's lock.
    time.sleep(WARM_AFTER_SECONDS)
    opened.warm()
    # What is loaded now stays. Not looked at again, it no longer holds up a run of the page: a full collection of its
    # 220,000 objects took 130 ms.
    gc.collect()
    gc.freeze()


def ready() -> Workspace:
    """The workspace once its models are loaded, or could not be; waits for that.

    A question that loaded them itself beside the loading under way would fail: two threads that import
    transformers for the first time at once get half of it.
    """
    opened = opening().result()
    switching.shared().wait()
    return opened


def workspace() -> Workspace | None:
    """The open workspace, or None while it is being opened. Raises what opening it raised."""
    future = opening()
    return future.result() if future.done() else None


def try_again() -> None:
    """Forget what could not be opened, so that the next run of the page tries it again."""
    opening.clear()
    settings.clear()
    conversations.clear()
