"""Measure retrieval on questions whose answers' places are known: found, refused rightly, and how fast.

Knows questions and a retriever; not how a knowledge base is filled, nor how results are shown.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from minicpm_rag import records
from minicpm_rag.calibration import fit, measure_abilities
from minicpm_rag.errors import DocumentError
from minicpm_rag.evidence import SETTING
from minicpm_rag.segmentation import fold
from minicpm_rag.sentences import sentence_spans

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.evidence import Calibration
    from minicpm_rag.found import Found
    from minicpm_rag.library import Library
    from minicpm_rag.retrieval import HybridRetriever

SENTENCE_CHARACTERS = (12, 200)  # a document's own sentence becomes a question within these lengths


@dataclass(frozen=True)
class Question:
    """A question and where its answer is; `document` is None where the documents do not answer it."""

    text: str
    document: str | None
    pages: tuple[int, ...] = ()
    answers: tuple[str, ...] = ()
    kind: str = ""  # why there is no answer: "removed_article", "adversarial", ...

    def found_in(self, passage: Document) -> bool:
        """Whether the passage is from the document (and page) that answers."""
        if not self.names(passage.metadata[records.SOURCE], passage.metadata[records.TITLE]):
            return False
        return not self.pages or passage.metadata[records.PAGE] in self.pages

    def names(self, source: str, title: str) -> bool:
        """Whether the document so called is the one that answers."""
        path = PurePath(source.removeprefix("upload:"))
        return self.document in {path.name, path.stem, title}


@dataclass(frozen=True)
class Outcome:
    """What one search made of one question."""

    question: Question
    rank: int | None  # of the first passage from the right place
    answer_shown: bool  # an answer's words are in a passage from the right place
    evidence: float
    features: tuple[float, float, float]  # keyword strength, readable share, cosine
    seconds: float


@dataclass(frozen=True)
class Scorecard:
    """The outcomes as numbers; rates are 0..1. Refusals are counted as the calibration given decides them."""

    outcomes: list[Outcome]
    calibration: Calibration
    _answerable: list[Outcome] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_answerable", [o for o in self.outcomes if o.question.document is not None])

    def recall(self, depth: int) -> float:
        """Share of answerable questions whose place is among the first `depth` passages."""
        return _share(o.rank is not None and o.rank <= depth for o in self._answerable)

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
            "answer_shown": _share(o.answer_shown for o in self._answerable if o.question.answers),
            "answerable_refused": _share(self._refuses(o) for o in self._answerable),
            "unanswerable": {kind: self._refused(kind) for kind in kinds},
            "calibration": self.calibration.as_json(),
            "seconds_p50": _quantile(seconds, 0.5),
            "seconds_p95": _quantile(seconds, 0.95),
        }

    def _refused(self, kind: str) -> dict[str, float]:
        asked = [o for o in self.outcomes if o.question.document is None and o.question.kind == kind]
        return {"questions": len(asked), "refused": _share(self._refuses(o) for o in asked)}

    def _refuses(self, outcome: Outcome) -> bool:
        return self.calibration.probability(*outcome.features) < self.calibration.bar


def load_questions(file: Path) -> list[Question]:
    """Read questions from JSON Lines.

    Each line has `question` and, where there is an answer, `file` (or `passage_id`), and optionally `page` or
    `pages` and `answers`. A line without a place is a question that must be refused; `kind` may say why.
    """
    questions: list[Question] = []
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise DocumentError(f"The questions in {file} cannot be read: {exc}.", "Give a UTF-8 file.") from exc
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            text = str(entry["question"])
        except (ValueError, TypeError, KeyError) as exc:
            raise DocumentError(
                f"Line {number} of {file} is not a question: {line[:80]!r}.",
                'Each line is a JSON object such as {"question": "...", "file": "manual.pdf", "page": 3}.',
            ) from exc
        place = entry.get("file") or entry.get("passage_id")
        pages = entry.get("pages") or ([entry["page"]] if isinstance(entry.get("page"), int) else [])
        answers = tuple(str(answer) for answer in entry.get("answers") or ())
        kind = "" if place else str(entry.get("kind") or "unanswerable")
        questions.append(Question(text, place, tuple(pages), answers, kind))
    return questions


def sentence_questions(library: Library, knowledge_base: str, count: int, *, seed: int = 0) -> list[Question]:
    """Take the documents' own sentences as questions: an exact string must find the place it stands at."""
    chance = random.Random(seed)
    rows = [row for row in library.documents(knowledge_base) if row.status == "ready"]
    chance.shuffle(rows)
    pools = [_sentences(library, row, chance) for row in rows]
    questions: list[Question] = []
    while pools and len(questions) < count:  # one sentence a document, then the next round
        for pool in list(pools):
            question = next(pool, None)
            if question is None:
                pools.remove(pool)
            elif len(questions) < count:
                questions.append(question)
    return questions


def evaluate(
    retriever: HybridRetriever,
    questions: Iterable[Question],
    *,
    on_question: Callable[[], object] = lambda: None,
) -> Scorecard:
    """Search for every question and score what is found."""
    outcomes: list[Outcome] = []
    for question in questions:
        started = time.perf_counter()
        found = retriever.find(question.text, max(5, retriever.passages))
        outcomes.append(_outcome(question, found, time.perf_counter() - started))
        on_question()
    return Scorecard(outcomes, retriever.calibration())


def calibrate_abilities(retriever: HybridRetriever, *, sample: int = 2000, seed: int = 0) -> None:
    """Measure which scripts of the knowledge base the embedder reads, and keep it beside the index."""
    library, name = retriever.library, retriever.knowledge_base
    rows = [row for row in library.documents(name) if row.status == "ready"]
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
    """Fit evidence and bar to the outcomes, and keep them beside the index.

    Where too few questions are unanswerable, the others are asked again as if their documents were absent.
    """
    answerable = [outcome for outcome in scorecard.outcomes if outcome.question.document is not None]
    # Adversarial questions have their passage in the library; retrieval cannot and need not tell them.
    refusable = [
        outcome.features
        for outcome in scorecard.outcomes
        if outcome.question.document is None and outcome.question.kind != "adversarial"
    ]
    if len(refusable) < len(answerable) / 10:
        rows = retriever.library.documents(retriever.knowledge_base)
        for outcome in answerable:
            absent = {row.id for row in rows if outcome.question.names(row.source, row.title)}
            refusable.append(retriever.find(outcome.question.text, without=absent).features)
    fitted = fit(retriever.calibration(), [outcome.features for outcome in answerable], refusable)
    retriever.library.set_setting(retriever.knowledge_base, SETTING, fitted.as_json())


def _outcome(question: Question, found: Found, seconds: float) -> Outcome:
    hits = [number for number, passage in enumerate(found.documents, start=1) if question.found_in(passage)]
    texts = [fold(found.documents[number - 1].page_content) for number in hits]
    return Outcome(
        question=question,
        rank=hits[0] if hits else None,
        answer_shown=any(fold(answer) in text for answer in question.answers for text in texts),
        evidence=found.evidence,
        features=found.features,
        seconds=seconds,
    )


def _sentences(library: Library, row: records.DocumentRow, chance: random.Random) -> Iterator[Question]:
    pages = list(library.page_texts(row.id).items())
    chance.shuffle(pages)
    shortest, longest = SENTENCE_CHARACTERS
    for number, text in pages:
        spans = [(start, end) for start, end in sentence_spans(text) if shortest <= end - start <= longest]
        chance.shuffle(spans)
        for start, end in spans:
            yield Question(text[start:end], row.title, (number,), (text[start:end],))


def _share(flags: Iterable[bool]) -> float:
    found = list(flags)
    return sum(found) / len(found) if found else 0.0


def _quantile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
