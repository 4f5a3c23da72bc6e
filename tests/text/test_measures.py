from __future__ import annotations

import pytest

from minicpm_rag.text.measures import as_written, is_bare_number, measures, units_differ, without_units


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("within 45 days", {45: {"day"}}),
        ("四十五天内", {45: {"day"}}),
        ("1.5 万元", {15000: {"yuan"}}),
        ("fifteen weeks", {15: {"week"}}),
        ("fourteen days, twenty-five months", {14: {"day"}, 25: {"month"}}),
        ("two hundred and fifty euros", {250: {"euro"}}),
        ("320 m³ per hour, 40 m²", {320: {"cubic metre"}, 40: {"square metre"}}),
        ("AL-200, 20 to 25", {}),
        ("3 千克, 12 千瓦, 5 千元", {3: {"kilogram"}, 12: {"kilowatt"}, 5000: {"yuan"}}),
        ("PM2.5 up to 500 µg/m³, 20 ℃", {500: {"microgram a cubic metre"}, 20: {"degree Celsius"}}),
        ("5 毫克每升, 12 千瓦时", {5: {"milligram a litre"}, 12: {"kilowatt hour"}}),
    ],
)
def test_a_number_stands_with_its_unit(text: str, found: dict[float, set[str]]) -> None:
    assert measures(text) == found


@pytest.mark.parametrize(
    ("claim", "source", "differ"),
    [
        ("45 months.", "Invoices are due within 45 days.", True),
        ("320 grams.", "Its airflow is 320 m³ per hour.", True),
        ("五百元", "500 美元", True),
        ("Fourteen weeks.", "The notice is fourteen days.", True),
        ("500 grams.", "| PM2.5 | 0 to 500 µg/m³ |", True),
        ("5 mg", "5 mg per litre", True),
        ("16 GB", "内存 16G", False),
        ("45 天", "within 45 days", False),
        ("500 grams", "It weighs 500 g.", False),
        ("500 grams", "| AL-200 | 500 | 5680 |", False),
        ("60 days", "within 45 days", False),
    ],
)
def test_another_unit_is_told_and_a_missing_one_is_none(claim: str, source: str, differ: bool) -> None:
    assert units_differ(claim, source) == differ


@pytest.mark.parametrize("text", ["45 days.", "Within 45 days.", "45天。", "是20天", "It is 20.", "2012年3月", "三次"])
def test_a_bare_number_has_nothing_beside_it(text: str) -> None:
    assert is_bare_number(text)


@pytest.mark.parametrize("text", ["Invoices: 45 days.", "付款45天。", "AL-200", "It weighs 500 g.", "days"])
def test_what_names_something_is_no_bare_number(text: str) -> None:
    assert not is_bare_number(text)


def test_units_are_left_out() -> None:
    assert without_units("It weighs 500 g, 45 days").split() == ["it", "weighs", "500", ",", "45"]


@pytest.mark.parametrize(
    ("claim", "source", "written"),
    [
        ("It weighs 500 g.", "| AirLeaf 200 | 500 grams | 199 |", "It weighs 500 grams."),
        ("二〇二三年有18420人。", "2023年的访客人数为18,420人。", "2023年有18,420人。"),
        ("18,420 visitors in 2023", "It had 18420 visitors.", "18420 visitors in 2023"),
        ("30天内", "三十天内提交", "三十天内"),
        ("1.5万元", "合同价为15,000元。", "15,000元"),
        ("５００克", "500 g", "500 g"),
    ],
)
def test_a_number_is_written_as_the_source_writes_it(claim: str, source: str, written: str) -> None:
    assert as_written(claim, source) == written


@pytest.mark.parametrize(
    ("claim", "source"),
    [
        ("500 g", "500 g or 500 grams"),  # its own form stands there
        ("45 days", "45 months"),
        ("one day", "one year"),
        ("PM2.5, AL-200", "25 and 200"),
        ("1.5 million", "1,5"),
        ("18420", "184,20 and 8,420"),
    ],
)
def test_what_the_source_does_not_say_stays_as_it_is(claim: str, source: str) -> None:
    assert as_written(claim, source) == claim
