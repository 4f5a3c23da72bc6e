"""The door, where one is set up: an [auth] section in .streamlit/secrets.toml lets in only who logs in.

Streamlit does the OpenID Connect part; this only asks whether it has to.
"""

from __future__ import annotations

import streamlit as st

from minicpm_rag.page.html import markup
from minicpm_rag.page.state import t


def is_missing() -> bool:
    """Whether a login is asked for and this session has none."""
    return _is_set_up() and not st.user.to_dict().get("is_logged_in")


def draw() -> None:
    """Draw the door."""
    st.html(f'<div class="rag-hello">{markup.plain(t("brand"))}</div>')
    st.button(t("log_in"), icon=":material/login:", key="log-in", type="primary", on_click=st.login)


def draw_way_out() -> None:
    """Draw the button that logs out, for who is logged in."""
    if _is_set_up():
        st.button(t("log_out"), icon=":material/logout:", key="log-out", type="tertiary", on_click=st.logout)


def _is_set_up() -> bool:
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets
