"""What one search found, and what became of each candidate: the material of an explanation.

Plain records; knows neither how passages are searched for nor how they are shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag import records

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.retrieval.evidence import Signs


@dataclass(frozen=True)
class Candidate:
    """One fused hit as the inspector shows it: its part from each search, None where not found, and its fate.

    Ranks count from 1.
    """

    document: Document
    keyword_score: float | None
    keyword_rank: int | None
    dense_score: float | None
    dense_rank: int | None
    closeness: float | None
    score: float
    fate: str


@dataclass(frozen=True)
class Found:
    """All that one search found and why: the passages shown, best first, and every candidate."""

    documents: list[Document]
    evidence: float
    bar: float
    signs: Signs
    dense_weight: float
    candidates: list[Candidate]


def explained(
    ranked: Sequence[Document],
    chosen: Sequence[Sequence[str]],
    keyword: Mapping[str, float],
    dense: Mapping[str, float],
) -> list[Candidate]:
    """Say of each ranked passage what became of it.

    `chosen` are the chunk ids that went into each passage shown; `keyword` and `dense` are in their own order.
    """
    keyword_ranks, dense_ranks = ({name: rank for rank, name in enumerate(found, 1)} for found in (keyword, dense))
    fates: dict[str, str] = {}
    for number, (first, *joined) in enumerate(chosen, start=1):
        fates[first] = f"passage {number}"
        fates.update((identity, f"joined to passage {number}") for identity in joined)
    # Behind the last passage nothing was compared any more, though some were still joined.
    started = {first for first, *_ in chosen}
    last = max((rank for rank, document in enumerate(ranked) if str(document.id) in started), default=-1)
    return [
        Candidate(
            document=document,
            keyword_score=keyword.get(str(document.id)),
            keyword_rank=keyword_ranks.get(str(document.id)),
            dense_score=dense.get(str(document.id)),
            dense_rank=dense_ranks.get(str(document.id)),
            closeness=document.metadata.get(records.CLOSENESS),
            score=document.metadata[records.SCORE],
            fate=fates.get(str(document.id), "same text as a better one" if rank < last else "not among the best"),
        )
        for rank, document in enumerate(ranked)
    ]
