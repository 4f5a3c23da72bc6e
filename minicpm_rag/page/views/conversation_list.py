"""The user's conversations in the sidebar: pinned ones first, then by day; searched, and all of them reachable.

It does not draw a conversation.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import groupby

import streamlit as st

from minicpm_rag.page import shared, state
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.records import Conversation

AT_FIRST = 20  # shown at first, and added by each click on "more"
SEARCHED_FROM = 8  # as many are found without a search box


def draw() -> None:
    """Draw the list."""
    conversations, user = shared.conversations(), state.user()
    rows = conversations.listed(user)
    if not rows:
        return
    if len(rows) > SEARCHED_FROM:
        wanted = st.text_input(
            t("search_conversations"),
            key="search-conversations",
            placeholder=t("search_conversations"),
            icon=":material/search:",
            label_visibility="collapsed",
        )
        if wanted.strip():
            rows = conversations.holding(user, wanted.strip())
            if not rows:
                st.html(f'<div class="rag-caption">{markup.plain(t("no_conversation_found"))}</div>')
    count = st.session_state.get("conversations_shown", AT_FIRST)
    current = state.conversation() if state.view() == "chat" else None
    for group, members in groupby(rows[:count], key=lambda row: group_of(row, _today())):
        st.html(f'<div class="rag-caption">{markup.plain(t(f"conversations_{group}"))}</div>')
        with st.container(gap=None):
            for row in members:
                _row(row, is_here=current is not None and current.id == row.id)
    if len(rows) > count:
        st.button(
            t("more_conversations", count=len(rows) - count),
            key="more-conversations",
            type="tertiary",
            on_click=_show_more,
            args=(count + AT_FIRST,),
        )


def group_of(row: Conversation, today: date) -> str:
    """The heading a conversation stands under: pinned, today, week or earlier."""
    if row.pinned:
        return "pinned"
    day = datetime.fromisoformat(row.changed_at).astimezone().date()
    if day >= today:
        return "today"
    return "week" if day > today - timedelta(days=7) else "earlier"


def _today() -> date:
    return datetime.now().astimezone().date()


def _row(row: Conversation, *, is_here: bool) -> None:
    here = "-here" if is_here else ""
    with st.container(key=f"talk-{row.id}{here}"):
        st.button(
            markup.label(row.title or t("untitled")),
            key=f"open-{row.id}",
            type="tertiary",
            width="stretch",
            on_click=state.open_conversation,
            args=(row.id,),
        )


def _show_more(count: int) -> None:
    st.session_state.conversations_shown = count
