"""What a question names and a passage lacks: a number, a year, a character that the models cannot read.

The page for 2023 does not answer for 2022, however many words it shares with the question; and to a model that knows
neither 鲵 nor 鲥, what is said of one fish is said of the other. Other names that are missing are seen by the reader:
looking for them here told nothing more. Where it sees no answer, one thing more is looked for, the office of a person
who is asked for: the teacher does not answer for the assistant. And of passages that hold the question's subject one
must answer: what a passage on another subject has to say does not count.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from minicpm_rag.records import DOCUMENT_ID, PAGE, START
from minicpm_rag.retrieval.attributes import attribute, lacks_attribute
from minicpm_rag.retrieval.evidence import NO_ANSWER
from minicpm_rag.retrieval.forms import has_form
from minicpm_rag.retrieval.matching import with_above
from minicpm_rag.retrieval.rivals import speaks_of_rival
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.ranges import limited_units, with_units
from minicpm_rag.text.scripts import has_han, is_han
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Candidate, Reading
    from minicpm_rag.retrieval.matching import QuestionMatch

_OFFICE_ZH = re.compile(
    r"(?:^|的)(?:现任|新任|新|首任)?(?P<of>[^的，,。是为？?]{2,6})(?:是|为)(?:谁|哪位)[？?]?$|^谁是(?:.*的)?(?P<is>[^的，,。？?]{2,6})[？?]?$"
)
_OFFICE_EN = re.compile(
    r"\bwho (?:is|was) (?:the |our |its )?(?:new |current |present |former |first )?"
    r"(?P<office>[a-z-]+(?: [a-z-]+){0,2}?)"
    r"(?: (?:of|at|for|in) .*)?[?]?$"
)
_NONE = -3.0  # instead of NO_ANSWER, for a passage that does not even have the word for what is asked
_ON_SUBJECT = 0.5  # of what the first passage holds of the question but for the word for what is asked
_LIKELY = 0.1  # from which the reader takes a place for one where the answer may lie
_HEAD_CHARACTERS = 400
# "the Barista Mini", "Mr Holm"; a place without an article may be meant by "worldwide"
_NAME = re.compile(r"(?:(?<=\bthe )|\b(?=(?:Mrs?|Ms|Dr|Prof)\b))[A-Z][\w-]+\.?(?: [A-Z][\w-]*)+")
# Words of names that tell one thing from another of the same make, or stand before any name
_IN_MANY_NAMES = re.compile(
    r"\b(?:air|co|company|dr|european|group|inc|kingdom|lite|ltd|max|mini|model|mrs?|ms|one|plus|pro|prof|series|states|the"
    r"|two|union|united)\b[.]?",
    re.IGNORECASE,
)
_SMALL = 10.0  # "the two sides", "the 3 largest": up to here a number may count what the passage lists


def lacking_numbers(question: str, source: str) -> list[float]:
    """The numbers of the question that the source, a passage with what stands above it, does not hold.

    A case is no name: 25年 is not lacking where a limit is set to years (满二十年的为十五天).
    """
    asked = _asked_numbers(question)
    if not asked:
        return []
    held = numbers(source)
    decades = {value % 100 for value in held if 1000 <= value < 2100}  # "the 70s"
    lacking = asked - held - decades
    if lacking:
        units = limited_units(source)
        lacking -= {value for value, unit in with_units(question) if unit in units and not _is_year(value, unit)}
    return sorted(lacking)


def _is_year(value: float, unit: str) -> bool:
    return unit == "year" and 1000 <= value < 2100


@lru_cache(maxsize=32)  # one question is compared with many passages
def _asked_numbers(question: str) -> frozenset[float]:
    return frozenset(value for value in numbers(question) if value > _SMALL)


def unreadable(question: str, readable_share: Callable[[str], float]) -> frozenset[str]:
    """The Han characters of the question that a vocabulary does not have, folded."""
    return frozenset(one for one in fold(question) if is_han(one) and readable_share(one) < 1)


def lacks_something(question: str, unread: frozenset[str], source: str) -> bool:
    """Whether the source lacks a number of the question, or one of its characters that were not read."""
    return bool(lacking_numbers(question, source)) or not unread <= set(fold(source) if unread else "")


def names_nothing_known(question: str, frequencies: Callable[[Sequence[str]], Mapping[str, int]]) -> bool:
    """Whether the question is about a thing or person with a name of several words none of which any document has.

    A single word may be a common thing's ("Is Wi-Fi free?"), and one of them is enough: first names are often left out.
    """
    names = [terms(_IN_MANY_NAMES.sub(" ", name)) for name in _NAME.findall(question)]
    counted = frequencies(list(dict.fromkeys(one for name in names for one in name))) if any(names) else {}
    return any(name and not any(counted.get(one) for one in name) for name in names)


def lacks_office(question: str, source: str) -> bool:
    """Whether a question asks who holds an office, and the source, of the question's language, does not name it."""
    plain, said = fold(question).strip(), fold(source)
    match = (_OFFICE_ZH if has_han(plain) else _OFFICE_EN).search(plain)
    if match is None or has_han(plain) != has_han(said):
        return False
    office = next(filter(None, match.groups()), "")
    if not has_han(plain):
        return terms(office)[-1] not in terms(said)
    return office[-2:] not in said and office[:2] not in said


def is_head(document: Document) -> bool:
    """Whether the passage stands at the head of its document, which says what the whole of it is about."""
    metadata = document.metadata
    return metadata.get(PAGE) == 1 and metadata.get(START, 0) < _HEAD_CHARACTERS


def mark_lacking(question: str, unread: frozenset[str], candidates: Sequence[Candidate]) -> None:
    """Note which candidates lack something of the question.

    What the head of a document tells holds for all of it: a lease names 12号楼 once, above its clauses.
    """
    heads: dict[int, list[str]] = {}
    for candidate in candidates:
        if is_head(document := candidate.document):
            heads.setdefault(document.metadata[DOCUMENT_ID], []).append(document.page_content)
    for candidate in candidates:
        source = with_above(candidate.document)
        candidate.is_lacking = lacks_something(question, unread, source)
        if candidate.is_lacking and (head := heads.get(candidate.document.metadata.get(DOCUMENT_ID, -1))):
            candidate.is_lacking = lacks_something(question, unread, "\n".join([*head, source]))


def none_tells(match: QuestionMatch, candidates: Sequence[Candidate]) -> bool:
    """Whether of the passages that were read and hold the question's subject none tells what is asked of it."""
    question = match.question
    read = [one for one in candidates if one.reading is not None]
    if not read or any(match.stands_in(one.document) for one in candidates):
        return False
    asked = attribute(question)
    shares = [match.subject_sentence(one.document, asked) for one in read]
    near = [one for one, share in zip(read, shares, strict=True) if share >= _ON_SUBJECT * shares[0]]
    told = frozenset().union(*(match.content_of(one.document) for one in near))
    # What is in another language shares no words, and may speak of the subject all the same. So may a later clause of
    # a document whose head names the subject, where it has the word for what is asked: "The rent is 3,450".
    heads = {one.document.metadata[DOCUMENT_ID] for one in near if is_head(one.document)}
    on_subject = near + [
        one
        for one in read
        if one not in near
        and (
            has_han(one.document.page_content) != has_han(question)
            or (one.document.metadata.get(DOCUMENT_ID) in heads and match.content_of(one.document) - told)
        )
    ]
    lacks_word = bool(asked) and all(lacks_attribute(question, with_above(one.document)) for one in on_subject)
    least = _NONE if lacks_word else NO_ANSWER
    return all(one.reading.answers < 1 / (1 + math.exp(-least)) for one in on_subject if one.reading is not None)


def tells_something_else(question: str, document: Document, reading: Reading) -> bool:
    """Whether what the reader takes for the answer has not the form of one, or is said of a rival of the subject."""
    text = document.page_content
    likely = [(start, end) for start, end, probability in reading.places if probability >= _LIKELY]
    return all(
        not has_form(question, _statement(text, start), text[start:end]) or speaks_of_rival(question, document, start)
        for start, end in likely or [(reading.start, reading.end)]
    )


def _statement(text: str, place: int) -> str:
    return next((text[start:end] for start, end in sentence_spans(text) if place < end), text)
