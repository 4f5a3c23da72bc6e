"""What a sentence takes back, as amounts and times."""

from __future__ import annotations

import pytest

from minicpm_rag.text.corrections import stands_in, taken_back


@pytest.mark.parametrize(
    ("sentence", "values"),
    [
        ("更正：搬迁不是3月8日，是3月11日。", {"3月8日"}),
        ("闭馆时间由17:30改为18:00。", {"17:30"}),
        ("押金不是200元，而是300元。", {"200元"}),
        ("学费从4,280元上调至4,480元。", {"4,280元"}),
        ("截止日期从6月30日延长到7月15日。", {"6月30日"}),
        ("The levy is £16, not £12.", {"£12"}),
        ("The walk starts on 9 May instead of 2 May.", {"2 may"}),
        ("The deposit was raised from £40 to £55.", {"£40"}),
        ("It is 30 °C, not 28 °C.", {"28 °c"}),
        ("不是每天都开放。", set()),
        ("Dogs are not allowed before 9.", set()),
        ("Bags of not more than 5 kg.", set()),
        ("The bus goes from 8 to 12.", set()),
        (f"押金不是200元，而是300元{'。' * 300}", set()),
    ],
)
def test_a_correction_takes_a_value_back(sentence: str, values: set[str]) -> None:
    assert taken_back(sentence) == values


@pytest.mark.parametrize(
    ("value", "text", "stands"),
    [
        ("3月8日", "搬迁定于3月8日开始。", True),
        ("90", "humidity 90 %", True),
        ("90", "190 g of 907", False),
        ("2 may", "on 2 mayors", False),
    ],
)
def test_a_value_stands_as_a_whole(value: str, text: str, stands: bool) -> None:
    assert stands_in(value, text) is stands
