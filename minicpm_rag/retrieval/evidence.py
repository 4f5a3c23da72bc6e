"""Is there evidence for an answer? A calibrated probability from what the best passages hold of the question.

Knows candidates and what their words match; not how they were found, nor what is done when evidence is missing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import LibraryError
from minicpm_rag.records import DOCUMENT_ID, HEADINGS, Candidate, Features

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.retrieval.matching import QuestionMatch

SETTING = "evidence calibration"  # the key under which a library keeps its own
RIVALS = 3  # passages on other subjects whose mean strength counts as chance


@dataclass(frozen=True)
class Calibration:
    """What was measured for one embedder; `eval --calibrate` measures it on a library's own documents.

    `abilities` holds, for each script, how well the embedder finds texts of it, 1 being as well as keyword
    search does. The other numbers are a logistic regression on `Features`, and the probability under which a
    question is refused: a library's own is such that 5 % of its answerable questions fall under it.
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
    threshold: float

    def probability(self, features: Features) -> float:
        """Probability that a passage with these features bears on the question.

        Small talk shares no sentence and has no cosine, hence no probability.
        """
        if features.sentence <= 0 and features.cosine <= 0:
            return 0.0
        log_odds = (
            self.constant
            + self.lead * features.lead
            + self.sentence * features.sentence
            + self.length * features.length
            + features.readable * (self.readable + self.dense * features.cosine)
        )
        return 1 / (1 + math.exp(-log_odds))

    def as_json(self) -> dict[str, Any]:
        """The calibration as a JSON value, to be stored beside an index."""
        return asdict(self)


def calibration_from_json(stored: Mapping[str, Any]) -> Calibration:
    """Read what `as_json` wrote, in this version or an earlier one, which said "bar" for the threshold."""
    values = {"threshold" if name == "bar" else name: value for name, value in stored.items()}
    try:
        return Calibration(**values)
    except TypeError as exc:
        raise LibraryError("answering.calibration_unreadable") from exc


@lru_cache(maxsize=8)
def shipped_calibration(embedder: str, revision: str) -> Calibration:
    """The calibration that comes with the package for its own embedder, else one that trusts keywords only.

    An embedder nobody has measured gets no abilities: the caller may fill them in from its vocabulary.
    """
    stored = json.loads((Path(__file__).parent / "calibration.json").read_text(encoding="utf-8"))
    packaged = calibration_from_json(stored)
    if packaged.revision == revision:
        return packaged
    unmeasured = {"embedder": embedder, "revision": revision, "abilities": {}, "readable": 0.0, "dense": 0.0}
    return calibration_from_json({**stored, **unmeasured})


def features(candidates: Sequence[Candidate], match: QuestionMatch, readable: float) -> list[Features]:
    """What the evidence of each candidate is computed from; `candidates` come best first.

    What the best passages on other subjects hold of the question, they hold by chance: more in a large library,
    or in one of many like articles. A passage's lead over them lets one threshold do for all libraries.
    """
    documents = [candidate.document for candidate in candidates]
    strengths = [match.content_strength(document) for document in documents]
    same_document = [document for document in documents if _document_id(document) == _document_id(documents[0])]
    rivals = [
        strength
        for document, strength in zip(documents, strengths, strict=True)
        # Another version of the same document holds the question's words for the same reason, not by chance.
        if _is_of_other_subject(document, documents[0])
        and not any(match.are_alike(document, other) for other in same_document)
    ]
    chance = sum(sorted(rivals)[-RIVALS:]) / max(1, min(RIVALS, len(rivals)))
    return [
        Features(
            lead=strength - chance,
            sentence=match.best_content_sentence(candidate.document),
            length=match.length,
            readable=readable,
            cosine=candidate.dense_score or 0.0 if match.asks_for_something else 0.0,
        )
        for candidate, strength in zip(candidates, strengths, strict=True)
    ]


def _is_of_other_subject(passage: Document, best: Document) -> bool:
    """Whether the passage is of another document, and not one of a series under the same heading."""
    heading = passage.metadata.get(HEADINGS)
    if heading and heading == best.metadata.get(HEADINGS):
        return False
    return _document_id(passage) != _document_id(best)


def _document_id(passage: Document) -> int:
    return int(passage.metadata[DOCUMENT_ID])
