"""The login view: shown instead of the page while a login is needed and this session has none.

Streamlit does the OpenID Connect part; `door` knows whether a login is needed.
"""

from __future__ import annotations

from functools import lru_cache
from time import monotonic

import streamlit as st
from streamlit.errors import StreamlitAuthError

from minicpm_rag.messages import Message, reason_of
from minicpm_rag.page import door
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.page.views import notices
from minicpm_rag.page.views.callbacks import tell

PROVIDER_SECONDS = 5  # how long to wait for the provider
ASK_AGAIN_SECONDS = 30  # how long an answer about the provider holds


def is_missing() -> bool:
    """Whether a login is needed and this session has none that can be used."""
    current = door.door()
    if not current.needs_login:
        return False
    user = st.user.to_dict()
    return current.problem is not None or not user.get("is_logged_in") or door.user_id(user) is None


def draw() -> None:
    """Draw the login view: the way in, or why there is none."""
    st.html(f'<div class="rag-hello">{markup.plain(t("brand"))}</div>')
    problem = door.door().problem
    if problem is None and st.user.to_dict().get("is_logged_in"):
        problem = Message("door.nobody")
        draw_way_out()
    if problem is None:
        problem = _unreachable(
            str(st.secrets["auth"].get("server_metadata_url") or ""), int(monotonic() / ASK_AGAIN_SECONDS)
        )
    if problem is not None:
        notices.bad(problem)
        return
    tell("login-failed")
    st.button(t("log_in"), icon=":material/login:", key="log-in", type="primary", on_click=_log_in)


def draw_way_out() -> None:
    """Draw the button that logs out, for users who are logged in."""
    if door.door().needs_login:
        st.button(t("log_out"), icon=":material/logout:", key="log-out", type="tertiary", on_click=st.logout)


def _log_in() -> None:
    try:
        st.login()
    except StreamlitAuthError as exc:  # the [auth] section lacks something, or Authlib is not installed
        st.session_state["login-failed"] = Message("door.incomplete", why=reason_of(exc))


@lru_cache(maxsize=8)
def _unreachable(address: str, _period: int) -> Message | None:
    """Why the provider cannot be used now; the browser would only be shown "Authentication error"."""
    import requests

    if not address:
        return None  # several providers, or one described without discovery: Streamlit says what is missing
    try:
        requests.get(address, timeout=PROVIDER_SECONDS).raise_for_status()
    except requests.RequestException as exc:
        return Message("door.unreachable", address=address, why=reason_of(exc))
    return None
