"""Answer without a model: the one to three sentences or table rows of the passages that answer the question.

Knows no index and no model; passages come best first. Every excerpt is literal text of its passage.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, HEADINGS, PAGE, SCORE, START, TITLE
from minicpm_rag.text.claims import codes, holds_name
from minicpm_rag.text.questions import asks_for, content_terms, holds
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

# Returns the cosine of each text to the question, or None where the embedder cannot read the question.
Similarity = Callable[[str, Sequence[str]], "Sequence[float] | None"]

# Chosen on 600 questions each of the public halves of CMRC and SQuAD, where each may change by a quarter for
# under a point. The subject credit is worth six points in Chinese, which leaves the subject out.
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
    place: int  # of the passage
    order: int  # in the passage
    statement: Statement
    terms: frozenset[str]
    section: frozenset[str]  # the terms of the heading it stands under, where that is in the passage


def excerpts(
    question: str, passages: Sequence[Document], *, most: int = 3, similarity: Similarity | None = None
) -> list[Excerpt]:
    """Choose the statements that best answer the question, in reading order."""
    candidates = _candidates(passages)
    if not candidates:
        return []
    scores = _scores(question, passages, candidates, similarity)
    ranked = sorted(range(len(candidates)), key=lambda position: -scores[position])[:most]
    best = scores[ranked[0]]
    chosen = [position for position in ranked if scores[position] >= _ENOUGH * best]
    found = [
        Excerpt(candidates[position].place + 1, candidates[position].statement, scores[position]) for position in chosen
    ]
    return _in_reading_order(found, passages)


def _candidates(passages: Sequence[Document]) -> list[_Candidate]:
    found: list[_Candidate] = []
    seen: set[tuple[object, object, int]] = set()
    for place, passage in enumerate(passages):
        metadata = passage.metadata
        headings = set(str(metadata.get(HEADINGS) or "").split(" > "))
        section: frozenset[str] = frozenset()
        for order, statement in enumerate(statements(passage)):
            if is_heading(passage, statement):
                section = frozenset(terms(statement.text))
                continue
            # Chunks overlap: the same sentence of the same page is one candidate, in its best passage.
            document = metadata.get(DOCUMENT_ID, place)
            where = (document, metadata.get(PAGE), int(metadata.get(START, 0)) + statement.start)
            if where in seen or statement.text.strip("# ") in headings:
                continue
            seen.add(where)
            words = frozenset(terms(statement.text)) | frozenset(terms(statement.header))
            found.append(_Candidate(place, order, statement, words, section))
    return found


def _scores(
    question: str,
    passages: Sequence[Document],
    candidates: Sequence[_Candidate],
    similarity: Similarity | None,
) -> list[float]:
    kinds = asks_for(question)
    asked_codes = codes(question)
    overlaps = _overlaps(question, passages, candidates)
    # Where words are shared, cosines changed nothing (SQuAD) and cost 250 ms; across languages none are.
    cosines: Sequence[float] | None = None
    if similarity is not None and max(overlaps) < _SHARED_WORDS:
        cosines = similarity(question, [candidate.statement.text for candidate in candidates])
    scores = []
    for position, candidate in enumerate(candidates):
        text = candidate.statement.text
        score = overlaps[position] + _PASSAGE_WEIGHT * _passage_score(passages[candidate.place], candidate.place)
        score += _CUE_WEIGHT * sum(1 for kind in kinds if holds(kind, text))
        if candidate.order == 0:
            score += _FIRST_BONUS + (_DEFINITION_BONUS if "definition" in kinds else 0)
        if not candidate.statement.header:
            score -= _SHORT_PENALTY * max(0.0, 1 - len(text) / _SHORT_CHARACTERS)
        if asked_codes:
            text = f"{text} {passages[candidate.place].metadata.get(HEADINGS, '')}"
            score += _CODE_BONUS * sum(holds_name(fold(text), code) for code in asked_codes) / len(asked_codes)
        if cosines is not None:
            score += _SIMILARITY_WEIGHT * cosines[position]
        scores.append(score)
    return scores


def _overlaps(question: str, passages: Sequence[Document], candidates: Sequence[_Candidate]) -> list[float]:
    """The share of the question's content that each candidate holds, rare terms counting more, 0..1.

    Rare means rare among these candidates: they all are about the subject, so its name tells them apart
    badly, and what the question wants to know about it well. For the same reason a sentence need not name
    the subject that its passage has named.
    """
    wanted = set(content_terms(question))
    subjects = [_subject_terms(passage) for passage in passages]
    frequency = Counter(term for candidate in candidates for term in candidate.terms & wanted)
    named = frozenset().union(*subjects, *(candidate.section for candidate in candidates))
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
        return _SUBJECT_CREDIT if term in subjects[candidate.place] or term in candidate.section else 0.0

    return [
        sum(weight * credit(term, candidate) for term, weight in weights.items()) / total for candidate in candidates
    ]


def _subject_terms(passage: Document) -> frozenset[str]:
    """The terms that name what a passage is about: its title's, its headings', its first statement's."""
    metadata = passage.metadata
    first = statements(passage)[:1]
    opening = first[0].text if first else ""
    return frozenset(terms(f"{metadata.get(TITLE, '')} {metadata.get(HEADINGS, '')} {opening}"))


def _passage_score(passage: Document, place: int) -> float:
    score = passage.metadata.get(SCORE)
    return float(score) if score is not None else 1 / (1 + place)


def _in_reading_order(found: list[Excerpt], passages: Sequence[Document]) -> list[Excerpt]:
    """Order by file, the file of the best excerpt first, then as the file reads."""
    files: list[object] = []
    for excerpt in sorted(found, key=lambda excerpt: -excerpt.score):
        file = _file(passages[excerpt.number - 1], excerpt.number)
        if file not in files:
            files.append(file)

    def reading_place(excerpt: Excerpt) -> tuple[int, int, int]:
        metadata = passages[excerpt.number - 1].metadata
        start = int(metadata.get(START, 0)) + excerpt.statement.start
        return (
            files.index(_file(passages[excerpt.number - 1], excerpt.number)),
            int(metadata.get(PAGE, 0)),
            start,
        )

    return sorted(found, key=reading_place)


def _file(passage: Document, number: int) -> object:
    return passage.metadata.get(DOCUMENT_ID, -number)
