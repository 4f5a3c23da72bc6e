"""The question box in a real Chromium: what is attached stays, and every name is found behind an @."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_parts import CHROMIUM, PATIENCE, REPOSITORY, Server, Visitor

from minicpm_rag.page.streamlit_private import part
from minicpm_rag.page.views import question_box

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright_api = pytest.importorskip("playwright.sync_api")
playwright_api.expect.set_options(timeout=PATIENCE)

FEW_NAMES = """
import streamlit as st

from minicpm_rag.page import server
from minicpm_rag.page.views import question_box

question_box.MOST_NAMES = 1
app = st.App(server.SCRIPT, middleware=server.middleware())
"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def visitor(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One user with four documents, whose browser is given one name at first."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "few_names.py").write_text(FEW_NAMES, encoding="utf-8")
    shutil.copytree(REPOSITORY / ".streamlit", folder / ".streamlit")
    files = []
    for name, content in {
        "码头值班表.md": "# 码头值班\n\n十月由高桥值班。\n",
        "锅炉手册.md": "# 锅炉\n\n锅炉每两年检验一次。\n",
        "Harbour rota.md": "# Rota\n\nTakahashi is on duty in October.\n",
        "boiler manual.md": "# Boiler\n\nThe boiler is inspected every other year.\n",
    }.items():
        (folder / name).write_text(content, encoding="utf-8")
        files.append(folder / name)
    with Server(folder / "home", script=folder / "few_names.py") as server:
        opened = Visitor(browser, server)
        opened.page.wait_for_selector(".st-key-add-documents")
        opened.upload(files)
        opened.go("chat")
        yield opened
        opened.close()


@pytest.mark.parametrize(("typed", "name"), [("@值班", "码头值班表.md"), ("@ＢＯＩＬ", "boiler manual.md")])
def test_a_name_that_the_browser_was_not_given_is_found_behind_an_at(visitor: Visitor, typed: str, name: str) -> None:
    box, names = visitor.page.locator(part("question")), visitor.page.locator("#rag-mentions > div")
    box.click()
    visitor.page.keyboard.type(typed)
    playwright_api.expect(names).to_have_text([name])
    visitor.page.keyboard.press("Enter")
    playwright_api.expect(visitor.page.locator(".st-key-scope")).to_contain_text(name)
    playwright_api.expect(box).to_have_value("")
    visitor.page.keyboard.press("Backspace")
    visitor.page.locator(".st-key-scope").wait_for(state="detached")


def test_names_that_come_late_do_not_open_a_list_that_was_closed(visitor: Visitor) -> None:
    box, names = visitor.page.locator(part("question")), visitor.page.locator("#rag-mentions > div")
    box.click()
    visitor.page.keyboard.type("@手册")
    visitor.page.keyboard.press("Escape")
    playwright_api.expect(names).to_have_count(0)
    visitor.rest()
    playwright_api.expect(names).to_have_count(0)
    box.fill("")


@pytest.mark.parametrize("view", ["library", "model"])
def test_an_attached_file_and_what_is_typed_stay_while_another_view_is_shown(
    visitor: Visitor, tmp_path: Path, view: str
) -> None:
    file = tmp_path / f"报价 {view}.txt"
    file.write_text("The crane is rented for 810 a day.\n", encoding="utf-8")
    box, chips = visitor.page.locator(part("question")), visitor.page.locator(f"{part('bottom')} {part('file name')}")
    visitor.page.locator(f"{part('bottom')} input[type=file]").set_input_files(file)
    playwright_api.expect(chips).to_have_count(1)
    visitor.page.locator(part("file on its way")).wait_for(state="detached")  # till then Enter does nothing
    box.fill("How much is the crane?")
    visitor.go(view)
    playwright_api.expect(box).to_be_hidden()
    visitor.go("chat")
    playwright_api.expect(box).to_be_visible()
    playwright_api.expect(box).to_have_value("How much is the crane?")
    playwright_api.expect(chips).to_have_count(1)
    box.press("Enter")
    visitor.page.locator(".rag-question").wait_for()
    assert "810" in visitor.wait_for_answer()
    visitor.click(".st-key-new-conversation button")
    visitor.page.locator(".rag-question").wait_for(state="detached")
    visitor.click(".st-key-scope button")
    visitor.page.locator(".st-key-scope").wait_for(state="detached")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("合同", ["合同.md", "租合同.md"]), ("ＰＬＡＮ", ["plan", "Floor Plan.pdf"]), ("nothing", [])],
)
def test_names_that_begin_with_what_is_typed_come_first(wanted: str, found: list[str]) -> None:
    names = ("租合同.md", "Floor Plan.pdf", "合同.md", "plan")
    assert question_box._holding(names, wanted) == found
