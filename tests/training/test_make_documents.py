"""Made documents: what the reader is trained on must be right about itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "training" / "make_documents.py"


def made(folder: Path, seed: int) -> list[dict]:
    out = folder / f"{seed}.jsonl"
    subprocess.run([sys.executable, str(SCRIPT), str(out), "--count", "300", "--seed", str(seed)], check=True)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").split("\n") if line]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    return made(tmp_path_factory.mktemp("made"), 3)


def test_a_right_short_answer_stands_where_it_is_said_to_stand(documents: list[dict]) -> None:
    checked = 0
    for document in documents:
        for question in document["questions"]:
            if question["kind"] == "gold":
                assert document["text"][question["start"] : question["end"]].strip()
                checked += 1
            else:
                assert question["start"] == question["end"] == -1
    assert checked > 300


def test_half_are_chinese_and_every_document_asks(documents: list[dict]) -> None:
    assert sum(document["lang"] == "zh" for document in documents) == 150
    assert all(document["questions"] and document["claims"] for document in documents)


def test_no_claim_is_both_said_and_not_said(documents: list[dict]) -> None:
    for document in documents:
        told = {says: {(c["question"], c["claim"]) for c in document["claims"] if c["says"] == says} for says in (0, 1)}
        assert not told[0] & told[1], document["text"]


def test_domains_kept_for_testing_share_no_document_with_training(documents: list[dict]) -> None:
    kept = {"museum", "course", "medicine"}
    assert all(document["test"] == (document["domain"] in kept) for document in documents if document["domain"] in kept)


def test_the_same_seed_makes_the_same_documents(documents: list[dict], tmp_path: Path) -> None:
    assert made(tmp_path, 3) == documents


def test_a_thing_is_called_for_short_only_where_no_other_is() -> None:
    script = (
        "from make_documents import short_name\n"
        "print(short_name('Lumina X5', 'product', 'en', ['Pelto 9']), "
        "short_name('金石系统8.1', 'software', 'zh', ['玉衡系统5.7']), "
        "repr(short_name('Lumina X5', 'product', 'en', ['Lumina X7'])), "
        "repr(short_name('the Porto shop', 'branch', 'en', [])))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=SCRIPT.parent, check=True, capture_output=True, text=True, encoding="utf-8"
    )
    assert found.stdout.split() == ["Lumina", "金石", "''", "''"]
