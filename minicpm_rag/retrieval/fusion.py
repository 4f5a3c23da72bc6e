"""Join the dense and the keyword ranking of one question into one, by a weighted sum of normalised scores.

Scores, not ranks: a rank hides how little a hit means where the embedder cannot read. How much the dense half
counts follows from how much of the question the embedder reads. Knows scores and scripts, no model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from minicpm_rag.text.scripts import letters_by_script

Ranking = Sequence[tuple[str, float]]

DENSE_TRUST = 2.0  # how much more a ranking counts whose best cosine stands out from its last
# Words of letters and digits. With both they are part numbers and versions ("RX-7800", "v2.1b"), of which an embedder
# sees the pieces, keyword search the whole.
_WORD = re.compile(r"[A-Za-z0-9]+(?:[-._/][A-Za-z0-9]+)*")


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


def dense_trust(dense: Ranking, depth: int) -> float:
    """How far the dense ranking is to be trusted: by how clearly its best stand out from its last.

    Spread over 0..1, a ranking whose cosines hardly differ would weigh as much as one that is sure.
    """
    cosines = [cosine for _, cosine in dense]
    return 1 + DENSE_TRUST * (max(cosines, default=0.0) - spread_floor(cosines, depth))


def spread_floor(scores: Sequence[float], depth: int) -> float:
    """The score that counts as nothing: the last of a full list; a shorter list holds all that scored."""
    return min(scores) if len(scores) >= depth else min([0.0, *scores])


def readable_share(text: str, abilities: Mapping[str, float]) -> float:
    """Share of the text's letters that the embedder can read, 0..1.

    `abilities` says for each script how well the embedder finds texts of it, 1 being as well as keyword
    search does; a script that was never measured counts as unreadable, and so do codes such as "RX-7800".
    """
    everything = sum(letters_by_script(text).values())
    outside_codes = letters_by_script(_WORD.sub(_unless_code, text))
    readable = sum(count * abilities.get(script, 0.0) for script, count in outside_codes.items())
    return readable / everything if everything else 0.0


def _unless_code(word: re.Match[str]) -> str:
    text = word.group()
    is_code = any(map(str.isdigit, text)) and any(map(str.isalpha, text))
    return " " if is_code else text
