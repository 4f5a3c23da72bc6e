"""Every view of the page, drawn by Streamlit's AppTest over a workspace in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from fake_workspace import FakeWorker, FakeWorkspace, page_of, passage, row, usual_script
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec
from streamlit.testing.v1 import AppTest
from waiting import wait_until

from minicpm_rag.errors import (
    CheckpointError,
    DownloadError,
    DownloadStoppedError,
    LibraryError,
    ModelError,
    PromptTooLongError,
    VectorStoreError,
)
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger, knowledge_bases
from minicpm_rag.library.ledger import jobs as queue
from minicpm_rag.messages import LANGUAGES, Language, Message
from minicpm_rag.page import door, once, server, shared, sources
from minicpm_rag.page.background import downloads, reply, switching
from minicpm_rag.page.background import jobs as page_jobs
from minicpm_rag.page.background.reply import Reply
from minicpm_rag.page.language import text
from minicpm_rag.records import (
    Answer,
    AnswerEvent,
    Citation,
    IngestProgress,
    Question,
    Retrieval,
    Rewritten,
    Text,
    Verdict,
    Waiting,
)

APP = str(server.SCRIPT)
QUESTION = "年假有几天？"
FAULT = str(Message("system.fault"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("MODEL", "LLM_URL", "RERANKER"):
        monkeypatch.delenv(f"MINICPM_RAG_{name}", raising=False)
    monkeypatch.setenv("MINICPM_RAG_HOME", str(tmp_path))
    monkeypatch.setattr("minicpm_rag.indexing.Worker", FakeWorker)
    monkeypatch.setattr("minicpm_rag.indexing.submit_delete", lambda library, name: library.delete(name))
    monkeypatch.setattr(shared, "WARM_AFTER_SECONDS", 0)
    monkeypatch.setattr(door, "_auth_was_seen", False)
    monkeypatch.setattr(server.Gate, "is_in_place", True)
    once.forget()
    st.cache_data.clear()
    yield tmp_path
    once.forget()


@pytest.fixture
def workspace(monkeypatch: pytest.MonkeyPatch) -> FakeWorkspace:
    fake = FakeWorkspace()

    def opened(settings: object) -> FakeWorkspace:
        fake.opened += 1
        return fake

    patch_opening(monkeypatch, opened)
    return fake


def patch_opening(monkeypatch: pytest.MonkeyPatch, opened: Callable[[object], object]) -> None:
    monkeypatch.setattr("minicpm_rag.workspace.open_workspace", opened)


def page(owner: str = "browser:ann", language: str = "en", view: str = "chat") -> AppTest:
    """The page after its workspace is open."""
    app = AppTest.from_file(APP, default_timeout=300)
    app.session_state["user"] = owner
    app.session_state["language"] = language
    app.session_state["view"] = view
    app.run()
    wait_until(lambda: shared.opening().done() and not switching.shared().is_running)
    return app.run()


def html(app: AppTest) -> str:
    """All that is drawn as HTML, the style sheet left out."""
    bodies = (element.proto.body for element in app.get("html"))
    return "\n".join(body for body in bodies if "<style>" not in body)


def ask(app: AppTest, question: str = QUESTION) -> AppTest:
    return app.chat_input[0].set_value(question).run()


def button(app: AppTest, key: str) -> Any:
    return next(found for found in app.button if (found.key or "").startswith(key))


def words(key: str, language: Language = "en", **values: object) -> str:
    return text(language, key, **values)


def words_of_default() -> str:
    return str(Message("library.default_name"))


# The first screen


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("view", ["chat", "library", "model"])
def test_every_view_is_drawn_in_both_languages(workspace: FakeWorkspace, view: str, language: Any) -> None:
    app = page(view=view, language=language)
    assert not app.exception
    assert words("brand", language) in html(app)
    assert words("no_model", language) in html(app)


def test_the_first_screen_offers_three_questions_from_the_users_own_documents(
    workspace: FakeWorkspace,
) -> None:
    app = page()
    asked = [found.label.replace("\\", "") for found in app.button if (found.key or "").startswith("ask-")]
    assert len(asked) == 3
    assert asked[0] == "What does the X100 Manual say about cleaning?"
    assert "员工入职满一年后，每年有多少天带薪年假？" in asked or "年假须提前多少天申请？" in asked
    button(app, "ask-0").click().run()
    assert workspace.asked[0]["question"].text == asked[0]
    assert "rag-answer" in html(app)


def test_the_first_run_is_three_steps_with_samples_that_can_be_removed(
    workspace: FakeWorkspace, jobs: dict[str, Any], home: Path
) -> None:
    workspace.library.rows = []
    app = page()
    assert words("tour_check") in html(app)
    button(app, "try-samples").click().run()
    assert app.session_state["knowledge_base"] == words("samples_name")
    assert any(source.endswith("price_list.csv") for source in jobs["ingested"][0])
    workspace.library.names.append(words("samples_name"))
    assert not [each for each in app.button if each.key == "try-samples"]
    button(app.run(), "remove-samples").click().run()
    assert workspace.library.names == ["default"]
    button(app, "end-tour").click().run()
    assert words("tour_check") not in html(app)
    ask(app)
    button(app, "new-conversation").click().run()
    assert words("tour_check") not in html(page()), "who has asked needs no steps"


def test_the_questions_in_the_pages_language_come_first(workspace: FakeWorkspace) -> None:
    asked = [found.label for found in page(language="zh").button if (found.key or "").startswith("ask-")]
    assert asked[0] == "年假须提前多少天申请？"


def test_what_reindexing_would_bring_stays_while_the_page_is_open(workspace: FakeWorkspace) -> None:
    news = Message("library.reindex_news", name="default", old="old", new="new")
    workspace.library.news["default"] = news
    app = page()
    app.session_state["view"] = "library"
    for _ in range(2):
        assert "kb reindex" in html(app.run())
    assert workspace.library.news == {}


def test_an_empty_library_asks_for_documents_first(workspace: FakeWorkspace) -> None:
    workspace.library.rows = []
    app = page()
    assert words("lead_empty") in html(app)
    button(app, "add-documents").click().run()
    assert app.session_state["view"] == "library"
    assert words("library_empty") in html(app)


def test_no_examples_are_announced_where_the_documents_give_none(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.page.examples.of", lambda *_: [])
    drawn = html(page())
    assert words("lead") in drawn and words("lead_examples") not in drawn


def test_the_first_screen_has_its_questions_as_soon_as_a_document_is_read(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, workspace.library.rows = workspace.library.rows, []
    app = page()
    assert words("lead_empty") in html(app)
    draw = st.html

    def read_meanwhile(body: object, **options: Any) -> Any:
        if words("lead_empty") in str(body):
            workspace.library.rows = rows
        return draw(body, **options)

    monkeypatch.setattr(st, "html", read_meanwhile)
    app.run()
    assert words("lead_empty") not in html(app)
    assert button(app, "ask-0")


def test_another_knowledge_base_of_the_same_name_has_questions_of_its_own(workspace: FakeWorkspace) -> None:
    app = page()
    library = workspace.library
    library.number = 2
    library.rows = [row(number + 2, f"other-{number}.md") for number in (1, 2)]  # as many changes as before
    library.first_pages = {
        found.id: page_of("# Other\n\n## Painting\n\nGreen.\n\n## Varnish\n\nNone.\n") for found in library.rows
    }
    assert "painting" in button(app.run(), "ask-0").label
    assert not [found for found in app.button if "X100" in found.label]


def test_the_language_and_length_of_answers_are_chosen_in_the_sidebar_and_asked_with(workspace: FakeWorkspace) -> None:
    app = page()
    app.chat_input[0].set_value("How long?").run()
    assert not {"answer_language", "answer_length"} & set(workspace.asked[-1])
    app.segmented_control(key="answer-language").set_value("zh").run()
    app.segmented_control(key="answer-length").set_value("short").run()
    app.chat_input[0].set_value("How long now?").run()
    wait_until(lambda: len(workspace.asked) == 2)
    assert workspace.asked[-1]["answer_language"] == "zh" and workspace.asked[-1]["answer_length"] == "short"


def test_any_view_knowledge_base_or_conversation_is_gone_to_by_its_name(workspace: FakeWorkspace) -> None:
    app = ask(page())
    button(app, "new-conversation").click().run()
    opened = button(app, "go-to")
    assert opened.proto.shortcut == "ctrl+k"
    opened.click().run()
    choice = next(found for found in app.selectbox if found.key == "palette-choice")
    talk = words("in_conversation", name=QUESTION)
    assert {words("view_library"), words("in_knowledge_base", name=words_of_default()), talk} <= set(choice.options)
    choice.select(talk).run()
    assert not app.exception
    assert QUESTION in html(app)
    button(app, "go-to").click().run()
    next(found for found in app.selectbox if found.key == "palette-choice").select(words("view_library")).run()
    assert app.session_state["view"] == "library"


def test_no_model_mode_is_one_line_with_one_button(workspace: FakeWorkspace) -> None:
    app = page()
    assert words("no_model_line") in html(app)
    button(app, "get-model").click().run()
    assert words("no_model_explained") in html(app)


def test_the_page_is_there_before_the_workspace_is(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def opened(settings: object) -> FakeWorkspace:
        release.wait(300)
        return FakeWorkspace()

    patch_opening(monkeypatch, opened)
    app = AppTest.from_file(APP, default_timeout=300)
    app.session_state["language"] = "en"
    app.run()
    assert words("opening_line") in html(app)
    assert app.chat_input[0].placeholder == words("ask_placeholder")
    release.set()


@pytest.mark.parametrize("logged_in", [False, True])
def test_where_a_login_is_set_up_nobody_gets_in_without(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch, logged_in: bool
) -> None:
    person = {"is_logged_in": logged_in, "iss": "https://id.example", "sub": "ann"}
    monkeypatch.setattr(type(st.user), "to_dict", lambda user: person)
    app = AppTest.from_file(APP, default_timeout=300)
    app.secrets["auth"] = {"client_id": "x"}
    app.session_state["language"] = "en"
    app.run()
    keys = {found.key for found in app.button}
    assert not app.exception
    assert ("log-in" in keys) is not logged_in
    assert ("new-conversation" in keys) is logged_in
    if logged_in:
        assert app.session_state["user"] == "login:https://id.example:ann"
        assert "log-out" in keys


@pytest.mark.parametrize(("email", "may"), [("ann@example.org", True), ("bob@example.org", False), ("", False)])
def test_behind_a_login_only_administrators_choose_the_model(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch, email: str, may: bool
) -> None:
    monkeypatch.setenv("MINICPM_RAG_ADMINISTRATORS", "Ann@example.org, carl")
    user = {"is_logged_in": True, "iss": "https://id.example", "sub": "x", "email": email}
    monkeypatch.setattr(type(st.user), "to_dict", lambda _: user)
    app = AppTest.from_file(APP, default_timeout=300)
    app.secrets["auth"] = {"client_id": "x"}
    app.session_state["language"] = "en"
    app.session_state["view"] = "model"
    app.run()
    assert not app.exception
    assert ("server-submit" in str([found.key for found in app.button])) is may
    assert (words("only_administrators") in html(app)) is not may


def test_no_browser_can_empty_what_all_sessions_share(workspace: FakeWorkspace) -> None:
    page()
    st.cache_resource.clear()  # what a browser's `clear_cache` message does
    page()
    assert workspace.opened == 1


# Answers


def test_an_answer_has_marks_sources_timings_and_shows_what_is_unsupported(workspace: FakeWorkspace) -> None:
    app = ask(page())
    drawn = html(app)
    assert QUESTION in drawn
    assert "<strong>每年有 12 天带薪年假</strong>" in drawn
    assert 'class="rag-mark" data-mark="1:1" aria-label="Citation 1: ' in drawn
    assert "此外公司还会在春节多放三天假。</span>" in drawn
    assert words("unsupported_legend") in drawn
    assert "took 2.5 s" in drawn and "tokens" not in drawn, "no words of the inside"
    assert "员工手册" in button(app, "source-1-1").label


def test_a_source_opens_beside_the_answer_with_its_words_marked(workspace: FakeWorkspace) -> None:
    app = ask(page())
    button(app, "source-1-1").click().run()
    drawn = html(app)
    assert "<mark>每年有 12 天带薪年假。</mark>" in drawn
    assert "员工手册 › 年假" in drawn
    assert "差旅费用" in drawn, "the text around the passage is shown"
    button(app, "close-source").click().run()
    assert "<mark>" not in html(app)


def test_a_click_on_a_mark_opens_its_source(workspace: FakeWorkspace) -> None:
    app = ask(page())
    owner, number = app.session_state["user"], app.session_state["conversation"]

    def click(owner: str, conversation: int, mark: str) -> None:
        import streamlit as st

        from minicpm_rag.page.views import chat

        st.session_state.user, st.session_state.conversation = owner, conversation
        chat.open_mark(mark)

    for mark, opens in (("1:1", True), ("1:9", False), ("9:1", False), ("x:<b>", False), ("", False)):
        clicked = AppTest.from_function(click, args=(owner, number, mark), default_timeout=300).run()
        assert not clicked.exception
        assert ("source" in clicked.session_state) is opens, mark


def test_the_sentence_that_was_clicked_is_marked_more_strongly_than_the_others() -> None:
    page = page_of("Leave is 12 days. It is asked for in advance.")
    text = "12 days. [1] In advance. [1]"
    quotes = ("Leave is 12 days.", "It is asked for in advance.")
    cited = [
        Citation(
            1,
            start,
            end,
            quote,
            page.text.index(quote),
            page.text.index(quote) + len(quote),
            0.9,
            passage(page, "Leave", 1, "a"),
        )
        for quote, start, end in zip(quotes, (0, 13), (8, 24), strict=True)
    ]
    answer = Answer(text, "model", "q", cited)
    for which, quote in enumerate(quotes):
        found = sources.cited(answer, 1, which)
        assert found is not None and len(found.quotes) == 2
        assert [words for _, _, words in found.chosen] == [quote]
    assert sources.cited(answer, 1) == sources.cited(answer, 1, 7), "a mark that is not there chooses nothing"


def test_a_document_is_opened_from_the_library_with_its_sections_and_what_was_understood(
    workspace: FakeWorkspace,
) -> None:
    app = page(view="library")
    button(app, "preview-1").click().run()
    assert "<h5>员工手册</h5>" in html(app) and "<mark>" not in html(app)
    section = next(box for box in app.selectbox if box.key == "section-1")
    assert [option.strip() for option in section.options] == ["员工手册", "年假", "报销"]
    section.select_index(2).run()
    assert '<h5 class="rag-goal">报销</h5>' in html(app)
    assert "年假须提前" not in html(app), "what stands before it is left out"
    button(app, "zoom-in").click().run()
    assert app.session_state["source_zoom"] == 125
    app.segmented_control(key="source-side-1").set_value("understood").run()
    assert words("outline") in html(app)
    button(app, "close-source").click().run()
    assert words("outline") not in html(app)


def test_a_removed_documents_passage_is_still_shown(workspace: FakeWorkspace) -> None:
    app = ask(page())
    workspace.library.rows = []
    button(app, "source-1-1").click().run()
    assert words("source_removed") in html(app)
    assert "<mark>每年有 12 天带薪年假。</mark>" in html(app)


def refusal() -> list[Any]:
    documents = usual_script("")[1].documents
    return [
        Rewritten("a", "a", False),
        Retrieval(documents, 0.1, 0.5, refused=True),
        Answer("文档里没有答案。", "refused", "a", documents=documents, seconds={"retrieve": 0.2}),
    ]


def test_a_refusal_shows_the_nearest_passages_and_can_be_overruled(workspace: FakeWorkspace) -> None:
    workspace.script = refusal()
    app = ask(page())
    assert "文档里没有答案。" in html(app)
    assert words("nearest") in html(app)
    assert "x100" in button(app, "source-1-2").label
    workspace.script = None
    button(app, "answer_anyway").click().run()
    assert workspace.asked[-1]["question"].answer_anyway is True
    assert "rag-mark" in html(app)


def test_a_rewritten_follow_up_is_shown_and_can_be_changed(workspace: FakeWorkspace) -> None:
    app = ask(page())
    script = usual_script("那怎么申请？")
    workspace.script = [
        Rewritten("那怎么申请？", "年假怎么申请？", True),
        *script[1:-1],
        replace(script[-1], standalone_question="年假怎么申请？"),
    ]
    ask(app, "那怎么申请？")
    assert workspace.asked[-1]["question"].history[0].question == QUESTION
    assert words("searched_for", question="年假怎么申请？") in html(app)
    app.text_area(key="standalone-2").set_value("年假申请流程")
    button(app, "search-again-2").click().run()
    assert workspace.asked[-1]["question"].standalone == "年假申请流程"
    assert workspace.asked[-1]["question"].text == "那怎么申请？"
    assert len(workspace.asked[-1]["question"].history) == 1


def test_regenerate_answers_the_same_question_again(workspace: FakeWorkspace) -> None:
    app = ask(page())
    button(app, "regenerate").click().run()
    assert [asked["question"].text for asked in workspace.asked] == [QUESTION, QUESTION]
    assert workspace.asked[-1]["question"].history == []
    assert html(app).count("rag-question") == 1


def test_what_a_document_or_model_writes_is_never_markup(workspace: FakeWorkspace) -> None:
    evil = '<script>alert(1)</script><img src="http://example.com/x.png">![y](http://example.com/y.png)'
    workspace.library.rows[0] = row(1, f"{evil}.md")
    script = usual_script(QUESTION)
    document = script[-1].documents[0]
    document.metadata["title"] = evil
    workspace.script = [
        *script[:2],
        Text(evil),
        Answer(evil, "model", citations=script[-1].citations, documents=[document]),
    ]
    app = ask(page(), evil)
    button(app, "source-1-1").click().run()
    drawn = html(app)
    assert "<script" not in drawn and "<img" not in drawn and "href=" not in drawn
    for found in app.button:
        assert not re.search(r"(?<!\\)[<!\[]", found.label)
    app.session_state["view"] = "library"
    assert "<img" not in html(app.run())


# Things that go wrong


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (CheckpointError("llm.index_empty", path="/m"), "/m lists no weights."),
        (RuntimeError("secret internals"), FAULT),
    ],
    ids=["ours", "unforeseen"],
)
def test_a_failed_answer_is_a_sentence_and_loses_nothing(
    workspace: FakeWorkspace, error: Exception, sentence: str
) -> None:
    app = ask(page())
    workspace.script = [*usual_script("x")[:4], error]
    ask(app, "again?")
    assert not app.exception
    drawn = html(app)
    assert sentence in drawn and "secret" not in drawn and "Traceback" not in drawn
    assert "满一年的员工" in drawn, "the text written before the failure is kept"
    workspace.script = None
    button(app, "regenerate-2").click().run()
    assert sentence not in html(app)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PromptTooLongError(5000, 4096), "提示词有 5000 个词元，除去回答最多容得下 4096 个。"),
        (CheckpointError("llm.empty_file", path="/m"), "/m 是空文件。请重新下载："),
        (VectorStoreError("library.chroma_server", url="http://c:1", why=Message("system.ECONNREFUSED")),
         "Chroma 服务器 http://c:1 没有照做：连接被拒绝。"),
        (LibraryError("library.ledger_full", path="/h/ledger.sqlite3", why=Message("library.sqlite_full")),
         "/h/ledger.sqlite3 无法写入：磁盘已满。"),
        (ModelError("llm.server_error", url="http://m/v1", words="overloaded"), "返回了错误：overloaded"),
    ],
    ids=["prompt", "model", "chroma", "disk", "server"],
)  # fmt: skip
def test_errors_are_told_in_chinese_on_a_chinese_page(
    workspace: FakeWorkspace, error: Exception, sentence: str
) -> None:
    workspace.script = [*usual_script("x")[:4], error]
    assert sentence in html(ask(page(language="zh")))


def test_a_workspace_that_cannot_open_is_a_sentence_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[int] = []

    def opened(settings: object) -> FakeWorkspace:
        tries.append(1)
        if len(tries) == 1:
            raise CheckpointError("llm.no_config", folder="/models/x")
        return FakeWorkspace()

    patch_opening(monkeypatch, opened)
    app = page()
    assert "has no config.json" in html(app)
    assert not app.exception
    app.button(key="try-again").click().run()
    wait_until(lambda: len(tries) == 2)
    assert words("hello") in html(app.run())


def test_a_wrong_setting_is_a_sentence(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_PASSAGES", "many")
    app = AppTest.from_file(APP, default_timeout=300)
    app.session_state["language"] = "en"
    app.run()
    assert not app.exception
    assert "MINICPM_RAG_PASSAGES" in html(app)


def test_an_answer_that_cannot_be_written_to_the_disk_is_shown_all_the_same(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = page()

    def full(*values: object) -> None:
        raise LibraryError("library.ledger_full", path="/h/ledger.sqlite3", why=Message("library.sqlite_full"))

    monkeypatch.setattr(Conversations, "answer", full)
    ask(app)
    assert "the disk is full" in html(app)
    assert "12 天带薪年假" in html(app)


def test_a_question_that_cannot_be_kept_is_given_back_with_the_reason(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = ask(page())

    def full(*values: object) -> int:
        raise LibraryError("library.ledger_full", path="/h/ledger.sqlite3", why=Message("library.sqlite_full"))

    monkeypatch.setattr(Conversations, "ask", full)
    ask(app, "另一个问题？")
    drawn = html(app)
    assert "the disk is full" in drawn and "另一个问题？" in drawn
    assert "12 天带薪年假" in drawn, "the conversation is still there"
    assert not app.exception


def test_the_last_question_is_edited_and_asked_again_in_its_place(workspace: FakeWorkspace, home: Path) -> None:
    app = ask(page())
    button(app, "source-").click().run()
    assert app.session_state["source"] is not None
    next(found for found in app.text_area if (found.key or "").startswith("edited-")).set_value("病假有几天？")
    button(app, "ask-this-").click().run()
    assert app.session_state["source"] is None, "the source of the answer that is gone does not stay beside the new one"
    (exchange,) = Conversations(Ledger(home)).exchanges("browser:ann", app.session_state["conversation"])
    assert exchange.question == "病假有几天？" and exchange.answer is not None
    assert [asked["question"].text for asked in workspace.asked] == [QUESTION, "病假有几天？"]


def test_an_answer_is_rated_and_a_bad_one_gets_a_note(workspace: FakeWorkspace, home: Path) -> None:
    app = ask(page())
    conversations = Conversations(Ledger(home))
    number = app.session_state["conversation"]

    def kept() -> tuple[int | None, str]:
        (exchange,) = conversations.exchanges("browser:ann", number)
        return exchange.rating, exchange.note

    app.feedback[0].set_value(1).run()
    assert kept() == (1, "")
    app.feedback[0].set_value(0).run()
    next(found for found in app.text_input if (found.key or "").startswith("note-")).set_value("wrong page").run()
    assert kept() == (-1, "wrong page")
    assert not app.exception


def test_every_conversation_can_be_reached_and_pinned_ones_stand_first(workspace: FakeWorkspace, home: Path) -> None:
    conversations = Conversations(Ledger(home))
    made = [conversations.create("browser:ann", "default", f"talk {number}") for number in range(45)]
    app = page()
    opens = [found.key for found in app.button if (found.key or "").startswith("open-")]
    assert opens[0] == f"open-{made[-1].id}" and f"open-{made[0].id}" not in opens
    button(app, "more-conversations").click().run()
    button(app, "more-conversations").click().run()
    app.button(key=f"open-{made[0].id}").click().run()
    next(found for found in app.toggle if found.key == f"pin-{made[0].id}").set_value(True).run()
    app.text_input(key="search-conversations").set_value("talk 17").run()
    assert [found.label for found in app.button if (found.key or "").startswith("open-")] == ["talk 17"]
    app.text_input(key="search-conversations").set_value("").run()
    assert next(found for found in app.button if (found.key or "").startswith("open-")).label == "talk 0"
    assert words("conversations_pinned") in html(app)


def test_a_reload_comes_back_to_the_conversation_that_the_address_names(workspace: FakeWorkspace, home: Path) -> None:
    app = ask(page())
    number = app.session_state["conversation"]
    assert str(number) in app.query_params["conversation"]
    again = AppTest.from_file(APP, default_timeout=300)
    again.session_state["user"] = "browser:ann"
    again.query_params["conversation"] = str(number)
    again.run()
    wait_until(lambda: shared.opening().done() and not switching.shared().is_running)
    assert "12 天带薪年假" in html(again.run())
    stranger = AppTest.from_file(APP, default_timeout=300)
    stranger.session_state["user"] = "browser:bob"
    stranger.query_params["conversation"] = str(number)
    assert "12 天带薪年假" not in html(stranger.run())
    assert "conversation" not in stranger.query_params


@pytest.mark.parametrize("number", ["9" * 19, "9" * 5000, "-1", "x"])
def test_a_number_in_the_address_that_no_conversation_has_is_as_good_as_none(
    workspace: FakeWorkspace, number: str
) -> None:
    app = AppTest.from_file(APP, default_timeout=300)
    app.query_params["conversation"] = number
    app.run()
    assert not app.exception
    assert "conversation" not in app.query_params


def test_a_knowledge_base_cannot_be_called_as_the_page_calls_the_first_one(workspace: FakeWorkspace) -> None:
    app = page(view="library")
    for name in ("默认", "Default", " DEFAULT "):
        app.text_input(key="create-name").set_value(name)
        button(app, "create-submit").click().run()
        assert "Choose another name" in html(app)
    assert workspace.library.names == ["default"]
    workspace.library.names.append("Default")  # made by an older version
    app = page(view="library")
    assert sorted(app.selectbox(key="knowledge-base-choice").options) == ["Default", "Default (default)"]


def test_an_interrupted_question_can_be_answered_after_a_restart(workspace: FakeWorkspace, home: Path) -> None:
    conversations = Conversations(Ledger(home))
    conversation = conversations.create("browser:ann", "default")
    conversations.ask("browser:ann", conversation.id, QUESTION)
    app = page()
    button(app, f"open-{conversation.id}").click().run()
    assert words("interrupted") in html(app)
    button(app, "regenerate").click().run()
    assert "12 天带薪年假" in html(app)


# Waiting and stopping (the running reply itself; a browser test presses the button)


def running(workspace: FakeWorkspace, home: Path, script: list[Any]) -> tuple[Any, Conversations, int]:
    conversations = Conversations(Ledger(home))
    conversation = conversations.create("ann", "default")
    exchange = conversations.ask("ann", conversation.id, QUESTION)
    workspace.script = script
    reply = Reply(
        Question(QUESTION),
        opening=lambda: workspace,
        knowledge_base="default",
        options={},
        conversations=conversations,
        owner="ann",
        conversation=conversation.id,
        exchange=exchange,
    )
    return reply, conversations, conversation.id


def test_stopping_keeps_the_text_so_far(workspace: FakeWorkspace, home: Path) -> None:
    script = usual_script(QUESTION)
    reply, conversations, conversation = running(workspace, home, [*script[:4], 300.0, *script[4:]])
    wait_until(lambda: len(reply.answer.text) == 8)
    reply.stop()
    (exchange,) = conversations.exchanges("ann", conversation)
    assert exchange.answer is not None and exchange.answer.mode == "stopped"
    assert exchange.answer.text.startswith("满一年的")
    assert "春节" not in exchange.answer.text


@pytest.mark.parametrize("asked_again", [False, True])
def test_stopping_does_not_wait_for_a_device_that_hangs(
    workspace: FakeWorkspace, home: Path, asked_again: bool
) -> None:
    hang = threading.Event()
    late = Answer("Begun.[1]", "stopped")

    class Hanging:
        def stream(self, question: Question) -> Iterator[AnswerEvent]:
            yield Retrieval([], 0.9, 0.5)
            yield Text("Begun.")
            hang.wait(300)
            yield late

    workspace.chain = lambda *values, **options: Hanging()  # type: ignore[method-assign,assignment]
    reply, conversations, conversation = running(workspace, home, [])
    wait_until(lambda: reply.answer.text)
    reply.stop()
    assert reply.done.is_set()
    (exchange,) = conversations.exchanges("ann", conversation)
    assert exchange.answer == Answer("Begun.", "stopped")
    if asked_again:
        conversations.forget_answer("ann", conversation, exchange.id)
    hang.set()
    wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name == f"reply-{exchange.id}"])
    (exchange,) = conversations.exchanges("ann", conversation)
    assert exchange.answer == (None if asked_again else late), "what comes late takes the place of what was stored"


def test_a_waiting_question_knows_its_place_in_the_queue(workspace: FakeWorkspace, home: Path) -> None:
    script = usual_script(QUESTION)
    first, second = threading.Event(), threading.Event()
    waits = [Waiting(2), lambda: first.wait(300), Waiting(1), lambda: second.wait(300)]
    reply, _, _ = running(workspace, home, [*script[:2], *waits, *script[2:]])
    wait_until(lambda: reply.stage == "waiting" and reply.position == 2)
    first.set()
    wait_until(lambda: reply.position == 1)
    second.set()
    wait_until(reply.done.is_set)
    assert reply.answer.mode == "model"


# Conversations


def test_conversations_are_kept_renamed_deleted_and_belong_to_one_browser(workspace: FakeWorkspace, home: Path) -> None:
    app = ask(page())
    number = app.session_state["conversation"]
    app.text_input(key=f"title-{number}").set_value("假期问题")
    button(app, f"rename-talk-submit-{number}").click().run()

    once.forget()  # as a restart does
    later = page()
    assert button(later, f"open-{number}").label == "假期问题"
    button(later, f"open-{number}").click().run()
    assert "12 天带薪年假" in html(later)

    other = page(owner="browser:bob")
    assert not [found for found in other.button if (found.key or "").startswith("open-")]
    other.session_state["conversation"] = number
    assert "12 天带薪年假" not in html(other.run())

    later.checkbox(key=f"delete-talk-sure-{number}").check().run()
    button(later, f"delete-talk-{number}").click().run()
    assert Conversations(Ledger(home)).listed("browser:ann") == []
    assert words("hello") in html(later)


def test_an_exported_conversation_names_each_quote_with_its_source(workspace: FakeWorkspace) -> None:
    app = ask(page(language="zh"))
    conversations = shared.conversations()
    (conversation,) = conversations.listed("browser:ann")

    def written(conversation: object, exchanges: object) -> None:
        import streamlit as st

        from minicpm_rag.page.views import export

        st.session_state.language = "zh"
        st.text(export.as_markdown(conversation, exchanges))  # type: ignore[arg-type]

    exchanges = conversations.exchanges("browser:ann", conversation.id)
    text = AppTest.from_function(written, args=(conversation, exchanges), default_timeout=300).run().text[0].value
    assert text.startswith(f"# {QUESTION}")
    assert "- [1] 员工手册.md: “每年有 12 天带薪年假。”" in text
    assert app.get("download_button")


def test_of_very_long_thoughts_the_end_is_drawn_and_said_to_be_the_end(workspace: FakeWorkspace) -> None:
    app = ask(page())
    owner, number = app.session_state["user"], app.session_state["conversation"]
    (exchange,) = shared.conversations().exchanges(owner, number)
    assert exchange.answer is not None
    for thoughts, is_cut in (("first<b>" + "x" * 1_000 + "last", False), ("first<b>" + "x" * 400_000 + "last", True)):
        shared.conversations().answer(owner, number, exchange.id, replace(exchange.answer, thoughts=thoughts))
        drawn = html(app.run())
        assert ("first&lt;b&gt;" in drawn) is not is_cut
        assert "xlast" in drawn
        assert ("The last 20,000 of 400,012 characters." in drawn) is is_cut
        assert len(drawn) < 100_000


# The library


def test_the_library_lists_documents_with_reasons_and_filters_them(workspace: FakeWorkspace) -> None:
    workspace.library.rows.append(
        row(
            3,
            "scan.pdf",
            status="failed",
            reason=Message("loaders.scans_unread", unread=7, present=7),
            remedy=Message("loaders.install_ocr"),
        )
    )
    app = page(view="library")
    drawn = html(app)
    assert "7 of 7 pages are scans without text. Install text recognition" in drawn
    assert drawn.index("scan.pdf") < drawn.index("x100-manual.md"), "what needs attention comes first"
    app.text_input(key="search-within").set_value("x100").run()
    assert "scan.pdf" not in html(app)
    drawn = html(app)
    assert "每年有 12 天带薪年假。" in drawn, "passages are found as well"
    assert drawn.index("x100-manual.md") < drawn.index("每年有 12 天带薪年假。"), "a document that is named comes first"
    button(app, "open-hit-0").click().run()
    assert "<mark>每年有 12 天带薪年假。</mark>" in html(app)


def test_knowledge_bases_are_created_chosen_renamed_and_deleted(workspace: FakeWorkspace) -> None:
    app = page(view="library")
    app.text_input(key="create-name").set_value("合同")
    button(app, "create-submit").click().run()
    assert workspace.library.names == ["default", "合同"]
    assert app.selectbox(key="knowledge-base-choice").value == "合同"
    app.text_input(key="rename-name-合同").set_value("合同 2026")
    button(app, "rename-submit").click().run()
    assert workspace.library.names == ["default", "合同 2026"]
    assert button(app, "delete-submit").disabled
    app.checkbox(key="delete-sure-合同 2026").check().run()
    button(app, "delete-submit").click().run()
    assert workspace.library.names == ["default"]
    assert app.session_state["knowledge_base"] == "default"


def test_jobs_follow_the_name_of_their_knowledge_base_and_end_with_it(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")]).run()
    (job,) = page_jobs.shared().of("default")
    app.text_input(key="rename-name-default").set_value("合同")
    button(app, "rename-submit").click().run()
    assert page_jobs.shared().of("合同") == [job]
    assert page_jobs.shared().of("default") == []
    app.checkbox(key="delete-sure-合同").check().run()
    button(app, "delete-submit").click().run()
    assert page_jobs.shared().of("合同") == []


def test_a_name_that_is_taken_is_a_sentence(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(name: str) -> None:
        raise LibraryError("library.name_taken", name="x")

    monkeypatch.setattr(workspace.library, "create", taken)
    app = page(view="library")
    app.text_input(key="create-name").set_value("x")
    button(app, "create-submit").click().run()
    assert "Choose another name" in html(app)
    assert not app.exception


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The worker's functions, played: `steps` is what `follow` reports."""
    seen: dict[str, Any] = {"saved": [], "ingested": [], "removed": [], "steps": []}

    def save_upload(library: Any, knowledge_base: str, name: str, content: bytes) -> Path:
        seen["saved"].append((name, content))
        return Path("/uploads") / name

    def submit_ingest(library: Any, knowledge_base: str, sources: Any, **options: Any) -> int:
        seen["ingested"].append([str(source) for source in sources])
        seen.setdefault("options", []).append(options)
        return 1

    def submit_remove(library: Any, knowledge_base: str, sources: Any) -> int:
        seen["removed"].append(list(sources))
        return 2

    def follow(library: Any, job: int, *, cancelled: Any = None) -> Iterator[IngestProgress]:
        for step in seen["steps"]:
            if isinstance(step, Exception):
                raise step
            if callable(step):
                step()
            else:
                yield step

    for name, played in (
        ("save_upload", save_upload),
        ("submit_ingest", submit_ingest),
        ("submit_remove", submit_remove),
        ("follow", follow),
    ):
        monkeypatch.setattr(f"minicpm_rag.indexing.{name}", played)
    return seen


def test_dropped_files_are_read_in_the_background_and_get_verdicts(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    release = threading.Event()
    good = Verdict("/x/a.md", "a.md", "indexed", pages_indexed=1, pages_present=1, chunks=4, encoding="GB18030")
    protected = (Message("loaders.protected", what="PDF"), Message("loaders.protected.remedy"))
    bad = Verdict("/x/b.pdf", "b.pdf", "failed", *protected)
    jobs["steps"] = [
        IngestProgress("/x/a.md", "embedding", 1, 2),
        lambda: release.wait(300),
        IngestProgress("/x/a.md", "done", 1, 2, good),
        IngestProgress("/x/b.pdf", "done", 2, 2, bad),
    ]
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown"), ("b.pdf", b"%PDF", "application/pdf")]).run()
    assert jobs["saved"] == [("a.md", b"# A"), ("b.pdf", b"%PDF")]
    assert len(jobs["ingested"][0]) == 2
    wait_until(lambda: page_jobs.shared().of("default")[0].latest)
    assert app.run().get("progress")[0].proto.text == r"1\/2 a\.md · indexing"

    release.set()
    wait_until(lambda: page_jobs.shared().of("default")[0].done.is_set())
    drawn = html(app.run())
    assert "Added 1" in drawn and "Not added 1" in drawn
    assert "The PDF is protected by a password." in drawn and "Give the password" in drawn
    assert "4 chunks · GB18030" in drawn
    button(app, "put-away").click().run()
    assert "protected by a password" not in html(app)


def test_what_was_read_leads_on_to_a_question_about_it(workspace: FakeWorkspace, jobs: dict[str, Any]) -> None:
    good, bad = Verdict("/x/a.md", "a.md", "indexed", chunks=4), Verdict("/x/b.pdf", "b.pdf", "failed")
    app = page(view="library")
    for verdict in (bad, good):
        jobs["steps"] = [IngestProgress(verdict.source, "done", 1, 1, verdict)]
        app.file_uploader[0].set_value([("file.md", b"# A", "text/markdown")]).run()
        wait_until(lambda: all(job.done.is_set() for job in page_jobs.shared().of("default")))
        app.run()
        offered = [each for each in app.button if (each.key or "").startswith("ask-about-job-")]
        assert len(offered) == (verdict is good), "nothing was read of the first one"
        if verdict is bad:
            button(app, "put-away").click().run()
    offered[0].click().run()
    assert app.session_state["view"] == "chat" and app.session_state["conversation"] is None


def test_of_many_files_those_that_are_well_are_folded_and_nothing_to_do_has_no_column(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    well = [
        Verdict(f"/x/{number}.md", f"{number}.md", "indexed", pages_indexed=1, pages_present=1, chunks=1)
        for number in range(30)
    ]
    bad = Verdict("/x/b.pdf", "b.pdf", "failed", Message("loaders.protected", what="PDF"))
    jobs["steps"] = [
        IngestProgress(one.source, "done", number, 31, one) for number, one in enumerate([*well, bad], start=1)
    ]
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")]).run()
    wait_until(lambda: page_jobs.shared().of("default")[0].done.is_set())
    shown, _, folded = html(app.run()).partition("<details")
    assert "b.pdf" in shown and "7.md" not in shown
    assert all(f"{number}.md" in folded for number in range(30))
    assert words("more_files", count=30) in folded
    assert words("remedy") in shown and words("remedy") not in folded


def test_files_are_taken_though_another_view_is_chosen_before_they_were(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")])
    button(app, "go-chat").click().run()  # one message, as a browser sends it
    assert app.session_state["view"] == "chat"
    assert jobs["saved"] == [("a.md", b"# A")]
    assert len(jobs["ingested"]) == 1


def submitted_elsewhere(workspace: FakeWorkspace, kind: str = "ingest") -> int:
    """A job that another process put into the queue."""
    with workspace.library.ledger.writing() as connection:
        knowledge_base = knowledge_bases.ensure(connection, "default")
        return queue.submit(connection, kind, None if kind == "import" else knowledge_base, {"sources": ["/x/c.md"]})


@pytest.mark.parametrize("kind", page_jobs.SHOWN_KINDS)
def test_jobs_of_the_command_line_or_before_a_restart_are_shown_as_well(workspace: FakeWorkspace, kind: str) -> None:
    job = submitted_elsewhere(workspace, kind)
    app = page(view="library")
    assert words(f"job_{kind}") in html(app)
    with workspace.library.ledger.writing() as connection:
        queue.add_events(connection, job, [IngestProgress("/x/c.md", "embedding", 1, 1)])
    (followed,) = page_jobs.shared().of("default")
    wait_until(lambda: followed.latest is not None and followed.latest.files)
    if kind != "remove":
        assert app.run().get("progress")[0].proto.text == r"1\/1 c\.md · indexing"
    verdict = Verdict("/x/c.md", "c.md", "indexed", pages_indexed=1, pages_present=1, chunks=4)
    with workspace.library.ledger.writing() as connection:
        queue.add_events(connection, job, [IngestProgress("/x/c.md", "done", 1, 1, verdict)])
        queue.finish(connection, job, "done")
    wait_until(followed.done.is_set)
    drawn = html(app.run())
    assert ("c.md" in drawn) is (kind != "remove")
    assert [other.number for other in page_jobs.shared().of("default")] == ([job] if kind != "remove" else [])


def test_a_job_that_is_asked_for_again_is_shown_once(workspace: FakeWorkspace) -> None:
    submitted_elsewhere(workspace)
    app = page(view="library")
    again = submitted_elsewhere(workspace)
    app.run()
    assert len(page_jobs.shared().of("default")) == 1
    with workspace.library.ledger.writing() as connection:
        queue.finish(connection, again, "done")
    wait_until(page_jobs.shared().of("default")[0].done.is_set)


def test_an_ingest_that_fails_as_a_whole_is_a_sentence(workspace: FakeWorkspace, jobs: dict[str, Any]) -> None:
    jobs["steps"] = [LibraryError("library.chroma_server", url="http://x", why=Message("system.ETIMEDOUT"))]
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")]).run()
    wait_until(lambda: page_jobs.shared().of("default")[0].done.is_set())
    assert "The Chroma server http://x does not do what was asked: timed out. Make sure it runs" in html(app.run())


def test_a_failed_document_is_tried_again_and_removal_asks_first(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    workspace.library.rows.append(row(3, "scan.pdf", status="failed", reason=Message("loaders.no_text")))
    app = page(view="library")
    button(app, "retry-3").click().run()
    assert jobs["ingested"] == [["/files/scan.pdf"]]
    assert button(app, "remove-3").disabled
    app.checkbox(key="remove-sure-3").check().run()
    button(app, "remove-3").click().run()
    assert jobs["removed"] == [["/files/scan.pdf"]]


def test_a_document_that_would_take_long_is_indexed_once_somebody_says_so(
    workspace: FakeWorkspace, jobs: dict[str, Any]
) -> None:
    reason, remedy = Message("indexing.would_take_long", minutes=50), Message("indexing.would_take_long.remedy")
    workspace.library.rows.append(row(3, "orders.txt", status="failed", reason=reason, remedy=remedy))
    app = page(view="library")
    assert "Indexing it would take about 50 minutes. Index it?" in html(app)
    button(app, "index-anyway-3").click().run()
    assert jobs["ingested"] == [["/files/orders.txt"]]
    assert jobs["options"] == [{"password": "", "asks": False}]


def test_an_encrypted_document_asks_for_its_password(workspace: FakeWorkspace, jobs: dict[str, Any]) -> None:
    protected = Message("loaders.protected", what=Message("loaders.pdf"))
    workspace.library.rows.append(row(3, "secret.pdf", status="failed", reason=protected))
    app = page(view="library")
    app.text_input(key="password-3").set_value("sesame")
    assert "Give the password below" in html(app) and "--password" not in html(app)
    next(each for each in app.button if each.label == "Open").click().run()
    assert jobs["ingested"] == [["/files/secret.pdf"]]
    assert jobs["options"] == [{"password": "sesame", "asks": True}]
    assert app.text_input(key="password-3").value == ""


def test_what_was_said_of_a_file_goes_when_it_is_read_again(workspace: FakeWorkspace, jobs: dict[str, Any]) -> None:
    protected = Message("loaders.protected", what=Message("loaders.pdf"))
    locked = Verdict("/files/secret.pdf", "secret.pdf", "failed", protected)
    other = Verdict("/files/a.md", "a.md", "indexed", pages_indexed=1, pages_present=1, chunks=4)
    jobs["steps"] = [IngestProgress("/files/secret.pdf", "done", 1, 2, locked)]
    jobs["steps"] += [IngestProgress("/files/a.md", "done", 2, 2, other)]
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")]).run()
    (first,) = page_jobs.shared().of("default")
    wait_until(first.done.is_set)
    workspace.library.rows.append(row(3, "secret.pdf", status="failed", reason=protected))
    jobs["steps"] = []
    app.run()
    app.text_input(key="password-3").set_value("sesame")
    next(each for each in app.button if each.label == "Open").click().run()
    assert first.verdicts == [other]
    page_jobs.shared().forget_verdicts("default", {"/files/a.md"})
    assert first not in page_jobs.shared().of("default")


def test_a_scan_is_read_with_one_click_where_recognition_is_installed_since(
    workspace: FakeWorkspace, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    scans = Message("loaders.scans_unread", unread=2, present=7)
    workspace.library.rows.append(row(3, "scan.pdf", reason=scans, remedy=Message("loaders.install_ocr")))
    monkeypatch.setattr("minicpm_rag.loaders.ocr.is_available", lambda: False)
    app = page(view="library")
    assert not [each for each in app.button if (each.key or "").startswith("recognise")]
    monkeypatch.setattr("minicpm_rag.loaders.ocr.is_available", lambda: True)
    button(app.run(), "recognise-3").click().run()
    assert jobs["ingested"] == [["/files/scan.pdf"]]


def test_documents_are_sorted_filtered_and_chosen_many_at_once(
    workspace: FakeWorkspace, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace.library.rows += [
        row(3, "a.pdf", tags=("合同",), size_bytes=10**6),
        row(4, "b.pdf", reason=Message("loaders.pdf_pages_damaged", pages=("2",))),
    ]
    tagged: list[Any] = []
    monkeypatch.setattr(
        workspace.library, "change_tags", lambda ids, **changed: tagged.append((list(ids), changed)), raising=False
    )
    app = page(view="library")

    def shown() -> list[str]:
        return re.findall('rag-row-title">(.*?)<', html(app))

    assert shown() == ["a.pdf", "b.pdf", "x100-manual.md", "员工手册.md"]
    app.selectbox(key="sort-documents").set_value("newest").run()
    assert shown()[0] == "b.pdf"
    app.selectbox(key="sort-documents").set_value("largest").run()
    assert shown()[0] == "a.pdf"
    for kept, titles in ((".md", {"员工手册.md", "x100-manual.md"}), ("#合同", {"a.pdf"}), ("poor", {"b.pdf"})):
        app.selectbox(key="filter-documents").set_value(kept).run()
        assert set(shown()) == titles
    app.selectbox(key="filter-documents").set_value(".pdf").run()
    app.toggle(key="choose-several").set_value(True).run()
    button(app, "choose-all").click().run()
    app.checkbox(key="chosen-4").uncheck().run()
    app.text_input(key="tags-several").set_value("旧, #2025").run()
    assert tagged == [([3], {"add": ["2025", "旧"]})]
    app.checkbox(key="chosen-4").check().run()
    button(app, "remove-several").click().run()
    assert jobs["removed"] == [["/files/b.pdf", "/files/a.pdf"]] or jobs["removed"] == [
        ["/files/a.pdf", "/files/b.pdf"]
    ]
    assert words("chosen_of", count=0, all=2) in html(app)


def test_the_time_left_is_judged_by_the_files_that_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minicpm_rag.indexing.follow", lambda *_, **__: iter(()))
    job = page_jobs.Job(None, "ingest", "default", 1)  # type: ignore[arg-type]
    assert job.done.wait(300) and job.seconds_left == 0
    job.latest = IngestProgress("/x/d.md", "embedding", 4, 13, seconds_left=2)
    assert job.seconds_left == 2, "nobody can tell yet"
    job.verdicts = [Verdict("/x/a.md", "a.md", "indexed")] * 3
    job.began -= 30
    assert 95 <= job.seconds_left <= 150


def test_reading_is_paused_and_goes_on_with_what_is_left(workspace: FakeWorkspace, jobs: dict[str, Any]) -> None:
    release = threading.Event()
    good = Verdict("/x/a.md", "a.md", "indexed", pages_indexed=1, pages_present=1, chunks=4)
    jobs["steps"] = [
        IngestProgress("/x/a.md", "embedding", 1, 3),
        lambda: release.wait(300),
        IngestProgress("/x/a.md", "done", 1, 3, good),
    ]
    app = page(view="library")
    app.file_uploader[0].set_value([("a.md", b"# A", "text/markdown")]).run()
    button(app, "stop-job").click().run()
    assert button(app, "stop-job").label == words("pausing") and button(app, "stop-job").disabled
    release.set()
    wait_until(lambda: page_jobs.shared().of("default")[0].done.is_set())
    resume = button(app.run(), "resume-")
    assert resume.label == words("resume_reading", count=2)
    resume.click().run()
    assert jobs["ingested"][1] == jobs["ingested"][0]


class Given:
    """What the question box gives where files were attached."""

    def __init__(self, text: str, names: list[str]) -> None:
        self.text = text
        self.files = [UploadedFile(UploadedFileRec(name, name, "text/plain", b"words"), None) for name in names]


@pytest.mark.parametrize("is_read", [True, False])
def test_a_file_attached_to_a_question_is_read_first_and_asked_about_alone(
    workspace: FakeWorkspace, jobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, is_read: bool
) -> None:
    release = threading.Event()
    good = Verdict("upload:offer.txt", "offer.txt", "indexed", chunks=1)
    bad = Verdict("upload:offer.txt", "offer.txt", "failed", Message("loaders.no_text"))
    verdict = good if is_read else bad
    jobs["steps"] = [lambda: release.wait(300), IngestProgress("upload:offer.txt", "done", 1, 1, verdict)]

    def attach() -> None:
        import streamlit as st

        from minicpm_rag.page.views import asking

        asking.ask_about("What does it cost?", st.session_state.given)

    app = page()
    monkeypatch.setattr(shared, "workspace", lambda: workspace)
    caller = AppTest.from_function(attach, default_timeout=300)
    for name in ("user", "language"):
        caller.session_state[name] = app.session_state[name]
    caller.session_state.given = Given("", ["offer.txt"]).files
    assert not caller.run().exception
    (running,) = reply.shared()._running.values()
    assert running.stage == "attaching" and jobs["saved"] == [("offer.txt", b"words")]
    release.set()
    assert running.done.wait(300)
    if is_read:
        assert workspace.asked[-1]["question"].text == "@“offer.txt” What does it cost?"
        assert caller.session_state["scopes"] == {"default": ["offer.txt"]}
    else:
        assert "offer.txt" in str(running.answer.error) and not workspace.asked


def test_a_file_that_is_too_large_is_refused_with_a_clear_sentence(workspace: FakeWorkspace) -> None:
    def refused() -> None:
        import streamlit as st

        from minicpm_rag.page.views import uploads

        st.session_state.language = "en"
        uploads.refuse(["film.mp4"])
        st.text(st.session_state.upload_refused[0])

    text = AppTest.from_function(refused, default_timeout=300).run().text[0].value
    assert "film.mp4 was not added: it is larger than 200 MB." in text


# Several users, and no work done twice


def test_no_rerun_opens_the_workspace_again(workspace: FakeWorkspace) -> None:
    app = page()
    for view in ("library", "model", "chat"):
        app.button(key=f"go-{view}").click().run()
    ask(app)
    page(owner="browser:bob")
    assert workspace.opened == 1


def test_the_language_is_switched_in_the_sidebar(workspace: FakeWorkspace) -> None:
    app = page(language="zh")
    assert words("hello", "zh") in html(app)
    app.segmented_control(key="language-choice").set_value("en").run()
    assert words("hello", "en") in html(app)
    assert app.chat_input[0].placeholder == words("ask_placeholder", "en")


def test_answering_choices_are_handed_to_the_workspace(workspace: FakeWorkspace) -> None:
    workspace.mode = "model"
    app = page(view="model")
    app.slider(key="passages").set_value(8).run()
    app.slider(key="temperature").set_value(0.6).run()
    app.button(key="go-chat").click().run()
    ask(app)
    assert workspace.asked[-1]["passages"] == 8
    assert workspace.asked[-1]["temperature"] == 0.6


# The model view


def add_model(home: Path, name: str) -> Path:
    folder = home / "models" / name
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "minicpm"}')
    return folder


def test_the_model_view_tells_what_runs_and_how(workspace: FakeWorkspace) -> None:
    workspace.mode, workspace.model_name = "model", "MiniCPM-2B"
    app = page(view="model")
    reply.shared().speed = 31.44
    drawn = html(app.run())
    for words_ in ("MiniCPM-2B", "minicpm", "4,096", "float32", "1.2 GB", "31.4", "tokens/s"):
        assert words_ in drawn
    button(app, "measure-speed").click().run()
    assert "began after 0.4 s and wrote 17.3 tokens a second" in html(app)


def test_a_model_that_does_not_load_is_a_sentence_and_the_others_can_be_chosen(
    workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> dict[str, str]:
        raise CheckpointError("llm.index_empty", path="/m")

    workspace.mode, workspace.model_name = "model", "m"
    monkeypatch.setattr(workspace, "facts", broken)
    app = page(view="model")
    assert "/m lists no weights. Fetch it again" in html(app)
    button(app, "use-none").click().run()
    wait_until(lambda: None in workspace.used)


def test_a_model_on_this_machine_is_switched_to_without_a_restart(workspace: FakeWorkspace, home: Path) -> None:
    folder = add_model(home, "my-minicpm")
    app = page(view="model")
    button(app, "use-my-minicpm").click().run()
    wait_until(lambda: folder in workspace.used and not switching.shared().is_running)
    assert words("in_use") in html(app.run())
    assert workspace.opened == 1


def test_a_switch_waits_for_the_one_before_instead_of_being_forgotten() -> None:
    change, order, release = switching.Switching(), [], threading.Event()
    change.start(lambda: release.wait(300) and order.append("warm"))
    change.start(lambda: order.append("switch"))
    assert change.is_running
    release.set()
    wait_until(lambda: not change.is_running)
    assert order == ["warm", "switch"]


def test_a_switch_that_fails_is_a_sentence(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*values: object) -> None:
        raise ModelError("llm.server_unreachable", url="http://127.0.0.1:9/v1", why=Message("system.ECONNREFUSED"))

    monkeypatch.setattr(workspace, "use_server", refused)
    app = page(view="model", language="zh")
    app.text_input(key="server-address").set_value("http://127.0.0.1:9/v1")
    button(app, "server-submit").click().run()
    wait_until(lambda: switching.shared().error)
    assert "连不上模型服务 http://127.0.0.1:9/v1（连接被拒绝）" in html(app.run())


def test_a_download_shows_progress_pauses_goes_on_and_can_then_be_used(
    workspace: FakeWorkspace, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def download(model: Any, folder: Path, *, on_progress: Any, cancel: threading.Event) -> Path:
        on_progress(250_000_000, 1_000_000_000)
        calls.append(model.name)
        if len(calls) == 1:
            assert cancel.wait(300)
            raise DownloadStoppedError("stopped")
        if len(calls) == 2:
            raise DownloadError("models.arrived_damaged", name=model.name, why="sha256", folder=folder)
        add_model(home, model.name)
        return folder

    monkeypatch.setattr("minicpm_rag.models.download", download)
    app = page(view="model")
    name = next((found.key or "").removeprefix("download-") for found in app.button if "download-" in str(found.key))
    button(app, f"download-{name}").click().run()
    wait_until(lambda: calls)
    assert app.run().get("progress")[0].proto.text == "Downloading 250 MB of 1\\.0 GB"
    button(app, f"pause-{name}").click().run()
    wait_until(lambda: downloads.shared()[name].state == "paused")
    assert "Paused at 250 MB" in app.run().get("progress")[0].proto.text
    button(app, f"resume-{name}").click().run()
    wait_until(lambda: downloads.shared()[name].state == "failed")
    assert "arrived damaged more than once (sha256). Try again later." in html(app.run())
    button(app, f"resume-{name}").click().run()
    wait_until(lambda: len(calls) == 3)
    wait_until(lambda: name not in downloads.shared() or downloads.shared()[name].state == "done")
    assert button(app.run(), f"use-{name}")
    assert set(calls) == {name}


def test_a_copied_answer_says_what_its_numbers_stand_for(workspace: FakeWorkspace) -> None:
    drawn = html(ask(page()))
    copied = re.findall(r'data-copy="([^"]*)"', drawn)[-1]
    assert "[1]" in copied.split("&#10;")[0]
    assert "- [1] " in copied and "“" in copied


def test_questions_are_held_to_the_documents_chosen_in_the_library(workspace: FakeWorkspace, home: Path) -> None:
    app = page(view="library")
    button(app, "ask-about-1").click().run()
    assert "员工手册" in button(app, "scope-0").label
    ask(app)
    kept = Conversations(Ledger(home))
    (listed,) = kept.listed("browser:ann")
    assert kept.exchanges("browser:ann", listed.id)[0].question == f"@“员工手册.md” {QUESTION}"
    assert listed.title == QUESTION, "what it is held to is no title"
    button(app, "scope-0").click().run()
    assert not [found for found in app.button if (found.key or "").startswith("scope-")]


def test_tags_are_changed_in_the_library(workspace: FakeWorkspace, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace.library.rows[0] = replace(workspace.library.rows[0], tags=("old", "kept"))
    changed: list[Any] = []
    monkeypatch.setattr(
        workspace.library, "change_tags", lambda ids, add, drop: changed.append((ids, add, drop)), raising=False
    )
    app = page(view="library")
    field = next(found for found in app.text_input if found.key == "tags-1")
    assert field.value == "old, kept" and "#old #kept" in html(app)
    field.set_value("kept, #new").run()
    assert changed == [([1], ["new"], ["old"])]


def test_a_server_is_tested_before_it_is_used(workspace: FakeWorkspace) -> None:
    app = page(view="model")
    app.text_input(key="server-address").set_value("http://127.0.0.1:8000/v1")
    button(app, "server-test").click().run()
    assert words("server_answers", model="minicpm", seconds=0.25, tokens=8192, models=("bge-m3", "minicpm")) in html(
        app
    )
    assert app.selectbox(key="server-model-choice").options == ["bge-m3", "minicpm"]
    app.text_input(key="server-address").set_value("http://nowhere:8000/v1")
    button(app, "server-test").click().run()
    assert "is not known" in html(app)
    assert not [used for used in workspace.used if used != "warm"], "testing changes nothing"
    button(app, "server-submit").click().run()
    assert "is not known" in html(app)
    assert not [used for used in workspace.used if used != "warm"], "one that does not answer is not taken"
    app.text_input(key="server-address").set_value("http://127.0.0.1:8000/v1")
    button(app, "server-submit").click().run()
    wait_until(lambda: ("http://127.0.0.1:8000/v1", None, None) in workspace.used)
