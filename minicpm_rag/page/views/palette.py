"""Go anywhere by typing a part of its name: a view, a knowledge base, a conversation. Opened by a button or Ctrl+K.

It does not draw what it leads to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.page import shared, state
from minicpm_rag.page.language import t
from minicpm_rag.page.views import knowledge

SHORTCUT = "Ctrl+K"  # Cmd+K on a Mac
CHOICE = "palette-choice"


def draw() -> None:
    """Draw the button; it opens the list."""
    with st.container(key="nav-go-to"):
        st.button(
            t("go_to"),
            icon=":material/search:",
            key="go-to",
            type="tertiary",
            width="stretch",
            shortcut=SHORTCUT,
            on_click=st.session_state.update,
            kwargs={"palette_asked": True},
        )
    if st.session_state.get("palette_asked"):
        st.session_state.pop(CHOICE, None)
        st.dialog(t("go_to"))(_choose)()
        st.session_state.palette_asked = False


def _choose() -> None:
    places = _places()

    def chosen() -> None:
        if (name := st.session_state.get(CHOICE)) in places:
            places[name]()

    gone = st.selectbox(
        t("go_to_help"),
        list(places),
        index=None,
        key=CHOICE,
        placeholder=t("go_to_placeholder"),
        on_change=chosen,
    )
    if gone is not None:
        st.rerun()


def _places() -> dict[str, Callable[[], None]]:
    """What may be gone to, by its name in the list: no two alike."""
    places: dict[str, Callable[[], None]] = {}
    alike = Counter[str]()

    def add(name: str, go: Callable[[], None]) -> None:
        shown = name
        while shown in places:  # another may be called "name (2)" by its own title
            alike[name] += 1
            shown = f"{name} ({alike[name] + 1})"
        places[shown] = go

    for view in state.VIEWS:
        add(t(f"view_{view}"), partial(state.go, view))
    add(t("new_conversation"), partial(state.open_conversation, None))
    try:
        workspace = state.workspace()
    except RAGError:  # the view says it
        workspace = None
    if workspace is not None:
        names = knowledge.names(workspace)
        for name, called in knowledge.labels(names).items():
            add(t("in_knowledge_base", name=called), partial(knowledge.show, name))
    for row in shared.conversations().listed(state.user()):
        add(t("in_conversation", name=row.title or t("untitled")), partial(state.open_conversation, row.id))
    return places
