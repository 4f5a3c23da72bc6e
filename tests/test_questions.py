from __future__ import annotations

import pytest

from minicpm_rag.questions import asks_for, content_terms, language_of


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("公司是哪一年成立的？", "zh"),
        ("iPhone 15 Pro Max 多少钱", "zh"),
        ("RX-7800 保修", "zh"),
        ("How long is the warranty?", "en"),
        ("Who wrote 《海的女儿》?", "en"),
        ("What does 苹果 mean?", "en"),
        ("¿Cuánto cuesta?", "en"),
        ("富士山の高さは何メートルですか", "en"),
        ("2024?", "en"),
    ],
)
def test_the_language_is_that_of_the_asking_words(question: str, language: str) -> None:
    assert language_of(question) == language


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("他是什么时候出生的？", "time"),
        ("What year did it open?", "time"),
        ("一共有多少名员工？", "number"),
        ("How many filters come in the box?", "number"),
        ("技术总监是谁？", "person"),
        ("Who signed the agreement?", "person"),
        ("总部在哪里？", "place"),
        ("Which city hosts the office?", "place"),
        ("为什么要更换滤芯？", "reason"),
        ("Why does it beep?", "reason"),
        ("什么是年假？", "definition"),
    ],
)
def test_question_words_tell_what_is_asked_for(question: str, kind: str) -> None:
    assert kind in asks_for(question)


@pytest.mark.parametrize("question", ["介绍一下公司", "Describe the product"])
def test_a_question_without_a_cue_asks_for_nothing_special(question: str) -> None:
    assert not asks_for(question)


def test_content_terms_leave_out_the_words_of_asking() -> None:
    assert len(content_terms("How many days of paid holiday does it give?")) == 3
    assert "年假" in content_terms("年假有多少天？")
    assert not {"多少", "有", "有多"} & set(content_terms("年假有多少天？"))
    assert content_terms("那它呢？") == []
