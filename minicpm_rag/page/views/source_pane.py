"""The pane beside a conversation that shows a source: a PDF's page as a picture, other files as text.

The quoted words are marked. It does not know the answer that cites them, nor how a page becomes a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag import records
from minicpm_rag.errors import DocumentError, NotFoundError, RAGError
from minicpm_rag.page import state
from minicpm_rag.page.html import markup, passages
from minicpm_rag.page.language import t
from minicpm_rag.page.sources import Source, place
from minicpm_rag.page.views import notices

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import DocumentRow
    from minicpm_rag.workspace import Workspace

AROUND_CHARACTERS = 900  # text shown on each side of the words
PICTURE_PIXELS = 1100  # sharp on a dense screen in the widest pane


@st.fragment
def draw(workspace: Workspace) -> None:
    """Draw the open source; turning its pages redraws nothing else."""
    source = state.source()
    if source is None:
        return
    document = source.document
    with st.container(key="source-pane"):
        with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="source-head"):
            title = markup.name(str(document.metadata.get(records.TITLE, "")))
            st.html(f'<div class="rag-source-title">{title}</div>', width="stretch")
            if st.button("", icon=":material/close:", key="close-source", type="tertiary", help=t("close")):
                state.close_source()
                st.rerun()
        try:
            row = workspace.library.document(int(document.metadata[records.DOCUMENT_ID]))
        except NotFoundError:
            notices.warn(t("source_removed"))
            _text(document.page_content, [(0, len(document.page_content))], document)
            return
        _page(workspace, source, row)


def _page(workspace: Workspace, source: Source, row: DocumentRow) -> None:
    home = int(source.document.metadata[records.PAGE])
    numbers = sorted(workspace.library.page_texts(row.id)) or [home]
    original = workspace.library.original_path(row.id)
    is_pdf = original is not None and original.suffix.lower() == ".pdf"
    if is_pdf:
        numbers = list(range(1, max(row.pages_present, numbers[-1]) + 1))
    number = st.session_state.get("source_page", home)
    _turn(numbers, number, home)
    at_home = number == home
    # Drawn on every page, if empty: else a page's picture would come in the place of this line, and for a moment
    # stand above the picture of the page before.
    with st.empty():
        if at_home:
            _where(source.document)
    if is_pdf and original is not None:
        _picture(original, number, source.quotes if at_home else (), row.title)
        return
    try:
        page = workspace.library.page(row.id, number)
    except NotFoundError:
        notices.quiet(t("page_without_text"))
        return
    spans = [found for quote in source.quotes if (found := _found(page.text, quote))] if at_home else []
    if at_home and not spans:
        notices.warn(t("source_changed"))
        _text(source.document.page_content, [(0, len(source.document.page_content))], source.document)
    else:
        headings = [heading.start for heading in page.headings]
        _text(page.text, spans, source.document if at_home else None, headings)


def _turn(numbers: list[int], number: int, home: int) -> None:
    if len(numbers) < 2:
        return
    index = numbers.index(number) if number in numbers else 0
    with st.container(horizontal=True, vertical_alignment="center", key="turn-pages"):
        back = st.button(
            "", icon=":material/chevron_left:", key="page-back", disabled=index == 0, help=t("previous_page")
        )
        onward = st.button(
            "",
            icon=":material/chevron_right:",
            key="page-onward",
            disabled=index == len(numbers) - 1,
            help=t("next_page"),
        )
        notices.quiet(t("page_of", number=number, count=numbers[-1]))
        home_again = number != home and st.button(t("back_to_passage"), key="page-home", type="tertiary")
    if back or onward or home_again:
        st.session_state.source_page = home if home_again else numbers[index + (1 if onward else -1)]
        st.rerun(scope="fragment")


def _where(document: Document) -> None:
    path = str(document.metadata.get(records.HEADINGS) or "")
    where = [part for part in (place(document), path.replace(" > ", " › ")) if part]
    if where:
        notices.quiet(" · ".join(where))


def _picture(original: Path, number: int, quotes: tuple[tuple[int, int, str], ...], title: str) -> None:
    try:
        picture, highlighted = _page_picture(
            str(original), original.stat().st_mtime_ns, number, tuple(quote for _, _, quote in quotes)
        )
    except (DocumentError, OSError) as error:
        notices.bad(error.message if isinstance(error, RAGError) else t("source_changed"))
        return
    st.image(picture, width="stretch", alt=t("page_picture", number=number, title=title))
    if quotes and not highlighted:
        notices.quiet(t("not_highlighted"))
        _text("\n".join(quote for _, _, quote in quotes), [], None)


@st.cache_data(max_entries=64, show_spinner=False)
def _page_picture(path: str, changed: int, number: int, quotes: tuple[str, ...]) -> tuple[bytes, bool]:
    from minicpm_rag.loaders import isolated

    return isolated.page_picture(Path(path), number, quotes, width_pixels=PICTURE_PIXELS)


def _found(text: str, quote: tuple[int, int, str]) -> tuple[int, int] | None:
    start, end, words = quote
    if text[start:end] == words:
        return start, end
    start = text.find(words)
    return (start, start + len(words)) if start >= 0 else None


def _text(text: str, spans: list[tuple[int, int]], document: Document | None, headings: Sequence[int] = ()) -> None:
    first = max(0, min(start for start, _ in spans) - AROUND_CHARACTERS) if spans else 0
    last = min(len(text), (max(end for _, end in spans) if spans else 0) + AROUND_CHARACTERS * (1 if spans else 3))
    whole = first == 0 and last == len(text)
    if not whole and st.toggle(t("whole_page"), key="whole-page"):
        first, last = 0, len(text)
    header = str(document.metadata.get(records.TABLE_HEADER) or "") if document is not None else ""
    if header and header not in text[first:last]:
        st.html(f'<div class="rag-header-row">{markup.plain(header)}</div>')
    shown = passages.drawn(
        text[first:last],
        [(start - first, end - first) for start, end in spans],
        [start - first for start in headings],
    )
    before, after = "… " if first else "", " …" if last < len(text) else ""
    st.html(f'<div class="rag-passage">{before}{shown}{after}</div>')
