"""The statements of the passages, each ready to be compared with what a sentence claims.

Knows no sentences to prove.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from minicpm_rag.records import HEADINGS, TITLE
from minicpm_rag.text.claims import codes, holds_name, is_code
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.statements import Statement, statements
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document


class Source:
    """One statement of one passage, ready to be compared."""

    def __init__(
        self,
        number: int,
        statement: Statement,
        passage: list[Source],
        context: str,
        context_terms: frozenset[str],
    ) -> None:
        self.number = number
        self.statement = statement
        self.passage = passage
        self.folded = fold(f"{statement.header} {statement.text}" if statement.header else statement.text)
        self.terms = frozenset(content_terms(self.folded))
        self.context = context
        self.context_terms = context_terms

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
        where this statement speaks of another code.
        """
        if holds_name(self.folded, name) or holds_name(self.context, name):
            return True
        if not is_given or self.statement.header:
            return False
        if is_code(name) and codes(self.statement.text):
            return False
        return any(holds_name(source.folded, name) for source in self.passage)


def sources_of(passages: Sequence[Document]) -> list[Source]:
    """All statements of the passages; the first passage has number 1."""
    found: list[Source] = []
    for number, passage in enumerate(passages, 1):
        context = fold(f"{passage.metadata.get(TITLE, '')} {passage.metadata.get(HEADINGS, '')}")
        context_terms = frozenset(content_terms(context))
        together: list[Source] = []
        for statement in statements(passage):
            together.append(Source(number, statement, together, context, context_terms))
        found += together
    return found
