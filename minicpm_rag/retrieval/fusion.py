"""Join the dense and the keyword ranking of one question into one, by a weighted sum of normalised scores.

Knows scores only. Measured against reciprocal rank fusion: with an embedder that cannot read the question,
ranks alone pull keyword search from 97 % down to 34 % recall@1, because a rank hides how little it means.
"""

from __future__ import annotations

from collections.abc import Sequence

Ranking = Sequence[tuple[str, float]]


def weighted_sum(
    keyword: Ranking, dense: Ranking, *, keyword_weight: float, dense_weight: float, depth: int
) -> list[tuple[str, float]]:
    """Every id of both rankings with its weighted score, best first.

    `depth` is how many hits each search was asked for: an id missing from a full list scored below its end,
    and one missing from a shorter list scored nothing.
    """
    total: dict[str, float] = {}
    for ranking, weight in ((keyword, keyword_weight), (dense, dense_weight)):
        for identity, score in normalised(ranking, depth):
            total[identity] = total.get(identity, 0.0) + weight * score
    return sorted(total.items(), key=lambda item: -item[1])


def normalised(ranking: Ranking, depth: int) -> list[tuple[str, float]]:
    """Scores spread over 0..1: the best is 1, the floor 0."""
    if not ranking:
        return []
    scores = [score for _, score in ranking]
    best = max(scores)
    floor = spread_floor(scores, depth)
    if best <= floor:
        return [(identity, 1.0 if best > 0 else 0.0) for identity, _ in ranking]
    return [(identity, (score - floor) / (best - floor)) for identity, score in ranking]


def spread_floor(scores: Sequence[float], depth: int) -> float:
    """The score that counts as nothing: the last of a full list; a shorter list holds all that scored."""
    return min(scores) if len(scores) >= depth else min([0.0, *scores])
