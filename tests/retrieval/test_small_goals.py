"""The retrieval goals in small, on passages and questions made for this project: recall, and refusal of what is absent.

20 passages in Chinese and 20 in English, two questions for each, 24 questions that no passage answers. The full
public sets are measured by test_retrieval_goals.py where they are at hand.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import DATA

from minicpm_rag.cli import program

SETS = DATA / "retrieval"


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    files = [str(SETS / name) for name in ("questions.jsonl", "questions_unanswerable.jsonl")]
    arguments = ["eval", "--json", "--passages", str(SETS / "passages.jsonl"), *files]
    home = str(tmp_path_factory.mktemp("goals") / "home")
    result = CliRunner(env={"MINICPM_RAG_HOME": home}).invoke(program, arguments, standalone_mode=False)
    assert result.exception is None, result.output
    measured: dict[str, Any] = json.loads(result.stdout)
    return measured


def test_the_passage_that_answers_comes_first(scores: dict[str, Any]) -> None:
    assert scores["recall@1"] >= 0.975
    assert scores["recall@5"] == 1.0


def test_questions_that_nothing_answers_are_refused(scores: dict[str, Any]) -> None:
    assert scores["unanswerable"]["absent"]["refused"] >= 0.85


def test_few_questions_that_are_answered_are_refused(scores: dict[str, Any]) -> None:
    assert scores["answerable_refused"] <= 0.05
