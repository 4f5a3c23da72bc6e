"""Many documents at once: choosing them in the list, then tagging, reading again or removing what was chosen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.page import state
from minicpm_rag.page.background import jobs
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.page.views import notices
from minicpm_rag.page.views.callbacks import attempt

if TYPE_CHECKING:
    from minicpm_rag.records import DocumentRow
    from minicpm_rag.workspace import Workspace

_CHOSEN = "chosen_documents"  # ids, in the session's state


def switch() -> None:
    """Draw the switch that begins and ends choosing."""
    st.toggle(t("choose_several"), key="choose-several", on_change=_begin)


def _begin() -> None:
    st.session_state[_CHOSEN] = set()


def draw(workspace: Workspace, shown: Sequence[DocumentRow]) -> set[int] | None:
    """Draw what can be done with the chosen ones; returns their ids, None where none are being chosen."""
    if not st.session_state.get("choose-several"):
        return None
    chosen: set[int] = st.session_state.setdefault(_CHOSEN, set())
    rows = [row for row in shown if row.id in chosen]
    with st.container(border=True, key="several"):
        with st.container(horizontal=True, vertical_alignment="center"):
            notices.quiet(t("chosen_of", count=len(rows), all=len(shown)))
            st.button(t("choose_all"), key="choose-all", type="tertiary", on_click=_choose, args=(shown,))
            st.button(t("choose_none"), key="choose-none", type="tertiary", on_click=_choose, args=([],))
        if rows:
            _actions(workspace, rows)
    return chosen


def choice(row: DocumentRow) -> None:
    """Draw the box that chooses a document."""
    key = f"chosen-{row.id}"
    st.session_state[key] = row.id in st.session_state[_CHOSEN]
    st.checkbox(markup.label(row.title), key=key, label_visibility="collapsed", on_change=_changed, args=(row, key))


def _changed(row: DocumentRow, key: str) -> None:
    if st.session_state[key]:
        st.session_state[_CHOSEN].add(row.id)
    else:
        st.session_state[_CHOSEN].discard(row.id)


def _choose(rows: Sequence[DocumentRow]) -> None:
    st.session_state[_CHOSEN] = {row.id for row in rows}


def _actions(workspace: Workspace, rows: list[DocumentRow]) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.button(
            t("ask_about_these"),
            icon=":material/alternate_email:",
            key="ask-about-several",
            on_click=_ask_about,
            args=(rows,),
        )
        st.button(
            t("read_again"),
            icon=":material/refresh:",
            key="read-several",
            on_click=_read_again,
            args=(workspace, rows),
        )
        with st.popover(t("tag_them"), icon=":material/label:"):
            st.text_input(t("tags"), key="tags-several", on_change=_tag, args=(workspace, rows))
        with st.popover(t("remove"), icon=":material/delete:"):
            st.button(
                t("remove_several_sure", count=len(rows)),
                key="remove-several",
                on_click=_remove,
                args=(workspace, rows),
            )


def _ask_about(rows: list[DocumentRow]) -> None:
    state.hold_to([*state.scope(), *(row.title for row in rows if row.status == "ready")])
    state.go("chat")


@attempt
def _tag(workspace: Workspace, rows: list[DocumentRow]) -> None:
    tags = sorted({word.strip().lstrip("#") for word in re.split(r"[,，]", st.session_state["tags-several"])} - {""})
    st.session_state["tags-several"] = ""
    workspace.library.change_tags([row.id for row in rows if row.status == "ready"], add=tags)


@attempt
def _read_again(workspace: Workspace, rows: list[DocumentRow]) -> None:
    jobs.read_again(workspace.library, rows)
    _begin()


@attempt
def _remove(workspace: Workspace, rows: list[DocumentRow]) -> None:
    jobs.remove(workspace.library, state.knowledge_base(), [row.source for row in rows])
    _begin()
