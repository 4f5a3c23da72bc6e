"""A question that is typed and not asked yet: kept in the browser's tab while another view, or nothing, is shown.

The box has no memory of its own: Streamlit makes a new and empty one when the view comes back or the page is loaded.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from minicpm_rag.page import streamlit_private

_SCRIPT = Path(__file__).with_name("drafts.js")


def draw(user: str) -> None:
    """Put the script on the page. What one user has typed is not given to another one who logs in in the same tab."""
    # Registered at each run, as the bridge is.
    mount = component("minicpm_rag.drafts", js=_SCRIPT.read_text(encoding="utf-8"), isolate_styles=False)
    with st.container(key="rag-drafts-bridge"):
        mount(key="drafts", data={"question": streamlit_private.part("question"), "user": user})
