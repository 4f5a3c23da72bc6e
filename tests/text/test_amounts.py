from __future__ import annotations

import pytest

from minicpm_rag.text.amounts import amounts


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("租金每月2,450元，押金两个月，共1.2万元。", [(2450, "元"), (2, "个月"), (12000, "元")]),
        ("Passed with 61 votes to 9 votes on 3 May 2026 at 14:30.", [(61, "votes"), (9, "votes")]),
        ("It costs £95 a year and runs for three years.", [(95, "£"), (3, "years")]),
        ("2026年3月8日起，年费 300 元", [(300, "元")]),
        ("a 12-month term, 4.5 %", [(12, "month"), (4.5, "%")]),
        (
            "seventy pounds for twenty-five people, ten thousand euros",
            [(70, "pounds"), (25, "people"), (10_000, "euros")],
        ),
        ("version 3.2 of 7", []),
        ("for 3,480 euros, theirs (3,910) was refused", [(3480, "euros"), (3910, "euros")]),
        ("145 euros instead of 130", [(145, "euros"), (130, "euros")]),
        ("票价46元（原38）", [(46, "元"), (38, "元")]),
        ("It costs £40 (2026), see (2).", [(40, "£")]),  # a year, a number of a list
        ("12 people (14)", [(12, "people")]),
    ],
)
def test_amounts_have_units_and_dates_are_none(text: str, found: list[tuple[float, str]]) -> None:
    assert [(one.value, one.unit) for one in amounts(text)] == found


@pytest.mark.parametrize(
    ("text", "value", "written"),
    [("£95", 1250.5, "£1,250.5"), ("8,900 pounds", 1250, "1,250 pounds"), ("2.4元", 0.3, "0.3元")],
)
def test_another_value_is_written_alike(text: str, value: float, written: str) -> None:
    assert amounts(text)[0].written(value) == written


@pytest.mark.parametrize(
    ("text", "per"),
    [
        ("£95 a year", "year"),
        ("£95/month", "month"),
        ("8 pounds per person", "person"),
        ("租金3000元/月", "月"),
        ("每天20元", "日"),
        ("annual fee of £40", "year"),
        ("It costs £95.", ""),
    ],
)
def test_an_amount_tells_what_it_is_for_one_of(text: str, per: str) -> None:
    assert [one.per for one in amounts(text)] == [per]


@pytest.mark.parametrize(
    "text",
    [
        "at least £4",
        "30至35人",
        "约3公斤",
        "不超过5天",
        "300元以上",
        "it is not 5 pounds",
        "between 3 pounds and 5 pounds",
    ],
)
def test_bounds_ranges_and_what_is_denied_are_not_said_themselves(text: str) -> None:
    assert not amounts(text)[-1].is_itself
