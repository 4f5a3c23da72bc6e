"""Prove a sentence of an answer: find the statement of a passage that says the same.

Where there is a reader, a statement that passes the tests of `comparing` must also convince the reader that the
passage says so of what was asked. Knows no model that writes, no stream and no page.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.citations.comparing import (
    FACTS,
    NOT_DENIED,
    SHARED,
    SHARED_NEW,
    TESTS,
    WORDS,
    Comparison,
    Source,
    first_failure,
    sources_of,
)
from minicpm_rag.answering.citations.reader_proof import ReaderProof
from minicpm_rag.records import Similarity
from minicpm_rag.text.claims import (
    claim_of,
    names,
    says_not_known,
)
from minicpm_rag.text.measures import is_bare_number, without_units
from minicpm_rag.text.numerals import is_numeral, numbers
from minicpm_rag.text.questions import CHINESE_FUNCTION_CHARACTERS, content_terms
from minicpm_rag.text.relations import says_an_aim
from minicpm_rag.text.scripts import has_han, is_chinese, is_han
from minicpm_rag.text.struck import blanked
from minicpm_rag.text.terms import fold

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embedding.reader import Reader

_DENIED = 0.2  # how much more a supporting statement must share than one that says the opposite
_SIMILAR = 0.8  # cosine that stands in for shared words
_MARKED_BONUS = 0.1  # for the passage the model named: it decides between near equals, no more
_QUESTION_BONUS = 0.15  # for sharing the question's words: "15 天" alone stands in many places
_WEAK_PAIR_WEIGHT = 0.3
_NAMES_NOBODY = re.compile(r"[该本我]?公司|\bthe company\b", re.IGNORECASE)  # its document says its name instead
_CLAUSE_TERMS = 3  # words or pairs of characters
# With a reader:
_ANSWER_ODDS = -0.2  # log odds from which a bare answer is proven
_SAYS, _SAYS_OTHERWISE = 0.45, 0.75  # the reader's probability that proves a claim sharing its words; or hardly any
_SHARED_OTHERWISE = 0.3  # of its words that must be shared even then, within one language
_SAYS_ACROSS = 0.9  # the same across languages, which the reader judges worse
_SUBJECT_READ = 0.35  # as `_SUBJECT` in `comparing`, for a bare number that the reader confirms
_PART = 0.6  # of a statement's length: a shorter literal piece of it is a bare answer, not a statement
_BARE_TERMS = 4  # content terms of an answer that is worded otherwise
_READ = 3  # passages, best first, that the reader reads for a claim

_POINTS_BACK = re.compile(
    r"\W*(?:(?:it|its|they|their|he|his|she|her|this|these|those)\b|[它其他她该此])", re.IGNORECASE
)

_CLAUSE = re.compile(r"[^，,；;：:]+[，,；;：:]?(?!\d)")


@dataclass(frozen=True)
class Support:
    """The words of passage `number` that support a sentence: `page_content[start:end]`."""

    number: int
    start: int
    end: int
    share: float  # of the sentence's words, 0..1


class Proof:
    """Finds what the passages support, one sentence at a time."""

    def __init__(
        self,
        question: str,
        passages: Sequence[Document],
        similarity: Similarity | None = None,
        reader: Reader | None = None,
    ) -> None:
        self._question = question
        self._asked = frozenset(content_terms(question))
        self._given_names = names(question)
        self._given_numbers = numbers(question)
        self._wants_aim = says_an_aim(question)
        self._similarity = similarity
        self._sources = sources_of(passages)
        self._frequency = Counter(term for source in self._sources for term in source.terms)
        self._weights: dict[str, float] = {}
        self._reader = None if reader is None else ReaderProof(reader, question, passages)
        self._languages = {number: is_chinese(passage.page_content) for number, passage in enumerate(passages, 1)}

    def of(self, sentence: str, marked: frozenset[int] = frozenset()) -> list[Support] | None:
        """Return the support of a sentence: empty where there is none, None where it states nothing.

        `marked` are the numbers of passages that the writer of the sentence named.
        """
        claim = claim_of(sentence)
        if claim is None or not (_words(claim) or numbers(claim)):
            return None
        found = self._by_rules(claim, marked) if self._reader is None else self._by_reader(claim, marked, self._reader)
        return None if not found and says_not_known(claim) else found

    def _by_rules(self, claim: str, marked: frozenset[int]) -> list[Support]:
        whole = self._by_words(claim, marked)
        if whole:
            return [whole]
        by_clauses = self._by_clauses(claim, lambda clause, names_too: self._by_words(clause, marked, names_too))
        return by_clauses or self._by_similarity(claim, marked)

    def _by_reader(self, claim: str, marked: frozenset[int], reader: ReaderProof) -> list[Support]:
        """The statements that pass the tests of facts and that the reader finds said.

        A statement that is copied whole proves itself, unless its subject stands before it.
        """
        passing = self._passing(claim)
        text = _bare_text(claim)
        copied = [one for one in passing if text == _bare_text(one.source.statement.text)]
        if copied and not _POINTS_BACK.match(claim):
            return [self._best(copied, marked)]
        if self._is_bare(claim, text):
            if is_bare_number(claim):
                holding = [one for one in passing if one.subject >= _SUBJECT_READ and one.is_of_the_asked()]
            else:
                holding = [one for one in passing if one.share_new >= SHARED_NEW]
            odds = reader.answer_odds(claim, {one.source.number for one in holding}) if holding else {}
            proven = [one for one in holding if odds[one.source.number] >= _ANSWER_ODDS]
            best = max((odds[one.source.number] for one in proven), default=0.0)
            proven = [one for one in proven if odds[one.source.number] == best or one.source.number in marked]
            return [self._best(proven, marked)] if proven else []
        whole = self._said(claim, passing, marked, reader)
        if whole:
            return [whole]
        return self._by_clauses(
            claim,
            lambda clause, names_too: self._said(clause, self._passing(clause, names_too), marked, reader),
        )

    def _passing(self, claim: str, names_too: frozenset[str] = frozenset()) -> list[Comparison]:
        """The comparisons that pass the tests of facts; see `compare`."""
        return [one for one in self.compare(claim, names_too) if not first_failure(one, (NOT_DENIED, *FACTS))]

    def _is_bare(self, claim: str, text: str) -> bool:
        """Whether the claim is an answer that needs its question, not a statement that stands by itself."""
        own = _own_terms(claim)
        if self._is_short(own):
            return True
        copied = [there for source in self._sources if text in (there := _bare_text(source.statement.text))]
        return (
            bool(copied)
            and all(len(text) < _PART * len(there) for there in copied)
            and not any(there.startswith(text) and len(own) > _BARE_TERMS for there in copied)
        )

    def _is_short(self, own: frozenset[str]) -> bool:
        """Whether a claim of these words is a few that repeat none of the question."""
        return len(own) <= _BARE_TERMS and not self._asked & own

    def _said(
        self, claim: str, passing: Sequence[Comparison], marked: frozenset[int], reader: ReaderProof
    ) -> Support | None:
        """The best of the statements in the passages that say the claim."""
        claim_is_chinese = has_han(claim)
        ranked = sorted(passing, key=lambda one: -(one.share + one.share_new))
        read = list(dict.fromkeys(one.source.number for one in ranked))[:_READ]
        said = reader.statement(claim, read) if read else {}

        def needed(one: Comparison) -> float:
            if self._languages[one.source.number] != claim_is_chinese and not one.source.statement.header:
                return _SAYS_ACROSS
            if not first_failure(one, WORDS):
                return _SAYS
            return _SAYS_OTHERWISE if one.share >= _SHARED_OTHERWISE else math.inf

        proven = [one for one in ranked if said.get(one.source.number, 0.0) >= needed(one)]
        return self._best(proven, marked) if proven else None

    def _best(self, proven: Sequence[Comparison], marked: frozenset[int]) -> Support:
        """Of what is proven, the statement that shares most."""
        best = max(proven, key=lambda one: self._score(one, marked))
        return _support(best.source, min(best.share, best.share_new))

    def _score(self, one: Comparison, marked: frozenset[int]) -> float:
        return (
            one.share
            + one.share_new
            + _QUESTION_BONUS * self._share(self._asked, one.source)
            + (_MARKED_BONUS if one.source.number in marked else 0)
        )

    def compare(self, claim: str, names_too: frozenset[str] = frozenset()) -> list[Comparison]:
        """The claim beside each statement; `names_too` are names that it is about without repeating them."""
        wanted = frozenset(content_terms(_NAMES_NOBODY.sub(" ", without_units(claim))))
        claimed_numbers, claimed_names = numbers(blanked(claim)), names(claim) | names_too
        subject_terms = self._asked - wanted - frozenset(content_terms(claim))
        subjects = [self._share(subject_terms, source, source.heading_terms) for source in self._sources]
        own = _own_terms(claim)
        is_short, is_number = self._is_short(own), is_bare_number(claim)
        topic_terms = frozenset(term for term in self._asked | own if not is_numeral(term))
        topics = [self._share(topic_terms, source, source.heading_terms) for source in self._sources]
        # Words of the headings, and words of the title that were asked for, need not be repeated: they count neither
        # for nor against. A title alone proves nothing.
        counted = [
            wanted - ((source.heading_terms | (source.title_terms & self._asked)) - source.terms)
            for source in self._sources
        ]
        asked = [self._share(terms & self._asked, one) for terms, one in zip(counted, self._sources, strict=True)]
        most, most_of_topic, most_asked = (max(found, default=0.0) or 1.0 for found in (subjects, topics, asked))
        return [
            Comparison(
                claim,
                self._question,
                source,
                share=self._share(terms, source) if terms else 0.0,
                share_new=self._share(terms - self._asked, source),
                share_asked=share_asked,
                subject=subject / most,
                topic=topic / most_of_topic,
                repeated=share_asked / most_asked,
                is_bare=is_short,
                is_bare_number=is_number,
                numbers=claimed_numbers,
                names=claimed_names,
                given_numbers=self._given_numbers,
                given_names=self._given_names,
                wants_aim=self._wants_aim,
            )
            for source, terms, share_asked, subject, topic in zip(
                self._sources, counted, asked, subjects, topics, strict=True
            )
        ]

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
            score = self._score(one, marked)
            if best is None or score > best[0]:
                best = score, _support(one.source, min(one.share, one.share_new))
        # A statement that denies the claim with as many shared words is the one on its subject: the other is not.
        return best[1] if best and not (denied >= SHARED and denied > best[1].share - _DENIED) else None

    def _by_clauses(self, claim: str, prove: Callable[[str, frozenset[str]], Support | None]) -> list[Support]:
        """Prove clause by clause a sentence that joins what stands in several places.

        A clause without a name of its own is about the names before it, so the passage must say it of them: `prove`
        is given the clause and these names.
        """
        clauses = _clauses(claim)
        found: list[Support] = []
        spoken_of: frozenset[str] = frozenset()
        for clause in clauses if len(clauses) > 1 else ():
            own = names(clause)
            support = prove(clause, frozenset() if own else spoken_of)
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

    def _share(self, wanted: frozenset[str], source: Source, above: frozenset[str] = frozenset()) -> float:
        total = sum(self._weight(term) for term in wanted)
        # A numeral may be written otherwise there; a test of its own asks whether its value occurs.
        there = source.terms | above
        held = sum(self._weight(term) for term in wanted if term in there or is_numeral(term))
        return held / total if total else 1.0

    def _weight(self, term: str) -> float:
        weight = self._weights.get(term)  # kept: each claim is laid beside each statement several times
        if weight is None:
            rarity = math.log(1 + (len(self._sources) + 1) / (self._frequency[term] + 0.5))
            weight = self._weights[term] = rarity * (_WEAK_PAIR_WEIGHT if _is_weak(term) else 1.0)
        return weight


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


def _bare_text(text: str) -> str:
    """A text without white space and marks, as copies are compared."""
    return "".join(filter(str.isalnum, fold(text)))


def _own_terms(claim: str) -> frozenset[str]:
    return frozenset(term for term in _words(claim) if not _is_weak(term))


def _words(claim: str) -> list[str]:
    return [term for term in content_terms(claim) if not is_numeral(term)]


def _support(source: Source, share: float) -> Support:
    return Support(source.number, source.statement.start, source.statement.end, round(min(1.0, max(0.0, share)), 3))
