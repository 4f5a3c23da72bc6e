"""Is there evidence for an answer? A calibrated probability from what the best passages hold of the question.

Knows terms, weights and cosines; not where they come from, nor what is done when evidence is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from minicpm_rag.errors import LibraryError

SETTING = "evidence calibration"  # the key under which a library keeps its own


class Signs(NamedTuple):
    """What is observed of a question and the passage that answers it best."""

    lead: float  # how much more of the question the passage holds than passages on other subjects do
    sentence: float  # the share of the question in the passage's best sentence
    length: float  # the logarithm of the question's terms
    readable: float  # the share of the question that the embedder reads
    cosine: float  # between question and passage


@dataclass(frozen=True)
class Calibration:
    """What was measured for one embedder; `eval --calibrate` measures it anew on a library's own documents.

    `abilities` holds, for each script, how well the embedder finds texts of it, 1 being as well as keyword
    search does. The other numbers are the evidence's: a logistic regression, and the bar. Under a bar of one's
    own fell 5 % of the answerable questions; the shipped one was chosen between both goals of five public sets.
    """

    embedder: str
    revision: str
    abilities: Mapping[str, float]
    constant: float
    lead: float
    sentence: float
    length: float
    readable: float
    dense: float
    bar: float

    def probability(self, signs: Signs) -> float:
        """Probability that a passage so near to the question bears on it.

        Small talk shares no sentence and has no cosine, hence no probability.
        """
        if signs.sentence <= 0 and signs.cosine <= 0:
            return 0.0
        log_odds = (
            self.constant
            + self.lead * signs.lead
            + self.sentence * signs.sentence
            + self.length * signs.length
            + signs.readable * (self.readable + self.dense * signs.cosine)
        )
        return 1 / (1 + math.exp(-log_odds))

    def as_json(self) -> dict[str, Any]:
        """The calibration as a JSON value, to be stored beside an index."""
        return asdict(self)


def calibration_from_json(stored: Mapping[str, Any]) -> Calibration:
    """Read what `as_json` wrote."""
    try:
        return Calibration(**stored)
    except TypeError as exc:
        raise LibraryError("The stored calibration cannot be read. Run `eval --calibrate` again.") from exc


@lru_cache(maxsize=8)
def shipped_calibration(embedder: str, revision: str) -> Calibration:
    """The calibration that comes with the package for its own embedder, else one that trusts keywords only.

    An embedder nobody has measured gets no abilities: the caller may fill them in from its vocabulary.
    """
    stored = json.loads((Path(__file__).parent / "calibration.json").read_text(encoding="utf-8"))
    packaged = calibration_from_json(stored)
    if (packaged.embedder, packaged.revision) == (embedder, revision):
        return packaged
    unmeasured = {"embedder": embedder, "revision": revision, "abilities": {}, "readable": 0.0, "dense": 0.0}
    return calibration_from_json({**stored, **unmeasured})
