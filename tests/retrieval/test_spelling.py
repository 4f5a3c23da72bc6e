from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from minicpm_rag.retrieval.spelling import corrected
from minicpm_rag.text.terms import terms

HELD = Counter(
    terms(
        "The tenant returns the deposit within six weeks. The trial of the angel. Martin keeps the harbour light. "
        "The prince bought a house for Harlan. Please store the boats. "
        "Open on Fri. and Sat. "
        "The summary is short. Suppliers wait. 鐵道博物館位於彰化縣。水泵的保修期为两年，报销单须在返回后三十天内提交。"
    )
)


def count(wanted: Sequence[str]) -> Mapping[str, int]:
    return {term: HELD[term] for term in wanted if term in HELD}


def is_word(word: str) -> bool:
    return word in {"trail", "Marten", "price", "horse", "trial", "When", "What"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("When is the depsoit returned?", "When is the deposit returned?"),
        ("When is the deposti returned?", "When is the deposit returned?"),
        ("When is the depositt returned?", "When is the deposit returned?"),
        ("Who is the teant?", "Who is the tenant?"),
        ("What is Harlan2 to Hralan1?", "What is Harlan2 to harlan1?"),
        ("Is it the tenat's duty?", "Is it the tenant's duty?"),
        ("Who keeps the harbur light?", "Who keeps the harbour light?"),
        ("水泵的修保期多久？", "水泵的保修期多久？"),
        ("报销单何时提交给道铁博物馆", "报销单何时提交给铁道博物馆"),
    ],
)
def test_a_typing_error_is_corrected_by_the_library(typed: str, meant: str) -> None:
    assert corrected(typed, count, is_word) == meant


@pytest.mark.parametrize(
    "question",
    [
        "When is the deposit returned?",
        "Who is Marten?",
        "Is there a trail?",
        "What is the price?",
        "Who is Martyn?",
        "What does a horse cost?",
        "Could you summarize it?",
        "How do I renew the lease?",
        "Where are the oats?",
        "Who supplies the oars?",
        "When is the next firing?",  # no "friing", of the stem of Fri
        "水泵的保修期多久？",
        "期保怎么算？",
        "",
    ],
)
def test_other_words_stay_as_they_are(question: str) -> None:
    assert corrected(question, count, is_word) == question
