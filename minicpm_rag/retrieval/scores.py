"""Score each candidate passage: what the searches found, and how its words and its neighbours' fit the question.

Knows passages, a question to match them with, fused scores and token signs; not where any of them came from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.embedding.token_signs import nearness
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.embedder import ReadQuestion
    from minicpm_rag.retrieval.matching import QuestionMatch

SENTENCE_SHARE = 0.3  # for words that stand in one sentence
COVERAGE_SHARE = 0.4  # for words that stand in the passage or in candidates beside it
NEARNESS_SHARE = 0.2  # for words side by side as in the question
SCALE = 1.6  # so that only the best passages come near 1
CLOSENESS_SHARE = 3.0  # against all the other shares together
BESIDE_CHARACTERS = 100  # neighbours overlap, or blank space and a heading stand between them


def neighbours(documents: Sequence[Document]) -> list[list[int]]:
    """For each passage, the indices of those beside it on its page, itself included.

    A subject named in one chunk and an answer in the next belong together. Only candidates of a search are looked
    at: a passage that is no candidate holds little of the question.
    """
    by_page: dict[tuple[int, int], list[int]] = {}
    for number, document in enumerate(documents):
        by_page.setdefault(_page(document), []).append(number)
    return [[other for other in by_page[_page(one)] if _beside(one, documents[other])] for one in documents]


def passage_scores(
    match: QuestionMatch, documents: Sequence[Document], fused: Sequence[float], beside: Sequence[Sequence[int]]
) -> list[float]:
    """The score of each passage, in the order given; `beside` holds for each the indices of its neighbours."""
    return [
        _score(match, one, [documents[other] for other in together], found)
        for one, together, found in zip(documents, beside, fused, strict=True)
    ]


def closeness(
    question: ReadQuestion, weights: Mapping[str, float], signs: Sequence[bytes], beside: Sequence[Sequence[int]]
) -> list[float | None]:
    """The closeness of each passage, 0..1: the weighted mean, over the question's words, of its nearest tokens.

    This is ColBERT's MaxSim, on one bit for each number of a token's vector. It sees what a single vector for a
    whole passage hides. `weights` are those of `word_terms`. `beside` names for each passage those whose tokens
    count for it too, itself among them. None for a passage without signs, which the embedder cannot read.
    """
    import numpy

    rooted = numpy.asarray([_weight(word, weights) for word in question.words])
    shares = rooted / (rooted.sum() or 1.0)
    nearest = nearness(question.tokens, signs)
    found: list[float | None] = []
    for group in beside:
        together = [nearest[number] for number in group if signs[number]]
        found.append(max(0.0, float(numpy.max(together, axis=0) @ shares)) if together else None)
    return found


def word_terms(question: ReadQuestion) -> list[str]:
    """The terms whose weights `closeness` needs."""
    return list(dict.fromkeys(term for word in set(question.words) for term in terms(word)))


def with_closeness(scores: Sequence[float], closeness: Sequence[float | None], readable: float) -> list[float]:
    """The scores joined with the closeness, which counts by the share of the question that the embedder reads.

    A passage without closeness keeps its place: it counts as close as the one above it. Where none has any, the
    scores stay as they are.
    """
    found = list(scores)
    near = max((one for one in closeness if one is not None), default=None)
    if near is None:
        return found
    share = CLOSENESS_SHARE * readable
    for number in sorted(range(len(scores)), key=scores.__getitem__, reverse=True):
        read = closeness[number]
        near = near if read is None else read
        found[number] = (scores[number] + share * near) / (1 + share)
    return found


def _score(match: QuestionMatch, passage: Document, together: Sequence[Document], fused: float) -> float:
    shares = (
        SENTENCE_SHARE * match.best_sentence(passage),
        COVERAGE_SHARE * match.coverage(together),
        NEARNESS_SHARE * match.nearness(passage),
    )
    return (fused + sum(shares)) / SCALE


def _page(document: Document) -> tuple[int, int]:
    return document.metadata[records.DOCUMENT_ID], document.metadata[records.PAGE]


def _beside(one: Document, other: Document) -> bool:
    first, second = one.metadata, other.metadata
    between = max(first[records.START], second[records.START]) - min(first[records.END], second[records.END])
    return bool(between <= BESIDE_CHARACTERS)


def _weight(word: str, weights: Mapping[str, float]) -> float:
    """The square root of a word's weight: without it, one rare word would outweigh all others.

    Numbers weigh nothing: to an embedder 7800 is much like 7801, and keyword search finds them exactly.
    """
    found = [] if any(map(str.isdigit, word)) else terms(word)
    return math.sqrt(sum(weights[term] for term in found) / len(found)) if found else 0.0
