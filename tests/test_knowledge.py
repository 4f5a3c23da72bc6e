"""The sample documents answer the forty questions about them, through the real library and retrieval."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import DATA, KNOWLEDGE
from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.retrieval import HybridRetriever

QUESTIONS = [json.loads(line) for line in (DATA / "knowledge_questions.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def library(
    knowledge_home: Path, packaged_embedder: Embedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """A library that holds knowledge/, of its own."""
    home = shutil.copytree(knowledge_home, tmp_path_factory.mktemp("copy") / "home")
    with Library(home, embedder=packaged_embedder) as opened, Worker(opened):
        yield opened


def ingest(library: Library) -> set[str]:
    """Ingest knowledge/ and return the statuses its files got."""
    steps = follow(library, submit_ingest(library, "default", [KNOWLEDGE]))
    return {step.verdict.status for step in steps if step.verdict is not None}


def answers(question: dict[str, object], document: Document) -> bool:
    """Whether the passage is of the right file and page and holds the answer."""
    return (
        document.metadata[records.TITLE] == question["file"]
        and document.metadata[records.PAGE] == question["page"]
        and any(answer in document.page_content for answer in question["answers"])  # type: ignore[attr-defined]
    )


def test_38_of_40_questions_find_their_answer_in_the_top_3(library: Library) -> None:
    retriever = HybridRetriever(library=library, embedder=library.embedder)
    missed = [
        question["question"]
        for question in QUESTIONS
        if not any(answers(question, document) for document in retriever.retrieve(question["question"], 3).documents)
    ]
    assert len(QUESTIONS) == 40
    assert len(missed) <= 2, missed


def test_no_question_is_refused_and_other_subjects_are(library: Library) -> None:
    retriever = HybridRetriever(library=library, embedder=library.embedder)
    refused = [
        question["question"]
        for question in QUESTIONS
        if retriever.retrieve(question["question"]).evidence < retriever.threshold
    ]
    assert len(refused) <= 2, refused
    for question in ["法国大革命爆发于哪一年？", "Who wrote the opera La traviata?", "你好"]:
        assert retriever.retrieve(question).evidence < retriever.threshold, question


def test_ingesting_again_adds_nothing(library: Library) -> None:
    before = library.knowledge_base("default")
    assert ingest(library) == {"unchanged"}
    assert library.knowledge_base("default") == before
