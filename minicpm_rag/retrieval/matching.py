"""How much of a question's words a passage holds: as a whole, in its best sentence, word for word.

Knows one question's terms and their weights; not how passages were found nor how much each measure counts.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, chain, compress, count, pairwise
from typing import TYPE_CHECKING, TypeVar

from minicpm_rag import records
from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.terms import fold, question_terms, terms, terms_of_each

if TYPE_CHECKING:
    from langchain_core.documents import Document

_Held = TypeVar("_Held")
_SATURATION = 1.2  # BM25's k1: the second mention of a term says less than the first
_ALIKE = 0.5  # of the shorter text's terms: neighbours in one article share less, copies cut elsewhere more
_NEAR = 3  # terms
_EDGES = " \t\n.。?？!！,，;；:：\"'“”"


@dataclass(frozen=True)
class _PassageTerms:
    """A passage's terms, with what stands above it: title, headings, table header."""

    above: frozenset[str]
    sentences: set[frozenset[str]]  # what each holds of the question: most hold nothing
    whole: frozenset[str]
    counts: dict[str, int]  # of the question's terms in the whole, of those that it holds
    places: dict[str, list[int]]  # of the question's terms among the terms of the sentences
    holds_question: bool  # word for word


class QuestionMatch:
    """One question, to be compared with passages; each passage is cut into terms once."""

    def __init__(self, question: str, weigh: Callable[[Sequence[str]], Mapping[str, float]]) -> None:
        self.question = question
        wanted = question_terms(question)
        # A question of asking words alone is searched for as it stands, but nothing is evidence for it.
        self._weights = weigh(wanted or list(dict.fromkeys(terms(question))))
        # Function words weigh next to nothing in a large library, but much where a dozen texts lack them.
        self._content = {term: self._weights[term] for term in wanted if is_content(term)}
        self._pairs = {pair: min(map(self._content.__getitem__, pair)) for pair in pairwise(self._content)}
        self._verbatim = fold(question).strip(_EDGES)
        self._han = list(filter(is_han, self._verbatim))
        self._read: dict[str, _PassageTerms] = {}

    @property
    def asks_for_something(self) -> bool:
        """Whether the question has a content word; small talk has none."""
        return bool(self._content)

    @property
    def length(self) -> float:
        """The logarithm of the number of content terms: the longer a question, the less of it an answer repeats."""
        return math.log(max(1, len(self._content)))

    def strength(self, document: Document) -> float:
        """How much of the question's weight the passage holds: 0 nothing, 1 every term once, at most 2.2.

        It is BM25 divided by what one mention of each term would give, so that long and short questions compare.
        """
        return _strength(self._weights, self._terms(document).counts)

    def content_strength(self, document: Document) -> float:
        """The same for the content words alone."""
        return _strength(self._content, self._terms(document).counts)

    def best_sentence(self, document: Document) -> float:
        """The largest share of the question's weight in one sentence, with what stands above it, 0..1."""
        return _best_sentence(self._weights, self._terms(document))

    def best_content_sentence(self, document: Document) -> float:
        """The same for the content words alone."""
        return _best_sentence(self._content, self._terms(document))

    def subject_sentence(self, document: Document, apart: Collection[str]) -> float:
        """The largest share of the content words but those `apart` in one sentence, with what stands above it, 0..1."""
        weights = {term: weight for term, weight in self._content.items() if term not in apart}
        return _best_sentence(weights, self._terms(document))

    def content_of(self, document: Document) -> frozenset[str]:
        """The content words of the question that the passage holds, what stands above it apart."""
        return frozenset(self._content.keys() & self._terms(document).places.keys())

    def coverage(self, documents: Sequence[Document]) -> float:
        """The share of the question's weight that the passages hold together, 0..1."""
        texts = [self._terms(document).counts for document in documents]
        return _share(self._weights, {term for term in self._weights if any(term in text for text in texts)})

    def nearness(self, document: Document) -> float:
        """The share of neighbouring terms of the question that are near each other in the passage too, 0..1."""
        places = self._terms(document).places
        near = {
            (one, other)
            for one, other in self._pairs
            if one in places and other in places
            if any(abs(a - b) <= _NEAR for a in places[one] for b in places[other])
        }
        return _share(self._pairs, near)

    def are_alike(self, one: Document, other: Document) -> bool:
        """Whether the passages are versions of one text: most terms of the shorter stand in the longer."""
        first, second = self._terms(one).whole, self._terms(other).whole
        return len(first & second) >= _ALIKE * min(len(first), len(second))

    def stands_in(self, document: Document) -> bool:
        """Whether the passage holds the question word for word."""
        return self._terms(document).holds_question

    def _terms(self, document: Document) -> _PassageTerms:
        identity = str(document.id)
        if identity not in self._read:
            above = _terms_above("\n".join(_above(document)))
            text = document.page_content
            read = terms_of_each([text[start:end] for start, end in sentence_spans(text)])
            order = list(chain.from_iterable(read))
            whole = frozenset(chain(above, order))
            ends = list(accumulate(map(len, read)))
            places: dict[str, list[int]] = {}
            holding: dict[int, set[str]] = {}  # by the number of the sentence
            for place in compress(count(), map(self._weights.__contains__, order)):
                places.setdefault(order[place], []).append(place)
                holding.setdefault(bisect_right(ends, place), set()).add(order[place])
            counts = {term: len(found) for term, found in places.items()}
            for term in filter(self._weights.__contains__, above):
                counts[term] = counts.get(term, 0) + 1
            # Each Han character is a term of its own: where one lacks, the text need not be folded.
            may_hold = len(self._verbatim) > 1 and whole.issuperset(self._han)
            self._read[identity] = _PassageTerms(
                frozenset(above),
                {frozenset(), *map(frozenset, holding.values())} if read else set(),
                whole,
                counts,
                places,
                may_hold and self._verbatim in fold(text),
            )
        return self._read[identity]


def with_above(document: Document) -> str:
    """The passage with what stands above it: title, headings, table header."""
    return "\n".join([*_above(document), document.page_content])


@lru_cache(maxsize=1_000)
def _terms_above(text: str) -> tuple[str, ...]:
    """The terms of what stands above a passage: the same of many passages, and at each part of a question."""
    return tuple(terms(text))


def _above(document: Document) -> list[str]:
    keys = (records.TITLE, records.HEADINGS, records.TABLE_HEADER)
    return [text for key in keys if (text := str(document.metadata.get(key) or ""))]


def _best_sentence(weights: Mapping[str, float], read: _PassageTerms) -> float:
    everything = sum(weights.values())
    shares = (
        sum(weight for term, weight in weights.items() if term in read.above or term in held) for held in read.sentences
    )
    return max(shares, default=0.0) / everything if everything else 0.0


def _share(weights: Mapping[_Held, float], held: Collection[_Held]) -> float:
    everything = sum(weights.values())
    return sum(weight for one, weight in weights.items() if one in held) / everything if everything else 0.0


def _strength(weights: Mapping[str, float], counts: Mapping[str, int]) -> float:
    everything = sum(weights.values())
    found = sum(
        weight * counts[term] * (_SATURATION + 1) / (counts[term] + _SATURATION)
        for term, weight in weights.items()
        if term in counts
    )
    return found / everything if everything else 0.0
