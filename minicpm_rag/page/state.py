"""What one browser session remembers: who asks, what is shown, what was chosen. It does not draw anything."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import streamlit as st

from minicpm_rag.answering.style import AS_ASKED, LENGTHS, Style
from minicpm_rag.errors import NotFoundError
from minicpm_rag.messages import LANGUAGES
from minicpm_rag.page import door, shared, streamlit_private
from minicpm_rag.page.language import LANGUAGE_COOKIE, language

if TYPE_CHECKING:
    from minicpm_rag.page.sources import Source
    from minicpm_rag.records import Conversation, User
    from minicpm_rag.workspace import Workspace

USER_COOKIE = "minicpm_rag_owner"
TOUR_COOKIE = "minicpm_rag_tour"
ANSWERS_COOKIE = "minicpm_rag_answers"
VIEWS = ("chat", "library", "model")
MOST_DIGITS = 18  # of a number in the address: SQLite holds no larger one


def user() -> str:
    """Whose conversations these are: the user who logged in, else this browser."""
    if "user" not in st.session_state:
        st.session_state.user = _logged_in() or _browser()
    name: str = st.session_state.user
    return name


def _logged_in() -> str | None:
    claims = st.user.to_dict()
    return door.user_id(claims) if claims.get("is_logged_in") else None


def may_administer() -> bool:
    """Whether this user may change what all share, the model: everyone, or administrators where a login is set up."""
    if not door.door().needs_login:
        return True
    signed_in = person()
    return signed_in is not None and signed_in.is_administrator


def person() -> User | None:
    """The user who logged in; None where no login is set up. Raises ValueError where one is needed and missing."""
    return door.user_of(st.user.to_dict(), shared.settings()) if door.door().needs_login else None


def workspace() -> Workspace | None:
    """The workspace as this user may see it; None while it is being opened. Raises what opening it raised."""
    opened, who = shared.workspace(), person()
    if opened is None or who is None:
        return opened
    kept = st.session_state.get("seen")
    if kept is None or kept[:2] != (who, id(opened)):
        seen = opened.seen_by(who)
        seen.library.sign_in()
        kept = st.session_state["seen"] = (who, id(opened), seen)
    found: Workspace = kept[2]
    return found


def _browser() -> str:
    token = st.context.cookies.get(USER_COOKIE, "")
    return f"browser:{token}" if len(token) >= 32 and token.isalnum() else f"browser:{secrets.token_hex(16)}"


def cookies() -> dict[str, str]:
    """What the browser should keep until the next visit."""
    kept: dict[str, str] = {LANGUAGE_COOKIE: language()}
    kind, _, token = user().partition(":")
    if (style := answer_style()) != AS_ASKED or st.context.cookies.get(ANSWERS_COOKIE):
        kept[ANSWERS_COOKIE] = _as_cookie(style)
    if tour_is_over():
        kept[TOUR_COOKIE] = "over"
    return kept | {USER_COOKIE: token} if kind == "browser" else kept


def tour_is_over() -> bool:
    """Whether the steps of the first run were put away, in this session or before."""
    return bool(st.session_state.get("tour_is_over")) or st.context.cookies.get(TOUR_COOKIE) == "over"


def end_tour() -> None:
    """Show the steps of the first run no longer."""
    st.session_state.tour_is_over = True


def has_opened_source() -> bool:
    """Whether a source was opened in this session."""
    return bool(st.session_state.get("has_opened_source"))


def view() -> str:
    """Which view is shown."""
    shown: str = st.session_state.setdefault("view", "chat")
    return shown


def go(to: str) -> None:
    """Show another view."""
    close_source()
    st.session_state.view = to


def follow_address() -> None:
    """Show what the address of the page names, and have it name what is shown: a reload or a link comes back here.

    An address that names another user's conversation, or one that is gone, is as good as none. It is followed when the
    page is loaded and when "back" is pressed, not whenever it differs from what is shown: a browser that asks for a run
    before it has heard of the new address sends the old one, which would undo the click that came before.
    """
    named = {name: st.query_params.get(name, "") for name in ("view", "conversation")}
    is_loaded = "address" not in st.session_state
    if (is_loaded and any(named.values())) or streamlit_private.went_through_history():
        is_number = named["conversation"].isdecimal() and len(named["conversation"]) <= MOST_DIGITS
        open_conversation(int(named["conversation"]) if is_number else None)
        if named["view"] in VIEWS:
            go(named["view"])
    current = conversation()
    shown = {
        "view": "" if view() == "chat" else view(),
        "conversation": "" if current is None else str(current.id),
    }
    if shown != named:
        st.query_params.from_dict({name: value for name, value in shown.items() if value})
    st.session_state.address = shown


def knowledge_base() -> str:
    """The knowledge base that is asked and added to."""
    name: str = st.session_state.setdefault("knowledge_base", shared.settings().knowledge_base)
    return name


def scope() -> list[str]:
    """The documents, folders and tags of this knowledge base that questions are held to."""
    names: list[str] = st.session_state.setdefault("scopes", {}).get(knowledge_base(), [])
    return list(names)


def hold_to(names: list[str]) -> None:
    """Hold the questions to come to these documents, folders and tags; to none of them with an empty list."""
    st.session_state.setdefault("scopes", {})[knowledge_base()] = list(dict.fromkeys(names))


def options() -> dict[str, Any]:
    """How questions are answered, as the model view and the sidebar were set; empty where nothing was changed."""
    kept: dict[str, Any] = st.session_state.setdefault("options", {})
    style = answer_style()
    language = {} if style.language is None else {"answer_language": style.language}
    length = {} if style.length == AS_ASKED.length else {"answer_length": style.length}
    return kept | language | length


def answer_style() -> Style:
    """The language and length of answers, as they were chosen in this browser."""
    if "answer_style" not in st.session_state:
        chosen = st.context.cookies.get(ANSWERS_COOKIE)
        known = (Style(language, length) for language in (None, *LANGUAGES) for length in LENGTHS)
        st.session_state.answer_style = next((style for style in known if _as_cookie(style) == chosen), AS_ASKED)
    style: Style = st.session_state.answer_style
    return style


def _as_cookie(style: Style) -> str:
    return f"{style.language or 'auto'}.{style.length}"


def conversation() -> Conversation | None:
    """The conversation on the page; None before its first question."""
    number = st.session_state.get("conversation")
    if number is None:
        return None
    try:
        return shared.conversations().get(user(), number)
    except NotFoundError:
        return None


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
    st.session_state.has_opened_source = True
    for name in ("source_page", "source_goal", "source_zoom"):
        st.session_state.pop(name, None)


def close_source() -> None:
    """Show no source."""
    st.session_state.source = None
