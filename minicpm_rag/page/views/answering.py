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
    passages = st.slider(
        t("passages"),
        1,
        MOST_PASSAGES,
        min(MOST_PASSAGES, kept.get("passages", settings.passages)),
        key="passages",
        help=t("passages_help"),
    )
    changed = {"passages": passages}
    if workspace.mode == "model":
        changed["temperature"] = st.slider(
            t("temperature"),
            0.0,
            1.5,
            float(kept.get("temperature", settings.temperature)),
            0.05,
            key="temperature",
            help=t("temperature_help"),
        )
        changed["max_new_tokens"] = st.slider(
            t("length"),
            64,
            max(LONGEST_ANSWER_TOKENS, settings.max_new_tokens),  # a longer one may be set in the settings
            max(64, kept.get("max_new_tokens", settings.max_new_tokens)),
            64,
            key="length",
            help=t("length_help"),
        )
    if settings.reranker is not None or settings.reranker_url is not None:
        changed["rerank"] = st.toggle(t("rerank"), kept.get("rerank", True), key="rerank", help=t("rerank_help"))
    st.session_state.options = changed
