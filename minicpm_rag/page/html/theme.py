"""The style sheet, and the words that Streamlit's own widgets would otherwise say in English."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from minicpm_rag.messages import Language
from minicpm_rag.page.language import text

STYLE = Path(__file__).with_name("style.css")

# Streamlit's uploader speaks English only (streamlit#1353): its words are covered by ours.
_UPLOADER = """
[data-testid="stFileUploaderDropzoneInstructions"] > * {{ display: none; }}
[data-testid="stFileUploaderDropzoneInstructions"]::after {{ content: "{drop}"; font-size: .95rem; }}
[data-testid="stFileUploaderDropzone"] button p {{ font-size: 0; }}
[data-testid="stFileUploaderDropzone"] button p::after {{ content: "{button}"; font-size: .9rem; }}
"""


def draw(language: Language) -> None:
    """Put the style sheet on the page."""
    uploader = _UPLOADER.format(drop=text(language, "upload_drop"), button=text(language, "upload_button"))
    st.html(STYLE)
    st.html(f"<style>{uploader}</style>")
