"""The real page in a real Chromium: upload, ask, cite, stop, follow up, switch language, restart.

UPDATE_SCREENSHOTS=1 writes the README's pictures anew.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from browser_parts import CHROMIUM, PATIENCE, Server, Visitor
from waiting import wait_until

from minicpm_rag.page.language import text
from minicpm_rag.page.streamlit_private import part

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route, WebSocketRoute

playwright_api = pytest.importorskip("playwright.sync_api")
playwright_api.expect.set_options(timeout=PATIENCE)  # 5 s else, whatever the browser's patience is

TESTS = Path(__file__).parents[1]
KNOWLEDGE = TESTS.parent / "knowledge"
TINY = TESTS / "data" / "golden" / "minicpm-2b-tiny"
SCREENSHOTS = TESTS / "data" / "screenshots"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(1200),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    home = tmp_path_factory.mktemp("page") / "home"
    with Server(home, max_new_tokens="60000", upload_megabytes="1") as started:
        yield started


@pytest.fixture(scope="module")
def user(server: Server, browser: Browser) -> Iterator[Visitor]:
    """One user's browser, open through most of the tests: opening another takes seconds."""
    opened = Visitor(browser, server)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def verdicts(user: Visitor, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The sample documents and two bad files, dropped on the page; the table of what became of them."""
    folder = tmp_path_factory.mktemp("bad")
    (folder / "broken.pdf").write_bytes(b"not a PDF")
    (folder / "空白.txt").write_text("")
    user.page.wait_for_selector(".st-key-add-documents")
    table = user.upload([*sorted(KNOWLEDGE.iterdir()), folder / "broken.pdf", folder / "空白.txt"])
    picture(user, "library")
    return table


@pytest.fixture
def visitor(user: Visitor, verdicts: str) -> Visitor:
    """That user, come back to the page: a session of its own, in which nothing was chosen yet."""
    user.requests.clear()
    user.open()
    user.page.wait_for_selector(".st-key-ask-0")
    return user


def picture(visitor: Visitor, name: str) -> None:
    """A picture for the README, kept only when asked for."""
    if os.environ.get("UPDATE_SCREENSHOTS"):
        visitor.page.mouse.move(0, 0)  # nothing looks as if it were pointed at
        visitor.page.wait_for_timeout(500)
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        visitor.page.screenshot(path=SCREENSHOTS / f"{name}.png")


def words(key: str, **values: object) -> str:
    return text("zh", key, **values)


def highlighted_pixels(visitor: Visitor) -> int:
    """How many pixels of the page picture are marked in yellow; -1 while it is being loaded.

    Counted in the browser: the server forgets a picture as soon as another page is shown.
    """
    shown = visitor.page.locator(".st-key-source-pane img")
    shown.wait_for()
    return int(
        shown.evaluate(
            """image => {
              if (!image.complete || !image.naturalWidth) return -1
              const canvas = new OffscreenCanvas(image.naturalWidth, image.naturalHeight)
              const context = canvas.getContext("2d")
              context.drawImage(image, 0, 0)
              const { data } = context.getImageData(0, 0, canvas.width, canvas.height)
              let marked = 0
              for (let at = 0; at < data.length; at += 4)
                if (data[at] > 200 && data[at + 1] > 170 && data[at + 2] < 150) marked++
              return marked
            }"""
        )
    )


def test_every_dropped_file_gets_a_verdict_with_reason_and_remedy(verdicts: str) -> None:
    for file in KNOWLEDGE.iterdir():
        assert re.search(rf"{re.escape(file.name)}\s+{words('verdict_indexed')}", verdicts)
    assert re.search(
        rf"broken\.pdf\s+{words('verdict_failed')}\s+它并不是|broken\.pdf\s+{words('verdict_failed')}",
        verdicts,
    )
    assert "文件里没有文字。" in verdicts
    assert "GB18030" in verdicts, "the encoding is told where it is not UTF-8"


def test_going_back_in_the_browser_shows_the_view_before(visitor: Visitor) -> None:
    visitor.go("library")
    visitor.page.locator(part("dropzone")).wait_for()
    visitor.go("model")
    visitor.page.locator(part("dropzone")).wait_for(state="detached")
    visitor.page.go_back()
    visitor.page.locator(part("dropzone")).wait_for()
    visitor.page.go_back()
    visitor.page.wait_for_selector(".st-key-ask-0")


def test_a_citation_opens_the_page_of_the_pdf_with_its_words_highlighted(visitor: Visitor) -> None:
    answer = visitor.ask("工龄满十年的员工年假有多少天？")
    assert "十五天" in answer
    visitor.page.locator(".rag-mark").first.click()
    wait_until(lambda: highlighted_pixels(visitor) > 500)
    pane = visitor.page.locator(".st-key-source-pane")
    assert "员工手册.pdf" in pane.inner_text()
    picture(visitor, "answer")
    visitor.click(".st-key-page-onward button")
    wait_until(lambda: highlighted_pixels(visitor) == 0)
    visitor.click(".st-key-page-home button")
    wait_until(lambda: highlighted_pixels(visitor) > 500)


def test_a_citation_of_a_table_shows_the_rows_with_the_words_marked(visitor: Visitor) -> None:
    visitor.ask("AL-100 的单价是多少？")
    visitor.page.locator('[class*="st-key-source-"] button', has_text="price_list.csv").first.click()
    pane = visitor.page.locator(".st-key-source-pane")
    pane.locator("mark").first.wait_for()
    assert "699" in pane.locator("mark").all_inner_texts()
    assert "行" in pane.inner_text()
    assert visitor.strangers() == []


def test_a_sum_over_a_sheet_cites_its_rows_and_shows_them_in_the_sheet(visitor: Visitor) -> None:
    assert "423,708" in visitor.ask("华东区的金额合计是多少？")
    visitor.page.locator(".rag-mark").first.click()
    pane = visitor.page.locator(".st-key-source-pane")
    row = pane.locator("tr.lit").first
    row.wait_for()
    assert "华东" in row.inner_text()
    height = """cell => {
      const words = document.createRange()
      words.selectNodeContents(cell)
      return words.getBoundingClientRect().height
    }"""
    heights = [cell.evaluate(height) for cell in row.locator(".brief").all()]
    assert heights and max(heights) < 30, "dates and codes stay on one line"
    picture(visitor, "table")


def test_a_question_without_support_is_refused_with_the_nearest_passages(visitor: Visitor) -> None:
    visitor.ask("木星的卫星一共有多少颗？")
    visitor.page.get_by_text(words("nearest")).wait_for()
    assert visitor.page.locator('[class*="st-key-source-"] button').count() >= 1
    anyway = visitor.page.locator('[class*="st-key-answer_anyway"] button')
    anyway.click()
    anyway.wait_for(state="detached")
    visitor.wait_for_answer()
    assert visitor.page.locator(".rag-question").count() == 1


def test_a_follow_up_is_completed_in_the_open_and_can_be_changed(visitor: Visitor) -> None:
    visitor.ask("工龄满十年的员工年假有多少天？")
    visitor.ask("那病假呢？")
    searched = visitor.page.locator(".rag-searched")
    assert "病假" in searched.inner_text()
    visitor.click(f'[class*="st-key-searched-"] {part("popover button")}')
    # By its role: the button is called alike, and playwright stays with what it found first.
    visitor.page.get_by_role("textbox", name=words("edit_search")).fill("病假需要什么证明？")
    visitor.page.get_by_role("button", name=words("search_with_this")).click()
    playwright_api.expect(searched).to_contain_text("病假需要什么证明？")
    # The answer before stands there until this one has begun.
    playwright_api.expect(visitor.page.locator(".rag-answer").last).to_contain_text("医院证明")


def test_the_answer_is_copied_with_one_click(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    answer = visitor.ask("公司是哪一年成立的？")
    visitor.page.locator(".rag-copy").click()
    playwright_api.expect(visitor.page.locator(".rag-copied")).to_have_count(1)
    copied = str(visitor.page.evaluate("() => navigator.clipboard.readText()"))
    assert "2012" in answer and "2012" in copied


def test_the_language_is_the_browsers_at_first_and_switched_in_the_sidebar(
    server: Server, browser: Browser, verdicts: str
) -> None:
    english = Visitor(browser, server, locale="en-GB", color_scheme="dark")
    assert english.page.locator(".rag-brand").inner_text() == text("en", "brand")
    english.page.wait_for_selector(".st-key-ask-0")
    assert "27 days" in english.ask("How many days of paid leave do full-time colleagues have?")
    english.page.locator(".rag-mark").first.click()
    assert "27 days" in english.page.locator(".st-key-source-pane mark").first.inner_text()
    picture(english, "english")
    english.page.get_by_role("radio", name="中文").click()
    playwright_api.expect(english.page.locator(".rag-brand")).to_have_text(words("brand"))
    english.page.wait_for_function("() => document.cookie.includes('minicpm_rag_language=zh')")
    english.page.reload()
    playwright_api.expect(english.page.locator(".rag-brand")).to_have_text(words("brand"))
    # The script that says so is drawn after the brand: wait for it, or fail.
    english.page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")
    english.close()


def test_five_users_at_once_see_their_own_answers_only(server: Server, browser: Browser, verdicts: str) -> None:
    lines = (TESTS / "data" / "knowledge_questions.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    chosen = [row for row in rows if row["id"] in ("zh01", "zh03", "zh04", "zh05", "zh02")]
    users = [Visitor(browser, server, arrived=False) for _ in chosen]
    for user, row in zip(users, chosen, strict=True):
        user.arrive()
        user.submit(row["question"])
    for user, row in zip(users, chosen, strict=True):
        answer = user.wait_for_answer()
        assert row["answers"][0] in answer, row
        seen = user.page.locator("body").inner_text()
        assert not [other for other in chosen if other is not row and other["question"] in seen]
    for user in users:
        user.close()


def make_knowledge_base(visitor: Visitor, name: str) -> None:
    button = part("popover button")
    visitor.click(f"{part('sidebar')} {button}:not(.st-key-sidebar-foot {button})")  # not the style of answers
    visitor.page.get_by_label(words("new_name")).fill(name)
    visitor.page.get_by_role("button", name=words("create"), exact=True).click()
    playwright_api.expect(visitor.page.locator("h2")).to_contain_text(name)


def forget_first_place(page: Page) -> list[bytes]:
    """Drop the first answer that says where files may be sent, as Streamlit does where a run begins just then.

    Returns the answers seen.
    """
    places: list[bytes] = []

    def serve(connection: WebSocketRoute) -> None:
        onward = connection.connect_to_server()

        def pass_on(message: str | bytes) -> None:
            if isinstance(message, bytes) and b"/upload_file/" in message:
                places.append(message)
                if len(places) == 1:
                    return
            connection.send(message)

        onward.on_message(pass_on)

    page.route_web_socket("**/_stcore/stream", serve)
    return places


def test_a_file_on_its_way_is_not_lost_and_its_questions_appear_by_themselves(
    server: Server, browser: Browser, verdicts: str, tmp_path: Path
) -> None:
    (tmp_path / "方案.md").write_text("# 方案\n\n## 预算\n\n三万元。\n\n## 期限\n\n五月底。\n", encoding="utf-8")
    held: list[Route] = []
    user = Visitor(browser, server, arrived=False)
    places = forget_first_place(user.page)
    user.page.route("**/upload_file/**", lambda route: held.append(route))
    user.open()
    make_knowledge_base(user, "新库")
    user.drop([tmp_path / "方案.md"])
    user.page.locator(part("file")).wait_for()
    assert len(places) > 1
    playwright_api.expect(user.page.locator(part("sidebar"))).to_have_css("pointer-events", "none")
    while not held:
        user.page.wait_for_timeout(50)
    held[0].continue_()
    user.go("chat")  # as soon as the page lets go, while the document is read
    playwright_api.expect(user.page.locator(".st-key-ask-0")).to_contain_text("方案")
    user.close()


def test_a_file_that_is_too_large_is_refused_by_name_and_the_rest_is_taken(
    server: Server, browser: Browser, verdicts: str, tmp_path: Path
) -> None:
    """Also where the run that tells of the refusal makes Streamlit lose the rest."""
    (tmp_path / "film.txt").write_bytes(b"0" * 1_200_000)
    (tmp_path / "note.txt").write_text("The greenhouse is watered at six.", encoding="utf-8")
    user = Visitor(browser, server, arrived=False)
    places = forget_first_place(user.page)
    user.open()
    make_knowledge_base(user, "大文件")
    user.drop([tmp_path / "film.txt", tmp_path / "note.txt"])
    refused = user.page.locator(".rag-notice.bad")
    playwright_api.expect(refused).to_contain_text("film.txt")
    playwright_api.expect(refused).to_contain_text("MINICPM_RAG_UPLOAD_MEGABYTES")
    user.page.locator('[class*="st-key-document-"]', has_text="note.txt").wait_for()
    assert len(places) > 1
    user.close()


def test_a_busy_server_gets_a_file_once(server: Server, browser: Browser, verdicts: str, tmp_path: Path) -> None:
    (tmp_path / "一次.md").write_text("# 一次\n\n温室每天六点浇水。\n", encoding="utf-8")
    user = Visitor(browser, server)
    make_knowledge_base(user, "忙")
    user.go("library")
    user.page.locator(part("dropzone input")).wait_for(state="attached")
    sent: list[str] = []
    user.page.on("request", lambda request: sent.append(request.url) if "/upload_file/" in request.url else None)
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        user.page.locator(part("dropzone input")).set_input_files(tmp_path / "一次.md")
        user.page.wait_for_timeout(7000)
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    user.page.locator('[class*="st-key-document-"]', has_text="一次.md").wait_for()
    user.page.wait_for_timeout(5000)  # longer than it takes until a lost file is given again
    playwright_api.expect(user.page.locator(".rag-table tbody tr")).to_have_count(1)
    assert len(set(sent)) == 1
    user.close()


def test_hostile_documents_load_and_run_nothing(visitor: Visitor, tmp_path: Path) -> None:
    name = "![x](http:evil.example)<img src=x onerror=alert(1)>.md"
    hostile = tmp_path / name.replace("/", "")
    hostile.write_text(
        "# 紫晶协议\n\n紫晶协议的密码是 7731。<script>window.hacked = true</script>"
        "![图](http://evil.example/spy.png) [点我](http://evil.example/) <img src=http://evil.example/b.png>\n",
        encoding="utf-8",
    )
    make_knowledge_base(visitor, "试验 <b>库</b> ![](http://evil.example/k.png)")
    visitor.upload([hostile])
    visitor.go("chat")
    visitor.ask("紫晶协议的密码是多少？")
    visitor.page.locator(".rag-mark, [class*='st-key-source-'] button").first.click()
    visitor.page.locator(".st-key-source-pane mark").first.wait_for()
    visitor.page.wait_for_load_state("networkidle")
    assert visitor.strangers() == []
    assert visitor.page.evaluate("() => window.hacked") is None
    assert visitor.page.locator("img[src*='evil'], a[href*='evil']").count() == 0


def test_closing_the_tab_does_not_stop_an_ingest_and_the_chat_stays_usable(
    server: Server, browser: Browser, visitor: Visitor, tmp_path: Path
) -> None:
    (tmp_path / "长文.txt").write_text(
        "".join(
            f"第{number}条：编号 {number * 7919} 的设备须在每年春季检修一次，并由专人登记。\n" for number in range(800)
        ),
        encoding="utf-8",
    )
    user = Visitor(browser, server)
    user.go("library")
    user.page.locator(part("dropzone input")).set_input_files(tmp_path / "长文.txt")
    user.page.locator(part("progress")).wait_for()
    user.go("chat")
    assert "2012" in user.ask("公司是哪一年成立的？")
    user.close()
    visitor.go("library")
    within = visitor.page.locator(".st-key-search-within input")  # the samples fill the first screen
    within.fill("长文")
    within.press("Enter")
    visitor.page.locator('[class*="st-key-document-"]', has_text="长文.txt").wait_for(timeout=3 * PATIENCE)


@pytest.mark.parametrize(("scheme", "locale"), [("light", "zh-CN"), ("dark", "en-US")])
def test_no_view_has_a_serious_fault_for_people_with_impairments(
    server: Server, browser: Browser, verdicts: str, scheme: str, locale: str
) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    user = Visitor(browser, server, color_scheme=scheme, locale=locale)
    faults: dict[str, list[str]] = {}

    def look(view: str) -> None:
        user.page.wait_for_timeout(500)  # colours change gradually
        user.rest()
        found = axe.run(user.page).response["violations"]
        serious = [fault for fault in found if fault["impact"] in ("serious", "critical")]
        faults[view] = [f"{fault['id']}: {node['html']}" for fault in serious for node in fault["nodes"]]

    user.page.wait_for_selector(".st-key-ask-0")
    look("first screen")
    user.page.locator(part("question")).fill("@")
    user.page.locator("#rag-mentions").wait_for()
    look("names")
    user.click(f".st-key-sidebar-foot {part('popover button')}")
    user.page.locator(".st-key-answer-language").wait_for()
    look("menu")
    user.page.keyboard.press("Escape")
    user.ask("工龄满十年的员工年假有多少天？")
    look("answer")
    user.page.locator(".rag-mark").first.click()
    user.page.locator(".st-key-source-pane img").wait_for()
    look("source")
    for view in ("library", "model"):
        user.go(view)
        user.page.locator("h2").first.wait_for()
        look(view)
    views = ("first screen", "names", "menu", "answer", "source", "library", "model")
    assert faults == {view: [] for view in views}
    user.close()


def test_the_page_is_used_by_keys_and_heard(visitor: Visitor) -> None:
    # The script that hears keys is the one that says the page's language, and is drawn last.
    visitor.page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")
    visitor.rest()
    visitor.page.locator("body").press("/")
    box = visitor.page.locator(part("question"))
    playwright_api.expect(box).to_be_focused()
    visitor.page.keyboard.type("公司是哪一年成立的？")
    playwright_api.expect(box).to_have_value("公司是哪一年成立的？")
    visitor.page.keyboard.press("Enter")
    assert "2012" in visitor.wait_for_answer()
    playwright_api.expect(visitor.page.locator("#rag-live")).to_contain_text("2012")
    mark = visitor.page.locator(".rag-mark").first
    assert (mark.get_attribute("aria-label") or "").startswith("出处 1")
    mark.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(".st-key-source-pane").wait_for()
    visitor.page.keyboard.press("Escape")
    visitor.page.locator(".st-key-source-pane").wait_for(state="detached")


def test_a_few_letters_after_ctrl_k_lead_to_a_view(visitor: Visitor) -> None:
    visitor.page.wait_for_function("() => document.documentElement.lang.startsWith('zh')")
    visitor.page.locator("body").press("Control+k")
    playwright_api.expect(visitor.page.locator(".st-key-palette-choice input")).to_be_focused()
    visitor.page.keyboard.type(words("view_model"))
    visitor.page.get_by_role("option").first.wait_for()
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(".st-key-nav-model-here").wait_for()
    visitor.page.locator(".st-key-palette-choice").wait_for(state="detached")
    visitor.go("chat")


def test_nothing_is_wider_than_a_phone(server: Server, browser: Browser, verdicts: str) -> None:
    phone = Visitor(browser, server, viewport={"width": 400, "height": 800}, has_touch=True)
    phone.page.wait_for_selector(".st-key-ask-0")
    phone.ask("工龄满十年的员工年假有多少天？")
    views = ["chat"]
    for view in ("library", "model"):
        phone.page.locator(part("open sidebar")).click()
        phone.go(view)
        phone.page.locator("h2").first.wait_for()
        views.append(view)
        width = phone.page.locator(part("main")).evaluate("main => main.scrollWidth")
        assert width <= 400, f"{view} is {width} wide"
    assert views == ["chat", "library", "model"]
    phone.close()


def endless_model(folder: Path) -> None:
    """The tiny model, made to write one sentence that never ends: each token has one other that follows it.

    A model that draws its words may end at once, or go round and be stopped by the guard. The layers add nothing here,
    so the output layer sees the embedding of the last token: signs, and those of two tokens are hardly alike.
    """
    import torch

    shutil.copytree(TINY, folder, dirs_exist_ok=True)
    config = json.loads((folder / "config.json").read_text())
    # Room for an answer that takes several seconds even of a tiny model.
    config |= {"max_position_embeddings": 65536, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(config))
    tokens = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))["model"]["vocab"]
    written = [number for token, number in tokens.items() if token.replace("▁", "").isalpha()]
    signs = torch.randn(len(tokens), config["hidden_size"], generator=torch.Generator().manual_seed(0)).sign()
    output = torch.zeros_like(signs)
    for token, sign in enumerate(signs):
        follower = (written.index(token) + 1 if token in written else token) % len(written)
        output[written[follower]] += sign
    for file in folder.glob("*.bin"):
        weights = torch.load(file, weights_only=True)
        for name in weights:
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weights[name] = torch.zeros_like(weights[name])
        given = {
            "model.embed_tokens.weight": signs,
            "lm_head.weight": output,
            "model.norm.weight": torch.ones(len(signs.T)),
        }
        torch.save(weights | {name: given[name] for name in given if name in weights}, file)


def test_stop_keeps_the_partial_text_and_frees_the_model(server: Server, visitor: Visitor) -> None:
    endless_model(server.home / "models" / "tiny")
    visitor.go("model")
    visitor.page.locator(".st-key-use-tiny button").click()
    playwright_api.expect(visitor.page.locator(".rag-facts").first).to_contain_text("tiny")
    visitor.go("chat")
    visitor.submit("工龄满十年的员工年假有多少天？")
    visitor.page.locator(".rag-caret").wait_for()
    visitor.page.reload()  # the address names the conversation, and its answer goes on without a tab
    visitor.page.locator(".rag-question", has_text="工龄满十年").wait_for()
    visitor.page.locator(".rag-caret").wait_for()
    visitor.page.locator(".st-key-stop-answer button").click()
    visitor.page.wait_for_selector(".st-key-stop", state="detached")
    playwright_api.expect(visitor.page.get_by_text(words("stopped"))).to_have_count(1)
    kept = visitor.page.locator(".rag-answer").inner_text()
    assert kept.strip()
    visitor.submit("公司是哪一年成立的？")
    visitor.page.locator(".rag-caret").wait_for()  # the model was freed
    visitor.page.locator(".st-key-stop-answer button").click()
    visitor.page.wait_for_selector(".st-key-stop", state="detached")
    assert visitor.page.locator(".rag-answer").first.inner_text() == kept
    visitor.go("model")
    visitor.click(".st-key-use-none button")
    visitor.page.get_by_text(words("no_model_explained")).wait_for()
    shutil.rmtree(
        server.home / "models" / "tiny"
    )  # a server that is started anew would answer with it again, endlessly


def test_a_restart_keeps_the_conversations_of_each_browser(server: Server, visitor: Visitor, browser: Browser) -> None:
    visitor.ask("公司是哪一年成立的？")
    server.stop()
    server.start()
    visitor.open()
    visitor.page.locator('[class*="st-key-open-"] button', has_text="公司是哪一年成立的").first.click()
    assert "2012" in visitor.wait_for_answer()
    visitor.page.locator(".rag-mark").first.click()
    visitor.page.locator(".st-key-source-pane").wait_for()
    stranger = Visitor(browser, server)
    stranger.page.locator(".rag-hello").wait_for()  # drawn after the conversations
    assert stranger.page.locator('[class*="st-key-open-"]').count() == 0
    stranger.close()


def test_streamlits_own_words_are_said_in_the_language_of_the_page(visitor: Visitor) -> None:
    visitor.page.get_by_role("button", name=words("theirs_attach")).hover()
    visitor.page.get_by_text(words("theirs_attach")).wait_for()
    visitor.page.get_by_role("radio", name="English").click()
    visitor.page.get_by_role("button", name=text("en", "theirs_attach")).wait_for()
    visitor.page.get_by_role("radio", name="中文").click()
    visitor.page.get_by_role("button", name=words("theirs_attach")).wait_for()
    visitor.go("library")
    visitor.page.locator(".st-key-search-within input").fill("年假")
    visitor.page.get_by_text(words("theirs_enter")).wait_for()
    visitor.go("chat")


def test_a_tab_that_outlives_the_server_loses_neither_words_nor_the_first_question(
    server: Server, visitor: Visitor
) -> None:
    box = visitor.page.locator(part("question"))
    box.click()
    visitor.page.keyboard.type("公司是哪一年")
    visitor.rest()
    server.stop()
    playwright_api.expect(box).to_be_disabled()
    visitor.page.get_by_text(words("theirs_disconnected")).wait_for()
    server.start()
    playwright_api.expect(box).to_be_enabled()
    box.press("End")
    visitor.page.keyboard.type("成立的？")
    visitor.page.keyboard.press("Enter")
    assert "2012" in visitor.wait_for_answer()
    playwright_api.expect(visitor.page.locator(".rag-question")).to_have_text("公司是哪一年成立的？")
