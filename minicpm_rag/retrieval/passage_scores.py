"""Score each candidate passage: what the searches found, and how its words and its neighbours' fit the question.

Knows passages, a question to match them with, and fused scores; not where any of them came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.retrieval.matching import QuestionMatch

SENTENCE_SHARE = 0.3  # for words that stand in one sentence: recall@1 +0.2 to +1 points on four of six sets
# For words that stand in the passage or in candidates beside it, and for words side by side as in the question.
# With DENSE_TRUST: squad2_en recall@1 +0.6 points and @5 +0.4, xquad_en @1 +0.5, the Chinese sets within 0.2.
COVERAGE_SHARE = 0.4
NEARNESS_SHARE = 0.2
SCALE = 1.6  # so that only the best passages come near 1
# Against all the other shares; 2 to 5 measured alike: squad2_en recall@1 +2 points and @5 +.8, xquad_en @1 +.3.
CLOSENESS_SHARE = 3.0


def passage_scores(
    match: QuestionMatch,
    documents: Sequence[Document],
    fused: Mapping[str, float],
    beside: Sequence[Sequence[int]],
) -> list[float]:
    """The score of each passage, in the order given; `beside` holds for each the numbers of its neighbours."""
    return [
        _score(match, one, [documents[other] for other in together], fused[str(one.id)])
        for one, together in zip(documents, beside, strict=True)
    ]


def with_closeness(scores: Sequence[float], closeness: Sequence[float | None], readable: float) -> list[float]:
    """The scores with what the embedder read word by word, by the share of the question that it can read.

    A passage that it could not read (None) keeps its place: it counts as close as the one above it. Where it read
    none, the scores stay as they are.
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
