"""What is shown while the library is being opened in the background."""

from __future__ import annotations

import streamlit as st

from minicpm_rag.page import shared
from minicpm_rag.page.language import t
from minicpm_rag.page.views import notices


@st.fragment(run_every=0.4)
def wait() -> None:
    """Draw one line, and the page again as soon as the workspace is open."""
    notices.working(t("opening_line"))
    if shared.opening().done():
        st.rerun()
