"""Answer without a model: the one to three sentences or table rows of the passages that answer the question.

Knows no index and no model; passages come best first. Every excerpt is literal text of its passage.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, HEADINGS, PAGE, SCORE, START, TITLE, Similarity
from minicpm_rag.text.claims import codes, holds_name
from minicpm_rag.text.questions import asks_for, content_terms, holds
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

_CUE_WEIGHT = 0.2  # what the question asks for (a date, a number, a name) is there
_PASSAGE_WEIGHT = 0.8  # the passage's own score
_SIMILARITY_WEIGHT = 1.0
_SHARED_WORDS = 0.2  # of the question in the best sentence: below, meaning is compared
_SUBJECT_CREDIT = 0.7  # for a term that title, headings or first sentence have said already
_SINGLE_CHARACTER_WEIGHT = 0.5  # of a pair's; a single Han character says less
_FIRST_BONUS = 0.05  # a passage's first sentence often defines its subject
_DEFINITION_BONUS = 0.15
_CODE_BONUS = 0.8  # for the very code that is asked about: the row of AL-200 does not answer for AL-500
_SHORT_CHARACTERS, _SHORT_PENALTY = 12, 0.1

_ENOUGH = 0.75  # an excerpt under this share of the best one's score is left out


@dataclass(frozen=True)
class Excerpt:
    """A statement that answers; `number` is its passage's place in the list, from 1."""

    number: int
    statement: Statement
    score: float


@dataclass(frozen=True)
class _Candidate:
    number: int  # of the passage, from 1
    passage: Document
    statement: Statement
    is_first: bool  # in its passage
    terms: frozenset[str]
    subject: frozenset[str]  # of the passage
    section: frozenset[str]  # those of the heading it stands under, where that is in the passage


def excerpts(
    question: str, passages: Sequence[Document], *, most: int = 3, similarity: Similarity | None = None
) -> list[Excerpt]:
    """Choose the statements that best answer the question, at most `most`, in reading order."""
    subjects = [_subject(passage) for passage in passages]
    candidates = _candidates(passages, subjects)
    if not candidates:
        return []
    named = frozenset().union(*subjects, *(candidate.section for candidate in candidates))
    overlaps = _overlaps(question, candidates, named)
    # Meaning is compared only where hardly a word is shared, as across languages: embedding costs time.
    cosines: Sequence[float] | None = None
    if similarity is not None and max(overlaps) < _SHARED_WORDS:
        cosines = similarity(question, [candidate.statement.text for candidate in candidates])
    scores = _scores(question, candidates, overlaps, cosines or [0.0] * len(candidates))
    ranked = sorted(zip(scores, candidates, strict=True), key=lambda pair: -pair[0])[:most]
    chosen = [(score, candidate) for score, candidate in ranked if score >= _ENOUGH * ranked[0][0]]
    return [Excerpt(one.number, one.statement, score) for score, one in _in_reading_order(chosen)]


def _subject(passage: Document) -> frozenset[str]:
    """The terms that name what a passage is about: its title's, its headings', its first statement's."""
    metadata = passage.metadata
    opening = "".join(statement.text for statement in statements(passage)[:1])
    return frozenset(terms(f"{metadata.get(TITLE, '')} {metadata.get(HEADINGS, '')} {opening}"))


def _candidates(passages: Sequence[Document], subjects: Sequence[frozenset[str]]) -> list[_Candidate]:
    """All statements but headings. Chunks overlap: a sentence that two of them hold is a candidate in the better."""
    found: list[_Candidate] = []
    seen: set[tuple[object, object, int]] = set()
    for number, (passage, subject) in enumerate(zip(passages, subjects, strict=True), start=1):
        metadata = passage.metadata
        headings = set(str(metadata.get(HEADINGS) or "").split(" > "))
        section: frozenset[str] = frozenset()
        for order, statement in enumerate(statements(passage)):
            if is_heading(passage, statement):
                section = frozenset(terms(statement.text))
                continue
            place = (_file(passage, number), metadata.get(PAGE), _start(passage, statement))
            if place in seen or statement.text.strip("# ") in headings:
                continue
            seen.add(place)
            words = frozenset(terms(statement.text)) | frozenset(terms(statement.header))
            found.append(_Candidate(number, passage, statement, order == 0, words, subject, section))
    return found


def _overlaps(question: str, candidates: Sequence[_Candidate], named: frozenset[str]) -> list[float]:
    """The share of the question's content that each candidate holds, rare terms counting more, 0..1.

    Rare means rare among these candidates: they all are about the subject, so its name tells them apart
    badly, and what the question wants to know about it well. For the same reason a sentence need not name
    the subject that its passage has named; `named` are the terms of all subjects.
    """
    wanted = set(content_terms(question))
    frequency = Counter(term for candidate in candidates for term in candidate.terms & wanted)
    weights = {
        term: math.log(1 + len(candidates) / (frequency[term] + 0.5))
        * (_SINGLE_CHARACTER_WEIGHT if len(term) == 1 and is_han(term) else 1.0)
        for term in wanted
        if frequency[term] or term in named
    }
    total = sum(weights.values()) or 1.0

    def credit(term: str, candidate: _Candidate) -> float:
        if term in candidate.terms:
            return 1.0
        return _SUBJECT_CREDIT if term in candidate.subject or term in candidate.section else 0.0

    return [
        sum(weight * credit(term, candidate) for term, weight in weights.items()) / total for candidate in candidates
    ]


def _scores(
    question: str, candidates: Sequence[_Candidate], overlaps: Sequence[float], cosines: Sequence[float]
) -> list[float]:
    kinds, asked_codes = asks_for(question), codes(question)
    definition = _DEFINITION_BONUS if "definition" in kinds else 0.0

    def score(candidate: _Candidate, overlap: float, cosine: float) -> float:
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


def _passage_score(candidate: _Candidate) -> float:
    score = candidate.passage.metadata.get(SCORE)
    return float(score) if score is not None else 1 / candidate.number


def _share_of_codes(asked: frozenset[str], candidate: _Candidate) -> float:
    """The share of the codes asked about ("AL-200") that stand in the statement or the headings above it."""
    text = fold(f"{candidate.statement.text} {candidate.passage.metadata.get(HEADINGS, '')}") if asked else ""
    return sum(holds_name(text, code) for code in asked) / len(asked) if asked else 0.0


def _in_reading_order(chosen: Sequence[tuple[float, _Candidate]]) -> list[tuple[float, _Candidate]]:
    """Order by file, the file of the best excerpt first, then as the file reads; `chosen` come best first."""
    files = list(dict.fromkeys(_file(one.passage, one.number) for _, one in chosen))

    def place(pair: tuple[float, _Candidate]) -> tuple[int, int, int]:
        one = pair[1]
        page = int(one.passage.metadata.get(PAGE, 0))
        return files.index(_file(one.passage, one.number)), page, _start(one.passage, one.statement)

    return sorted(chosen, key=place)


def _file(passage: Document, number: int) -> object:
    """What tells the file of a passage from others; a passage without one counts as a file of its own."""
    return passage.metadata.get(DOCUMENT_ID, -number)


def _start(passage: Document, statement: Statement) -> int:
    """Where a statement begins on its page."""
    return int(passage.metadata.get(START, 0)) + statement.start
