from __future__ import annotations

import pytest

from minicpm_rag.answering.named_rows import named

HEADER = "| 船 | 船长 | 泊位 |"
BOATS = ["| 海鸥号 | 马良 | 3 |", "| 信天翁 | 马良 | 5 |", "| 鲸鱼号 | 罗安 | 8 |"]
SEATS_HEADER = "| Table | Host | Guests |"
SEATS = ["| 1 | Ada Brook | 3 |", "| 3 | Finn Osei | 9 |"]


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("海鸥号停在哪个泊位？", [True, False, False]),
        ("马良开哪条船？", [True, True, False]),
        ("马良的信天翁停在哪里？", [False, True, False]),
        ("海鸥号和鲸鱼号停在哪里？", [True, False, True]),
        ("有哪些船？", [True, True, True]),
        ("除了海鸥号还有哪些船？", [True, True, True]),
        ("哪条船的泊位比海鸥号大？", [True, True, True]),
    ],
)
def test_rows_that_the_question_does_not_name_are_left_out_where_it_names_others(
    question: str, meant: list[bool]
) -> None:
    assert named(question, [(HEADER, row) for row in BOATS]) == meant


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("5月3日谁守东门？", [False, False, True, False]),
        ("5月2日谁值班？", [True, True, False, False]),
        ("谁守东门？", [True, False, True, False]),
        ("Who is on duty on 3 May?", [False, False, True, True]),
    ],
)
def test_a_day_names_its_rows_in_any_form(question: str, meant: list[bool]) -> None:
    rows = ["| 2027-05-02 | 东门 | 老何 |", "| 2027-05-02 | 西门 | 小蒋 |", "| 2027-05-03 | 东门 | 小蒋 |"]
    rows.append("| 5月3日 | 西门 | 老何 |")
    assert named(question, [("| 日期 | 岗位 | 值班 |", row) for row in rows]) == meant


@pytest.mark.parametrize(
    ("question", "meant"),
    [
        ("Who hosts table 3?", [False, True]),
        ("Where does Ada Brook sit?", [True, False]),
        ("Who has more guests than Ada Brook?", [True, True]),
        ("How many guests are there?", [True, True]),
    ],
)
def test_a_number_names_its_row_beside_its_column(question: str, meant: list[bool]) -> None:
    assert named(question, [(SEATS_HEADER, row) for row in SEATS]) == meant
