"""A name is asked for by its abbreviation too, where a document explains one."""

from __future__ import annotations

import pytest

from minicpm_rag.retrieval.abbreviations import LONGEST, with_abbreviations

CODES = [
    "| Code | Lift | Price |\n| CB-40 | 40 kg | 310 |\n| CB-65 | 65 kg | 420 |\n| TR-40 | 40 kg | 290 |",
    "The Crane Boy 90 is sold out. CB-90 parts are kept. Gauge SL-12 and SL12 differ.",
]
PASSAGES = [
    "The keeper of the tides (the KOT) rings the bell. A Harbour Entry Permit (HEP) is needed.",
    "河口湿地管理委员会（以下简称“管委会”）负责巡护。“鹭鸟之家”志愿队（下称志愿队）每周清点。",
    "Rooms (Annex) are upstairs. Boats of members (see List) come first.",
]


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Who is keeper of the tides in May?", "Who is keeper of the tides (KOT) in May?"),
        ("What does a harbour entry permit cost?", "What does a harbour entry permit (HEP) cost?"),
        ("湿地管理委员会几点上班？", "湿地管理委员会（管委会）几点上班？"),
        ("What does a HEP cost?", "What does a HEP cost?"),
        ("鹭鸟之家志愿队谁带队？", "鹭鸟之家志愿队谁带队？"),  # it holds its short name
        ("Are rooms upstairs?", "Are rooms upstairs?"),
        ("Which members come first?", "Which members come first?"),
        (f"keeper of the tides {'?' * LONGEST}", f"keeper of the tides {'?' * LONGEST}"),
    ],
)
def test_the_abbreviation_stands_behind_its_name(question: str, asked: str) -> None:
    assert with_abbreviations(question, PASSAGES) == asked


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("What does the CraneBoy 65 lift?", "What does the CB-65 lift?"),
        ("Crane Boy 40 多少钱？", "CB-40 多少钱？"),
        ("What does the CB 65 lift?", "What does the CB-65 lift?"),
        ("What does the CraneBoy 70 lift?", "What does the CraneBoy 70 lift?"),
        ("Is the Crane Boy 90 sold out?", "Is the Crane Boy 90 sold out?"),  # a passage names it
        ("Is the SteelLine 12 sold out?", "Is the SteelLine 12 sold out?"),  # it may be either
        ("Does the Crane lift 40 kg?", "Does the Crane lift 40 kg?"),
    ],
)
def test_a_code_stands_for_the_model_whose_initials_and_number_it_has(question: str, asked: str) -> None:
    assert with_abbreviations(question, CODES) == asked
