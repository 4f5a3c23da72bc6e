from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from minicpm_rag.bench.search import KNOWLEDGE_BASE, MadeEmbedder, MadeTexts, measure
from minicpm_rag.cli import main
from minicpm_rag.library import Library
from minicpm_rag.retrieval import HybridRetriever

CHUNKS = 400


def test_a_made_library_is_built_once_and_answers_about_its_subjects(tmp_path: Path) -> None:
    seen: list[int] = []
    first = measure(tmp_path, CHUNKS, 20, seen.append)
    again = measure(tmp_path, CHUNKS, 20, seen.append)
    assert seen == [100, 200, 300, 400]
    assert first.build is not None and again.build is None
    assert first.disk > 0 and first.memory > 0 and first.opening > 0
    for language in ("zh", "en"):
        assert 0 < again.median[language] <= again.tail[language]
    embedder = MadeEmbedder()
    with Library(tmp_path, embedder=embedder) as library:
        retriever = HybridRetriever(library=library, embedder=embedder, knowledge_base=KNOWLEDGE_BASE)
        for language, subject in (("zh", 17), ("en", 123)):
            question = MadeTexts(language, 5).question(subject)
            embedder.subject_of[question] = subject
            named = MadeTexts(language, 0).words[-1 - subject]
            assert any(named in found.page_content for found in retriever.retrieve(question).documents[:2])


def test_the_command_says_what_it_measured_and_leaves_other_libraries_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    with Library(other, embedder=None) as library:
        library.create("mine")
    home = tmp_path / "home"
    command = ["bench", "search", "--chunks", "100", "--questions", "20", "--home"]
    assert main([*command[:-1], "--home", str(other)]) == 2
    assert main([*command, str(home)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"English searches: median \d+ ms, 95 % within \d+ ms", said), said
    assert main([*command, str(home), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["chunks"], found["build"]) == (100, None)
