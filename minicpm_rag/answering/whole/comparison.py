"""Two documents side by side: sentences that say nearly the same are pairs, and what differs in them comes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.whole.sections import Section, told
from minicpm_rag.records import HEADINGS
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.statements import Statement
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

MOST_SENTENCES = 20  # rows that are shown
_MOST_COMPARED = 400  # sentences of each document
_PAIR = 0.45  # shared terms, of all of both, from which on two sentences are about the same
_SAME_HEADING = 0.15  # counts for two sentences under headings of the same words
_LEAST_TERMS = 3

Side = tuple["Document | None", "Statement | None"]


@dataclass(frozen=True)
class Difference:
    """A sentence of each document on the same subject, or of one that the other lacks."""

    heading: str
    first: Side
    second: Side
    similarity: float


@dataclass(frozen=True)
class Comparison:
    """What differs, the clearest first, and how many sentences are alike."""

    rows: list[Difference]
    alike: int


@dataclass(frozen=True)
class _Sentence:
    heading: str
    passage: Document
    statement: Statement
    terms: frozenset[str]


def compared(first: Sequence[Section], second: Sequence[Section]) -> Comparison:
    """Pair the sentences of two documents: the most similar first, each once."""
    own, other = _sentences(first), _sentences(second)
    scored = sorted(
        (
            (-_similarity(one, two), place, number)
            for place, one in enumerate(own)
            for number, two in enumerate(other)
            if one.terms & two.terms
        ),
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for negative, place, number in scored:
        if -negative < _PAIR:
            break
        if place not in pairs and number not in taken:
            pairs[place] = number
            taken.add(number)
    alike = 0
    rows: list[Difference] = []
    for place, number in sorted(pairs.items()):
        one, two = own[place], other[number]
        if "".join(one.statement.text.split()) == "".join(two.statement.text.split()):
            alike += 1
            continue
        rows.append(
            Difference(
                one.heading or two.heading,
                (one.passage, one.statement),
                (two.passage, two.statement),
                _similarity(one, two),
            )
        )
    rows.sort(key=lambda row: numbers(_text(row.first)) == numbers(_text(row.second)))  # other numbers come first
    for place, one in enumerate(own):
        if place not in pairs:
            rows.append(Difference(one.heading, (one.passage, one.statement), (None, None), 0.0))
    for number, two in enumerate(other):
        if number not in taken:
            rows.append(Difference(two.heading, (None, None), (two.passage, two.statement), 0.0))
    return Comparison(rows, alike)


def _sentences(parts: Sequence[Section]) -> list[_Sentence]:
    found = [
        _Sentence(
            str(part.passages[place].metadata[HEADINGS]) or part.heading,
            part.passages[place],
            statement,
            frozenset(terms(statement.text)),
        )
        for part in parts
        for place, statement in told(part)
    ]
    return [sentence for sentence in found if len(sentence.terms) >= _LEAST_TERMS][:_MOST_COMPARED]


def _similarity(one: _Sentence, two: _Sentence) -> float:
    shared = len(one.terms & two.terms) / len(one.terms | two.terms)
    headings = (frozenset(terms(one.heading)), frozenset(terms(two.heading)))
    return shared + (_SAME_HEADING if headings[0] and headings[0] == headings[1] else 0.0)


def _text(side: Side) -> str:
    return "" if side[1] is None else side[1].text
