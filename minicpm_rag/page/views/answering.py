"""How to answer: temperature, length, number of passages, reranker. The choice holds for this session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page import shared, state
from minicpm_rag.page.language import t

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

LONGEST_ANSWER_TOKENS = 4096
MOST_PASSAGES = 20


def draw(workspace: Workspace) -> None:
    """Draw the choices."""
    settings, kept = shared.settings(), state.options()
    st.slider(
        t("passages"),
        1,
        MOST_PASSAGES,
        min(MOST_PASSAGES, kept.get("passages", settings.passages)),
        key="passages",
        help=t("passages_help"),
        on_change=_keep,
        args=("passages", "passages"),
    )
    if workspace.mode == "model":
        st.slider(
            t("temperature"),
            0.0,
            1.5,
            float(kept.get("temperature", settings.temperature)),
            0.05,
            key="temperature",
            help=t("temperature_help"),
            on_change=_keep,
            args=("temperature", "temperature"),
        )
        st.slider(
            t("length"),
            64,
            max(LONGEST_ANSWER_TOKENS, settings.max_new_tokens),  # a longer one may be set in the settings
            max(64, kept.get("max_new_tokens", settings.max_new_tokens)),
            64,
            key="length",
            help=t("length_help"),
            on_change=_keep,
            args=("max_new_tokens", "length"),
        )
    if settings.reranker is not None or settings.reranker_url is not None:
        st.toggle(
            t("rerank"),
            kept.get("rerank", True),
            key="rerank",
            help=t("rerank_help"),
            on_change=_keep,
            args=("rerank", "rerank"),
        )


def _keep(option: str, key: str) -> None:
    st.session_state.setdefault("options", {})[option] = st.session_state[key]
