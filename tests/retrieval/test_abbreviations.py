"""A name is asked for by its abbreviation too, where a document explains one."""

from __future__ import annotations

import pytest

from minicpm_rag.retrieval.abbreviations import LONGEST, with_abbreviations

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
