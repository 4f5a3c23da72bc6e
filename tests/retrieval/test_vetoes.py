from __future__ import annotations

import pytest

from minicpm_rag.retrieval.vetoes import lacking_numbers, lacks_something, unreadable


@pytest.mark.parametrize(
    ("question", "source", "lacking"),
    [
        ("What was the profit in 2022?", "Report 2023\nThe profit was 4 million.", [2022]),
        ("What was the profit in 2023?", "Report 2023\nThe profit was 4 million.", []),
        ("二〇二三年的利润是多少？", "2023年报\n利润为四百万。", []),
        ("２０２３年的利润是多少？", "二零二三年，利润为四百万。", []),
        ("十五天的假期怎么申请？", "假期为 15 天，须提前申请。", []),
        ("Who played the Doctor in the 70s?", "He played him from 1974 to 1981.", [70]),
        ("Which bands of the 74s played?", "They played from 1974 to 1981.", []),
        ("Which of the two sides won?", "The North won.", []),
    ],
)
def test_numbers_that_the_source_lacks(question: str, source: str, lacking: list[float]) -> None:
    assert lacking_numbers(question, source) == lacking


def test_a_character_that_no_model_reads_must_stand_in_the_source() -> None:
    def readable_share(text: str) -> float:
        return 0.5 if text == "鲥" else 1.0

    unread = unreadable("鰣吃什麼？", readable_share)
    assert unread == {"鲥"}
    assert not lacks_something("鰣吃什麼？", unread, "鲥以小鱼为食。")
    assert lacks_something("鰣吃什麼？", unread, "鲵以小鱼为食。")
    assert not lacks_something("鲵吃什么？", frozenset(), "鲵以小鱼为食。")
