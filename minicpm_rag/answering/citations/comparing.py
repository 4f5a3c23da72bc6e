"""A claim beside one statement of a passage, and the tests that the statement must pass to say the same.

TESTS name them: its numbers, dates, units and names must occur there, neither may deny or turn round what the other
says, and most of the claim's words must be shared. Knows no model and no stream; `proof` counts the shares and
decides by the tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from minicpm_rag.records import TITLE
from minicpm_rag.text.claims import codes, contradicts, differs_in_series, holds_name, is_code
from minicpm_rag.text.columns import is_of_another_column
from minicpm_rag.text.measures import units_differ
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.relations import says_an_aim, turns_round
from minicpm_rag.text.sections import section_at
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.struck import blanked
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document

SHARED = 0.45  # of all words of the sentence, by weight
SHARED_NEW = 0.62  # of the words that the question did not hold: what the sentence adds
_SHARED_ASKED = 0.2  # of the question's words that the sentence repeats: its subject
# The least share of the words asked about, relative to the statement that holds most of them: for a number with its
# unit, for other short answers, and for a whole sentence (there counted with the sentence's own words).
_SUBJECT, _SUBJECT_OF_WORDS, _TOPIC = 0.6, 0.2, 0.5
_REPEATED = 0.6  # the same of the question's words that a whole statement repeats
_YEARS = (1000, 2100)


class Source:
    """One statement of one passage, with all that is compared."""

    def __init__(
        self,
        number: int,
        statement: Statement,
        passage: list[Source],
        *,
        context: str,
        title_terms: frozenset[str],
        heading_terms: frozenset[str],
    ) -> None:
        self.number = number
        self.statement = statement
        self.passage = passage  # all statements of its passage
        self.context = context  # title and headings, folded
        self.title_terms = title_terms
        self.heading_terms = heading_terms
        self.folded = fold(f"{statement.header} {statement.text}" if statement.header else statement.text)
        self.terms = frozenset(content_terms(self.folded))

    @cached_property
    def numbers(self) -> frozenset[float]:
        """The values of its numbers but for those struck out."""
        return numbers(blanked(self.statement.text))

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
    question: str
    source: Source
    share: float  # of all words of the claim
    share_new: float  # of those that the question did not hold
    share_asked: float  # of those that it did
    subject: float  # of the words asked about, in statement and headings, relative to the best statement
    topic: float  # the same for the words asked about and those of the claim together, without numbers
    repeated: float  # the same for the words asked about that the claim repeats
    is_bare: bool  # whether the claim needs its question: a few words that repeat none of it
    is_bare_number: bool  # whether the claim is a number with its unit and nothing else
    numbers: frozenset[float]  # of the claim
    names: frozenset[str]
    given_numbers: frozenset[float]  # of the question
    given_names: frozenset[str]
    wants_aim: bool = False

    def holds_numbers(self) -> bool:
        """Numbers stand in the statement or above it; those of the question, anywhere in the passage."""
        given, source = self.numbers & self.given_numbers, self.source
        return self.numbers - given <= source.numbers | source.context_numbers and given <= frozenset().union(
            *(other.numbers | other.context_numbers for other in source.passage)
        )

    def holds_names(self) -> bool:
        """Names stand in the statement or above it; those of the question, anywhere in the passage."""
        there = " ".join([self.source.context, *(other.folded for other in self.source.passage)])
        return all(self.source.holds(name, is_given=name in self.given_names) for name in self.names) and not any(
            differs_in_series(self.claim, text) for text in (self.source.folded, there)
        )

    def is_of_the_subject(self) -> bool:
        """An answer belongs where what was asked about stands: no other statement may hold far more of that.

        "Expenses: within 45 days" is not said by "Invoices are due within 45 days" beside a clause on expenses.
        """
        if self.is_bare_number:
            return self.subject >= _SUBJECT and self.is_of_the_asked()
        if self.is_bare:
            return self.subject >= _SUBJECT_OF_WORDS
        return self.topic >= _TOPIC and self.repeated >= _REPEATED

    def is_of_the_asked(self) -> bool:
        """Whether the statement names no other year and no other of a series than the question."""
        there = self.source.numbers | self.source.context_numbers
        years, asked_years = _years(there), _years(self.given_numbers)
        if years and asked_years and not years & asked_years:
            return False
        return not differs_in_series(self.question, self.source.folded)

    def is_found(self) -> bool:
        """A statement of an aim is no finding: it proves only what is itself asked for, or told, as an aim."""
        return self.wants_aim or not says_an_aim(self.source.statement.text) or says_an_aim(self.claim)


ProofTest = tuple[str, Callable[[Comparison], bool]]
NOT_DENIED: ProofTest = ("neither denies the other", lambda one: not contradicts(one.claim, one.source.statement.text))
WORDS: tuple[ProofTest, ...] = (
    ("shares the words", lambda one: one.share >= SHARED),
    ("shares what the sentence adds to the question", lambda one: one.share_new >= SHARED_NEW),
    ("shares what was asked about", lambda one: one.share_asked >= _SHARED_ASKED),
)
FACTS: tuple[ProofTest, ...] = (
    ("holds the numbers", Comparison.holds_numbers),
    ("holds the names", Comparison.holds_names),
    (
        "has no other units",
        lambda one: not units_differ(one.claim, one.source.folded),
    ),
    (
        "stands in the column that is named",
        lambda one: not is_of_another_column(one.claim, one.question, one.source.statement),
    ),
    ("is a finding", Comparison.is_found),
    ("is not turned round", lambda one: not turns_round(one.claim, one.source.statement.text)),
)
SUBJECT: ProofTest = ("is said of what was asked about", Comparison.is_of_the_subject)
# All that a statement must pass, in the order in which they are asked.
TESTS: tuple[ProofTest, ...] = (NOT_DENIED, *WORDS, SUBJECT, *FACTS)


def first_failure(comparison: Comparison, tests: Sequence[ProofTest]) -> str:
    """The name of the first test that is not passed; "" where all are."""
    return next((name for name, passes in tests if not passes(comparison)), "")


def sources_of(passages: Sequence[Document]) -> list[Source]:
    """All statements of the passages but headings, which state nothing; the first passage has number 1."""
    found: list[Source] = []
    for number, passage in enumerate(passages, 1):
        title = str(passage.metadata.get(TITLE, ""))
        title_terms = frozenset(content_terms(title))
        together: list[Source] = []
        for statement in statements(passage):
            headings = section_at(passage, statement.start)
            if statement.text.strip("# ") in headings.split(" > ") or is_heading(passage, statement):
                continue
            together.append(
                Source(
                    number,
                    statement,
                    together,
                    context=fold(f"{title} {headings}"),
                    title_terms=title_terms,
                    heading_terms=frozenset(content_terms(headings)),
                )
            )
        found += together
    return found


def _years(values: Collection[float]) -> set[float]:
    return {value for value in values if _YEARS[0] <= value < _YEARS[1] and value == int(value)}
