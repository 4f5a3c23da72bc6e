"""Prove a sentence of an answer: find the statement of a passage that says the same.

TESTS name what a statement must pass: its numbers, dates and names must occur there, neither may deny what the
other says, and most of the sentence's words must be shared. Knows no model, no stream and no page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from minicpm_rag.records import HEADINGS, TITLE, Similarity
from minicpm_rag.text.claims import claim_of, codes, contradicts, holds_name, is_code, names, says_not_known
from minicpm_rag.text.numerals import is_numeral, numbers
from minicpm_rag.text.questions import CHINESE_FUNCTION_CHARACTERS, content_terms
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.statements import Statement, statements
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document

_SHARED = 0.45  # of all words of the sentence, by weight
_SHARED_NEW = 0.62  # of the words that the question did not hold: what the sentence adds
_SHARED_ASKED = 0.2  # of the question's words that the sentence repeats: what it is said of
_DENIED = 0.2  # by which a supporting statement must share more than one that says the opposite
_SIMILAR = 0.8  # cosine that stands in for shared words
_MARKED_BONUS = 0.1  # for the passage the model named: it decides between near equals, no more
_QUESTION_BONUS = 0.15  # for sharing the question's words: "15 天" alone stands in many places
_WEAK_PAIR_WEIGHT = 0.3
_CLAUSE_TERMS = 3  # words or pairs of characters

_CLAUSE = re.compile(r"[^，,；;：:]+[，,；;：:]?(?!\d)")


@dataclass(frozen=True)
class Support:
    """The words of passage `number` that support a sentence: `page_content[start:end]`."""

    number: int
    start: int
    end: int
    share: float  # of the sentence's words, 0..1


class Source:
    """One statement of one passage, with all that is compared."""

    def __init__(
        self, number: int, statement: Statement, passage: list[Source], context: str, context_terms: frozenset[str]
    ) -> None:
        self.number = number
        self.statement = statement
        self.passage = passage  # all statements of its passage
        self.context = context  # title and headings, folded
        self.context_terms = context_terms
        self.folded = fold(f"{statement.header} {statement.text}" if statement.header else statement.text)
        self.terms = frozenset(content_terms(self.folded))

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The values of its numbers."""
        return numbers(self.statement.text)

    @cached_property
    def context_numbers(self) -> frozenset[float]:
        """The values of the numbers in title, headings and table header."""
        return numbers(f"{self.context} {self.statement.header}")

    def holds(self, name: str, *, is_given: bool) -> bool:
        """Tell whether a name stands here, or in title or headings.

        One that the question gave may also stand elsewhere in the passage ("It was ..."), but not a code
        where this statement names another code.
        """
        if holds_name(self.folded, name) or holds_name(self.context, name):
            return True
        if not is_given or self.statement.header:
            return False
        if is_code(name) and codes(self.statement.text):
            return False
        return any(holds_name(source.folded, name) for source in self.passage)


@dataclass(frozen=True)
class Comparison:
    """What a sentence claims, beside one statement: the shares of words are by weight, 0..1."""

    claim: str
    source: Source
    share: float  # of all words of the claim
    share_new: float  # of those that the question did not hold
    share_asked: float  # of those that it did
    numbers: frozenset[float]  # of the claim
    names: frozenset[str]
    given_numbers: frozenset[float]  # of the question
    given_names: frozenset[str]

    def holds_numbers(self) -> bool:
        """Numbers stand in the statement or above it; those of the question, anywhere in the passage."""
        given, source = self.numbers & self.given_numbers, self.source
        return self.numbers - given <= source.numbers | source.context_numbers and given <= frozenset().union(
            *(other.numbers | other.context_numbers for other in source.passage)
        )

    def holds_names(self) -> bool:
        """Names stand in the statement or above it; those of the question, anywhere in the passage."""
        return all(self.source.holds(name, is_given=name in self.given_names) for name in self.names)


ProofTest = tuple[str, Callable[[Comparison], bool]]
NOT_DENIED: ProofTest = ("neither denies the other", lambda one: not contradicts(one.claim, one.source.statement.text))
WORDS: tuple[ProofTest, ...] = (
    ("shares the words", lambda one: one.share >= _SHARED),
    ("shares what the sentence adds to the question", lambda one: one.share_new >= _SHARED_NEW),
    ("shares what was asked about", lambda one: one.share_asked >= _SHARED_ASKED),
)
FACTS: tuple[ProofTest, ...] = (
    ("holds the numbers", Comparison.holds_numbers),
    ("holds the names", Comparison.holds_names),
)
# All that a statement must pass, in the order in which they are asked.
TESTS: tuple[ProofTest, ...] = (NOT_DENIED, *WORDS, *FACTS)


class Proof:
    """What the passages support, asked sentence by sentence."""

    def __init__(self, question: str, passages: Sequence[Document], similarity: Similarity | None = None) -> None:
        self._asked = frozenset(content_terms(question))
        self._given_names = names(question)
        self._given_numbers = numbers(question)
        self._similarity = similarity
        self._sources = _sources_of(passages)
        self._frequency = Counter(term for source in self._sources for term in source.terms)

    def of(self, sentence: str, marked: frozenset[int] = frozenset()) -> list[Support] | None:
        """Return the support of a sentence: empty where there is none, None where it states nothing.

        `marked` are the numbers of passages that the writer of the sentence named.
        """
        claim = claim_of(sentence)
        if claim is None or not (_words(claim) or numbers(claim)):
            return None
        whole = self._by_words(claim, marked)
        found = [whole] if whole else self._by_clauses(claim, marked) or self._by_similarity(claim, marked)
        return None if not found and says_not_known(claim) else found

    def compare(self, claim: str, names_too: frozenset[str] = frozenset()) -> list[Comparison]:
        """The claim beside each statement; `names_too` are names that it is about without repeating them."""
        wanted = frozenset(content_terms(claim))
        claimed_numbers, claimed_names = numbers(claim), names(claim) | names_too
        found = []
        for source in self._sources:
            # What the title says need not be said again: it counts neither for nor against.
            counted = wanted - (source.context_terms - source.terms)
            found.append(
                Comparison(
                    claim,
                    source,
                    self._share(counted, source),
                    self._share(counted - self._asked, source),
                    self._share(counted & self._asked, source),
                    claimed_numbers,
                    claimed_names,
                    self._given_numbers,
                    self._given_names,
                )
            )
        return found

    def _by_words(self, claim: str, marked: frozenset[int], names_too: frozenset[str] = frozenset()) -> Support | None:
        """The statement that passes all tests and shares most."""
        best: tuple[float, Support] | None = None
        denied = 0.0
        for one in self.compare(claim, names_too):
            failure = first_failure(one, TESTS)
            if failure == NOT_DENIED[0]:
                denied = max(denied, one.share)
            if failure:
                continue
            score = (
                one.share
                + one.share_new
                + _QUESTION_BONUS * self._share(self._asked, one.source)
                + (_MARKED_BONUS if one.source.number in marked else 0)
            )
            if best is None or score > best[0]:
                best = score, _support(one.source, min(one.share, one.share_new))
        # A statement that denies the claim with as many shared words is the one on its subject: the other is not.
        return best[1] if best and not (denied >= _SHARED and denied > best[1].share - _DENIED) else None

    def _by_clauses(self, claim: str, marked: frozenset[int]) -> list[Support]:
        """Prove clause by clause a sentence that joins what stands in several places.

        A clause without a name of its own is about the names before it, so the passage must say it of them.
        """
        clauses = _clauses(claim)
        if len(clauses) < 2:
            return []
        found: list[Support] = []
        spoken_of: frozenset[str] = frozenset()
        for clause in clauses:
            own = names(clause)
            support = self._by_words(clause, marked, frozenset() if own else spoken_of)
            if support is None:
                return []
            spoken_of = own or spoken_of
            if support not in found:
                found.append(support)
        return found

    def _by_similarity(self, claim: str, marked: frozenset[int]) -> list[Support]:
        """Accept other words for the same where the embedder reads the language and the facts agree."""
        if self._similarity is None:
            return []
        agreeing = [one.source for one in self.compare(claim) if not first_failure(one, (*FACTS, NOT_DENIED))]
        cosines = self._similarity(claim, [source.statement.text for source in agreeing]) if agreeing else None
        if not cosines:
            return []
        best = max(
            range(len(agreeing)),
            key=lambda place: cosines[place] + (_MARKED_BONUS if agreeing[place].number in marked else 0),
        )
        return [_support(agreeing[best], cosines[best])] if cosines[best] >= _SIMILAR else []

    def _share(self, wanted: frozenset[str], source: Source) -> float:
        total = sum(self._weight(term) for term in wanted)
        # A numeral may be written otherwise there; a test of its own asks whether its value occurs.
        held = sum(self._weight(term) for term in wanted if term in source.terms or is_numeral(term))
        return held / total if total else 1.0

    def _weight(self, term: str) -> float:
        rarity = math.log(1 + (len(self._sources) + 1) / (self._frequency[term] + 0.5))
        return rarity * (_WEAK_PAIR_WEIGHT if _is_weak(term) else 1.0)


def first_failure(comparison: Comparison, tests: Sequence[ProofTest]) -> str:
    """The name of the first test that is not passed; "" where all are."""
    return next((name for name, passes in tests if not passes(comparison)), "")


def _sources_of(passages: Sequence[Document]) -> list[Source]:
    """All statements of the passages; the first passage has number 1."""
    found: list[Source] = []
    for number, passage in enumerate(passages, 1):
        context = fold(f"{passage.metadata.get(TITLE, '')} {passage.metadata.get(HEADINGS, '')}")
        context_terms = frozenset(content_terms(context))
        together: list[Source] = []
        together += [Source(number, statement, together, context, context_terms) for statement in statements(passage)]
        found += together
    return found


def _clauses(claim: str) -> list[str]:
    """Cut a sentence at its commas; a clause of few words joins another: it would be found anywhere."""
    clauses: list[str] = []
    before_was_few = False
    for match in _CLAUSE.finditer(claim):
        few = sum(not _is_weak(term) for term in content_terms(match.group())) < _CLAUSE_TERMS
        if clauses and (few or sum(not _is_weak(term) for term in content_terms(clauses[-1])) < _CLAUSE_TERMS):
            clauses[-1] += match.group()
            few = few and before_was_few
        else:
            clauses.append(match.group())
        before_was_few = few
    return clauses


def _is_weak(term: str) -> bool:
    """A single character, or a pair across a word's border, such as 为大 in 名为大环道."""
    return (len(term) == 1 and is_han(term)) or any(character in CHINESE_FUNCTION_CHARACTERS for character in term)


def _words(claim: str) -> list[str]:
    return [term for term in content_terms(claim) if not is_numeral(term)]


def _support(source: Source, share: float) -> Support:
    return Support(source.number, source.statement.start, source.statement.end, round(min(1.0, max(0.0, share)), 3))
