"""`bench goals` and its parts: what they make of what was measured; the machine's speed is not asserted."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag.bench import embedding, goals, rerun, start
from minicpm_rag.bench.embedding import EmbeddingSpeed
from minicpm_rag.bench.goals import Goal
from minicpm_rag.bench.rerun import RerunSpeed
from minicpm_rag.bench.search import SearchSpeed
from minicpm_rag.bench.start import StartSpeed
from minicpm_rag.cli import bench_goals, main
from minicpm_rag.errors import RAGError

SEARCH = SearchSpeed(
    100, None, 1, 2.0, 0.7, {"zh": 1.0, "en": 1.0}, {"zh": 1.0, "en": 1.0}, {"zh": 0.04, "en": 0.05}, 400_000_000
)
EMBEDDING = [
    EmbeddingSpeed(True, 2, 1, 0.03, 0.06),
    EmbeddingSpeed(False, 1, 1, 0.06, 0.05),
    EmbeddingSpeed(False, 2, 4, 0.02, 0.08),
]
RERUN = [RerunSpeed("chat", 0.003, 0.1, 0.2), RerunSpeed("library", 0.021, 0.1, 0.2)]
START = [StartSpeed("--help", 9, 0.2), StartSpeed("search, zh", 9, 2.0), StartSpeed("search, en", 9, 2.4)]


def test_a_goal_is_about_processor_time_and_the_slowest_of_its_kind() -> None:
    found = [
        *goals.of_search(SEARCH),
        *goals.of_embedding(EMBEDDING),
        *goals.of_rerun(RERUN),
        *goals.of_start(START),
    ]
    assert {goal.name: goal.measured for goal in found} == pytest.approx(
        {
            "search_zh": 0.04, "search_en": 0.05, "opening": 0.7, "memory": 4e8,
            "embedding": 1.2, "rerun": 0.021, "cold_search": 2.4, "help": 0.2,
        }
    )  # fmt: skip
    assert {goal.name for goal in found} == goals.MOST.keys()
    assert {goal.name for goal in found if not goal.is_met} == {"search_en", "rerun"}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minicpm_rag.bench.search.measure", lambda *_: SEARCH)
    monkeypatch.setattr(rerun, "measure", lambda *_: RERUN)
    monkeypatch.setattr(start, "measure", lambda *_: START)
    monkeypatch.setattr(bench_goals, "_embedding", lambda *_: EMBEDDING)


@pytest.mark.usefixtures("measured")
def test_one_table_has_every_goal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "bench", "goals", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(goals.MOST)
    assert any(re.search(r"Chinese search, p95 +40\.0 ms +45\.0 ms +yes", line) for line in lines), lines
    assert any(re.search(r"rerun of the page, slowest scene +21\.0 ms +20\.0 ms +no", line) for line in lines), lines
    assert main(["bench", "goals", str(tmp_path), "--json"]) == 0
    told = [Goal(**each) for each in json.loads(capsys.readouterr().out)]
    assert {goal.name for goal in told} == goals.MOST.keys()


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["rerun"], r"library +21\.0 ms +100\.0 ms +200\.0 ms"),
        (["start", "."], r"search, en +9\.00 +2\.40"),
        (["embedding"], r"ours +2 +1 +30\.0 +60\.0 +1\.20"),
    ],
)
def test_each_part_has_a_table_of_its_own(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--lang", "en", "bench", *command]) == 0
    out = capsys.readouterr().out
    assert re.search(said, out), out


def test_a_library_of_ones_own_is_not_built_into(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "ledger.sqlite3").touch()
    assert main(["bench", "rerun", "--home", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err


def test_the_page_is_drawn_over_a_made_library_of_many_documents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MODEL", "LLM_URL", "RERANKER", "DATABASE"):
        monkeypatch.delenv(f"MINICPM_RAG_{name}", raising=False)
    made: list[int] = []
    found = rerun.measure(tmp_path, 45, 2, made.append)
    assert made == [45]
    assert [each.scene for each in found] == ["chat", "library", "library, last screen", "library, newest", "model"]
    assert all(0 < each.own <= each.worst and each.own < each.whole for each in found)


def test_what_ends_a_measured_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RAGError, match="no module"):
        start._run("it", ["-c", "raise SystemExit('no module')"], dict(os.environ), 1)
    monkeypatch.setattr(rerun, "KNOWLEDGE_BASE", "missing")
    with pytest.raises(RAGError, match="no document of missing"):
        rerun.measure(tmp_path, 21, 1, lambda _: None)


def test_a_command_is_run_from_its_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leave.txt").write_text("员工入职满一年后，每年有 12 天带薪年假。", encoding="utf-8")
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda _: None)
    found = {each.what: each for each in start.measure(tmp_path, 1)}
    assert list(found) == ["python", "--help", "ingest", *start.QUESTIONS]
    assert all(each.seconds > 0 for each in found.values())


def test_onnxruntime_runs_the_same_lengths_on_one_thread_and_on_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "processors", lambda: 2)
    monkeypatch.setattr(embedding, "REPEATS", 1)
    found = list(embedding.measure(HashedEmbedder(), 2))
    assert [(each.is_ours, each.threads, each.texts_in_run) for each in found] == [
        (True, 2, 1),
        *((False, threads, together) for threads in (1, 2) for together in (1, 4, 16)),
    ]
    assert all(each.seconds > 0 and each.cpu_seconds >= 0 for each in found)


def test_texts_of_a_run_are_as_long_as_the_longest_of_them() -> None:
    runs = embedding._runs([3, 4, 9], 2)
    assert [run["rows"].shape for run in runs] == [(2, 4, 384), (1, 9, 384)]
