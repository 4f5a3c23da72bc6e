"""What was written by hand becomes rows: where the answer stands, and where the same question has none."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

TRAINING = Path(__file__).parents[2] / "training"
LEASE = {
    "lang": "en",
    "kind": "lease",
    "title": "Lease of Flat 4",
    "headings": "Payments",
    "text": "The rent is 900 crowns a month. Dogs are not permitted.",
    "questions": [
        {
            "question": "What do I pay each month?",
            "answer": "900 crowns",
            "wrong": ["Flat 4"],
            "said": ["Nine hundred crowns are due every month."],
            "false": ["The rent is 900 crowns a year."],
        },
        {"question": "Who is the landlord?", "answer": ""},
    ],
}
OTHERS: list[dict[str, Any]] = [
    {
        "lang": "en",
        "kind": "lease",
        "title": "Lease of Flat 9",
        "headings": "",
        "text": "The rent is 700.",
        "questions": [],
    },
    {"lang": "en", "kind": "menu", "title": "Menu", "headings": "", "text": "Soup costs 4 crowns.", "questions": []},
    {"lang": "en", "kind": "lease", "title": LEASE["title"], "headings": "Pets", "text": "See above.", "questions": []},
]


class KeptRows:
    """The rows as they are added, with their texts; a token is a character."""

    def __init__(self) -> None:
        self.groups = 0
        self.texts: list[str] = []
        self.added: list[dict[str, Any]] = []

    def text(self, text: str) -> int:
        self.texts.append(text)
        return len(self.texts) - 1

    def span(self, passage: int, start: int, stop: int) -> tuple[int, int]:
        return start, stop - 1

    def window(self, passage: int, span: object, rng: object, whole: float = 0.4) -> tuple[int, int]:
        return 0, len(self.texts[passage]) - 1

    def add(
        self,
        set_name: str,
        fold: int,
        kind: str,
        question: str,
        context: str,
        passage: int,
        window: object,
        **more: Any,
    ) -> None:
        text = self.texts[passage]
        span = more.get("span")
        found = text[span[0] : span[1] + 1] if span else ""
        self.added.append(
            {"kind": kind, "question": question, "context": context, "text": text, "found": found, **more}
        )


@pytest.fixture(scope="module")
def written() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(TRAINING))
        return importlib.import_module("written")


def rows_of(written: ModuleType, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows = KeptRows()
    written.Written(rows, documents, 1).add()
    return rows.added


def test_an_answer_is_found_in_its_passage_and_nowhere_else(written: ModuleType) -> None:
    asked = [row for row in rows_of(written, [LEASE, *OTHERS]) if "answers" in row]
    assert {row["found"] for row in asked if row["answers"]} == {"900 crowns"}
    assert {row["found"] for row in asked if not row["answers"]} == {""}
    assert any(row["text"] == "See above." for row in asked)
    assert any(row["text"] == "Soup costs 4 crowns." for row in asked)


@pytest.mark.parametrize("kind", ["lease", "Commercial lease", "rental agreement", "tenancy"])
def test_a_document_of_the_same_family_is_not_said_to_lack_the_answer(written: ModuleType, kind: str) -> None:
    rival = {**OTHERS[0], "kind": kind}
    assert not [row for row in rows_of(written, [LEASE, rival, *OTHERS[1:]]) if row["text"] == rival["text"]]


def test_what_is_said_and_what_is_false_are_told_apart(written: ModuleType) -> None:
    says = {
        (row["claim"], row["says"])
        for row in rows_of(written, [LEASE, *OTHERS])
        if row.get("claim") and row["text"] == LEASE["text"]
    }
    assert says == {
        ("900 crowns", 1),
        ("Flat 4", 0),
        ("Nine hundred crowns are due every month.", 1),
        ("The rent is 900 crowns a year.", 0),
    }


def test_documents_kept_for_evaluation_are_never_trained_on(written: ModuleType) -> None:
    kept = {**LEASE, "kind": "contract", "title": "Kept", "text": LEASE["text"] + " Kept.", "judge": True}
    rows = rows_of(written, [LEASE, kept, *OTHERS, {**OTHERS[1], "title": "Kept menu", "judge": True}])
    assert {row["evaluation"] for row in rows if "Kept" in row["text"]} == {True}


def test_every_answer_stands_in_its_passage() -> None:
    for line in (TRAINING / "written.jsonl").read_text(encoding="utf-8").splitlines():
        document = json.loads(line)
        for question in document["questions"]:
            assert question["answer"] in document["text"], question["question"]
