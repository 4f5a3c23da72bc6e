"""What one browser session remembers, and what all sessions share: workspace, conversations, settings.

It does not draw anything.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.library.ledger.conversations import Conversations
from minicpm_rag.messages import Message, core, text
from minicpm_rag.page import door
from minicpm_rag.page.background import switching
from minicpm_rag.page.texts import strings, translations
from minicpm_rag.page.texts.strings import Language
from minicpm_rag.settings import Settings, load_settings

if TYPE_CHECKING:
    from minicpm_rag.page.views.sources import Source
    from minicpm_rag.records import Conversation
    from minicpm_rag.workspace import Workspace

OWNER_COOKIE = "minicpm_rag_owner"
LANGUAGE_COOKIE = "minicpm_rag_language"
WARM_AFTER_SECONDS = 1.0
VIEWS = ("chat", "library", "model")

logger = logging.getLogger(__name__)


@st.cache_resource(show_spinner=False)
def settings() -> Settings:
    """The settings, read once. Raises SettingsError."""
    return load_settings()


@st.cache_resource(show_spinner=False)
def conversations() -> Conversations:
    """The conversations of the home folder, open for all sessions."""
    return Conversations(settings().home / "ledger.sqlite3")


@st.cache_resource(show_spinner=False)
def opening() -> Future[Workspace]:
    """The workspace being opened in the background, once for all sessions: the page does not wait."""
    future: Future[Workspace] = Future()
    threading.Thread(target=_open, args=(settings(), future), name="open-workspace", daemon=True).start()
    return future


def _open(wanted: Settings, future: Future[Workspace]) -> None:
    try:
        # Imported here: they pull in LangChain and Chroma, which the first paint must not wait for.
        from minicpm_rag import indexing as worker
        from minicpm_rag import workspace

        opened = workspace.open_workspace(wanted)
        worker.Worker(
            opened.library,
            chunk_characters=wanted.chunk_characters,
            chunk_overlap_characters=wanted.chunk_overlap_characters,
            ocr=wanted.ocr,
        ).start()
    except BaseException as error:
        logger.exception("The workspace could not be opened")
        future.set_exception(error)
        return
    # Load the models before the first question. What fails here is told when the models are asked for.
    switching.shared().start(lambda: _warm(opened), "")
    future.set_result(opened)


def _warm(opened: Workspace) -> None:
    # After the first paint: importing torch takes seconds of the interpreter's lock.
    time.sleep(WARM_AFTER_SECONDS)
    opened.warm()


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


def language() -> Language:
    """The language the page is shown in: chosen here before, else the browser's."""
    if "language" not in st.session_state:
        chosen = st.context.cookies.get(LANGUAGE_COOKIE)
        st.session_state.language = chosen if chosen in strings.LANGUAGES else strings.guess(st.context.locale)
    choice: Language = st.session_state.language
    return choice


def t(key: str, **values: object) -> str:
    """One of the page's texts in the session's language."""
    return strings.text(language(), key, **values)


def said(message: Message | str | None) -> str:
    """What the core says, in the session's language; "" for nothing."""
    if isinstance(message, Message) and message.key in core().texts:
        return text(language(), message)
    words = str(message or "")
    return translations.chinese(words) if language() == "zh" else words


def owner() -> str:
    """Whose conversations these are: the person who logged in, else this browser."""
    if "owner" not in st.session_state:
        st.session_state.owner = _logged_in() or _browser()
    name: str = st.session_state.owner
    return name


def _logged_in() -> str | None:
    user = st.user.to_dict()
    return door.user_id(user) if user.get("is_logged_in") else None


def _browser() -> str:
    token = st.context.cookies.get(OWNER_COOKIE, "")
    return f"browser:{token}" if len(token) >= 32 and token.isalnum() else f"browser:{secrets.token_hex(16)}"


def cookies() -> dict[str, str]:
    """What the browser should keep until the next visit."""
    kept: dict[str, str] = {LANGUAGE_COOKIE: language()}
    kind, _, token = owner().partition(":")
    return kept | {OWNER_COOKIE: token} if kind == "browser" else kept


def view() -> str:
    """Which view is shown."""
    shown: str = st.session_state.setdefault("view", "chat")
    return shown


def go(to: str) -> None:
    """Show another view."""
    close_source()
    st.session_state.view = to


def knowledge_base() -> str:
    """The knowledge base that is asked and added to."""
    name: str = st.session_state.setdefault("knowledge_base", settings().knowledge_base)
    return name


def conversation() -> Conversation | None:
    """The conversation on the page; None before its first question."""
    number = st.session_state.get("conversation")
    listed = {row.id: row for row in conversations().listed(owner())}
    return listed.get(number) if number is not None else None


def open_conversation(number: int | None) -> None:
    """Show a conversation, or with None a new one, in the chat."""
    st.session_state.conversation = number
    go("chat")
    current = conversation()
    if current is not None:
        st.session_state.knowledge_base = current.knowledge_base


def source() -> Source | None:
    """The source that is open beside the conversation."""
    opened: Source | None = st.session_state.get("source")
    return opened


def open_source(opened: Source) -> None:
    """Show a source."""
    st.session_state.source = opened
    st.session_state.pop("source_page", None)


def close_source() -> None:
    """Show no source."""
    st.session_state.source = None
