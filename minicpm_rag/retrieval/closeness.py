"""How near passages come to each word of a question, as the embedder reads the words in their context.

Sees what a single vector for a whole passage hides. Knows token vectors, their signs and word weights; no index.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from minicpm_rag.embedding.token_signs import nearness
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import ReadQuestion


def closeness(
    question: ReadQuestion, weights: Mapping[str, float], signs: Sequence[bytes], beside: Sequence[Sequence[int]]
) -> list[float | None]:
    """The closeness of each passage, 0..1: the weighted mean, over the question's words, of its nearest tokens.

    `weights` are those of `word_terms`. `beside` names for each passage those whose tokens count for it too,
    itself among them; a passage is as close as its neighbours together. None for one without signs, which the
    embedder cannot read.
    """
    import numpy

    rooted = numpy.asarray([_weight(word, weights) for word in question.words])
    shares = rooted / (rooted.sum() or 1.0)
    nearest = [nearness(question.tokens, one) if one else None for one in signs]
    found: list[float | None] = []
    for group in beside:
        together = [one for one in (nearest[number] for number in group) if one is not None]
        found.append(max(0.0, float(numpy.max(together, axis=0) @ shares)) if together else None)
    return found


def word_terms(question: ReadQuestion) -> list[str]:
    """The terms whose weights `closeness` needs."""
    return list(dict.fromkeys(term for word in set(question.words) for term in terms(word)))


def _weight(word: str, weights: Mapping[str, float]) -> float:
    """The root of a word's weight: else a rare word would outweigh what the others say of it.

    Numbers weigh nothing: to an embedder 7800 is much like 7801, and keyword search sees them whole.
    """
    found = [] if any(map(str.isdigit, word)) else terms(word)
    return math.sqrt(sum(weights[term] for term in found) / len(found)) if found else 0.0
