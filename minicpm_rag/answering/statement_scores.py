"""How well each statement of the passages answers: by its words, by its place, and by what the reader says.

Knows no index and no model; passages come best first. Which of them are quoted is decided in `extractive`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, EVIDENCE, HEADINGS, PAGE, SCORE, START, TITLE, Reading, Similarity
from minicpm_rag.text.ages import for_ages
from minicpm_rag.text.claims import codes, holds_name
from minicpm_rag.text.questions import asks_for, content_terms, holds
from minicpm_rag.text.ranges import fitting
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.sections import section_at
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

_CUE_WEIGHT = 0.2  # what the question asks for (a date, a number, a name) is there
_PASSAGE_WEIGHT = 0.8  # of the passage's own score
_SIMILARITY_WEIGHT = 1.0
_SHARED_WORDS = 0.2  # of the question in the best statement: below this, meaning is compared too
_SUBJECT_CREDIT = 0.7  # share for a term that title, headings or first sentence hold
_SINGLE_CHARACTER_WEIGHT = 0.5  # of a pair's; a single Han character says less
_FIRST_BONUS = 0.05  # a passage's first sentence often defines its subject
_DEFINITION_BONUS = 0.15
_CODE_BONUS = 0.8  # for the very code that is asked about: the row of AL-200 does not answer for AL-500
_SHORT_CHARACTERS, _SHORT_PENALTY = 12, 0.1
_READ_WEIGHT = 1.0  # where the reader finds the answer
_AT_LEAST = 0.6  # of the first passage's evidence: the reader counts as seeing at least this much of an answer
_TITLE = "title:"


@dataclass(frozen=True)
class Candidate:
    """A statement with what its passage, section and document are called."""

    number: int  # of the passage, from 1
    passage: Document
    statement: Statement
    is_first: bool  # in its passage
    terms: frozenset[str]
    subject: frozenset[str]  # of the passage
    section: frozenset[str]  # those of the heading it stands under
    above: frozenset[str]  # those of its document's title


@dataclass(frozen=True)
class Scored:
    """A candidate with what its words score, and what the reader says, 0..1.

    `read` is how sure it is of its one answer, where that is here; `likely` how likely the answer stands here, as of
    several places.
    """

    one: Candidate
    words: float
    overlap: float  # the share of the question's words
    read: float
    likely: float

    @property
    def score(self) -> float:
        """By words and reader together."""
        return self.words + _READ_WEIGHT * self.read


def scored(
    question: str,
    passages: Sequence[Document],
    readings: Sequence[Reading | None],
    *,
    similarity: Similarity | None,
    left_out: frozenset[int],
) -> list[Scored]:
    """The statements that may be meant, best first.

    Passages whose numbers are `left_out` count only where there is nothing else.
    """
    subjects = [_subject(passage) for passage in passages]
    candidates = _candidates(passages, subjects)
    candidates = [one for one in candidates if one.number not in left_out] or candidates
    rows = [(one.statement.header, one.statement.text) for one in candidates]
    meant = zip(candidates, fitting(question, rows), for_ages(question, rows), strict=True)
    candidates = [one for one, is_within, is_of_age in meant if is_within and is_of_age]
    if not candidates:
        return []
    about = frozenset().union(*subjects, *(candidate.section for candidate in candidates))
    overlaps = _overlaps(question, candidates, about)
    # Meaning is compared only where hardly a word is shared, as across languages: embedding costs time.
    cosines: Sequence[float] | None = None
    if similarity is not None and max(overlaps) < _SHARED_WORDS:
        cosines = similarity(question, [candidate.statement.text for candidate in candidates])
    scores = _scores(question, candidates, overlaps, cosines or [0.0] * len(candidates))
    found = [
        Scored(one, words, overlap, _read(one, readings), _likely(one, readings))
        for one, words, overlap in zip(candidates, scores, overlaps, strict=True)
    ]
    return sorted(found, key=lambda one: -one.score)


def _read(candidate: Candidate, readings: Sequence[Reading | None]) -> float:
    """How sure the reader is that this statement holds the answer, 0..1."""
    reading = readings[candidate.number - 1] if candidate.number <= len(readings) else None
    if reading is None or reading.end <= candidate.statement.start or reading.start >= candidate.statement.end:
        return 0.0
    return reading.answers * (1 + reading.span_score) / 2


def _likely(candidate: Candidate, readings: Sequence[Reading | None]) -> float:
    """How likely the answer stands in this statement, by the reader: 0..1."""
    reading = readings[candidate.number - 1] if candidate.number <= len(readings) else None
    if reading is None:
        return 0.0
    begin, end = candidate.statement.start, candidate.statement.end
    there = [probability for start, stop, probability in reading.places if start < end and begin < stop]
    # The first passage was found to answer. Where the reader does not see that, it tells well all the same where.
    found = float(candidate.passage.metadata.get(EVIDENCE) or 0.0) if candidate.number == 1 else 0.0
    return max(reading.answers, _AT_LEAST * found) * max(there, default=0.0)


def _subject(passage: Document) -> frozenset[str]:
    """The terms that name what a passage is about: its title's, its headings', its first statement's."""
    metadata = passage.metadata
    opening = "".join(statement.text for statement in statements(passage)[:1])
    return frozenset(terms(f"{metadata.get(TITLE, '')} {metadata.get(HEADINGS, '')} {opening}"))


def _candidates(passages: Sequence[Document], subjects: Sequence[frozenset[str]]) -> list[Candidate]:
    """All statements but headings. Chunks overlap: a sentence that two of them hold is a candidate in the better."""
    found: list[Candidate] = []
    seen: set[tuple[object, object, int]] = set()
    for number, (passage, subject) in enumerate(zip(passages, subjects, strict=True), start=1):
        metadata = passage.metadata
        title = frozenset(terms(str(metadata.get(TITLE, ""))))
        section: frozenset[str] = frozenset()
        for order, statement in enumerate(statements(passage)):
            if is_heading(passage, statement):
                section = frozenset(terms(statement.text))
                continue
            place = (file_of(passage, number), metadata.get(PAGE), start_of(passage, statement))
            headings = section_at(passage, statement.start)
            is_title = statement.text.strip("# ") in headings.split(" > ") or _is_own_title(passage, statement)
            if place in seen or is_title:
                continue
            seen.add(place)
            words = frozenset(terms(statement.text)) | frozenset(terms(statement.header))
            under = section | frozenset(terms(headings))
            found.append(Candidate(number, passage, statement, order == 0, words, subject, under, title))
    return found


def _is_own_title(passage: Document, statement: Statement) -> bool:
    """Whether the statement is the front matter's title, which stands below it as a heading."""
    text = statement.text.strip()
    said = text[len(_TITLE) :].strip(" \t\"'")
    return text[: len(_TITLE)].lower() == _TITLE and f"# {said}" in passage.page_content[statement.end :]


def _overlaps(question: str, candidates: Sequence[Candidate], named: frozenset[str]) -> list[float]:
    """The share of the question's content that each candidate holds, rare terms counting more, 0..1.

    Rare means rare among these candidates: they all are about the subject, so its name tells them apart
    badly, and what the question wants to know about it well. For the same reason a sentence need not name
    the subject that its passage has named; `named` are the terms of all subjects.
    """
    # What no statement says and all their titles and headings do, such as the file's name, tells none from another.
    everywhere = frozenset.intersection(*(candidate.subject | candidate.section for candidate in candidates))
    said = frozenset().union(*(candidate.terms for candidate in candidates))
    wanted = set(content_terms(question)) - (everywhere - said)
    frequency = Counter(term for candidate in candidates for term in candidate.terms & wanted)
    weights = {
        term: math.log(1 + len(candidates) / (frequency[term] + 0.5))
        * (_SINGLE_CHARACTER_WEIGHT if len(term) == 1 and is_han(term) else 1.0)
        for term in wanted
        if frequency[term] or term in named
    }
    total = sum(weights.values()) or 1.0

    def credit(term: str, candidate: Candidate) -> float:
        if term in candidate.terms:
            return 1.0
        return _SUBJECT_CREDIT if term in candidate.subject or term in candidate.section else 0.0

    return [
        sum(weight * credit(term, candidate) for term, weight in weights.items()) / total for candidate in candidates
    ]


def _scores(
    question: str, candidates: Sequence[Candidate], overlaps: Sequence[float], cosines: Sequence[float]
) -> list[float]:
    kinds, asked_codes = asks_for(question), codes(question)
    definition = _DEFINITION_BONUS if "definition" in kinds else 0.0

    def score(candidate: Candidate, overlap: float, cosine: float) -> float:
        text, header = candidate.statement.text, candidate.statement.header
        parts = (
            overlap,
            _PASSAGE_WEIGHT * _passage_score(candidate),
            _CUE_WEIGHT * sum(1 for kind in kinds if holds(kind, text)),
            _FIRST_BONUS + definition if candidate.is_first else 0.0,
            0.0 if header else -_SHORT_PENALTY * max(0.0, 1 - len(text) / _SHORT_CHARACTERS),
            _CODE_BONUS * _share_of_codes(asked_codes, candidate),
            _SIMILARITY_WEIGHT * cosine,
        )
        return sum(parts)

    return [score(*one) for one in zip(candidates, overlaps, cosines, strict=True)]


def _passage_score(candidate: Candidate) -> float:
    score = candidate.passage.metadata.get(SCORE)
    return float(score) if score is not None else 1 / candidate.number


def _share_of_codes(asked: frozenset[str], candidate: Candidate) -> float:
    """The share of the codes asked about ("AL-200") that stand in the statement or the headings above it."""
    text = fold(f"{candidate.statement.text} {candidate.passage.metadata.get(HEADINGS, '')}") if asked else ""
    return sum(holds_name(text, code) for code in asked) / len(asked) if asked else 0.0


def file_of(passage: Document, number: int) -> object:
    """What tells the file of a passage from others; a passage without one counts as a file of its own."""
    return passage.metadata.get(DOCUMENT_ID, -number)


def start_of(passage: Document, statement: Statement) -> int:
    """Where a statement begins on its page."""
    return int(passage.metadata.get(START, 0)) + statement.start
