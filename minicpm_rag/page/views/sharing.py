"""Who may see a knowledge base: everyone, persons, groups. Drawn for those who manage it, where a login is set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import streamlit as st

from minicpm_rag.errors import RAGError
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.page.views import notices
from minicpm_rag.records import LEVELS, Level

if TYPE_CHECKING:
    from minicpm_rag.library import Library

NOBODY = "none"
KINDS: tuple[Literal["user", "group"], ...] = ("user", "group")


def draw(library: Library, knowledge_base: str) -> None:
    """Draw who may do what, and the form that changes it."""
    sharing = library.sharing(knowledge_base)
    choices = [NOBODY, *LEVELS]
    everyone = st.selectbox(
        t("share_everyone"),
        choices,
        index=choices.index(sharing.everyone or NOBODY),
        format_func=lambda level: t(f"level_{level}"),
        key=f"share-everyone-{knowledge_base}",
    )
    if everyone != (sharing.everyone or NOBODY):
        _change(library, knowledge_base, "everyone", "", everyone)
    for number, grant in enumerate(sharing.grants):
        name = library.shown(grant.name) if grant.kind == "user" else grant.name
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                markup.label(t("shared_with", name=name, kind=t(f"kind_{grant.kind}"), level=t(f"level_{grant.level}")))
            )
            if st.button("", icon=":material/close:", help=t("unshare"), key=f"unshare-{knowledge_base}-{number}"):
                _change(library, knowledge_base, grant.kind, grant.name, NOBODY)
    with st.form(f"share-{knowledge_base}", border=False, clear_on_submit=True):
        kind = st.segmented_control(
            t("share_with"),
            KINDS,
            default="user",
            format_func=lambda one: t(f"kind_{one}"),
            required=True,
            key="share-kind",
        )
        name = st.text_input(t("share_name"), key="share-name")
        level = st.selectbox(t("share_level"), LEVELS, format_func=lambda one: t(f"level_{one}"), key="share-level")
        if st.form_submit_button(t("share"), key="share-submit") and name.strip():
            _change(library, knowledge_base, kind, name, level)


def _change(
    library: Library, knowledge_base: str, kind: Literal["everyone", "user", "group"], name: str, level: str
) -> None:
    wanted: Level | None = next((one for one in LEVELS if one == level), None)
    try:
        library.share(knowledge_base, kind, name, wanted)
    except RAGError as error:
        notices.bad(error.message)
    else:
        st.rerun()
