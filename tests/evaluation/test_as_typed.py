from __future__ import annotations

import pytest

from minicpm_rag.evaluation.as_typed import as_typed
from minicpm_rag.text.courtesies import without_courtesies


@pytest.mark.parametrize("question", ["保修期是多久？", "Who wrote the report?", "RX-7800 的扬程"])
@pytest.mark.parametrize("seed", range(10))
def test_one_error_changes_at_most_two_places(question: str, seed: int) -> None:
    typed = as_typed(question, "typos", seed)
    assert len(question) - 1 <= len(typed) <= len(question)
    assert typed == as_typed(question, "typos", seed)
    if len(typed) == len(question):
        assert sum(one != other for one, other in zip(typed, question, strict=True)) in (1, 2)


@pytest.mark.parametrize("question", ["保修期是多久？", "Who wrote the report?"])
@pytest.mark.parametrize("seed", range(10))
def test_polite_words_come_off_again(question: str, seed: int) -> None:
    polite = as_typed(question, "polite", seed)
    assert polite != question
    assert without_courtesies(polite) == question


def test_a_question_too_short_for_an_error_stays() -> None:
    assert as_typed("谁？", "typos", 1) == "谁？"
