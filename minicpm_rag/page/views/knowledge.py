"""Knowledge bases: choose, create, rename, delete.

It does not know what is in one; the library view draws that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message
from minicpm_rag.page import shared, state
from minicpm_rag.page.background import jobs
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import said, t
from minicpm_rag.page.views import sharing
from minicpm_rag.page.views.callbacks import attempt, choosing, tell

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

DEFAULT = "default"  # the knowledge base that is there before any was made; the page translates its name


def names(workspace: Workspace) -> list[str]:
    """The knowledge bases, with the chosen one even before anything is in it."""
    return sorted({row.name for row in workspace.library.knowledge_bases()} | {state.knowledge_base()})


def exists(workspace: Workspace, name: str) -> bool:
    """Whether a knowledge base was made, or anything is in it."""
    return name in {row.name for row in workspace.library.knowledge_bases()}


def shown(name: str) -> str:
    """A knowledge base as the page names it: the first one has a translated name."""
    return said(Message("library.default_name")) if name == DEFAULT else name


def headed(name: str) -> str:
    """A knowledge base as a heading names it: "Default" alone says nothing."""
    return t("default_heading") if name == DEFAULT else name


def labels(names: Sequence[str]) -> dict[str, str]:
    """What each knowledge base is called among the others: no two alike, though one may be named "Default" itself."""
    return {
        name: f"{shown(name)} ({name})" if name == DEFAULT and shown(name) in names else shown(name) for name in names
    }


def show(name: str) -> None:
    """Turn to a knowledge base: in the conversation view a new conversation begins there."""
    st.session_state.knowledge_base = name
    if state.view() == "chat":
        state.open_conversation(None)


def choose() -> None:
    """Draw the choice in the sidebar."""
    try:
        workspace = state.workspace()
    except RAGError:
        return
    if workspace is None:
        return

    options = names(workspace)
    # Set each time: a conversation that is opened brings its own knowledge base.
    st.session_state["knowledge-base-choice"] = state.knowledge_base()
    called = labels(options)
    with st.container(horizontal=True, wrap=False, vertical_alignment="bottom", gap="xsmall"):
        st.selectbox(
            t("knowledge_base"),
            options,
            format_func=lambda option: called.get(option, option),
            key="knowledge-base-choice",
            on_change=choosing("knowledge-base-choice", options, show),
        )
        with st.popover("", icon=":material/add:", help=t("new_knowledge_base")):
            _new(workspace)


def _new(workspace: Workspace) -> None:
    with st.form("create-knowledge-base", border=False, clear_on_submit=True):
        st.text_input(t("new_name"), key="create-name")
        failed = "create-failed"
        st.form_submit_button(
            t("create"), key="create-submit", on_click=attempt(_create, failed), args=(workspace, "create-name")
        )
        tell(failed)


def manage(workspace: Workspace) -> None:
    """Draw the menu that renames and deletes."""
    current = state.knowledge_base()
    is_there = exists(workspace, current)
    if not is_there or (state.person() is not None and workspace.library.level(current) != "manage"):
        return
    with st.popover(t("manage"), icon=":material/tune:"):
        if state.person() is not None:
            sharing.draw(workspace.library, current)
            st.divider()
        with st.form("rename-knowledge-base", border=False):
            key, failed = f"rename-name-{current}", f"rename-failed-{current}"
            st.text_input(t("rename_to"), value=current, key=key)
            st.form_submit_button(
                t("rename"), key="rename-submit", on_click=attempt(_rename, failed), args=(workspace, current, key)
            )
            tell(failed)
        st.divider()
        sure = st.checkbox(markup.label(t("delete_sure", name=shown(current))), key=f"delete-sure-{current}")
        failed = f"delete-failed-{current}"
        st.button(
            t("delete"),
            icon=":material/delete:",
            disabled=not sure,
            key="delete-submit",
            on_click=attempt(delete, failed),
            args=(workspace, current),
        )
        tell(failed)


def _create(workspace: Workspace, key: str) -> None:
    name = st.session_state[key].strip()
    workspace.library.create(name)
    st.session_state.knowledge_base = name
    state.open_conversation(None)
    state.go("library")


def _rename(workspace: Workspace, name: str, key: str) -> None:
    new_name = st.session_state[key].strip()
    workspace.library.rename(name, new_name)
    jobs.shared().renamed(name, new_name)
    st.session_state.knowledge_base = new_name


def delete(workspace: Workspace, name: str) -> None:
    """Delete a knowledge base, and choose another one."""
    from minicpm_rag import indexing

    indexing.submit_delete(workspace.library, name)
    jobs.shared().deleted(name)
    left = [row.name for row in workspace.library.knowledge_bases()]
    st.session_state.knowledge_base = left[0] if left else shared.settings().knowledge_base
