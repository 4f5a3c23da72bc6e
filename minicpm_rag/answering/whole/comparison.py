"""Compares two documents: sentences that say nearly the same are paired, and what differs in them comes first."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from minicpm_rag.answering.whole.sections import Section, central, told
from minicpm_rag.records import HEADINGS
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import chinese_words, is_content
from minicpm_rag.text.scripts import HAN, is_chinese
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

MOST_SENTENCES = 20  # rows that are shown
_MOST_COMPARED = 400  # sentences of each document
_PAIR = 0.45  # shared terms, of all of both, from which on two sentences are about the same
_SAME_HEADING = 0.15  # counts for two sentences under headings of the same words
_SAME_LABEL = 0.5  # counts for two sentences that begin with the same words and a colon: "甲方："
_LEAST_TERMS = 3
_HARDLY_ANY = 0.1  # of the shorter document's sentences: where fewer have a like, there is nothing to compare
_MOST_PASSED_OVER = 5  # central rows of tables, before a sentence that says what a document is about
_MOST_SUBJECT_WORDS = 2
_FIRST = 2.0  # how much more the first word of a subject counts
_LABEL = re.compile(r"\s*(?P<label>[^\s:：，,。][^:：，,。]{0,30}?)\s*[:：]")
# What Markdown writes before a line, and around a line that is emphasized as a whole.
_MARKS = re.compile(r"(?:>\s*|[-*+•]\s+)*")
_EMPHASIZED = re.compile(r"(?P<mark>\*{1,3}|_{1,3})(?P<text>[^*_]+)(?P=mark)")
_WORD = re.compile(rf"[{HAN}]+|[^\W\d_{HAN}]{{3,}}")

Side = tuple["Document | None", "Statement | None"]


@dataclass(frozen=True)
class Difference:
    """A sentence of each document on the same subject, or of one that the other lacks."""

    subject: str  # the heading above, else words that tell it from the other rows
    first: Side
    second: Side
    similarity: float


@dataclass(frozen=True)
class Comparison:
    """What differs, the clearest first, and how many sentences are alike."""

    rows: list[Difference]
    alike: int
    is_unlike: bool  # they speak one language, and of hardly anything that is in both


@dataclass(frozen=True)
class _Sentence:
    heading: str
    passage: Document
    statement: Statement
    terms: frozenset[str]
    label: str


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
                _shared_heading(one, two),
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
    return Comparison(_with_subjects(rows), alike, _is_unlike(own, other, len(pairs)))


def gist(parts: Sequence[Section]) -> tuple[Document, Statement] | None:
    """The sentence that says most of a document, with its passage; a row of a table where it has nothing else."""
    whole = Section("", tuple(passage for part in parts for passage in part.passages))
    found: tuple[Document, Statement] | None = None
    for count in range(1, _MOST_PASSED_OVER + 1):
        for place, statement in central(whole, count):
            found = found or (whole.passages[place], statement)
            if not statement.header:
                return whole.passages[place], _bare(statement)
    return found


def _is_unlike(own: Sequence[_Sentence], other: Sequence[_Sentence], pairs: int) -> bool:
    if not own or not other or pairs >= _HARDLY_ANY * min(len(own), len(other)):
        return False
    headings = [{frozenset(terms(one.heading)) for one in side} - {frozenset()} for side in (own, other)]
    languages = [is_chinese("".join(one.statement.text for one in side)) for side in (own, other)]
    return not headings[0] & headings[1] and languages[0] == languages[1]


def _bare(statement: Statement) -> Statement:
    """A statement without the signs that Markdown puts before a line or around the whole of it."""
    if statement.header:
        return statement
    marks = _MARKS.match(statement.text)
    start = marks.end() if marks is not None else 0
    text = statement.text[start:]
    around = _EMPHASIZED.fullmatch(text.rstrip())
    if around is not None:
        start, text = start + around.start("text"), around["text"]
    return replace(statement, start=statement.start + start, end=statement.start + start + len(text), text=text)


def _with_subjects(rows: Sequence[Difference]) -> list[Difference]:
    """The rows, those without a heading with what they share: the label before a colon, else their rarest words."""
    shared = [_shared_words(row) for row in rows]
    spread = Counter(word for words in shared for word in words)
    weight = {word: math.log(1 + len(rows) / count) for word, count in spread.items()}
    named = []
    for row, words in zip(rows, shared, strict=True):
        subject = row.subject or _label(_text(row.first) or _text(row.second))
        if not subject:
            # A sentence begins with what it is about.
            best = sorted(words, key=lambda word: -weight[word] * (_FIRST if word == words[0] else 1))
            best = best[:_MOST_SUBJECT_WORDS]
            subject = " ".join(word for word in words if word in best)
        named.append(replace(row, subject=subject))
    return named


def _shared_words(row: Difference) -> list[str]:
    """The words that both sides of a row say, those of the only one where there is one, in reading order."""
    first, second = (list(dict.fromkeys(_words(_text(side)))) for side in (row.first, row.second))
    return [word for word in first or second if not first or not second or word in second]


def _words(text: str) -> Iterator[str]:
    """The words that say something."""
    for piece in _WORD.findall(text):
        if not is_chinese(piece):
            if is_content(piece.lower()) and piece.lower() != "per":
                yield piece.lower()
            continue
        for word, kind in chinese_words(piece):
            if len(word) > 1 and kind[0] in "nv":
                yield word


def _label(text: str) -> str:
    found = _LABEL.match(text)
    return found["label"] if found is not None else ""


def _sentences(parts: Sequence[Section]) -> list[_Sentence]:
    found = []
    for part in parts:
        above = [list(_headings(passage)) for passage in part.passages]
        for place, statement in told(part):
            passage = part.passages[place]
            near = [heading for start, heading in above[place] if start < statement.start]
            heading = near[-1] if near else str(passage.metadata[HEADINGS]) or part.heading
            bare = _bare(statement)
            found.append(_Sentence(heading.strip("#* "), passage, bare, frozenset(terms(bare.text)), _label(bare.text)))
    return [sentence for sentence in found if len(sentence.terms) >= _LEAST_TERMS][:_MOST_COMPARED]


def _headings(passage: Document) -> Iterator[tuple[int, str]]:
    """The headings within a passage, of any level, each with where it begins."""
    for statement in statements(passage):
        if is_heading(passage, statement):
            yield statement.start, statement.text


def _shared_heading(one: _Sentence, two: _Sentence) -> str:
    """The heading that says what both sentences are about: that of one alone may be of something else."""
    return one.heading if set(terms(one.heading)) & set(terms(two.heading)) else ""


def _similarity(one: _Sentence, two: _Sentence) -> float:
    shared = len(one.terms & two.terms) / len(one.terms | two.terms)
    headings = (frozenset(terms(one.heading)), frozenset(terms(two.heading)))
    return (
        shared
        + (_SAME_HEADING if headings[0] and headings[0] == headings[1] else 0.0)
        + (_SAME_LABEL if one.label and one.label == two.label else 0.0)
    )


def _text(side: Side) -> str:
    return "" if side[1] is None else side[1].text
