"""Names of documents and tags, offered in the question box behind an @. What is chosen becomes a chip above the box.

Works with input methods: nothing is offered, and no key taken, while characters are being composed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from minicpm_rag.page import streamlit_private

KEY = "mentions"

_SCRIPT = Path(__file__).with_name("mentions.js")


def draw(
    names: Sequence[str],
    *,
    found: str | None,
    called: str,
    held: Callable[[str], None],
    dropped: Callable[[], None],
    wanted: Callable[[str], None],
) -> None:
    """Offer the names. `held` is called with the one that was chosen, `dropped` for Backspace in the empty box.

    Where there are more names than these `found` is what they were found by, and `wanted` is called with what is typed
    behind the @, so that the next run offers those that hold it; None where these are all. `called` names the list for
    those who hear the page.
    """

    def name_wanted() -> None:
        wanted(str(st.session_state[KEY].get("wanted") or ""))

    def name_chosen() -> None:
        held(str(st.session_state[KEY].get("held") or ""))

    # Registered at each run, as the bridge is.
    mount = component("minicpm_rag.mentions", js=_SCRIPT.read_text(encoding="utf-8"), isolate_styles=False)
    with st.container(key="rag-mentions-bridge"):
        mount(
            key=KEY,
            data={
                "names": list(names),
                "more": found is not None,
                "wanted": found,
                "called": called,
                "question": streamlit_private.part("question"),
            },
            on_held_change=name_chosen,
            on_wanted_change=name_wanted,
            on_dropped_change=dropped,
        )
