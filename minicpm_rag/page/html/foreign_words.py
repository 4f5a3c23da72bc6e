"""What Streamlit's own parts say, in the language of the page: they speak English only (streamlit#1353)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from minicpm_rag.page import streamlit_private

_SCRIPT = Path(__file__).with_name("foreign_words.js")


def draw(words: Mapping[str, str]) -> None:
    """Put the script on the page, with what is said instead of each of Streamlit's words."""
    # Registered at each run, as the bridge is.
    mount = component("minicpm_rag.foreign_words", js=_SCRIPT.read_text(encoding="utf-8"), isolate_styles=False)
    with st.container(key="rag-words-bridge"):
        mount(key="foreign-words", data={"words": dict(words), "parts": {"html": streamlit_private.part("html")}})
