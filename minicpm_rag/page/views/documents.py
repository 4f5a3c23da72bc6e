"""The documents of a knowledge base: listed in an order, filtered, opened, tagged, tried again, removed.

It does not read or remove files itself; `jobs` has the worker do it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag.indexing import wants_password, wants_recognition, would_take_long
from minicpm_rag.library.listing import ORDERS
from minicpm_rag.loaders import ocr
from minicpm_rag.messages import Message
from minicpm_rag.page import state
from minicpm_rag.page.background import jobs
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import language, said, t
from minicpm_rag.page.sources import Source
from minicpm_rag.page.views import notices, several
from minicpm_rag.page.views.callbacks import attempt
from minicpm_rag.text.sizes import file_size

if TYPE_CHECKING:
    from minicpm_rag.library.listing import Listing
    from minicpm_rag.records import DocumentRow
    from minicpm_rag.workspace import Workspace

ROWS_PER_SCREEN = 20


def draw(workspace: Workspace, listing: Listing, wanted: str) -> None:
    """Draw the documents whose name holds the wanted words, as they are filtered and sorted."""
    named = wanted.casefold()
    if not count_named(listing, wanted):
        notices.quiet(t("no_document_named", name=wanted))
        return
    order, kept = _choices(listing)
    shown: Sequence[DocumentRow] = listing.ordered(order)
    if named or kept:
        shown = [row for row in shown if named in row.title.casefold() and _is_kept(row, kept)]
    chosen = several.draw(workspace, shown)
    screens = -(-len(shown) // ROWS_PER_SCREEN)
    screen = 1
    if screens > 1:
        screen = st.pagination(screens, key=f"documents-screen-{wanted}") or 1
    for row in shown[(screen - 1) * ROWS_PER_SCREEN : screen * ROWS_PER_SCREEN]:
        _draw_row(workspace, row, chosen)


def count_named(listing: Listing, wanted: str) -> int:
    """How many documents have the wanted words in their name."""
    named = wanted.casefold()
    return sum(named in row.title.casefold() for row in listing.rows)


def _choices(listing: Listing) -> tuple[str, str]:
    """The order, and what is kept, as they are chosen above the list."""
    if len(listing.rows) < 2:
        return next(iter(ORDERS)), ""
    kinds, tags = listing.kinds, [f"#{tag}" for tag in listing.tags]
    poor = ["poor"] if listing.has_remarks else []
    orders = {order: t(f"sort_{order}") for order in ORDERS}
    shown = {"": t("show_all"), "poor": t("show_poor")}
    with st.container(horizontal=True, key="list-choices", vertical_alignment="bottom"):
        order = st.selectbox(t("sort_by"), list(orders), format_func=orders.__getitem__, key="sort-documents")
        kept = st.selectbox(
            t("show_only"),
            ["", *poor, *kinds, *tags],
            format_func=lambda kept: shown.get(kept, kept),
            key="filter-documents",
        )
        several.switch()
    return order, kept


def _is_kept(row: DocumentRow, kept: str) -> bool:
    if kept == "poor":
        return row.reason is not None
    return not kept or row.title.lower().endswith(kept) or kept.removeprefix("#") in row.tags


def _draw_row(workspace: Workspace, row: DocumentRow, chosen: set[int] | None) -> None:
    with st.container(border=True, key=f"document-{row.id}", gap="xsmall"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", horizontal_alignment="distribute"):
            if chosen is not None:
                several.choice(row)
            st.html(_described(row), width="stretch")
            if row.status == "ready":
                st.button(t("preview"), key=f"preview-{row.id}", type="tertiary", on_click=_open, args=(row,))
            _menu(workspace, row)
        _remedies(workspace, row)


def _remedies(workspace: Workspace, row: DocumentRow) -> None:
    """What can be done at once about a document that could not be read, or not wholly."""
    if row.status == "failed" and wants_password(row.reason):
        _ask_password(workspace, row)
    elif row.status == "failed" and would_take_long(row.reason):
        st.button(
            t("index_anyway"),
            icon=":material/hourglass_top:",
            key=f"index-anyway-{row.id}",
            on_click=_index_anyway,
            args=(workspace, row),
        )
    elif wants_recognition(row.reason, row.remedy) and ocr.is_available():
        st.button(
            t("recognise"),
            icon=":material/document_scanner:",
            key=f"recognise-{row.id}",
            on_click=_retry,
            args=(workspace, row),
        )


def _open(row: DocumentRow) -> None:
    state.open_source(Source.of_document(row))


def _menu(workspace: Workspace, row: DocumentRow) -> None:
    with st.popover("", icon=":material/more_horiz:", type="tertiary", help=t("document_menu")):
        if row.status == "ready":
            st.button(
                t("ask_about"),
                icon=":material/alternate_email:",
                key=f"ask-about-{row.id}",
                width="stretch",
                on_click=_ask_about,
                args=(row.title,),
            )
            _tags(workspace, row)
        st.button(
            t("retry" if row.status == "failed" else "read_again"),
            icon=":material/refresh:",
            key=f"retry-{row.id}",
            width="stretch",
            on_click=_retry,
            args=(workspace, row),
        )
        sure = st.checkbox(t("remove_sure"), key=f"remove-sure-{row.id}")
        st.button(
            t("remove"),
            icon=":material/delete:",
            key=f"remove-{row.id}",
            width="stretch",
            disabled=not sure,
            on_click=_remove,
            args=(workspace, row),
        )


def _tags(workspace: Workspace, row: DocumentRow) -> None:
    key = f"tags-{row.id}"

    @attempt
    def changed() -> None:
        wanted = {word.strip().lstrip("#") for word in re.split(r"[,，]", st.session_state[key])} - {""}
        own = set(row.tags)
        workspace.library.change_tags([row.id], add=sorted(wanted - own), drop=sorted(own - wanted))

    st.text_input(t("tags"), value=", ".join(row.tags), key=key, help=t("tags_help"), on_change=changed)


def _ask_about(name: str) -> None:
    state.hold_to([*state.scope(), name])
    state.go("chat")


def _described(row: DocumentRow) -> str:
    title = f'<div class="rag-row-title">{markup.name(row.title)}</div>'
    between = "" if language() == "zh" else " "
    why = markup.plain(between.join(filter(None, (said(row.reason), remedy(row.reason, row.remedy)))))
    if row.status == "failed":
        chip = f'<span class="rag-chip bad">{markup.plain(t("verdict_failed"))}</span>'
        return f'{title}<div class="rag-quiet">{chip}{why}</div>'
    pages = ""
    if row.pages_present > 1:
        pages = t("pages_indexed", indexed=row.pages_indexed, present=row.pages_present)
        if row.pages_indexed == row.pages_present:
            pages = t("pages", count=row.pages_present)
    parts = [
        pages,
        t("chunks", count=row.chunks),
        file_size(row.size_bytes),
        unusual(row.encoding),
        row.indexed_at[:10],
        " ".join(f"#{tag}" for tag in row.tags),
    ]
    line = markup.plain(" · ".join(part for part in parts if part))
    chip = f'<span class="rag-chip warn">{markup.plain(t("status_note"))}</span>' if row.reason else ""
    note = f'<div class="rag-quiet">{chip}{why}</div>' if row.reason else ""
    return f'{title}<div class="rag-quiet">{line}</div>{note}'


def _ask_password(workspace: Workspace, row: DocumentRow) -> None:
    key = f"password-{row.id}"
    with (
        st.form(f"unlock-{row.id}", border=False),
        st.container(horizontal=True, wrap=False, vertical_alignment="bottom"),
    ):
        st.text_input(t("password"), type="password", key=key, autocomplete="off")
        st.form_submit_button(t("unlock"), icon=":material/lock_open:", on_click=_unlock, args=(workspace, row, key))


@attempt
def _unlock(workspace: Workspace, row: DocumentRow, key: str) -> None:
    password, st.session_state[key] = st.session_state[key], ""
    jobs.read_again(workspace.library, [row], password=password)


@attempt
def _index_anyway(workspace: Workspace, row: DocumentRow) -> None:
    jobs.read_again(workspace.library, [row], asks=False)


@attempt
def _retry(workspace: Workspace, row: DocumentRow) -> None:
    jobs.read_again(workspace.library, [row])


@attempt
def _remove(workspace: Workspace, row: DocumentRow) -> None:
    jobs.remove(workspace.library, row.knowledge_base, [row.source])


def remedy(reason: Message | None, remedy: Message | None) -> str:
    """What to do about a file, as it is done on the page."""
    return t("password_below") if wants_password(reason) else said(remedy)


def unusual(encoding: str) -> str:
    """The encoding if it is not UTF-8: then it was detected, which can be wrong."""
    return "" if encoding.lower().startswith("utf-8") else encoding.upper()
