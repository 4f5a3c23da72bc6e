"""The line above a conversation: its title, and a menu to pin, rename, export or delete it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page import shared, state
from minicpm_rag.page.background import reply
from minicpm_rag.page.language import t
from minicpm_rag.page.views import export, notices
from minicpm_rag.page.views.callbacks import attempt, tell

if TYPE_CHECKING:
    from minicpm_rag.records import Conversation, Exchange


def draw(conversation: Conversation, exchanges: list[Exchange]) -> None:
    """Draw title and menu."""
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
        notices.quiet(conversation.title or t("untitled"))
        with st.popover("", icon=":material/more_horiz:", type="tertiary", help=t("conversation_menu")):
            st.toggle(
                t("pin"),
                conversation.pinned,
                key=f"pin-{conversation.id}",
                on_change=_pin,
                args=(conversation,),
            )
            _rename(conversation)
            st.download_button(
                t("export"),
                export.as_markdown(conversation, exchanges),
                file_name=f"{_file_name(conversation.title)}.md",
                mime="text/markdown",
                icon=":material/download:",
                key=f"export-{conversation.id}",
                width="stretch",
                on_click="ignore",
            )
            sure = st.checkbox(t("delete_conversation_sure"), key=f"delete-talk-sure-{conversation.id}")
            st.button(
                t("delete_conversation"),
                icon=":material/delete:",
                disabled=not sure,
                key=f"delete-talk-{conversation.id}",
                width="stretch",
                on_click=_delete,
                args=(conversation.id,),
            )


def _rename(conversation: Conversation) -> None:
    with st.form(f"rename-talk-{conversation.id}", border=False):
        key, failed = f"title-{conversation.id}", f"title-failed-{conversation.id}"

        def renamed() -> None:
            shared.conversations().rename(state.user(), conversation.id, st.session_state[key])

        st.text_input(t("title"), value=conversation.title, key=key)
        st.form_submit_button(
            t("rename"), key=f"rename-talk-submit-{conversation.id}", on_click=attempt(renamed, failed)
        )
        tell(failed)


@attempt
def _pin(conversation: Conversation) -> None:
    shared.conversations().pin(state.user(), conversation.id, bool(st.session_state[f"pin-{conversation.id}"]))


@attempt
def _delete(number: int) -> None:
    reply.shared().stop(number)
    shared.conversations().delete(state.user(), number)
    state.open_conversation(None)


def _file_name(title: str) -> str:
    return re.sub(r"[^\w\- ]", "", title).strip()[:60] or "conversation"
