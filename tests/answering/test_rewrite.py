from __future__ import annotations

import pytest

from minicpm_rag.answering.rewrite import accept, rewrite_prompt
from minicpm_rag.records import Turn

ZH = [Turn("X100 打印机的保修期是多久？", "X100 打印机保修二十四个月。[1]")]
EN = [Turn("What is the warranty of the X100?", "It has 24 months of warranty.[2]")]


@pytest.mark.parametrize(
    ("written", "question", "history", "accepted"),
    [
        ("X100 打印机多少钱？", "那它多少钱？", ZH, "X100 打印机多少钱？"),
        ("改写后的问题：“X100 打印机多少钱？”\n因为……", "那它多少钱？", ZH, "X100 打印机多少钱？"),
        ("How much does the X100 cost?", "How much does it cost?", EN, "How much does the X100 cost?"),
        (
            'Rewritten question: "How much does the X100 cost?"',
            "How much does it cost?",
            EN,
            "How much does the X100 cost?",
        ),
    ],
    ids=["zh", "zh-label", "en", "en-label"],
)
def test_a_good_rewrite_is_taken_without_labels_and_quotes(
    written: str, question: str, history: list[Turn], accepted: str
) -> None:
    assert accept(written, question, history) == accepted


@pytest.mark.parametrize(
    "written",
    [
        "", "  \n ", "？？？", "X100 打印机" * 60, "今天天气晴朗，适合出门散步旅行。", "二十四个月。", "那它多少钱？",
        "X100 打印机的价格是三百元。",
    ],
    ids=["empty", "blank", "marks", "runaway", "elsewhere", "an-answer", "unchanged", "a-statement"],
)  # fmt: skip
def test_a_useless_rewrite_gives_way_to_the_rule(written: str) -> None:
    assert accept(written, "那它多少钱？", ZH) == "X100 打印机多少钱？"


def test_a_rewrite_that_loses_a_number_gives_way_to_the_rule() -> None:
    completed = accept("What happens with the warranty of the X100?", "What happens above 500?", EN)
    assert "500" in completed and "X100" in completed


@pytest.mark.parametrize(("question", "history"), [("那它多少钱？", ZH), ("How much is it?", EN)])
def test_the_prompt_shows_the_turns_without_marks(question: str, history: list[Turn]) -> None:
    (message,) = rewrite_prompt(question, history)
    text = str(message.content)
    assert history[0].question in text and question in text
    assert "[" not in text


def test_a_long_history_does_not_make_a_long_prompt() -> None:
    turns = [Turn(f"第{number}个问题？", "很长的回答。" * 500) for number in range(20)]
    (message,) = rewrite_prompt("那它呢？", turns)
    assert len(str(message.content)) < 1000
    assert "第18个问题" in str(message.content) and "第17个问题" not in str(message.content)
