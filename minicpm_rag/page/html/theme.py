"""The style sheets: of our own elements, and of Streamlit's parts, with the words that those lack in Chinese."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from minicpm_rag.messages import Language
from minicpm_rag.page import streamlit_private
from minicpm_rag.page.language import text

STYLE = Path(__file__).with_name("style.css")


def draw(language: Language) -> None:
    """Put the style sheet on the page."""
    parts = streamlit_private.style(drop=text(language, "upload_drop"), choose=text(language, "upload_button"))
    st.html(STYLE)
    st.html(f"<style>{parts}</style>")
