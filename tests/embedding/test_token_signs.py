from __future__ import annotations

import numpy
import pytest

from minicpm_rag.embedding.token_signs import nearness, packed


def unit(*rows: list[float]) -> numpy.ndarray:
    matrix = numpy.asarray(rows, dtype=numpy.float32)
    return matrix / numpy.linalg.norm(matrix, axis=1, keepdims=True)


@pytest.mark.parametrize("dimension", [8, 20, 384])
def test_signs_tell_near_vectors_from_far_ones(dimension: int) -> None:
    random = numpy.random.default_rng(0)
    question = unit(*random.normal(size=(5, dimension)))
    others = unit(*random.normal(size=(3, dimension)))
    signs = packed(numpy.concatenate([others, question[:1]]))
    assert len(signs) == 4 * ((dimension + 7) // 8)
    (found,) = nearness(question, [signs])
    assert found.argmax() == 0
    assert 0.7 < found[0] <= 1  # a vector and its own signs: the root of 2 / pi, .8, on average


def test_the_nearest_token_counts() -> None:
    question = unit([1, 1, 1, 1, 1, 1, 1, -1])
    same, opposite = unit([1, 1, 1, 1, 1, 1, 1, -1]), unit([-1, -1, -1, -1, -1, -1, -1, 1])
    both, one = nearness(question, [packed(numpy.concatenate([opposite, same])), packed(opposite)])
    assert (both[0], one[0]) == pytest.approx((1, -1))


@pytest.mark.parametrize("signs", [b"", b"12345"])
def test_signs_that_are_none_of_this_embedder_say_nothing(signs: bytes) -> None:
    question = unit([1.0] * 384, [2.0] * 384)
    beside = packed(question)
    found = nearness(question, [signs, beside, signs])
    assert found[0].tolist() == found[2].tolist() == [0, 0]
    assert found[1].tolist() == nearness(question, [beside])[0].tolist() != [0, 0]
