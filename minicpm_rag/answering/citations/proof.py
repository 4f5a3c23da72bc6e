"""Prove a sentence of an answer: find the statement of a passage that says the same.

Numbers, dates and names of the sentence must occur in that statement, what one denies the other must not say,
and most of the sentence's words must be shared. Knows no model, no stream and no page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations.proof_sources import Source, sources_of
from minicpm_rag.answering.citations.remarks import claim_of, says_not_known
from minicpm_rag.text.claims import contradicts, names
from minicpm_rag.text.numerals import is_numeral, numbers
from minicpm_rag.text.questions import CHINESE_FUNCTION_CHARACTERS, content_terms
from minicpm_rag.text.scripts import is_han

if TYPE_CHECKING:
    from langchain_core.documents import Document

# Returns the cosine of each text to the first argument, or None where the embedder cannot read it.
Similarity = Callable[[str, Sequence[str]], "Sequence[float] | None"]

# Set on statements made from public questions with right and with wrong answers.
_SHARED = 0.45  # of all words of the sentence, by weight
_SHARED_NEW = 0.62  # of the words that the question did not hold: what the sentence adds
_SHARED_ASKED = 0.2  # of the question's words that the sentence repeats: what it is said of
_DENIED = 0.2  # by which a supporting source must share more than one that says the opposite
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


class Proof:
    """What the passages support, asked sentence by sentence."""

    def __init__(self, question: str, passages: Sequence[Document], similarity: Similarity | None = None) -> None:
        self._asked = frozenset(content_terms(question))
        self._given_names = names(question)
        self._given_numbers = numbers(question)
        self._similarity = similarity
        self._sources = sources_of(passages)
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

    def _by_words(self, claim: str, marked: frozenset[int], names_too: frozenset[str] = frozenset()) -> Support | None:
        wanted = set(content_terms(claim))
        added = wanted - self._asked
        claimed_numbers, claimed_names = numbers(claim), names(claim) | names_too
        best: tuple[float, Support] | None = None
        denied = 0.0
        for source in self._sources:
            # What the title says need not be said again: it counts neither for nor against.
            known = source.context_terms - source.terms
            share, share_added = self._share(wanted - known, source), self._share(added - known, source)
            share_asked = self._share((wanted & self._asked) - known, source)
            if contradicts(claim, source.statement.text):
                denied = max(denied, share)
                continue
            if share < _SHARED or share_added < _SHARED_NEW or share_asked < _SHARED_ASKED:
                continue
            if not self._agrees(source, claimed_numbers, claimed_names):
                continue
            score = (
                share
                + share_added
                + _QUESTION_BONUS * self._share(self._asked, source)
                + (_MARKED_BONUS if source.number in marked else 0)
            )
            if best is None or score > best[0]:
                best = score, _support(source, min(share, share_added))
        # A source that says the opposite in as many words speaks of the same thing; the other does not.
        return best[1] if best and not (denied >= _SHARED and denied > best[1].share - _DENIED) else None

    def _agrees(self, source: Source, values: frozenset[float], claimed: frozenset[str]) -> bool:
        given = values & self._given_numbers
        return (
            values - given <= source.numbers | source.context_numbers
            and given <= frozenset().union(*(other.numbers | other.context_numbers for other in source.passage))
            and all(source.holds(name, is_given=name in self._given_names) for name in claimed)
        )

    def _by_clauses(self, claim: str, marked: frozenset[int]) -> list[Support]:
        """Prove clause by clause a sentence that joins what stands in several places.

        A clause without a name of its own speaks of the names before it, so it must be said of them.
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
        values, claimed = numbers(claim), names(claim)
        agreeing = [
            source
            for source in self._sources
            if self._agrees(source, values, claimed) and not contradicts(claim, source.statement.text)
        ]
        cosines = self._similarity(claim, [source.statement.text for source in agreeing]) if agreeing else None
        if not cosines:
            return []
        best = max(
            range(len(agreeing)),
            key=lambda place: cosines[place] + (_MARKED_BONUS if agreeing[place].number in marked else 0),
        )
        return [_support(agreeing[best], cosines[best])] if cosines[best] >= _SIMILAR else []

    def _share(self, wanted: set[str] | frozenset[str], source: Source) -> float:
        total = sum(self._weight(term) for term in wanted)
        # A numeral may be written otherwise there; that its value occurs is checked apart.
        held = sum(self._weight(term) for term in wanted if term in source.terms or is_numeral(term))
        return held / total if total else 1.0

    def _weight(self, term: str) -> float:
        rarity = math.log(1 + (len(self._sources) + 1) / (self._frequency[term] + 0.5))
        return rarity * (_WEAK_PAIR_WEIGHT if _is_weak(term) else 1.0)


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
