"""The one script in the browser: clicks on citation marks, copying, keys, cookies, files too large or lost.

Clicks are caught on the document, so that answers can be inert HTML. It does not know what is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from minicpm_rag.page import streamlit_private

KEY = "bridge"
COOKIE_SECONDS = 400 * 24 * 3600  # browsers keep no cookie longer

_SCRIPT = Path(__file__).with_name("bridge.js")


def draw(
    *,
    language: str,
    cookies: Mapping[str, str],
    follow: str,
    view: str,
    spoken: str,
    keys: Mapping[str, str],
    keys_called: str,
    menu: str,
    signs: Mapping[str, str],
    opened: Callable[[str], None],
    refused: Callable[[list[str]], None],
    closed: Callable[[], None],
) -> None:
    """Put the script on the page: `spoken` is read aloud when it changes, `closed` is called for Esc.

    `keys` are listed when "?" is pressed, a `menu` without a name is called so, and a button that shows only one of the
    `signs` as is said there. When `follow` changes, the page
    scrolls to its end and stays there while it grows; without it, another `view` begins at its top. `opened` is called
    with the citation mark that was clicked, `refused` with the names of files too large for the uploader.
    """

    def mark_clicked() -> None:
        opened(str(st.session_state[KEY].get("opened") or ""))

    def files_refused() -> None:
        refused([str(name) for name in st.session_state[KEY].get("refused") or ()])

    def server_asked() -> None:
        st.session_state.bridge_answered = int(st.session_state[KEY].get("asked") or 0)

    data = {
        "answered": st.session_state.get("bridge_answered", 0),
        "language": language,
        "cookies": dict(cookies),
        "seconds": COOKIE_SECONDS,
        "follow": follow,
        "view": view,
        "spoken": spoken,
        "keys": dict(keys),
        "keysCalled": keys_called,
        "menu": menu,
        "signs": dict(signs),
        "parts": {name: streamlit_private.part(name) for name in streamlit_private.TEST_IDS},
    }
    # Registered at each run: Streamlit 1.65, the last one for Python 3.10, knows only the current server's.
    mount = component("minicpm_rag.bridge", js=_SCRIPT.read_text(encoding="utf-8"), isolate_styles=False)
    with st.container(key="rag-bridge"):
        mount(
            key=KEY,
            data=data,
            on_opened_change=mark_clicked,
            on_refused_change=files_refused,
            on_asked_change=server_asked,
            on_closed_change=closed,
        )
