"""The library view: counts, dropping files, what became of them, search within, the documents.

It does not know how files are read or searched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag import records
from minicpm_rag.messages import Message
from minicpm_rag.page import sources, state
from minicpm_rag.page.html import hits, markup
from minicpm_rag.page.language import said, t
from minicpm_rag.page.sources import Source
from minicpm_rag.page.views import documents, knowledge, notices, opening, source_pane, uploads

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.workspace import Workspace

HITS = 6
FEW = 3  # documents that are shown before the passages where their names hold the words that are looked for


def show() -> None:
    """Draw the view."""
    workspace = state.workspace()
    if workspace is None:
        opening.wait()
        return
    if state.source() is not None:
        listing, beside = st.columns([6, 5], gap="large")
        with beside:
            source_pane.draw(workspace)
    else:
        listing = st.container()
    with listing:
        _listing(workspace)


def _listing(workspace: Workspace) -> None:
    name = state.knowledge_base()
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
        st.header(markup.label(knowledge.headed(name)), anchor=False)
        knowledge.manage(workspace)
    # Documents are stored while others are still being read.
    st.fragment(_facts, run_every=uploads.BUSY_SECONDS if uploads.is_busy(workspace) else None)(workspace, name)
    found = knowledge.exists(workspace, name)
    if found:
        _say_news(workspace, name)
    uploads.drop(workspace)
    uploads.watch(workspace)
    listing = workspace.library.listing(name) if found else None
    if listing is None or not listing.rows:
        if not uploads.is_busy(workspace):
            notices.quiet(t("library_empty"))
        return
    wanted = st.text_input(
        t("search_within"),
        key="search-within",
        placeholder=t("search_within"),
        icon=":material/search:",
        label_visibility="collapsed",
    )
    wanted = wanted.strip()
    are_meant = bool(wanted) and 0 < documents.count_named(listing, wanted) <= FEW
    if wanted and not are_meant:
        _hits(workspace, name, wanted)
    documents.draw(workspace, listing, wanted)
    if are_meant:
        _hits(workspace, name, wanted)


def _facts(workspace: Workspace, name: str) -> None:
    found = {row.name: row for row in workspace.library.knowledge_bases()}.get(name)
    facts = [
        t("documents", count=found.documents if found else 0),
        t("pages", count=found.pages if found else 0),
        t("chunks", count=found.chunks if found else 0),
    ]
    cells = ("<b>{}</b><span>{}</span>".format(*fact.split(" ", 1)) for fact in facts)  # the number, what it counts
    st.html('<div class="rag-facts">' + "".join(f"<div>{cell}</div>" for cell in cells) + "</div>")


def _say_news(workspace: Workspace, name: str) -> None:
    """What reindexing would bring; the library says it once, the page goes on showing it while it is open."""
    known: dict[str, Message | None] = st.session_state.setdefault("reindex_news", {})
    if name not in known:
        known[name] = workspace.library.reindex_news(name)  # where the session is written a run can end for the next
    if (news := known[name]) is not None:
        notices.calm(said(news))


def _hits(workspace: Workspace, name: str, wanted: str) -> None:
    passages = _found(workspace, name, workspace.library.version(name), wanted)
    if not passages:
        notices.quiet(t("no_passage"))
        return
    st.html(f'<div class="rag-caption">{markup.plain(t("passages_found"))}</div>')
    for index, passage in enumerate(passages):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", key=f"hit-{index}"):
            title = markup.plain(
                " · ".join(filter(None, (str(passage.metadata.get(records.TITLE, "")), sources.place(passage))))
            )
            words = hits.drawn(passage.page_content, wanted)
            st.html(f'<div class="rag-hit"><div class="rag-quiet">{title}</div>{words}</div>', width="stretch")
            st.button(
                t("open"),
                key=f"open-hit-{index}",
                type="tertiary",
                on_click=state.open_source,
                args=(Source.of_passage(passage),),
            )


@st.cache_data(max_entries=64, show_spinner=False)
def _found(_workspace: Workspace, name: str, version: tuple[int, int], wanted: str) -> list[Document]:
    # Cached, so that a rerun of the page does not embed the same words again.
    passages = _workspace.retriever(name).retrieve(wanted, HITS).documents
    return passages
