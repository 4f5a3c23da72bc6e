"""Rows that give ranges are for the amounts within them."""

from __future__ import annotations

import pytest

from minicpm_rag.text.ranges import fitting, range_of

LEAST, MOST = float("-inf"), float("inf")


@pytest.mark.parametrize(
    ("cell", "held"),
    [
        ("1天以内", (LEAST, 1)),
        ("1天以上3天以内", (1, 3)),
        ("三天以上", (3, MOST)),
        ("不超过5,000元", (LEAST, 5000)),
        ("50–100 kg", (50, 100)),
        ("1 to 3 days", (1, 3)),
        ("up to 2 kg", (LEAST, 2)),
        ("over 30 kg", (30, MOST)),
        ("≥10", (10, MOST)),
        ("3天", None),
        ("Brake disc 180 mm", None),
        ("不限", None),
    ],
)
def test_a_cell_that_gives_a_range_takes_in_its_values(cell: str, held: tuple[float, float] | None) -> None:
    assert range_of(cell) == held


LEAVE = [("| 假别 | 天数 | 审批人 |", f"| 事假 | {days} | {who} |")
         for days, who in (("1天以内", "主管"), ("1天以上3天以内", "总监"), ("3天以上", "人力"))]  # fmt: skip
POST = [("| Weight (kg) | Price |", f"| {weight} | {price} |")
        for weight, price in (("up to 2", "4"), ("2 - 5", "7"), ("over 5", "12"))]  # fmt: skip


@pytest.mark.parametrize(
    ("question", "rows", "fit"),
    [
        ("请两天事假谁批？", LEAVE, [False, True, False]),
        ("事假5天由谁审批？", LEAVE, [False, False, True]),
        ("3天事假谁批？", LEAVE, [False, True, True]),  # the border of two
        ("事假谁批？", LEAVE, [True, True, True]),
        ("事假要提前5小时申请吗？", LEAVE, [True, True, True]),  # no days
        ("What does a parcel of 4 kg cost?", POST, [False, True, False]),
        ("How much is a parcel of 400 g?", POST, [True, True, True]),  # no kilograms
    ],
)
def test_rows_for_other_amounts_are_not_meant(question: str, rows: list[tuple[str, str]], fit: list[bool]) -> None:
    assert fitting(question, rows) == fit
