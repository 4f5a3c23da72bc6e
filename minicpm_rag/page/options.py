"""What a session has chosen in the Model view about how questions are answered."""

from __future__ import annotations

from typing import Any

import streamlit as st


def chosen() -> dict[str, Any]:
    """The values as the workspace takes them; empty where nothing was changed."""
    kept: dict[str, Any] = st.session_state.setdefault("options", {})
    return dict(kept)
