"""The first run in three steps, on the first screen until it is put away: add documents, ask, check the source.

Where the sample documents are at hand, they are read into a knowledge base of their own, and removed with it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

import minicpm_rag
from minicpm_rag.messages import LANGUAGES
from minicpm_rag.page import shared, state
from minicpm_rag.page.background import jobs
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t, text
from minicpm_rag.page.views import knowledge
from minicpm_rag.page.views.callbacks import attempt

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

# In a checkout, and where a wheel puts them (pyproject's data-files).
_SAMPLES = (
    Path(minicpm_rag.__file__).parents[1] / "knowledge",
    Path(sys.prefix) / "share" / "minicpm-rag" / "knowledge",
)


def draw(workspace: Workspace, documents: int) -> None:
    """Draw the steps that are done and those to come, with what begins the first and what removes the samples."""
    has_asked = bool(shared.conversations().listed(state.user()))
    in_samples = state.knowledge_base() in _names()
    if state.tour_is_over() or (has_asked and not in_samples):
        return
    done = (documents > 0, has_asked, state.has_opened_source())
    steps = "".join(
        f'<li class="{"done" if is_done else ""}"><b>{markup.plain(t(f"tour_{step}"))}</b>'
        f"<span>{markup.plain(t(f'tour_{step}_how'))}</span></li>"
        for step, is_done in zip(("add", "ask", "check"), done, strict=True)
    )
    st.html(f'<ol class="rag-steps">{steps}</ol>')
    with st.container(horizontal=True, key="tour", vertical_alignment="center"):
        if in_samples:
            st.button(
                t("samples_remove"),
                icon=":material/delete:",
                key="remove-samples",
                type="tertiary",
                on_click=_remove,
                args=(workspace, state.knowledge_base()),
            )
        elif not documents and _samples() and not set(knowledge.names(workspace)) & _names():
            st.button(
                t("samples_try"), icon=":material/menu_book:", key="try-samples", on_click=_try, args=(workspace,)
            )
        st.button(t("tour_end"), key="end-tour", type="tertiary", on_click=state.end_tour)


def _samples() -> list[str]:
    """The files of the sample documents; none where they were left out of the installation."""
    folder = next(filter(Path.is_dir, _SAMPLES), None)
    return [] if folder is None else [str(path) for path in sorted(folder.iterdir())]


def _names() -> set[str]:
    """What the knowledge base of the samples is called, in whatever language it was made."""
    return {text(language, "samples_name") for language in LANGUAGES}


@attempt
def _try(workspace: Workspace) -> None:
    name = t("samples_name")
    jobs.ingest(workspace.library, name, _samples())
    st.session_state.knowledge_base = name
    state.open_conversation(None)


@attempt
def _remove(workspace: Workspace, name: str) -> None:
    knowledge.delete(workspace, name)
    state.open_conversation(None)
