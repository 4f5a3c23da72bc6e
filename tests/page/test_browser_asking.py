"""How a question is asked, in a real Chromium: names behind an @, language and length of answers, a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_parts import CHROMIUM, PATIENCE, Visitor, one_user
from docx import Document
from model_server import model_server, said

from minicpm_rag.page.language import text
from minicpm_rag.page.streamlit_private import part

if TYPE_CHECKING:
    from playwright.sync_api import Browser

playwright_api = pytest.importorskip("playwright.sync_api")
playwright_api.expect.set_options(timeout=PATIENCE)

FILES = ["厂房租赁合同.docx", "蓝湾医院销售合同.docx", "distribution_agreement.docx", "售后服务政策.txt"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def user(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """One user with three contracts and a policy."""
    with one_user(browser, tmp_path_factory.mktemp("page") / "home", FILES) as opened:
        yield opened


@pytest.fixture
def visitor(user: Visitor) -> Visitor:
    """That user, with a conversation that has not begun."""
    user.open()
    user.page.locator(".st-key-ask-0").wait_for()
    return user


def words(key: str, **values: object) -> str:
    return text("zh", key, **values)


def test_a_document_named_behind_an_at_becomes_a_chip_by_keyboard(visitor: Visitor) -> None:
    box, names = visitor.page.locator(part("question")), visitor.page.locator("#rag-mentions > div")
    box.click()
    visitor.page.keyboard.type("违约金是多少？@合同")
    playwright_api.expect(names).to_have_count(2)
    while "厂房" not in visitor.page.locator('#rag-mentions [aria-selected="true"]').inner_text():
        visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    playwright_api.expect(visitor.page.locator(".st-key-scope")).to_contain_text("厂房租赁合同.docx")
    playwright_api.expect(box).to_have_value("违约金是多少？")
    assert visitor.page.locator(".rag-question").count() == 0, "Enter chose, and did not ask"
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(".rag-question").wait_for()
    assert "两个月租金" in visitor.wait_for_answer()
    playwright_api.expect(visitor.page.locator('[class*="st-key-source-"] button').first).to_contain_text("违约和解除")
    box.click()
    visitor.page.keyboard.press("Backspace")  # in the empty box
    visitor.page.locator(".st-key-scope").wait_for(state="detached")


def test_names_wait_for_an_input_method_and_esc_closes_them_alone(visitor: Visitor) -> None:
    box, names = visitor.page.locator(part("question")), visitor.page.locator("#rag-mentions > div")
    composing = visitor.context.new_cdp_session(visitor.page)
    box.click()
    visitor.page.keyboard.type("@")
    playwright_api.expect(names).to_have_count(len(FILES))
    composing.send("Input.imeSetComposition", {"text": "shou'hou", "selectionStart": 8, "selectionEnd": 8})
    playwright_api.expect(names).to_have_count(len(FILES))
    composing.send("Input.insertText", {"text": "售后"})
    playwright_api.expect(names).to_have_text(["售后服务政策.txt"])
    visitor.page.keyboard.press("Escape")
    playwright_api.expect(names).to_have_count(0)
    playwright_api.expect(box).to_have_value("@售后")
    visitor.page.keyboard.type(" 到a@b.com")
    playwright_api.expect(names).to_have_count(0)


def test_a_button_with_a_sign_alone_is_named_in_the_language_of_the_page(visitor: Visitor) -> None:
    for language, radio in (("en", "English"), ("zh", "中文")):
        visitor.page.get_by_role("radio", name=radio).click()
        for key in ("new_knowledge_base", "answer_style"):
            visitor.page.get_by_role("button", name=text(language, key), exact=True).wait_for()


def test_another_view_begins_at_its_top_though_a_conversation_was_followed_to_its_end(visitor: Visitor) -> None:
    visitor.page.set_viewport_size({"width": 1000, "height": 500})
    visitor.ask("总结一下厂房租赁合同")
    main = visitor.page.locator(part("main"))
    visitor.page.wait_for_function("main => main.scrollTop > 0", arg=main.element_handle())
    visitor.go("library")
    visitor.page.locator('[class*="st-key-document-"]').last.wait_for()
    playwright_api.expect(visitor.page.locator("h2").first).to_be_in_viewport()
    visitor.page.wait_for_timeout(500)  # longer than what follows a conversation takes
    assert main.evaluate("main => main.scrollTop") == 0
    visitor.page.set_viewport_size({"width": 1440, "height": 900})


def test_a_question_that_is_half_typed_outlasts_another_view_and_loading_the_page_anew(visitor: Visitor) -> None:
    box = visitor.page.locator(part("question"))
    box.click()
    visitor.page.keyboard.type("违约金是")
    visitor.go("library")
    visitor.page.locator(part("dropzone")).wait_for()
    visitor.go("chat")
    playwright_api.expect(box).to_be_visible()  # another view keeps it out of sight
    playwright_api.expect(box).to_have_value("违约金是")
    visitor.page.reload()
    playwright_api.expect(box).to_have_value("违约金是")
    box.press("End")
    visitor.page.keyboard.type("多少？")
    visitor.page.keyboard.press("Enter")
    playwright_api.expect(visitor.page.locator(".rag-question")).to_have_text("违约金是多少？")
    visitor.wait_for_answer()
    visitor.page.reload()
    visitor.page.locator(".rag-question").wait_for()
    visitor.rest()
    playwright_api.expect(box).to_have_value("")


def choose(visitor: Visitor, *names: str) -> None:
    visitor.click(f".st-key-sidebar-foot {part('popover button')}")
    for name in names:
        visitor.page.get_by_role("radio", name=name, exact=True).last.click()
        playwright_api.expect(visitor.page.get_by_role("radio", name=name, exact=True).last).to_be_checked()
    visitor.page.keyboard.press("Escape")


def test_language_and_length_of_answers_are_kept_in_the_browser(visitor: Visitor) -> None:
    choose(visitor, "English", words("answer_length_short"))
    visitor.page.wait_for_function("() => document.cookie.includes('minicpm_rag_answers=en.short')")
    assert "too little evidence" in visitor.ask("木星的卫星一共有多少颗？")
    visitor.open()
    visitor.page.locator(".st-key-ask-0").wait_for()
    visitor.ask("What discount does AirView get?")
    assert visitor.page.locator(".rag-answer").last.locator(".rag-mark").count() == 1
    choose(visitor, words("answer_language_auto"), words("answer_length_normal"))
    assert "没有找到足够的依据" in visitor.ask("木星的卫星一共有多少颗？")


def test_what_was_said_of_a_locked_file_goes_when_its_password_is_given(visitor: Visitor, tmp_path: Path) -> None:
    crypto = pytest.importorskip("msoffcrypto.format.ooxml")
    document = Document()
    document.add_paragraph("The vault opens at seven.")
    document.save(str(tmp_path / "plain.docx"))
    locked = tmp_path / "locked.docx"
    with (tmp_path / "plain.docx").open("rb") as plain, locked.open("wb") as target:
        crypto.OOXMLFile(plain).encrypt("sesame", target)
    said_of_it = visitor.upload([locked])
    assert words("password_below") in said_of_it and "--password" not in said_of_it
    row = visitor.page.locator('[class*="st-key-document-"]', has_text="locked.docx")
    row.locator("input[type=password]").fill("sesame")
    row.get_by_role("button", name=words("unlock")).click()
    table = visitor.page.locator('[class*="st-key-job-"] .rag-table', has_text="locked.docx")
    playwright_api.expect(table).to_contain_text(words("verdict_indexed"))
    playwright_api.expect(table).to_have_count(1)


def test_a_server_is_tested_before_it_answers_and_its_formulas_are_drawn(visitor: Visitor) -> None:
    answer = r"违约金按 $F = P \times \frac{5}{10000} \times d$ 计算。\n\n$$\sqrt{x^2} \le \alpha_1$$"
    with model_server(answers=[said(answer)]) as server:
        visitor.go("model")
        visitor.rest()
        visitor.page.get_by_text(words("server")).click()
        visitor.rest()  # it unfolds: a button that moves is missed
        address = visitor.page.get_by_label(words("server_address"))
        address.fill("http://127.0.0.1:9/v1")
        playwright_api.expect(address).to_have_value("http://127.0.0.1:9/v1")
        visitor.click(".st-key-server-test button")
        visitor.page.locator(".rag-notice.bad").wait_for()
        visitor.page.get_by_label(words("server_address")).fill(server.address)
        visitor.click(".st-key-server-test button")
        visitor.page.locator(".rag-notice.calm", has_text="chat-model").last.wait_for()
        visitor.click(".st-key-server-submit button")
        playwright_api.expect(visitor.page.locator(".rag-facts").first).to_contain_text(server.address)
        visitor.go("chat")
        visitor.ask("厂房逾期支付租金的违约金是多少？")
        playwright_api.expect(visitor.page.locator(".rag-formula")).to_have_count(2)
        box = visitor.page.locator(".rag-fraction").bounding_box()
        assert box is not None and box["height"] > box["width"] * 0.5, "numerator above denominator"
        visitor.go("model")
        visitor.click(".st-key-use-none button")
        visitor.page.get_by_text(words("no_model_explained")).wait_for()
