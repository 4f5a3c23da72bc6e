"""A cell is read as the number, date or name that a person reads in it, or not at all."""

from __future__ import annotations

import pytest

from minicpm_rag.text.cells import Number, date, number, split_unit, total_label, typed, unit_scale


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("1,234.50", 1234.5, ""), ("¥1,234.5", 1234.5, "元"), ("300 USD", 300, "USD"), ("$ -5", -5, "USD"),
        ("(300)", -300, ""), ("-12%", -12, "%"), ("3.5亿元", 3.5e8, "元"), ("12 kg", 12, "kg"), ("2.4k", 2400, ""),
        ("１，２００", 1200, ""), ("100元/件", 100, "元/件"),
        ("30 m", 30, "m"), ("1.2m", 1_200_000, ""), ("£30 m", 3e7, "GBP"), ("30 M", 3e7, ""), ("30 m USD", 3e7, "USD"),
    ],
)  # fmt: skip
def test_a_number_has_its_value_and_unit(text: str, value: float, unit: str) -> None:
    found = number(text)
    assert found is not None and (found.value, found.unit) == (pytest.approx(value), unit)


@pytest.mark.parametrize(
    "text", ["AL-200", "12-30", "约100", "12:30", "3.2.0", "", "(5", "2024-03-05", "Q1", "9" * 400]
)
def test_what_is_no_number_is_none(text: str) -> None:
    assert number(text) is None


def test_a_scaled_number_says_so() -> None:
    assert number("1.2万") == Number(12000, "", scaled=True)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2024年3月5日", "2024-03-05"), ("2024/3/5", "2024-03-05"), ("Mar 5, 2024", "2024-03-05"),
        ("5 March 2024", "2024-03-05"), ("2024-03", "2024-03"), ("March 2024", "2024-03"), ("3/14/24", "2024-03-14"),
        ("2024-03-05 14:30:00", "2024-03-05 14:30"), ("2024-13-05", None), ("5.3.2024", "2024-03-05"), ("2024", None),
    ],
)  # fmt: skip
def test_a_date_becomes_iso(text: str, iso: str | None) -> None:
    assert date(text) == iso


def test_a_day_over_twelve_tells_how_the_whole_column_writes_its_dates() -> None:
    assert typed("Date", ["3/4/2024", "14/4/2024"])[1] == ["2024-04-03", "2024-04-14"]
    assert typed("Date", ["3/4/2024", "4/14/2024"])[1] == ["2024-03-04", "2024-04-14"]


def test_numbers_that_name_things_stay_texts() -> None:
    assert typed("工号", ["7", "8"])[0].kind == "text"
    assert typed("zip", ["00123", "10115"])[1] == ["00123", "10115"]
    assert typed("Number of staff", ["7", "8"])[0].kind == "number"


@pytest.mark.parametrize("header", ["Since", "Member since", "Joined", "入职", "启用年份"])
def test_numbers_under_a_header_that_says_since_when_are_years(header: str) -> None:
    assert typed(header, ["2018", "2021", "1999"])[0].kind == "year"
    assert typed(header, ["12", "31", "7"])[0].kind == "number"


def test_a_column_of_two_currencies_has_no_sum() -> None:
    assert typed("price", ["$5", "€6"])[0].kind == "text"


def test_blanks_and_a_few_odd_cells_do_not_change_the_kind_and_are_counted() -> None:
    column, values = typed("Amount", [*("5" for _ in range(20)), "see note", "n/a", "—"])
    assert (column.kind, column.unread) == ("number", 1)
    assert values[-3:] == [None, None, None]


def test_the_comma_of_a_column_that_cannot_part_thousands_is_a_decimal_one() -> None:
    assert typed("Preis", ["1.234,50", "2,5"])[1] == [1234.5, 2.5]
    assert typed("Price", ["1,234", "2,500"])[1] == [1234, 2500]


def test_the_unit_of_a_header_is_taken_from_its_name() -> None:
    assert split_unit("销售额（万元）") == ("销售额", "万元") and unit_scale("万元") == (1e4, "元")
    assert split_unit("Sales ($k)") == ("Sales", "$k") and unit_scale("$k") == (1e3, "USD")
    assert typed("重量/kg", ["1", "2"])[0].name == "重量"


@pytest.mark.parametrize("first", ["合计", "总 计：", "Total", "Grand total", "华东小计", "Average", "East total"])
def test_a_row_of_totals_says_so(first: str) -> None:
    assert total_label([first, "3"])


@pytest.mark.parametrize("first", ["总经理", "Totally Soft Ltd", "平均年龄", "Summer", "Sumatra"])
def test_a_name_that_begins_like_a_total_is_none(first: str) -> None:
    assert not total_label([first, "3"])
