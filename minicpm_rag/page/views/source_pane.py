"""The pane beside a view that shows a document: a PDF's page as a picture, other files as text.

Quoted words are marked. Pages are turned, sections gone to, the page enlarged, the file downloaded, and what the
program understood of the document is told. It does not know the answer that cites it, nor how a page becomes a picture.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from minicpm_rag import records
from minicpm_rag.errors import DocumentError, NotFoundError, RAGError
from minicpm_rag.page import state
from minicpm_rag.page.html import markup, passages
from minicpm_rag.page.language import t
from minicpm_rag.page.sources import Source, place
from minicpm_rag.page.views import notices, understood
from minicpm_rag.page.views.callbacks import choosing
from minicpm_rag.text.table_rows import is_row

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.page.sources import Quote
    from minicpm_rag.records import DocumentRow, Page
    from minicpm_rag.workspace import Workspace

AROUND_CHARACTERS = 900  # text shown on each side of the words
CHARACTERS_AT_FIRST = 6_000  # of a page that nothing is marked on
PICTURE_PIXELS = 1100  # sharp on a dense screen in the widest pane
MOST_PICTURE_PIXELS = 2400
ZOOMS = (100, 125, 150, 200, 300)  # percent of the pane's width; html/style.css knows them
MOST_SECTIONS = 300


@st.fragment
def draw(workspace: Workspace) -> None:
    """Draw the open source; turning its pages redraws nothing else."""
    source = state.source()
    if source is None:
        st.rerun()  # closed here: the rest of the page takes its place
    document = source.document
    with st.container(key="source-pane"):
        try:
            row = workspace.library.document(int(document.metadata[records.DOCUMENT_ID]))
        except NotFoundError:
            _head(document, None, None)
            notices.warn(t("source_removed"))
            _text(document.page_content, [(0, len(document.page_content))])
            return
        original = workspace.library.original_path(row.id)
        _head(document, row, original)
        if _side(row) == "understood":
            st.html(understood.described(row, workspace.library.pages(row.id)))
        else:
            _page(workspace, source, row, original)


def _head(document: Document, row: DocumentRow | None, original: Path | None) -> None:
    with st.container(horizontal=True, wrap=False, vertical_alignment="center", key="source-head", gap="xsmall"):
        title = markup.name(str(document.metadata.get(records.TITLE, "")))
        st.html(f'<div class="rag-source-title">{title}</div>', width="stretch")
        if row is not None and original is not None:
            st.download_button(
                "",
                original.read_bytes,  # read when it is asked for
                file_name=row.title,
                mime=mimetypes.guess_type(row.title)[0] or "application/octet-stream",
                icon=":material/download:",
                key="download-source",
                type="tertiary",
                help=t("download_original"),
                on_click="ignore",
            )
        st.button(
            "",
            icon=":material/close:",
            key="close-source",
            type="tertiary",
            help=t("close"),
            on_click=state.close_source,
        )


def _side(row: DocumentRow) -> str:
    """What is shown of the document: its pages, or what was understood of them."""
    sides = {"pages": t("side_pages"), "understood": t("side_understood")}
    chosen = st.segmented_control(
        t("shown_of_it"),
        list(sides),
        format_func=sides.__getitem__,
        default="pages",
        required=True,
        key=f"source-side-{row.id}",
        label_visibility="collapsed",
    )
    return chosen or "pages"


def _page(workspace: Workspace, source: Source, row: DocumentRow, original: Path | None) -> None:
    home = int(source.document.metadata[records.PAGE])
    numbers = sorted(workspace.library.page_texts(row.id)) or [home]
    is_pdf = original is not None and original.suffix.lower() == ".pdf"
    if is_pdf:
        numbers = list(range(1, max(row.pages_present, numbers[-1]) + 1))
    if not source.quotes and home not in numbers:
        home = numbers[0]
    number = st.session_state.get("source_page", home)
    goal: int | None = st.session_state.get("source_goal")
    with st.container(horizontal=True, vertical_alignment="center", key="turn-pages", gap="xsmall"):
        _turn(numbers, number, home if source.quotes else number)
        _sections(workspace, row)
    at_home = number == home
    try:
        page = workspace.library.page(row.id, number)
    except NotFoundError:
        page = None
    # Drawn on every page, if empty: else a page's picture would come in the place of this line, and for a moment
    # stand above the picture of the page before.
    with st.empty():
        _where(source.document if at_home and source.quotes else None, page)
    with st.container(key=f"zoom-{_zoom()}"):
        if is_pdf and original is not None:
            _picture(original, number, source if at_home else None, row.title)
        elif page is None:
            notices.quiet(t("page_without_text"))
        elif at_home and source.quotes:
            _quoted(page, source, goal)
        else:
            _text(page.text, [], page=page, goal=goal)


def _zoom() -> int:
    zoom: int = st.session_state.get("source_zoom", ZOOMS[0])
    return zoom


def _sections(workspace: Workspace, row: DocumentRow) -> None:
    """The choice of a section to go to, where the document has several."""
    found = _sections_of(workspace, row.id, row.sha256)
    if len(found) < 2:
        return

    def go_to(index: int) -> None:
        st.session_state.source_page, st.session_state.source_goal = found[index][1:]
        st.session_state[key] = None

    key = f"section-{row.id}"
    st.selectbox(
        t("go_to_section"),
        range(len(found)),
        index=None,
        format_func=lambda index: found[index][0],
        placeholder=t("go_to_section"),
        key=key,
        label_visibility="collapsed",
        on_change=choosing(key, range(len(found)), go_to),
    )


@st.cache_data(max_entries=16, show_spinner=False)
def _sections_of(_workspace: Workspace, document_id: int, sha256: str) -> list[tuple[str, int, int]]:
    """(what it is called, page, offset) of each section, or of each sheet or slide where no section has a heading."""
    pages = _workspace.library.pages(document_id)
    found = [(heading, page) for page in pages for heading in page.headings if heading.text.strip()]
    top = min((heading.level for heading, _ in found), default=1)
    named = [
        ("\u2003" * min(heading.level - top, 4) + " ".join(heading.text.split()), page.number, heading.start)
        for heading, page in found
    ]
    sheets = [(page.label, page.number, 0) for page in pages if page.kind == "sheet" and page.label]
    return (named or sheets)[:MOST_SECTIONS]


def _turn(numbers: list[int], number: int, home: int) -> None:
    """The buttons that turn pages and enlarge them."""
    index = numbers.index(number) if number in numbers else 0
    if len(numbers) > 1:
        _icon("page-back", "chevron_left", t("previous_page"), index > 0 and numbers[index - 1], _turn_to)
        _icon("page-onward", "chevron_right", t("next_page"), index + 1 < len(numbers) and numbers[index + 1], _turn_to)
        notices.quiet(t("page_of", number=number, count=numbers[-1]))
    zoom = ZOOMS.index(_zoom())
    _icon("zoom-out", "zoom_out", t("zoom_out"), zoom > 0 and ZOOMS[zoom - 1], _zoom_to)
    _icon("zoom-in", "zoom_in", t("zoom_in"), zoom + 1 < len(ZOOMS) and ZOOMS[zoom + 1], _zoom_to)
    if zoom > 1:
        _icon("zoom-fit", "fit_width", t("zoom_fit"), ZOOMS[0], _zoom_to)
    if number != home:
        st.button(t("back_to_passage"), key="page-home", type="tertiary", on_click=_turn_to, args=(home,))


def _icon(key: str, icon: str, words: str, to: int, does: Callable[[int], None]) -> None:
    """A button that leads to a page or a zoom; to none with 0."""
    st.button(
        "",
        icon=f":material/{icon}:",
        key=key,
        disabled=not to,
        help=words,
        type="tertiary",
        on_click=does,
        args=(int(to),),
    )


def _turn_to(page: int) -> None:
    st.session_state.source_page = page
    st.session_state.pop("source_goal", None)


def _zoom_to(percent: int) -> None:
    st.session_state.source_zoom = percent


def _where(quoted: Document | None, page: Page | None) -> None:
    """Where in the document this is: page, rows and headings of the passage, or the page's own name."""
    parts: list[str] = []
    if quoted is not None:
        path = str(quoted.metadata.get(records.HEADINGS) or "")
        parts = [part for part in (place(quoted), path.replace(" > ", " › ")) if part]
    elif page is not None and page.kind != "text" and page.label:
        parts = [t(f"place_{page.kind}", label=page.label)]
    if parts:
        notices.quiet(" · ".join(parts))


def _picture(original: Path, number: int, source: Source | None, title: str) -> None:
    quotes, chosen = ((), ()) if source is None else (source.quotes, source.chosen)
    try:
        picture, highlighted = _page_picture(
            str(original),
            original.stat().st_mtime_ns,
            number,
            tuple(quote for _, _, quote in quotes),
            tuple(quote for _, _, quote in chosen),
            min(MOST_PICTURE_PIXELS, PICTURE_PIXELS * _zoom() // 100),
        )
    except (DocumentError, OSError) as error:
        notices.bad(error.message if isinstance(error, RAGError) else t("source_changed"))
        return
    st.image(picture, width="stretch", alt=t("page_picture", number=number, title=title))
    if quotes and not highlighted:
        notices.quiet(t("not_highlighted"))
        _text("\n".join(quote for _, _, quote in quotes), [])


@st.cache_data(max_entries=64, show_spinner=False)
def _page_picture(
    path: str, changed: int, number: int, quotes: tuple[str, ...], chosen: tuple[str, ...], width_pixels: int
) -> tuple[bytes, bool]:
    from minicpm_rag.loaders import isolated

    return isolated.page_picture(Path(path), number, quotes, chosen=chosen, width_pixels=width_pixels)


def _quoted(page: Page, source: Source, goal: int | None) -> None:
    spans = [found for quote in source.quotes if (found := _found(page.text, quote))]
    if spans:
        chosen = [found for quote in source.chosen if (found := _found(page.text, quote))]
        _text(page.text, spans, page=page, chosen=chosen, goal=goal)
    else:
        notices.warn(t("source_changed"))
        _text(source.document.page_content, [(0, len(source.document.page_content))])


def _found(text: str, quote: Quote) -> tuple[int, int] | None:
    start, end, words = quote
    if text[start:end] == words:
        return start, end
    start = text.find(words)
    return (start, start + len(words)) if start >= 0 else None


def _text(
    text: str,
    spans: list[tuple[int, int]],
    *,
    page: Page | None = None,
    chosen: Sequence[tuple[int, int]] = (),
    goal: int | None = None,
) -> None:
    """A page's text around the marked words, around the section that was gone to, or from its beginning."""
    if goal is not None:
        first, last = goal, goal + CHARACTERS_AT_FIRST
    elif spans:
        first = min(start for start, _ in spans) - AROUND_CHARACTERS
        last = max(end for _, end in spans) + AROUND_CHARACTERS
    else:
        first, last = 0, CHARACTERS_AT_FIRST
    first, last = max(0, text.rfind("\n", 0, max(0, first)) + 1), _end(text, last)
    whole = first == 0 and last == len(text)
    if not whole and st.toggle(t("whole_page"), key="whole-page"):
        first, last = 0, len(text)
    shown = passages.drawn(
        text[first:last],
        [(start - first, end - first) for start, end in spans],
        [heading.start - first for heading in page.headings] if page else [],
        chosen=[(start - first, end - first) for start, end in chosen],
        goal=None if goal is None else goal - first,
        header_rows=_header_rows(page, first) if page else (),
        header=_header(page, first) if page else "",
    )
    before, after = "… " if first else "", " …" if last < len(text) else ""
    st.html(f'<div class="rag-passage">{before}{shown}{after}</div>')


def _end(text: str, last: int) -> int:
    """Where the shown text ends: not within a row of a table."""
    line, end = text.rfind("\n", 0, last) + 1, text.find("\n", last)
    end = len(text) if end < 0 else end
    return end if is_row(text[line:end]) else min(len(text), last)


def _header_rows(page: Page, first: int) -> list[int]:
    """Where lines of tables before their first row of data begin, counted from the start of the shown text."""
    offsets = []
    for table in page.tables:
        end = table.rows[0][0] if table.rows else table.start
        line = table.start
        while first <= line < end:
            offsets.append(line - first)
            line = page.text.find("\n", line) + 1 or end
    return offsets


def _header(page: Page, first: int) -> str:
    """The header row of the table that the shown text begins in the middle of."""
    return next((table.header for table in page.tables if table.start < first < table.end), "")
