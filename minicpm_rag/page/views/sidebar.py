"""The sidebar: where to go, which knowledge base, earlier conversations, the language, what answers.

It does not draw the views.
"""

from __future__ import annotations

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.page import shared, state
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import language, t
from minicpm_rag.page.views import answer_style, conversation_list, knowledge, login, palette

ICONS = {"chat": ":material/forum:", "library": ":material/folder_open:", "model": ":material/memory:"}


def draw() -> None:
    """Draw the sidebar."""
    with st.sidebar:
        st.html(f'<div class="rag-brand">{markup.plain(t("brand"))}</div>')
        st.button(
            t("new_conversation"),
            icon=":material/add:",
            key="new-conversation",
            width="stretch",
            type="primary",
            on_click=state.open_conversation,
            args=(None,),
        )
        with st.container(gap=None):
            for view in state.VIEWS:
                _navigation(view)
            palette.draw()
        knowledge.choose()
        conversation_list.draw()
        with st.container(key="sidebar-foot"):
            with st.container(horizontal=True, wrap=False, vertical_alignment="center", gap="xsmall"):
                _language()
                answer_style.draw()
            _answering()
            login.draw_way_out()


def _navigation(view: str) -> None:
    here = "-here" if view == state.view() else ""
    with st.container(key=f"nav-{view}{here}"):
        st.button(
            t(f"view_{view}"),
            icon=ICONS[view],
            key=f"go-{view}",
            type="tertiary",
            width="stretch",
            on_click=state.go,
            args=(view,),
        )


def _language() -> None:
    def chosen() -> None:
        if st.session_state.get("language-choice"):
            st.session_state.language = st.session_state["language-choice"]

    st.segmented_control(
        t("language"),
        options=["zh", "en"],
        format_func={"zh": "中文", "en": "English"}.__getitem__,
        default=language(),
        required=True,
        key="language-choice",
        label_visibility="collapsed",
        width="stretch",
        on_change=chosen,
    )


def _answering() -> None:
    try:
        workspace = shared.workspace()
    except RAGError:
        return  # the view says it
    if workspace is None:
        words, off = t("opening"), " off"
    elif workspace.model_name:
        words, off = workspace.model_name, ""
    else:
        words, off = t("no_model"), " off"
    st.html(f'<div class="rag-state{off}">{markup.plain(words)}</div>')
