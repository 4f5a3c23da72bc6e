"""Score each candidate passage: what the searches found, and how its words and its neighbours' fit the question.

Knows passages, a question to match them with, and fused scores; not where any of them came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from minicpm_rag import records

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.retrieval.matching import QuestionMatch

SENTENCE_SHARE = 0.3  # for words that stand in one sentence: recall@1 +0.2 to +1 points on four of six sets
# For words that stand in the passage or in candidates beside it, and for words side by side as in the question.
# With DENSE_TRUST: squad2_en recall@1 +0.6 points and @5 +0.4, xquad_en @1 +0.5, the Chinese sets within 0.2.
COVERAGE_SHARE = 0.4
NEARNESS_SHARE = 0.2
SCALE = 1.6  # so that only the best passages come near 1
BESIDE_CHARACTERS = 100  # neighbours overlap, or blank space and a heading stand between them


def passage_scores(match: QuestionMatch, documents: Sequence[Document], fused: Mapping[str, float]) -> list[float]:
    """The score of each passage, in the order given.

    A subject named in one chunk and an answer in the next are one find: hence the neighbours. Only candidates
    count as such, which costs nothing, and what is no candidate holds little of the question.
    """
    by_page: dict[tuple[int, int], list[Document]] = {}
    for document in documents:
        by_page.setdefault(_page(document), []).append(document)
    return [
        _score(match, one, [other for other in by_page[_page(one)] if _beside(one, other)], fused[str(one.id)])
        for one in documents
    ]


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
    """Whether two passages of a page touch, or nearly; a passage is beside itself."""
    first, second = one.metadata, other.metadata
    between = max(first[records.START], second[records.START]) - min(first[records.END], second[records.END])
    return bool(between <= BESIDE_CHARACTERS)
