"""The spans of time that a question names, with the bounds that dates are compared with."""

from __future__ import annotations

import pytest

from minicpm_rag.text.dates import date_spans, days_of


@pytest.mark.parametrize(
    ("question", "lower", "upper", "months"),
    [
        ("orders in march 2024", "2024-03", "2024-04", (3,)),
        ("2024年第一季度的销售额", "2024-01", "2024-04", (1, 2, 3)),
        ("第一季度", "", "", (1, 2, 3)),
        ("between april and june 2023", "2023-04", "2023-07", (4, 5, 6)),
        ("from january 2023 to march 2024", "2023-01", "2024-04", ()),
        ("3月到5月", "", "", (3, 4, 5)),
        ("since 2022", "2022", "", ()),
        ("before march 2024", "", "2024-03", ()),
        ("until march 2024", "", "2024-04", ()),
        ("2024-03-05之后", "2024-03-05~", "", ()),
        ("december 2024", "2024-12", "2025", (12,)),
        ("下半年", "", "", (7, 8, 9, 10, 11, 12)),
        ("the first quarter of 2024", "2024-01", "2024-04", (1, 2, 3)),
    ],
)
def test_a_span_of_time_has_its_bounds(question: str, lower: str, upper: str, months: tuple[int, ...]) -> None:
    (span,) = date_spans(question)
    assert (span.lower, span.upper, span.months) == (lower, upper, months)


@pytest.mark.parametrize("question", ["may i ask", "the 12 monthly reports", "model 2048000", "3.14"])
def test_what_is_no_time_gives_none(question: str) -> None:
    assert date_spans(question) == []


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("4月9日谁值班？", {(4, 9)}),
        ("4月9号和10月12日", {(4, 9), (10, 12)}),
        ("2027-04-09", {(4, 9)}),
        ("who opens on 9 april?", {(4, 9)}),
        ("april 9th, 2027", {(4, 9)}),
        ("april 2027", set()),
        ("2027年4月", set()),
        ("may 300 people come?", set()),
    ],
)
def test_a_day_is_one_of_any_year(text: str, days: set[tuple[int, int]]) -> None:
    assert days_of(text) == days


@pytest.mark.parametrize(
    ("question", "month", "day"),
    [
        ("10月4日过了几艘船？", 10, 4),
        ("10月4号的费用", 10, 4),
        ("the fee on 4 october", 10, 4),
        ("the fee on october 4", 10, 4),
        ("who rowed on october 4th?", 10, 4),
        ("10月的费用", 10, None),
        ("2026年10月4日", None, None),
    ],
)
def test_a_day_without_a_year_is_of_any_year(question: str, month: int | None, day: int | None) -> None:
    (span,) = date_spans(question)
    assert (span.months, span.day) == ((() if month is None else (month,)), day)


def test_days_without_a_year_are_no_bounds_of_a_longer_time() -> None:
    assert [span.day for span in date_spans("10月1日到10月3日")] == [1, 3]
    assert [span.months for span in date_spans("before 4 october")] == [()]
