"""Measure retrieval on questions whose answers' places are known: what is found, what is refused, how fast.

Knows questions and a retriever; not how a knowledge base is filled, nor how results are shown.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.evaluation.calibration import fit, measure_abilities
from minicpm_rag.evaluation.question_sets import named_documents
from minicpm_rag.records import Features, Retrieval
from minicpm_rag.retrieval.evidence import SETTING
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from minicpm_rag.evaluation.question_sets import ReferenceQuestion
    from minicpm_rag.retrieval import HybridRetriever
    from minicpm_rag.retrieval.evidence import Calibration


@dataclass(frozen=True)
class Outcome:
    """What one search made of one question."""

    question: ReferenceQuestion
    rank: int | None  # of the first passage from the right place
    answer_shown: bool  # an answer's words are in a passage from the right place
    evidence: float
    features: Features
    seconds: float


@dataclass(frozen=True)
class Scorecard:
    """The outcomes as numbers; rates are 0..1. Refusals are those of the given calibration."""

    outcomes: list[Outcome]
    calibration: Calibration
    _answerable: list[Outcome] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_answerable", [o for o in self.outcomes if o.question.document is not None])

    def recall(self, depth: int) -> float:
        """Share of answerable questions whose place is among the first `depth` passages."""
        return share_of(o.rank is not None and o.rank <= depth for o in self._answerable)

    def as_json(self) -> dict[str, Any]:
        """All numbers by name."""
        kinds = sorted({o.question.kind for o in self.outcomes if o.question.document is None})
        seconds = sorted(o.seconds for o in self.outcomes)
        return {
            "questions": len(self._answerable),
            "recall@1": self.recall(1),
            "recall@3": self.recall(3),
            "recall@5": self.recall(5),
            "mrr@5": sum(1 / o.rank for o in self._answerable if o.rank) / max(1, len(self._answerable)),
            "answer_shown": share_of(o.answer_shown for o in self._answerable if o.question.answers),
            "answerable_refused": share_of(self._refuses(o) for o in self._answerable),
            "unanswerable": {kind: self._refused(kind) for kind in kinds},
            "calibration": self.calibration.as_json(),
            "seconds_p50": _quantile(seconds, 0.5),
            "seconds_p95": _quantile(seconds, 0.95),
        }

    def _refused(self, kind: str) -> dict[str, float]:
        asked = [o for o in self.outcomes if o.question.document is None and o.question.kind == kind]
        return {"questions": len(asked), "refused": share_of(self._refuses(o) for o in asked)}

    def _refuses(self, outcome: Outcome) -> bool:
        return self.calibration.probability(outcome.features) < self.calibration.threshold_for(outcome.features)


def evaluate(
    retriever: HybridRetriever,
    questions: Iterable[ReferenceQuestion],
    *,
    on_question: Callable[[], object] = lambda: None,
) -> Scorecard:
    """Search for every question and score what is found."""
    documents = named_documents(retriever.library, retriever.knowledge_base)
    outcomes: list[Outcome] = []
    for question in questions:
        started = time.perf_counter()
        found = retriever.retrieve(question.text, max(5, retriever.passages))
        outcomes.append(_outcome(question, found, documents, time.perf_counter() - started))
        on_question()
    return Scorecard(outcomes, retriever.calibration())


def calibrate_abilities(retriever: HybridRetriever, *, sample: int = 2000, seed: int = 0) -> None:
    """Measure which scripts of the knowledge base the embedder reads, and keep it beside the index."""
    library, name = retriever.library, retriever.knowledge_base
    rows = list(library.ready_documents(name))
    random.Random(seed).shuffle(rows)
    texts: list[str] = []
    for row in rows:
        if len(texts) >= sample:
            break
        texts += [passage.page_content for passage in library.passages(name, library.chunk_ids(row.id))]
    before = retriever.calibration()
    abilities = {**before.abilities, **measure_abilities(retriever.embedder, texts, seed=seed)}
    library.set_setting(name, SETTING, replace(before, abilities=abilities).as_json())


def calibrate_evidence(retriever: HybridRetriever, scorecard: Scorecard) -> None:
    """Fit evidence and threshold to the outcomes, and keep them beside the index.

    Where too few questions are unanswerable, the others are asked again as if their documents were absent.
    """
    answerable = [outcome for outcome in scorecard.outcomes if outcome.question.document is not None]
    # The passage of an adversarial question is in the library: retrieval cannot refuse it, and need not.
    refusable = [
        outcome.features
        for outcome in scorecard.outcomes
        if outcome.question.document is None and outcome.question.kind != "adversarial"
    ]
    if len(refusable) < len(answerable) / 10:
        documents = named_documents(retriever.library, retriever.knowledge_base)
        for outcome in answerable:
            absent = documents.get(outcome.question.document or "", set())
            refusable.append(_features(retriever.retrieve(outcome.question.text, without=absent)))
    fitted = fit(retriever.calibration(), [outcome.features for outcome in answerable], refusable)
    retriever.library.set_setting(retriever.knowledge_base, SETTING, fitted.as_json())


def _outcome(
    question: ReferenceQuestion, found: Retrieval, documents: Mapping[str, Collection[int]], seconds: float
) -> Outcome:
    ranked = enumerate(found.documents, start=1)
    hits = [rank for rank, passage in ranked if question.found_in(passage, documents)]
    texts = [fold(found.documents[number - 1].page_content) for number in hits]
    return Outcome(
        question=question,
        rank=hits[0] if hits else None,
        answer_shown=any(fold(answer) in text for answer in question.answers for text in texts),
        evidence=found.evidence,
        features=_features(found),
        seconds=seconds,
    )


def _features(found: Retrieval) -> Features:
    assert found.trace is not None, "our own retriever explains itself"
    return found.trace.features


def share_of(flags: Iterable[bool]) -> float:
    """The share of the flags that are set, 0..1; 0 where there are none."""
    found = list(flags)
    return sum(found) / len(found) if found else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
