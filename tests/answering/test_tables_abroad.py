"""Questions in the other language than a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy
import pytest

from minicpm_rag.answering.tables.abroad import in_its_words, is_abroad
from minicpm_rag.answering.tables.understanding import understand
from minicpm_rag.records import Column, DataTable

COSTS = DataTable(
    1,
    1,
    "办公费用.xlsx",
    1,
    "费用",
    "",
    (
        Column("日期", "date", distinct=7),
        Column("部门", "text", distinct=2, texts=("行政部", "市场部")),
        Column("项目", "text", distinct=7, texts=("打印纸", "展会摊位", "保洁服务", "服务器", "宣传册", "设备", "桌")),
        Column("金额", "number", "元", distinct=7),
    ),
    7,
)
TRANSLATIONS = {("expense", "费用"), ("paper", "打印纸"), ("stall", "展会摊位"), ("stall", "摊位")}


def near(texts: Sequence[str], others: Sequence[str]) -> tuple[numpy.ndarray, numpy.ndarray]:
    scores = numpy.array([[0.1 if (one, other) in TRANSLATIONS else 0.0 for other in others] for one in texts])
    return scores + 0.8, scores


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How much did the marketing department spend?", (("marketing", "市场部"),)),
        ("Which expense was the largest?", (("expense", "费用"),)),
        ("Which flower was the largest?", ()),
    ],
)
def test_words_of_a_question_are_exchanged_for_the_tables_own(
    question: str, words: tuple[tuple[str, str], ...]
) -> None:
    assert is_abroad(question, COSTS)
    assert in_its_words(question, COSTS, near).words == words


def test_what_was_exchanged_is_understood() -> None:
    said = in_its_words("How much did the marketing department spend?", COSTS, near)
    (understood,) = understand(said.question, [COSTS], lambda *_: ())
    assert understood.query.aggregate == "sum"
    assert [condition.values for condition in understood.query.conditions] == [("市场部",)]


def test_a_word_that_is_nothing_of_the_table_stays_and_gives_no_number() -> None:
    said = in_its_words("How much did the sailing club spend?", COSTS, near)
    assert understand(said.question, [COSTS], lambda *_: ()) == []


def test_a_word_that_is_only_a_part_of_a_value_is_not_taken_for_it() -> None:
    assert in_its_words("What is the average of the stalls?", COSTS, near).words == ()


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("哪辆车里程最多？", (("车", "Vehicle"),)),
        ("物流部门的车每月费用一共多少？", (("物流", "Logistics"), ("车", "Vehicle"))),
    ],
)
def test_what_stands_between_known_words_is_read_for_itself(question: str, words: tuple[tuple[str, str], ...]) -> None:
    def translated(texts: Sequence[str], others: Sequence[str]) -> tuple[numpy.ndarray, numpy.ndarray]:
        known = {("车", "Vehicle"), ("物流", "Logistics")}
        scores = numpy.array([[0.1 if (one, other) in known else 0.0 for other in others] for one in texts])
        return scores + 0.8, scores

    fleet = DataTable(
        1,
        1,
        "fleet.xlsx",
        1,
        "Sheet1",
        "",
        (
            Column("Vehicle", "text", distinct=3, texts=("Kangoo", "Golf", "Zoe")),
            Column("Department", "text", distinct=2, texts=("Sales", "Logistics")),
            Column("Mileage", "number", "km", distinct=3),
            Column("Monthly cost", "number", "EUR", distinct=3),
        ),
        3,
    )
    said = in_its_words(question, fleet, translated)
    assert said.words == words
    (understood,) = understand(said.question, [fleet], lambda *_: ())
    assert [fleet.columns[field.column].name for field in understood.query.measures] == [
        "Mileage" if "里程" in question else "Monthly cost"
    ]
