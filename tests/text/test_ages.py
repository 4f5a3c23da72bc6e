from __future__ import annotations

import pytest

from minicpm_rag.text.ages import ages_asked, for_ages, is_for_ages, without_ages


@pytest.mark.parametrize(
    ("question", "ages", "rest"),
    [
        ("My son is 7. What does he pay?", {7}, "What does he pay?"),
        ("What does a nine-year-old pay for the tram?", {9}, "What does a person pay for the tram?"),
        ("How much is the tram for us? My mother is seventy.", {70}, "How much is the tram for us?"),
        ("What do pupils aged 12 pay?", {12}, "What do pupils pay?"),
        ("我爸六十八岁，缆车多少钱？", {68}, "缆车多少钱？"),
        ("我今年16，能开缆车吗？", {16}, "能开缆车吗？"),
        ("11岁的孩子坐缆车多少钱？", {11}, "孩子坐缆车多少钱？"),
    ],
)
def test_the_age_of_a_person_is_heard_and_can_be_left_out(question: str, ages: set[int], rest: str) -> None:
    assert ages_asked(question) == ages
    assert without_ages(question) == rest


@pytest.mark.parametrize(
    "question",
    [
        "The contract is 12 months. What does it cost?",
        "My son is in year 7. What does he pay?",
        "Our boat is 7 metres long. What does a berth cost?",
        "What do children aged 6 to 10 pay?",
        "今年16个站点，哪个最高？",
        "七十岁以上的人坐缆车多少钱？",
        "6岁到12岁的孩子门票多少？",
    ],
)
def test_other_numbers_and_spans_of_ages_are_no_age(question: str) -> None:
    assert ages_asked(question) == frozenset()
    assert without_ages(question) == question


@pytest.mark.parametrize(
    ("text", "header", "ages", "is_for"),
    [
        ("| Child (5–14) | £3 |", "| Passenger | Fare |", {9}, True),
        ("| Child (5–14) | £3 |", "| Passenger | Fare |", {20}, False),
        ("| Group of 5–14 | £3 |", "| Booking | Fare |", {9}, None),
        ("| 6-12 | 30 |", "| 年龄 | 票价 |", {8}, True),
        ("| Adult | £6 |", "| Passenger | Fare |", {20}, None),
        ("缆车每位40元，65岁以上20元", "", {68}, True),
        ("缆车每位40元，65岁以上20元", "", {30}, False),
        ("Over 65s ride for £2, others for £6.", "", {70}, True),
        ("The tram has 12 seats and over 40 stops.", "", {50}, None),
    ],
)
def test_a_row_or_a_clause_is_for_the_ages_that_it_names(
    text: str, header: str, ages: set[int], is_for: bool | None
) -> None:
    assert is_for_ages(frozenset(map(float, ages)), text, header) is is_for


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("My son is 9. What does he pay?", [True, False, False]),
        ("My father is 70. What does he pay?", [False, True, False]),
        ("My wife is 40. What does she pay?", [False, False, True]),
        ("What does a child pay?", [True, True, True]),
        ("What do two adults and a six-year-old pay?", [True, False, True]),
    ],
)
def test_rows_for_other_ages_are_not_meant(question: str, meant: list[bool]) -> None:
    rows = ["| Child (5–14) | £3 |", "| Senior (65+) | £4 |", "| Adult | £6 |"]
    assert for_ages(question, [("| Passenger | Fare |", row) for row in rows]) == meant
