from __future__ import annotations

import numpy
import pytest
from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.embedding.embedder import ReadQuestion
from minicpm_rag.embedding.token_signs import packed
from minicpm_rag.retrieval.matching import QuestionMatch
from minicpm_rag.retrieval.scores import (
    BESIDE_CHARACTERS,
    closeness,
    neighbours,
    passage_scores,
    with_closeness,
    word_terms,
)


def passage(text: str, document: int = 1, page: int = 1, start: int = 0) -> Document:
    metadata = {
        records.DOCUMENT_ID: document,
        records.PAGE: page,
        records.START: start,
        records.END: start + len(text),
    }
    return Document(id=f"{document}-{page}-{start}", page_content=text, metadata=metadata)


def scores(*passages: Document) -> list[float]:
    match = QuestionMatch("When does the warranty of the pump end?", lambda wanted: dict.fromkeys(wanted, 1.0))
    return passage_scores(match, passages, [0.5] * len(passages), neighbours(passages))


SUBJECT, ANSWER = "The pump is red.", "The warranty is two years."


def test_what_a_neighbour_holds_of_the_question_counts_for_a_passage() -> None:
    alone = scores(passage(ANSWER, start=20))[0]
    assert scores(passage(ANSWER, start=20), passage(SUBJECT))[0] > alone


def test_passages_elsewhere_do_not_count() -> None:
    alone = scores(passage(ANSWER, start=20))[0]
    assert scores(passage(ANSWER, start=20), passage(SUBJECT, page=2))[0] == alone


def test_equal_matches_keep_the_order_of_the_searches() -> None:
    match = QuestionMatch("水泵的保修期", lambda wanted: dict.fromkeys(wanted, 1.0))
    one, other = passage("水泵的保修期为两年。", document=1), passage("水泵的保修期为三年。", document=2)
    first, second = passage_scores(match, [one, other], [0.4, 0.6], [[0], [1]])
    assert first < second


def test_closeness_counts_by_the_share_of_the_question_that_is_read() -> None:
    scores, near = [0.6, 0.4], [0.3, 0.6]
    assert with_closeness(scores, near, 0.0) == scores
    first, second = with_closeness(scores, near, 1.0)
    assert 0 < first < second < 1


def test_a_passage_that_the_embedder_cannot_read_keeps_its_place() -> None:
    read, unread, worse = with_closeness([0.9, 0.5, 0.4], [0.5, None, 0.3], 1.0)
    assert read > unread > worse
    unread, read, worse = with_closeness([0.9, 0.5, 0.4], [None, 0.5, 0.6], 1.0)
    assert unread > worse > read


def test_where_the_embedder_read_nothing_the_scores_stay() -> None:
    assert with_closeness([0.9, 0.5], [None, None], 1.0) == [0.9, 0.5]
    assert with_closeness([], [], 1.0) == []


# Neighbours


def place(start: int, document: int = 1, page: int = 1) -> Document:
    metadata = {records.DOCUMENT_ID: document, records.PAGE: page, records.START: start, records.END: start + 50}
    return Document(page_content="x" * 50, metadata=metadata)


def test_passages_that_touch_or_nearly_are_neighbours() -> None:
    assert neighbours([place(0), place(40), place(90 + BESIDE_CHARACTERS)]) == [[0, 1], [0, 1, 2], [1, 2]]


def test_passages_far_apart_on_another_page_or_of_another_document_are_not() -> None:
    alone = [place(0), place(51 + BESIDE_CHARACTERS), place(0, page=2), place(0, document=2)]
    assert neighbours(alone) == [[0], [1], [2], [3]]


# Closeness


PUMP, WARRANTY, CAKE, OVEN = (
    numpy.asarray(numpy.random.default_rng(seed).choice([-1, 1], 64), "f4") / 8 for seed in range(4)
)


def asked(**words: numpy.ndarray) -> ReadQuestion:
    return ReadQuestion([], list(words), numpy.stack(list(words.values())))


def signs(*tokens: numpy.ndarray) -> bytes:
    return packed(numpy.stack(tokens))


QUESTION = asked(pump=PUMP, warranty=WARRANTY)
EVEN = {"pump": 1.0, "warranti": 1.0}


def close(found: list[bytes], weights: dict[str, float]) -> list[float]:
    """Of passages that all have signs and no neighbours."""
    read = closeness(QUESTION, weights, found, [[number] for number in range(len(found))])
    return [one for one in read if one is not None]


def test_a_passage_near_to_each_word_is_closest() -> None:
    found = [signs(PUMP, WARRANTY), signs(PUMP, CAKE), signs(CAKE, OVEN)]
    both, one, none = close(found, EVEN)
    assert both == pytest.approx(1)
    assert both > one > none >= 0


def test_rare_words_count_more() -> None:
    found = [signs(PUMP, CAKE), signs(WARRANTY, CAKE)]
    with_pump, with_warranty = close(found, {"pump": 9.0, "warranti": 1.0})
    assert with_pump > with_warranty


def test_numbers_are_left_to_keyword_search() -> None:
    question = asked(pump=PUMP, rx7800=WARRANTY)
    weights = {"pump": 1.0}
    assert closeness(question, weights, [signs(PUMP), signs(PUMP, WARRANTY)], [[0], [1]]) == pytest.approx([1, 1])


def test_neighbours_are_close_together() -> None:
    apart, beside = signs(PUMP), signs(WARRANTY)
    assert closeness(QUESTION, EVEN, [apart, beside], [[0, 1], [0, 1]]) == pytest.approx([1, 1])
    assert max(close([apart, beside], EVEN)) < 0.8


def test_a_passage_that_the_embedder_cannot_read_has_no_closeness_but_its_neighbours() -> None:
    found = [signs(PUMP, WARRANTY), b"", b""]
    assert closeness(QUESTION, EVEN, found, [[0], [1], [0, 2]]) == [pytest.approx(1), None, pytest.approx(1)]


def test_a_question_of_no_words_is_close_to_nothing() -> None:
    nothing = ReadQuestion([], [], numpy.empty((0, 64), "f4"))
    assert word_terms(nothing) == []
    assert closeness(nothing, {}, [signs(PUMP)], [[0]]) == [0]


def test_the_weights_asked_for_are_those_of_every_word() -> None:
    question = asked(Pumps=PUMP, 水泵=WARRANTY)
    assert set(word_terms(question)) == {"pump", "水", "泵", "水泵"}
    weights = dict.fromkeys(word_terms(question), 1.0)
    assert closeness(question, weights, [signs(PUMP, WARRANTY)], [[0]]) == pytest.approx([1])
