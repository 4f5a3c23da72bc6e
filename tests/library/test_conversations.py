from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.documents import Document
from stores import embedded_only, open_store

from minicpm_rag.errors import LibraryError, NotFoundError, OutOfMemoryError, RAGError
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.records import Answer, Citation, Turn

pytestmark = pytest.mark.usefixtures("store")

DOCUMENT = Document(id="1:0", page_content="员工每年有 12 天年假。", metadata={"page": 3, "title": "手册.pdf"})


def finished(text: str = "每年 12 天。[1] Ask HR.") -> Answer:
    citation = Citation(1, 0, 8, "员工每年有 12 天年假。", 40, 53, 0.9, DOCUMENT)
    return Answer(text, "model", "员工年假有几天？", [citation], [(12, 19)], [DOCUMENT], {"retrieve": 0.2}, 31.5)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "home" / "ledger.sqlite3"


def test_an_answer_comes_back_from_the_file_as_it_was_shown(file: Path) -> None:
    first = Conversations(open_store(file.parent))
    conversation = first.create("ann", "default")
    exchange = first.ask("ann", conversation.id, "年假有几天？")
    answer = replace(finished(), model="MiniCPM")
    first.answer("ann", conversation.id, exchange, answer)
    first.close()

    again = Conversations(open_store(file.parent))
    (kept,) = again.exchanges("ann", conversation.id)
    assert kept.question == "年假有几天？"
    assert kept.answer == answer
    assert again.listed("ann")[0].title == "年假有几天？"


def test_why_an_answer_failed_is_kept_to_be_said_in_either_language(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    exchange = conversations.ask("ann", conversation.id, "年假有几天？")
    error = OutOfMemoryError("system.ENOSPC").message
    conversations.answer("ann", conversation.id, exchange, Answer("年", "failed", error=error))
    (kept,) = conversations.exchanges("ann", conversation.id)
    assert kept.answer == Answer("年", "failed", error=error)


def test_a_question_is_kept_before_it_is_answered(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    conversations.ask("ann", conversation.id, "What is the price?")
    (exchange,) = Conversations(open_store(file.parent)).exchanges("ann", conversation.id)
    assert (exchange.question, exchange.answer) == ("What is the price?", None)


def test_an_answer_is_deleted_while_its_question_is_answered_again(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    first, second = (conversations.ask("ann", conversation.id, question) for question in "ab")
    for exchange in (first, second):
        conversations.answer("ann", conversation.id, exchange, finished())
    conversations.forget_answer("ann", conversation.id, second)
    assert [kept.answer is None for kept in conversations.exchanges("ann", conversation.id)] == [False, True]


def test_nobody_reads_or_changes_the_conversation_of_another(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    secret = conversations.create("ann", "default")
    exchange = conversations.ask("ann", secret.id, "secret")
    assert conversations.listed("bob") == []
    for attempt in (
        lambda: conversations.get("bob", secret.id),
        lambda: conversations.exchanges("bob", secret.id),
        lambda: conversations.rename("bob", secret.id, "mine"),
        lambda: conversations.delete("bob", secret.id),
        lambda: conversations.ask("bob", secret.id, "hello"),
        lambda: conversations.answer("bob", secret.id, exchange, finished()),
        lambda: conversations.forget_answer("bob", secret.id, exchange),
    ):
        with pytest.raises(NotFoundError, match="no conversation"):
            attempt()
    assert [kept.question for kept in conversations.exchanges("ann", secret.id)] == ["secret"]


def test_an_answer_cannot_be_put_into_another_conversation(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    first, second = conversations.create("ann", "default"), conversations.create("ann", "default")
    exchange = conversations.ask("ann", first.id, "one")
    conversations.answer("ann", second.id, exchange, finished())
    assert conversations.exchanges("ann", first.id)[0].answer is None


@embedded_only
def test_the_last_used_conversation_is_listed_first_and_a_deleted_one_is_gone_with_its_text(
    file: Path,
) -> None:
    conversations = Conversations(open_store(file.parent))
    old, new = conversations.create("ann", "default", "old"), conversations.create("ann", "default", "new")
    assert [row.title for row in conversations.listed("ann")] == ["new", "old"]
    conversations.ask("ann", old.id, "again")
    assert [row.title for row in conversations.listed("ann")] == ["old", "new"]
    conversations.rename("ann", old.id, "  价格  \n 表 ")
    assert conversations.get("ann", old.id).title == "价格 表"
    conversations.delete("ann", old.id)
    assert [row.id for row in conversations.listed("ann")] == [new.id]
    with sqlite3.connect(file) as connection:
        assert connection.execute("SELECT count(*) FROM exchanges").fetchone() == (0,)


def test_a_blank_title_is_refused(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default", "old")
    with pytest.raises(LibraryError, match="not blank"):
        conversations.rename("ann", conversation.id, "  ")


def test_history_holds_answers_but_neither_refusals_nor_failures_nor_later_turns(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    numbers = [conversations.ask("ann", conversation.id, question) for question in ("一", "二", "三", "四", "五")]
    for number, mode in zip(numbers, ("model", "refused", "failed", "stopped"), strict=False):
        conversations.answer("ann", conversation.id, number, Answer(f"答{number}", mode))
    assert conversations.history("ann", conversation.id) == [Turn("一", "答1"), Turn("四", "答4")]
    assert conversations.history("ann", conversation.id, before=numbers[3]) == [Turn("一", "答1")]


@embedded_only
def test_a_file_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").mkdir()
    with pytest.raises(LibraryError, match=r"ledger\.sqlite3.*Check the folder's rights"):
        Conversations(Ledger(tmp_path))


@embedded_only
def test_a_full_disk_is_one_sentence_and_the_conversation_survives(file: Path) -> None:
    ledger = Ledger(file.parent)
    conversations = Conversations(ledger)
    conversation = conversations.create("ann", "default")
    conversations.ask("ann", conversation.id, "first")
    with ledger.writing() as connection:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LibraryError, match="make room on the disk"):
        conversations.ask("ann", conversation.id, "x" * 10_000)
    assert [exchange.question for exchange in conversations.exchanges("ann", conversation.id)] == ["first"]


def test_pinned_conversations_are_listed_first_and_unpinned_ones_by_their_last_use(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    first, second, _third = (conversations.create("ann", "default", title) for title in ("one", "two", "three"))
    conversations.pin("ann", first.id, True)
    assert [row.title for row in conversations.listed("ann")] == ["one", "three", "two"]
    assert conversations.get("ann", first.id).pinned
    conversations.pin("ann", first.id, False)
    assert [row.title for row in conversations.listed("ann")] == ["three", "two", "one"]
    with pytest.raises(NotFoundError):
        conversations.pin("bob", second.id, True)


@pytest.mark.parametrize("words", ["年假", "ask hr", "three", "100%"])
def test_a_conversation_is_found_by_its_title_its_questions_and_its_answers(file: Path, words: str) -> None:
    conversations = Conversations(open_store(file.parent))
    holds = {"年假": "年假有几天？", "ask hr": "Where?", "three": "three", "100%": "Is it 100%?"}[words]
    found = conversations.create("ann", "default", "other" if words != "three" else "three")
    exchange = conversations.ask("ann", found.id, holds)
    if words == "ask hr":
        conversations.answer("ann", found.id, exchange, finished())
    other = conversations.create("ann", "default", "1000 things")
    conversations.ask("ann", other.id, "Nothing of it")
    stranger = conversations.create("bob", "default", words)
    assert [row.id for row in conversations.holding("ann", words)] == [found.id]
    assert [row.id for row in conversations.holding("bob", words)] == [stranger.id]


@embedded_only
def test_an_answer_that_is_damaged_is_a_sentence(file: Path) -> None:
    ledger = Ledger(file.parent)
    conversations = Conversations(ledger)
    conversation = conversations.create("ann", "default")
    exchange = conversations.ask("ann", conversation.id, "年假有几天？")
    conversations.answer("ann", conversation.id, exchange, finished())
    with ledger.writing() as connection:
        connection.execute("UPDATE exchanges SET answer = replace(answer, '{', '[')")
    (kept,) = conversations.exchanges("ann", conversation.id)  # the others can still be read
    assert kept.answer is not None
    assert "is damaged and cannot be read" in str(kept.answer.error)


def test_a_question_that_is_too_long_is_not_stored(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    with pytest.raises(RAGError, match="10,000 are the most"):
        conversations.ask("ann", conversation.id, "x" * 10_001)
    assert conversations.exchanges("ann", conversation.id) == []


def test_a_rating_is_kept_with_its_note_until_the_question_is_answered_again(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    conversation = conversations.create("ann", "default")
    exchange = conversations.ask("ann", conversation.id, "年假有几天？")
    conversations.answer("ann", conversation.id, exchange, finished())
    conversations.rate("ann", conversation.id, exchange, -1, " the wrong page ")
    (kept,) = conversations.exchanges("ann", conversation.id)
    assert (kept.rating, kept.note) == (-1, "the wrong page")
    with pytest.raises(NotFoundError):
        conversations.rate("bob", conversation.id, exchange, 1)
    conversations.answer("ann", conversation.id, exchange, finished())
    (kept,) = conversations.exchanges("ann", conversation.id)
    assert (kept.rating, kept.note) == (None, "")


def test_praised_answers_are_those_about_a_knowledge_base_whoever_asked(file: Path) -> None:
    conversations = Conversations(open_store(file.parent))
    for user, knowledge_base, rating in (("ann", "a", 1), ("bob", "a", 1), ("bob", "a", -1), ("bob", "b", 1)):
        conversation = conversations.create(user, knowledge_base)
        exchange = conversations.ask(user, conversation.id, f"{user} {knowledge_base} {rating}?")
        conversations.answer(user, conversation.id, exchange, finished())
        conversations.rate(user, conversation.id, exchange, rating)
    assert [row.question for row in conversations.praised("a")] == ["ann a 1?", "bob a 1?"]
