"""The box that questions are typed into, with what they are held to above it and the files attached in it.

It does not know how a question is answered; `asking` begins that.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import NotFoundError
from minicpm_rag.page import shared, state, streamlit_private
from minicpm_rag.page.html import drafts, markup, mentions
from minicpm_rag.page.language import t
from minicpm_rag.page.views import asking

if TYPE_CHECKING:
    from collections.abc import Iterable

    from minicpm_rag.page.background.reply import Reply
    from minicpm_rag.workspace import Workspace

MOST_NAMES = 500  # given to the browser with each run; beyond them it asks for those that hold what is typed
MOST_FOUND = 50


def draw(workspace: Workspace | None, reply: Reply | None) -> None:
    """Draw the box."""
    with st.bottom:
        # In one block, whatever is in it: were the box another of its place's elements, the browser would make a new
        # and empty one.
        with st.container(key="above-question"):
            if reply is not None:
                with st.container(key="stop", horizontal=True, horizontal_alignment="center"):
                    st.button(t("stop"), icon=":material/stop_circle:", key="stop-answer", on_click=reply.stop)
            _scope()
            if workspace is not None:
                _offer_names(workspace)
            drafts.draw(state.user())
        _box()


def keep() -> None:
    """Keep the box while another view is shown, out of sight: what is typed and attached goes with it otherwise."""
    with st.bottom:
        with st.container(key="above-question"):
            st.html('<span class="rag-away"></span>')
            drafts.draw(state.user())
        _box()


def _box() -> None:
    def asked() -> None:
        given = st.session_state["question"]
        question = str(getattr(given, "text", given) or "").strip()
        files = getattr(given, "files", None)
        if files:
            asking.ask_about(question, files)
        elif question:
            asking.ask(question)

    limit = shared.settings().upload_megabytes
    streamlit_private.take_uploads_of(limit)
    given = st.chat_input(
        t("ask_placeholder"),
        key="question",
        accept_file="multiple",
        max_upload_size=limit,
        on_submit=asked,
    )
    # A tab that was open before the server was started anew: its session is new here, and has no callbacks yet.
    if not st.session_state.get("question_is_heard") and given is not None:
        st.session_state.question_is_heard = True
        asked()
        st.rerun()
    st.session_state.question_is_heard = True


def _offer_names(workspace: Workspace) -> None:
    names, wanted = _names(workspace), st.session_state.get("name_wanted", "")
    offered = [*_holding(names, wanted), *names[:MOST_NAMES]] if wanted else names[:MOST_NAMES]
    mentions.draw(
        list(dict.fromkeys(offered)),
        found=wanted if len(names) > MOST_NAMES else None,
        called=t("held_to"),
        held=_hold_to,
        dropped=_drop_last,
        wanted=_look_for,
    )


def _names(workspace: Workspace) -> tuple[str, ...]:
    """The documents and tags that a question can be held to, the newest first."""
    try:
        return workspace.library.listing(state.knowledge_base()).names
    except NotFoundError:
        return ()


def _holding(names: Iterable[str], wanted: str) -> list[str]:
    """Those that begin with what is wanted, then those that hold it, as the script in the browser compares them."""
    wanted = _folded(wanted)
    found = sorted(
        (place, number, name) for number, name in enumerate(names) if (place := min(1, _folded(name).find(wanted))) >= 0
    )
    return [name for _, _, name in found[:MOST_FOUND]]


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).lower()


def _look_for(wanted: str) -> None:
    st.session_state.name_wanted = wanted


def _hold_to(name: str) -> None:
    st.session_state.name_wanted = ""
    if name:
        state.hold_to([*state.scope(), name])


def _drop_last() -> None:
    state.hold_to(state.scope()[:-1])


def _scope() -> None:
    """What the next questions are held to, as chips; a click takes one away."""
    names = state.scope()
    if not names:
        return
    with st.container(horizontal=True, key="scope", gap="xsmall", vertical_alignment="center"):
        st.html(f'<div class="rag-quiet">{markup.plain(t("held_to"))}</div>', width="content")
        for number, name in enumerate(names):
            st.button(
                markup.label(name),
                icon=":material/close:",
                key=f"scope-{number}",
                help=t("held_to_remove"),
                on_click=state.hold_to,
                args=([other for other in names if other != name],),
            )
