from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from minicpm_rag.loaders import load_file
from minicpm_rag.page import shared
from minicpm_rag.page.texts import library
from minicpm_rag.records import Heading, Page, Table
from minicpm_rag.settings import Settings
from minicpm_rag.text import languages

FILES = Path(__file__).parents[1] / "data" / "pdf"


def drawn() -> None:
    from pathlib import Path

    import streamlit as st
    from fake_workspace import row

    from minicpm_rag.loaders import load_file
    from minicpm_rag.messages import Message
    from minicpm_rag.page.views import understood

    files = Path(st.session_state.files)
    st.session_state.language = st.session_state.shown_in
    pages = [*load_file(files / "pdf_bold_headings_same_size.pdf").pages]
    pages += load_file(files / "pdf_table_two_row_header.pdf").pages
    note = Message("loaders.pdf_pages_damaged", pages=("2",))
    st.html(understood.described(row(1, "<b>a</b>.pdf", reason=note), pages))


def html(language: str) -> str:
    app = AppTest.from_function(drawn, default_timeout=300)
    app.session_state.files = str(FILES)
    app.session_state.shown_in = language
    app.run()
    assert not app.exception
    return str(app.get("html")[0].proto.body)


def test_the_view_shows_outline_tables_languages_and_poor_pages() -> None:
    found = html("en")
    for words in (
        "Outline",
        "1 Scope",
        "2 Warranty",
        "Tables",
        "2023 Sales",
        "3 rows",
        "Language: English",
        "left out: 2",
    ):
        assert words in found
    assert "<b>" not in found
    assert "In short" in found and "Questions it can answer" in found


def test_a_document_in_short_is_left_out_where_the_setting_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared, "settings", lambda: Settings(in_short=False))
    found = html("en")
    assert "In short" not in found and "Questions it can answer" not in found
    assert "Outline" in found


def test_the_view_is_chinese_where_the_page_is() -> None:
    found = html("zh")
    for words in ("要点（原句）", "可以这样问", "大纲", "表格", "语言：英文", "3 行", "没有读取的页：2"):
        assert words in found


def told(*pages: Page) -> str:
    """What is said of pages, in English."""

    def shown() -> None:
        import streamlit as st
        from fake_workspace import row

        from minicpm_rag.page.views import understood

        st.session_state.language = "en"
        st.html(understood.described(row(1, "a.pdf"), st.session_state.pages))

    app = AppTest.from_function(shown, default_timeout=300)
    app.session_state.pages = list(pages)
    app.run()
    assert not app.exception
    return str(app.get("html")[0].proto.body)


def test_several_languages_are_named_each_with_its_pages() -> None:
    pages = [Page(number, "x", "page", language=language) for number, language in enumerate(["zh", "en", "zh"], 1)]
    assert "Language: Chinese (2 pages), English (1 page)" in told(*pages)


def test_every_language_that_is_told_apart_has_a_name() -> None:
    codes = set(languages._OF_SCRIPT.values()) | set(languages._COMMON)
    assert {f"language_{code}" for code in codes} <= library.TEXTS.keys()


def test_columns_without_a_name_leave_no_gap_and_lines_run_as_their_language_does() -> None:
    table = Table(0, 20, r"|  | a\|b | מחיר |", ((10, 2),))
    found = told(Page(1, "| 1 | 2 | 3 |", "page", "1", (Heading(0, 1, "דוח"),), (table,)))
    assert '<div dir="auto">a|b · מחיר <' in found
    assert '<div dir="auto">דוח <span class="rag-quiet" dir="auto">page 1<' in found


def test_pages_know_their_language() -> None:
    assert load_file(FILES / "pdf_vertical_chinese.pdf").pages[0].language == "zh"


def test_markup_of_a_document_is_shown_as_text() -> None:
    table = Table(0, 20, "| <i>n</i> | m |", ((10, 2),))
    page = Page(1, "| 1 | 2 |", "page", "<u>1</u>", (Heading(0, 1, "<b>Scope</b>"),), (table,))
    found = told(page)
    assert "&lt;b&gt;Scope&lt;/b&gt;" in found and "&lt;i&gt;n&lt;/i&gt;" in found
    assert not any(tag in found for tag in ("<b>", "<i>", "<u>"))
