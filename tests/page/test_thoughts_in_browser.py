"""A model that thinks, in a real Chromium: its thoughts are folded away, and go nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser_parts import CHROMIUM, PATIENCE, Server, Visitor, launch
from model_server import ModelServer, event, model_server, said

from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger.opening import open_ledger

playwright_api = pytest.importorskip("playwright.sync_api")

THOUGHT = "问的是<b>保修</b>，资料[1]说两年。"
ANSWER = "保修期为两年。"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.timeout(1200),
]


@pytest.fixture
def thinking(tmp_path: Path) -> Iterator[tuple[ModelServer, threading.Event, Server]]:
    """A page whose model thinks until the event is set."""
    enough = threading.Event()

    def answer(_: Any) -> Iterator[dict[str, Any]]:
        yield event({"reasoning_content": THOUGHT})
        assert enough.wait(PATIENCE / 1000)
        yield from said(ANSWER)

    with model_server(answers=[answer]) as model:
        page = Server(tmp_path / "home", llm_url=model.address)
        page.start()
        try:
            yield model, enough, page
        finally:
            enough.set()
            page.stop()


def test_thoughts_are_folded_away_and_go_nowhere_else(
    thinking: tuple[ModelServer, threading.Event, Server], tmp_path: Path
) -> None:
    _, enough, server = thinking
    file = tmp_path / "保修.md"
    file.write_text("# 保修\n\n净水器的保修期为两年。\n", encoding="utf-8")
    with playwright_api.sync_playwright() as playwright:
        browser = launch(playwright)
        visitor = Visitor(browser, server)
        visitor.upload([file])
        visitor.go("chat")
        visitor.submit("净水器的保修期有多久？")
        page = visitor.page
        page.wait_for_function(r"() => /正在思考…（[1-9]\d* 秒）/.test(document.body.innerText)")
        assert THOUGHT not in page.inner_text("body")
        enough.set()
        answer = visitor.wait_for_answer()
        assert ANSWER.rstrip("。") in answer
        assert "资料" not in answer
        thoughts = page.locator(".rag-thoughts")
        assert not thoughts.is_visible()
        page.get_by_text("思考过程").click()
        thoughts.wait_for()
        assert thoughts.inner_text() == THOUGHT  # as text: its marks are no markup
        assert thoughts.locator("b, button").count() == 0
        copied = page.locator(".rag-copy").get_attribute("data-copy")
        assert copied is not None
        assert ANSWER.rstrip("。") in copied
        assert "资料" not in copied
        browser.close()
    ledger = open_ledger(server.home)
    conversations = Conversations(ledger)
    (user, number) = ledger_conversation(ledger)
    (exchange,) = conversations.exchanges(user, number)
    assert exchange.answer is not None
    assert exchange.answer.thoughts == THOUGHT
    assert all(THOUGHT not in turn.answer for turn in conversations.history(user, number))
    ledger.close()


def ledger_conversation(ledger: Any) -> tuple[str, int]:
    with ledger.reading() as connection:
        row = connection.execute("SELECT owner, id FROM conversations").fetchone()
    return str(row[0]), int(row[1])
