from __future__ import annotations

import pytest

from minicpm_rag.text.columns import is_of_another_column
from minicpm_rag.text.statements import Statement

ROW = Statement(0, 24, "| Standard | 19 | 5 | 50 |", "| Plan | Price (EUR) | Users | Storage (GB) |")
ZH = Statement(0, 24, "| QF-300 | 1580 | 6.2 |", "| 型号 | 单价（元） | 重量（千克） |")


@pytest.mark.parametrize(
    ("claim", "question", "row", "differs"),
    [
        ("The Standard plan allows 19 users.", "How many users does the Standard plan allow?", ROW, True),
        ("The Standard plan allows 5 users.", "How many users does the Standard plan allow?", ROW, False),
        ("19 euros.", "What does the Standard plan cost?", ROW, False),
        ("19.", "What is the price of the Standard plan?", ROW, False),
        ("It is 5.", "What is the price of the Standard plan?", ROW, True),
        ("重量是1580千克。", "QF-300 的重量是多少？", ZH, True),
        ("6.2千克。", "QF-300 的重量是多少？", ZH, False),
        ("19.", "?", Statement(0, 3, "19 users."), False),
    ],
)
def test_a_number_belongs_to_the_column_that_is_named(claim: str, question: str, row: Statement, differs: bool) -> None:
    assert is_of_another_column(claim, question, row) == differs
