from __future__ import annotations

import pytest

from minicpm_rag.retrieval.fusion import normalised, readable_share, spread_floor, weighted_sum
from minicpm_rag.text.scripts import letters_by_script

KEYWORD = [("a", 9.0), ("b", 5.0), ("c", 1.0)]
DENSE = [("c", 0.9), ("d", 0.6), ("a", 0.3)]


def test_with_no_dense_weight_the_keyword_order_stands() -> None:
    fused = weighted_sum(KEYWORD, DENSE, keyword_weight=1.0, dense_weight=0.0, depth=3)
    assert [identity for identity, _ in fused[:2]] == ["a", "b"]
    assert dict(fused)["d"] == 0


def test_both_halves_count_by_their_weight() -> None:
    fused = dict(weighted_sum(KEYWORD, DENSE, keyword_weight=0.5, dense_weight=0.5, depth=3))
    assert fused == pytest.approx({"a": 0.5, "b": 0.25, "c": 0.5, "d": 0.25})


def test_a_list_that_is_not_full_starts_from_nothing() -> None:
    assert dict(normalised([("a", 0.8), ("b", 0.4)], depth=10)) == pytest.approx({"a": 1.0, "b": 0.5})


def test_scores_stay_between_nothing_and_one() -> None:
    fused = weighted_sum([("a", 3.0)], [("a", -0.1), ("b", -0.2)], keyword_weight=0.5, dense_weight=0.5, depth=100)
    assert all(0 <= score <= 1 for _, score in fused)
    assert weighted_sum([], [], keyword_weight=0.5, dense_weight=0.5, depth=100) == []


def test_equal_scores_are_all_best() -> None:
    assert dict(normalised([("a", 2.0), ("b", 2.0)], depth=2)) == {"a": 1.0, "b": 1.0}


def test_scripts_are_told_apart_without_a_list_of_languages() -> None:
    assert letters_by_script("RAG 检索かな한글 я 12!") == {
        "LATIN": 3,
        "CJK": 2,
        "HIRAGANA": 2,
        "HANGUL": 2,
        "CYRILLIC": 1,
    }


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("What is the torque?", 1.0),
        ("扭矩是多少", 0.2),
        ("RAG是什么", (3 + 3 * 0.2) / 6),
        ("Что это", 0.0),
        ("RX-7800", 0.0),
        ("1999", 0.0),
        ("", 0.0),
        ("torque of RX-7800", 8 / 10),
    ],
)
def test_the_readable_share_follows_the_measured_abilities(text: str, share: float) -> None:
    assert readable_share(text, {"LATIN": 1.0, "CJK": 0.2}) == pytest.approx(share)


def test_only_the_last_of_a_full_list_counts_as_nothing() -> None:
    assert spread_floor([0.9, 0.5], depth=2) == 0.5
    assert spread_floor([0.9, 0.5], depth=3) == 0
    assert spread_floor([0.9, -0.5], depth=3) == -0.5
    assert spread_floor([], depth=3) == 0
