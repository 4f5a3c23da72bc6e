"""Who may see a knowledge base: everyone, persons, groups. Drawn for those who manage it, where a login is set up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import streamlit as st

from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.page.views.callbacks import attempt, choosing, tell
from minicpm_rag.records import LEVELS, Level

if TYPE_CHECKING:
    from minicpm_rag.library import Library

NOBODY = "none"
KINDS: tuple[Literal["user", "group"], ...] = ("user", "group")


def draw(library: Library, knowledge_base: str) -> None:
    """Draw who may do what, and the form that changes it."""
    sharing = library.sharing(knowledge_base)
    choices = [NOBODY, *LEVELS]
    key = f"share-everyone-{knowledge_base}"
    st.session_state[key] = sharing.everyone or NOBODY  # each time: somebody else may have changed it
    st.selectbox(
        t("share_everyone"),
        choices,
        format_func=lambda level: t(f"level_{level}"),
        key=key,
        on_change=attempt(choosing(key, choices, partial(_let_everyone, library, knowledge_base)), f"failed-{key}"),
    )
    tell(f"failed-{key}")
    for number, grant in enumerate(sharing.grants):
        name = library.shown(grant.name) if grant.kind == "user" else grant.name
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(
                markup.label(t("shared_with", name=name, kind=t(f"kind_{grant.kind}"), level=t(f"level_{grant.level}")))
            )
            key = f"unshare-{knowledge_base}-{number}"
            st.button(
                "",
                icon=":material/person_remove:",
                help=t("unshare"),
                key=key,
                on_click=attempt(library.share, f"failed-{key}"),
                args=(knowledge_base, grant.kind, grant.name, None),
            )
            tell(f"failed-{key}")
    with st.form(f"share-{knowledge_base}", border=False, clear_on_submit=True):
        st.segmented_control(
            t("share_with"),
            KINDS,
            default="user",
            format_func=lambda one: t(f"kind_{one}"),
            required=True,
            key="share-kind",
        )
        st.text_input(t("share_name"), key="share-name")
        st.selectbox(t("share_level"), LEVELS, format_func=lambda one: t(f"level_{one}"), key="share-level")
        failed = f"failed-share-{knowledge_base}"
        st.form_submit_button(
            t("share"), key="share-submit", on_click=attempt(_share, failed), args=(library, knowledge_base)
        )
        tell(failed)


def _let_everyone(library: Library, knowledge_base: str, choice: str) -> None:
    level: Level | None = next((one for one in LEVELS if one == choice), None)
    library.share(knowledge_base, "everyone", "", level)


def _share(library: Library, knowledge_base: str) -> None:
    chosen = st.session_state
    if chosen["share-name"].strip():
        library.share(knowledge_base, chosen["share-kind"], chosen["share-name"], chosen["share-level"])
