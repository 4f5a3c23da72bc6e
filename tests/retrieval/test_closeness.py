from __future__ import annotations

import numpy
import pytest

from minicpm_rag.embedding.embedder import ReadQuestion
from minicpm_rag.embedding.token_signs import packed
from minicpm_rag.retrieval.closeness import closeness, word_terms

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
