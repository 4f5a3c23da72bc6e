from __future__ import annotations

import numpy
import pytest

from minicpm_rag.embeddings import ReadQuestion
from minicpm_rag.retrieval.closeness import closeness, word_terms
from minicpm_rag.token_signs import packed

PUMP, WARRANTY, CAKE, OVEN = (
    numpy.asarray(numpy.random.default_rng(seed).choice([-1, 1], 64), "f4") / 8 for seed in range(4)
)


def asked(**words: numpy.ndarray) -> ReadQuestion:
    return ReadQuestion([], list(words), numpy.stack(list(words.values())))


def signs(*tokens: numpy.ndarray) -> bytes:
    return packed(numpy.stack(tokens))


QUESTION = asked(pump=PUMP, warranty=WARRANTY)
EVEN = {"pump": 1.0, "warranti": 1.0}


def test_a_passage_near_to_each_word_is_closest() -> None:
    both, one, none = closeness(
        QUESTION, EVEN, [signs(PUMP, WARRANTY), signs(PUMP, CAKE), signs(CAKE, OVEN)], [[0], [1], [2]]
    )
    assert both == pytest.approx(1)
    assert both > one > none >= 0


def test_rare_words_count_more() -> None:
    found = [signs(PUMP, CAKE), signs(WARRANTY, CAKE)]
    with_pump, with_warranty = closeness(QUESTION, {"pump": 9.0, "warranti": 1.0}, found, [[0], [1]])
    assert with_pump > with_warranty


def test_neighbours_are_close_together() -> None:
    apart, beside = signs(PUMP), signs(WARRANTY)
    assert closeness(QUESTION, EVEN, [apart, beside], [[0, 1], [0, 1]]) == pytest.approx([1, 1])
    assert max(closeness(QUESTION, EVEN, [apart, beside], [[0], [1]])) < 0.8


def test_a_passage_that_the_embedder_cannot_read_has_the_benefit_of_the_doubt() -> None:
    near, far, unread = closeness(QUESTION, EVEN, [signs(PUMP, WARRANTY), signs(CAKE), b""], [[0], [1], [2]])
    assert unread == near > far


def test_a_question_of_no_words_is_close_to_nothing() -> None:
    nothing = ReadQuestion([], [], numpy.empty((0, 64), "f4"))
    assert word_terms(nothing) == []
    assert closeness(nothing, {}, [signs(PUMP)], [[0]]) == [0]


def test_the_weights_asked_for_are_those_of_every_word() -> None:
    question = asked(Pumps=PUMP, 水泵=WARRANTY)
    assert set(word_terms(question)) == {"pump", "水", "泵", "水泵"}
    assert closeness(question, dict.fromkeys(word_terms(question), 1.0), [signs(PUMP, WARRANTY)], [[0]])[0] > 0.9
