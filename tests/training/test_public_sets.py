"""Other public sets for the reader: what their repositories' files say is what is trained on."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

TRAINING = Path(__file__).parents[2] / "training"


@pytest.fixture(scope="module")
def public_sets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("public_sets", TRAINING / "public_sets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_japanese_question_keeps_its_paragraph_and_article(public_sets: ModuleType, tmp_path: Path) -> None:
    asked = {"question": "港はどこにありますか?", "answers": [{"text": "北岸", "answer_start": 3}]}
    article = {"title": "港", "paragraphs": [{"context": "この港は北岸にある。", "qas": [asked]}]}
    file = tmp_path / "data" / "train" / "jaquad_train_0000.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"data": [article]}), encoding="utf-8")
    passages, questions = public_sets.jaquad(tmp_path)
    assert [(one["title"], one["text"]) for one in passages] == [("港", "この港は北岸にある。")]
    assert questions == [
        {"question": "港はどこにありますか?", "answers": ["北岸"], "passage_id": passages[0]["id"]},
    ]


def test_of_a_story_only_questions_on_one_section_are_taken(public_sets: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "data-by-train-split"
    (folder / "questions" / "train").mkdir(parents=True)
    (folder / "section-stories" / "all").mkdir(parents=True)
    (folder / "section-stories" / "all" / "the-kite-story.csv").write_text(
        'section,text\n1,"A kite flew\nover the hill."\n2,It came down at dusk.\n', encoding="utf-8"
    )
    (folder / "questions" / "train" / "the-kite-questions.csv").write_text(
        "local-or-sum,cor_section,question,answer1,answer4\n"
        "local,2,When did it land?,at dusk,\n"
        "local,1,Where did it fly?,over the hill,across a hill\n"
        'summary,"1,2",What happened?,It flew and landed.,\n',
        encoding="utf-8",
    )
    (story,) = public_sets.fairytales(tmp_path)
    assert story["title"] == "the kite"
    assert story["sections"] == {"1": "A kite flew over the hill.", "2": "It came down at dusk."}
    assert story["questions"] == [
        {"question": "When did it land?", "answers": ["at dusk"], "section": "2"},
        {"question": "Where did it fly?", "answers": ["over the hill", "across a hill"], "section": "1"},
    ]
