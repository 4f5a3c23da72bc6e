from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.answering.source_language import source_note
from minicpm_rag.records import Answer, Citation


def answer(question: str, *quotes: str) -> Answer:
    cited = [Citation(1, 0, 1, quote, 0, len(quote), 1.0, Document(quote)) for quote in quotes]
    return Answer("…", "extractive", standalone_question=question, citations=cited)


@pytest.mark.parametrize(
    ("question", "quote", "note"),
    [
        ("磨坊是哪一年建成的？", "The mill at Oakford was built in 1786.", "The source is in English."),
        ("How long is the warranty?", "云溪牌水泵的保修期为两年。", "The source is in Chinese."),
    ],
)
def test_a_source_in_another_language_is_named(question: str, quote: str, note: str) -> None:
    found = source_note(answer(question, quote))
    assert found is not None
    assert str(found) == note


@pytest.mark.parametrize(
    ("question", "quotes"),
    [
        ("保修期多久？", ["云溪牌水泵的保修期为两年。"]),
        ("When was the mill built?", ["The mill at Oakford was built in 1786."]),
        ("磨坊是哪一年建成的？", ["The mill was built in 1786.", "磨坊建于 1786 年。"]),
        ("RX-7800 的扬程？", ["RX-7800 35 m"]),
        ("Wann ist die Miete fällig?", ["Die Miete ist am dritten Werktag fällig."]),
        ("", ["云溪牌水泵的保修期为两年。"]),
        ("保修期多久？", []),
    ],
)
def test_nothing_is_said_where_the_languages_agree_or_are_not_known(question: str, quotes: list[str]) -> None:
    assert source_note(answer(question, *quotes)) is None
