"""No rerun of the page does work twice: embedding and model loads are counted over the real workspace."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from hashed_embedder import HashedEmbedder
from scripted_llm import ScriptedLLM
from streamlit.testing.v1 import AppTest
from waiting import wait_until

from minicpm_rag.embedding.choice import Embedders
from minicpm_rag.indexing import Worker
from minicpm_rag.page import door, once, server, shared
from minicpm_rag.page.background import jobs, switching

APP = str(server.SCRIPT)
DOCUMENT = "# 员工手册\n\n## 年假\n\n员工入职满一年后，每年有 12 天带薪年假。\n\n## 报销\n\n差旅费用在三十天内报销。\n"
QUESTION = "每年有多少天带薪年假？"


class Work:
    """What was embedded, and how often a model was loaded."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def since(self) -> Counter[str]:
        """What was done since this was last asked."""
        done, self.counts = self.counts, Counter()
        return done


class CountingEmbedder(HashedEmbedder):
    def __init__(self, work: Work) -> None:
        super().__init__()
        self._work = work

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self._work.counts["passages embedded"] += len(texts)
        return super().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        self._work.counts["questions embedded"] += 1
        return super().embed_query(text)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Work]:
    work = Work()

    def load_embedders(*values: Any, **_: Any) -> Embedders:
        work.counts["embedders loaded"] += 1
        return Embedders(CountingEmbedder(work))  # type: ignore[arg-type]

    def load(*values: Any) -> ScriptedLLM:
        work.counts["models loaded"] += 1
        return ScriptedLLM(answers=["每年有 12 天带薪年假。[1]"])

    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    monkeypatch.setenv("MINICPM_RAG_MODEL", str(model))
    monkeypatch.setattr("minicpm_rag.embedding.choice.load_embedders", load_embedders)
    monkeypatch.setattr("minicpm_rag.workspace.load", load)
    monkeypatch.setattr("minicpm_rag.workspace.Workspace.facts", lambda workspace: {"model": "scripted"})
    monkeypatch.setattr(shared, "WARM_AFTER_SECONDS", 0)
    monkeypatch.setattr(door, "_auth_was_seen", False)
    monkeypatch.setattr(server.Gate, "is_in_place", True)
    started: list[Worker] = []
    start = Worker.start
    monkeypatch.setattr(Worker, "start", lambda worker: started.append(worker) or start(worker))
    clear()
    yield work
    for worker in started:
        worker.close()
    shared.opening().result().close()
    clear()


def clear() -> None:
    once.forget()
    st.cache_data.clear()


def page(owner: str) -> AppTest:
    app = AppTest.from_file(APP, default_timeout=300)
    app.session_state["user"] = owner
    app.session_state["language"] = "zh"
    app.run()
    wait_until(lambda: shared.opening().done() and not switching.shared().is_running)
    return app.run()


def press(app: AppTest, key: str) -> AppTest:
    next(found for found in app.button if (found.key or "").startswith(key)).click()
    return app.run()


def test_reruns_embed_and_load_nothing_and_a_question_embeds_itself_once(work: Work) -> None:
    app = page("browser:ann")
    assert work.since() == {"embedders loaded": 1, "questions embedded": 1, "models loaded": 1}, "when it warms up"

    press(app, "go-library")
    app.file_uploader[0].set_value([("handbook.md", DOCUMENT.encode(), "text/markdown")]).run()
    wait_until(lambda: all(job.done.is_set() for job in jobs.shared().of("default")))
    passages = work.since()
    assert passages == {"passages embedded": shared.workspace().library.knowledge_base("default").chunks}  # type: ignore[union-attr]
    assert passages["passages embedded"] > 0

    press(app.run(), "go-chat")
    app.chat_input[0].set_value(QUESTION).run()
    assert work.since() == {"questions embedded": 1}

    press(app, "source-")  # a citation opens
    for language in ("en", "zh"):
        app.segmented_control(key="language-choice").set_value(language).run()
    for view in ("library", "model", "chat"):
        press(app, f"go-{view}")
    press(app, "new-conversation")
    press(app, "open-")
    app.text_input[0].set_value("另一个标题").run()
    page("browser:bob")
    assert work.since() == {}

    press(app, "go-library")
    app.text_input(key="search-within").set_value("年假").run()
    assert work.since() == {"questions embedded": 1}
    press(app, "open-hit-0")
    press(app, "close-source")
    app.run()
    assert work.since() == {}, "the same words are not embedded again"


def test_a_follow_up_embeds_once_and_regenerating_once_more(work: Work) -> None:
    app = page("browser:ann")
    press(app, "go-library")
    app.file_uploader[0].set_value([("handbook.md", DOCUMENT.encode(), "text/markdown")]).run()
    wait_until(lambda: all(job.done.is_set() for job in jobs.shared().of("default")))
    press(app.run(), "go-chat")
    app.chat_input[0].set_value(QUESTION).run()
    work.since()
    app.chat_input[0].set_value("差旅费用在多少天内报销？").run()
    assert work.since()["questions embedded"] == 1
    press(app, "regenerate-2")
    assert work.since() == {"questions embedded": 1}
