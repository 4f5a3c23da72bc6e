"""The language and length of answers: a small menu at the foot of the sidebar. The choice is kept in this browser."""

from __future__ import annotations

import streamlit as st

from minicpm_rag.answering.style import LENGTHS, Style
from minicpm_rag.messages import LANGUAGES
from minicpm_rag.page import state
from minicpm_rag.page.language import t

_NAMES = {"zh": "中文", "en": "English"}


def draw() -> None:
    """Draw the menu."""
    style = state.answer_style()
    with st.popover("", icon=":material/tune:", help=t("answer_style")):
        st.segmented_control(
            t("answer_language"),
            ["auto", *LANGUAGES],
            format_func=lambda known: _NAMES.get(known, t("answer_language_auto")),
            default=style.language or "auto",
            required=True,
            key="answer-language",
            help=t("answer_language_help"),
            on_change=_chosen,
        )
        st.segmented_control(
            t("answer_length"),
            LENGTHS,
            format_func=lambda length: t(f"answer_length_{length}"),
            default=style.length,
            required=True,
            key="answer-length",
            help=t("answer_length_help"),
            on_change=_chosen,
        )


def _chosen() -> None:
    language = st.session_state["answer-language"]
    known = next((known for known in LANGUAGES if known == language), None)
    st.session_state.answer_style = Style(known, st.session_state["answer-length"])
