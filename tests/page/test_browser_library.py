"""What the page shows of documents, in a real Chromium: previews beside the Library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_parts import CHROMIUM, PATIENCE, Visitor, one_user

from minicpm_rag.page.language import text
from minicpm_rag.page.streamlit_private import part

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright_api = pytest.importorskip("playwright.sync_api")
playwright_api.expect.set_options(timeout=PATIENCE)

KNOWLEDGE = Path(__file__).parents[2] / "knowledge"
FILES = ["员工手册.pdf", "employee_handbook.docx", "price_list.csv"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def user(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One user with a few documents."""
    with one_user(browser, tmp_path_factory.mktemp("page") / "home", FILES) as opened:
        yield opened


def words(key: str) -> str:
    return text("zh", key)


def open_document(user: Visitor, title: str) -> None:
    user.go("library")
    row = user.page.locator('[class*="st-key-document-"]', has_text=title)
    row.locator('[class*="st-key-preview-"] button').click()
    playwright_api.expect(user.page.locator(".rag-source-title")).to_have_text(title)


def test_a_document_is_looked_through_from_the_library_and_downloaded(user: Visitor) -> None:
    open_document(user, "员工手册.pdf")
    picture = user.page.locator(".st-key-source-pane img")
    picture.wait_for()
    narrow = picture.evaluate("image => image.clientWidth")
    user.click(".st-key-zoom-in button")
    user.page.wait_for_function(
        "before => document.querySelector('.st-key-source-pane img')?.clientWidth > 1.2 * before", arg=narrow
    )
    user.click(".st-key-page-onward button")
    user.page.get_by_text("2 / 5").wait_for()
    with user.page.expect_download() as downloading:
        user.click(".st-key-download-source button")
    assert Path(downloading.value.path()).read_bytes() == (KNOWLEDGE / "员工手册.pdf").read_bytes()
    user.page.get_by_role("radio", name=words("side_understood")).click()
    user.page.get_by_text(words("outline"), exact=True).wait_for()


def test_a_section_that_is_chosen_comes_into_view_and_a_table_keeps_its_header(user: Visitor) -> None:
    open_document(user, "employee_handbook.docx")
    user.page.locator('[class*="st-key-section-"] input').fill("Travel")
    user.page.keyboard.press("Enter")
    goal = user.page.locator(".rag-goal")
    playwright_api.expect(goal).to_have_text("Travel expenses")
    playwright_api.expect(goal).to_be_in_viewport()
    open_document(user, "price_list.csv")
    header = user.page.locator(".rag-grid th").first
    playwright_api.expect(header).to_have_text("型号")
    assert header.evaluate("cell => getComputedStyle(cell).position") == "sticky"


def test_at_twice_the_size_a_source_lies_over_the_conversation_whole(user: Visitor) -> None:
    user.page.set_viewport_size({"width": 720, "height": 450})
    pane = user.page.locator(".st-key-source-pane")
    user.page.wait_for_function(
        "pane => { const box = pane.getBoundingClientRect(); return box.width > 500 && box.right <= 721 }",
        arg=pane.element_handle(),
    )
    user.click(".st-key-close-source button")
    pane.wait_for(state="detached")
    user.page.set_viewport_size({"width": 1440, "height": 900})


def test_a_search_marks_its_words_and_many_documents_are_chosen_at_once(user: Visitor) -> None:
    user.go("library")
    box = user.page.locator(".st-key-search-within input")
    box.fill("paid leave")
    box.press("Enter")
    hit = user.page.locator('[class*="st-key-hit-"]', has_text="employee_handbook.docx").first
    playwright_api.expect(hit.locator("mark", has_text="paid").first).to_be_visible()
    box.fill("")
    box.press("Enter")
    user.page.get_by_text(words("choose_several")).click()
    user.click(".st-key-choose-all button")
    playwright_api.expect(user.page.locator(".st-key-several")).to_contain_text("3 / 3")
    user.click(".st-key-ask-about-several button")
    for name in FILES:
        playwright_api.expect(user.page.locator(".st-key-scope")).to_contain_text(name)


def test_the_keys_are_listed_by_a_question_mark(user: Visitor) -> None:
    user.page.locator("body").press("?")
    listed = user.page.locator(".rag-keys")
    playwright_api.expect(listed).to_contain_text(words("key_marks"))
    user.page.keyboard.press("Escape")
    playwright_api.expect(listed).not_to_be_visible()


def test_a_file_attached_to_a_question_is_asked_about_alone(user: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "offer.txt"
    file.write_text("Offer of Maple Ltd. The pump costs 480 euros.", encoding="utf-8")
    user.page.locator(".st-key-new-conversation button").click()
    user.page.locator(f"{part('bottom')} input[type=file]").set_input_files(file)
    user.page.locator(part("file name"), has_text="offer.txt").wait_for()
    user.page.locator(part("file on its way")).wait_for(state="detached")  # till then Enter does nothing
    assert "480" in user.ask("What does the pump cost?")
    playwright_api.expect(user.page.locator(".st-key-scope")).to_contain_text("offer.txt")
