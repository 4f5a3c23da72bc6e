"""Answer without a model: the one to three sentences or table rows of the passages that answer the question.

Knows no index and no model; passages come best first. Every excerpt is literal text of its passage.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.named_rows import named
from minicpm_rag.records import (
    DOCUMENT_ID,
    EVIDENCE,
    HEADINGS,
    PAGE,
    PAGE_KIND,
    SCORE,
    START,
    TITLE,
    Reading,
    Similarity,
)
from minicpm_rag.retrieval.rivals import speaks_of_rival
from minicpm_rag.text.claims import codes, holds_name
from minicpm_rag.text.comparisons import asks_for_list, own_terms, sides
from minicpm_rag.text.corrections import stands_in, taken_back
from minicpm_rag.text.questions import CHINESE_FUNCTION_CHARACTERS, asks_for, content_terms, holds, is_content
from minicpm_rag.text.ranges import fitting
from minicpm_rag.text.scripts import has_han, is_han
from minicpm_rag.text.sections import section_at
from minicpm_rag.text.statements import Statement, is_heading, statements
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

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

_READ_WEIGHT = 1.0  # where the reader finds the answer
_READ_WELL = 0.4  # from which the reader is taken to find the answer there
_ANSWERS, _SILENT = 0.5, 0.01  # the reader's probability that a passage answers, and that it does not
_ENOUGH = 0.7  # an excerpt whose words score less than this share of the best ones' is left out
_ENOUGH_UNREAD = 0.75  # the same where no reader has read: words alone say less
_READ_SURELY = 0.8
_LIKELY = 0.1  # from which the reader takes a statement for one of the places where the answer may stand
_SURELY_HERE = 0.75  # from which what shares words only adds nothing
_OF_BEST, _OF_BEST_ELSEWHERE = 0.2, 0.6  # of the most words shared: in the best one's passage, in another
_ENOUGH_EVIDENCE = 0.75  # of the threshold: a passage with less is no answer, unless the reader finds one in it
_FOUND = 0.3
_AT_LEAST = 0.6  # of the first passage's evidence: the least that the reader is taken to see an answer in it
_ABOUT_AS_MANY = 0.02  # between the scores of two statements for their words
_ENOUGH_BESIDE = 0.9  # the same beside a row, or beside what the reader surely takes for the answer
_MOST_USUAL = 3  # excerpts; who wants more also wants what comes less near to the best
_ENOUGH_IN_DETAIL = 0.4
_BESIDE_THE_POINT = 0.5  # a passage with less than this share of the best one's words of the question
_NAMED = 0.6  # of the terms of a side: what holds less does not speak of it
_MOST_OF_A_SIDE = 12  # statements that are paired with those of the other
_MOST_ITEMS = 12
_STATEMENTS_OF_AN_ITEM = 1.5  # on the average of a list
# What takes something away from the sentence before it
_EXCEPTION = re.compile(
    r"\s*(?:但(?!是否)|不过|然而|除外|例外|否则|上述(?:规定|期限|标准)不适用|however\b|but\b|except|unless\b|otherwise\b"
    r"|exceptions?\b|this (?:does not|doesn't) apply|(?:it|they) (?:does|do) not (?:apply|cover|include))",
    re.IGNORECASE,
)
# "Landlord: Ann Lee", 甲方（出租方）：王建国
_LABEL = re.compile(r"[-*•\s]*(?P<name>[^\n:：|。.,，;；]{2,40})[:：]\s*(?=\S)")
_TITLE = "title:"
_WORD = re.compile(r"\w")
# A question whether something is so is answered by one item of a list.
_WHETHER = re.compile(
    r"^\W*(?:may|can|could|is|are|was|were|do|does|did|must|should|will|has|have)\b"
    r"|吗[\s?？。]*$|能不能|可不可以|是否|是不是|要不要",
    re.IGNORECASE,
)
# "Please confirm that …" says nothing of whether it is so.
_REQUEST = re.compile(
    r"[>\s]*(?:(?:please|kindly|could you|can you|would you)\b.{0,20}?"
    r"\b(?:confirm|check|tell|let (?:us|me) know|clarify)\b"
    r"|请.{0,6}?(?:确认|核实|告知|明确|说明).{0,40}?(?:是否|有没有|能否|能不能|可否|多少|什么|何时))",
    re.IGNORECASE,
)
# "1.1 The tenant …" is a clause of a contract, not an item of a list
_ITEM = re.compile(
    r"\s*(?:[-*•·▪–●○◦]|\d{1,2}(?:[)、）]|\.(?!\d))|[（(]\d{1,2}[)）]|[①-⑳]|[a-h][.)]|[一二三四五六七八九十]{1,3}、)\s*\S"
)


@dataclass(frozen=True)
class Excerpt:
    """A statement that answers; `number` is its passage's place in the list, from 1."""

    number: int
    statement: Statement
    score: float


@dataclass(frozen=True)
class _Candidate:
    number: int  # of the passage, from 1
    passage: Document
    statement: Statement
    is_first: bool  # in its passage
    terms: frozenset[str]
    subject: frozenset[str]  # of the passage
    section: frozenset[str]  # those of the heading it stands under
    above: frozenset[str]  # those of its document's title


@dataclass(frozen=True)
class _Scored:
    """A candidate with what its words score, and what the reader says, 0..1.

    `read` is how sure it is of its one answer, where that is here; `likely` how likely the answer stands here, as of
    several places.
    """

    one: _Candidate
    words: float
    overlap: float  # the share of the question's words
    read: float
    likely: float

    @property
    def score(self) -> float:
        return self.words + _READ_WEIGHT * self.read


def excerpts(
    question: str,
    passages: Sequence[Document],
    readings: Sequence[Reading | None] = (),
    *,
    most: int = _MOST_USUAL,
    similarity: Similarity | None = None,
    left_out: frozenset[int] = frozenset(),
    threshold: float = 0.0,
) -> list[Excerpt]:
    """Choose the statements that best answer the question, in reading order.

    At most `most`, but for all items of a list and both sides of a comparison. `readings` say where a reader finds the
    answer in each passage. Passages behind the first with much less evidence than `threshold` are no answers.
    `left_out` are numbers of passages that are not quoted, if others are there.
    """
    subjects = [_subject(passage) for passage in passages]
    candidates = _candidates(passages, subjects)
    candidates = [one for one in candidates if one.number not in left_out] or candidates
    rows = [(one.statement.header, one.statement.text) for one in candidates]
    candidates = [one for one, is_meant in zip(candidates, fitting(question, rows), strict=True) if is_meant]
    if not candidates:
        return []
    about = frozenset().union(*subjects, *(candidate.section for candidate in candidates))
    overlaps = _overlaps(question, candidates, about)
    # Meaning is compared only where hardly a word is shared, as across languages: embedding costs time.
    cosines: Sequence[float] | None = None
    if similarity is not None and max(overlaps) < _SHARED_WORDS:
        cosines = similarity(question, [candidate.statement.text for candidate in candidates])
    scores = _scores(question, candidates, overlaps, cosines or [0.0] * len(candidates))
    scored = [
        _Scored(one, words, overlap, _read(one, readings), _likely(one, readings))
        for one, words, overlap in zip(candidates, scores, overlaps, strict=True)
    ]
    scored.sort(key=lambda found: -found.score)
    silent = _silent(readings)
    heard = [
        found
        for found in scored
        if found.one.number not in silent and (found.likely >= _FOUND or _has_evidence(found.one, threshold))
    ]
    # A question that compares names its two sides itself: each is heard, whatever its passage has for the whole.
    compared = sides(question)
    chosen = (_both_sides(compared, scored) if compared else []) or _best_of(question, heard or scored, most)
    chosen = [found for found in chosen if not _only_asks(found)] or chosen
    chosen = _with_corrections(_in_sections_meant(question, _rows_meant(question, chosen)), scored)
    return [Excerpt(found.one.number, found.one.statement, found.score) for found in _in_reading_order(chosen)]


def _rows_meant(question: str, chosen: Sequence[_Scored]) -> list[_Scored]:
    """The chosen without rows that the question does not mean, where it names others of the same table."""
    tables: dict[tuple[object, str], list[_Scored]] = {}
    for found in chosen:
        if header := found.one.statement.header:
            tables.setdefault((_file(found.one.passage, found.one.number), header), []).append(found)
    left_out = [
        found
        for (_, header), rows in tables.items()
        for found, is_meant in zip(
            rows, named(question, [(header, one.one.statement.text) for one in rows]), strict=True
        )
        if not is_meant
    ]
    return [found for found in chosen if found not in left_out]


def _in_sections_meant(question: str, chosen: Sequence[_Scored]) -> list[_Scored]:
    """The chosen without those under another heading than the one that is asked about, where they say the same of each.

    "Budget: …" stands under the summer fair and under the jumble sale: of the one that is named it is meant.
    """
    wanted = {term for term in content_terms(question) if len(term) > 1 or not is_han(term)}
    labels: dict[tuple[object, str], list[_Scored]] = {}
    for found in chosen:
        if (label := _LABEL.match(found.one.statement.text)) and not found.one.statement.header:
            labels.setdefault((_file(found.one.passage, found.one.number), fold(label["name"])), []).append(found)
    left_out = [
        found
        for alike in labels.values()
        for found in alike
        if any(
            wanted & (found.one.section | found.one.terms) < wanted & (one.one.section | one.one.terms) for one in alike
        )
    ]
    return [found for found in chosen if found not in left_out]


def _silent(readings: Sequence[Reading | None]) -> frozenset[int]:
    """The numbers of the passages in which the reader surely sees no answer, where it sees one in another."""
    if not any(reading is not None and reading.answers > _ANSWERS for reading in readings):
        return frozenset()
    return frozenset(n for n, reading in enumerate(readings, 1) if reading is not None and reading.answers < _SILENT)


def _has_evidence(candidate: _Candidate, threshold: float) -> bool:
    """Whether the passage may answer: the first one was found to, another must have evidence of its own."""
    evidence = candidate.passage.metadata.get(EVIDENCE)
    return candidate.number == 1 or evidence is None or float(evidence) >= _ENOUGH_EVIDENCE * threshold


def _best_of(question: str, ranked: Sequence[_Scored], most: int) -> list[_Scored]:
    """The best candidates, with all items where the question asks for a list.

    Enough is what shares about as many words as the best, or what the reader takes for the answer: so each of several
    documents that answer is heard.
    """
    best = ranked[0]
    ranked = [found for found in ranked if found is best or not _is_of_another_subject(question, found, best)]
    chosen = _enough(question, ranked, in_detail=most > _MOST_USUAL)[:most]
    for found in chosen:
        items = _list_around(found, ranked)
        is_wanted = _leads(found) or (found is best and asks_for_list(question))
        lines = {_line_of(item) for item in items if item in chosen}
        several = len(lines) > 1 and not _WHETHER.search(question)
        if items and (is_wanted or several):
            return [one for one in chosen if one.read >= _READ_WELL and one not in items] + items
    return _with_exceptions(chosen, ranked)


def _enough(question: str, ranked: Sequence[_Scored], *, in_detail: bool) -> list[_Scored]:
    """What the reader takes for the answer, and what shares about as many words as the best.

    Where the reader is sure of a place, words count for nothing beside it: the deposit of two months' rent does not
    answer what the rent is. Where another statement has more of the question's words, that one is heard too.
    """
    if not in_detail and (told := [found for found in ranked if _is_label_of(question, found.one)]):
        return [found for found in ranked if found in told or found.likely >= _FOUND]
    best = ranked[0]
    most_words = max(found.words for found in ranked)
    # Sure is also what words and reader agree on.
    has_most_words = best.words >= most_words - _ABOUT_AS_MANY
    is_sure = best.read >= (_READ_WELL if has_most_words else _READ_SURELY)
    share = _ENOUGH if any(found.read for found in ranked) else _ENOUGH_UNREAD
    enough = (_ENOUGH_BESIDE if best.one.statement.header or is_sure else share) * most_words
    if in_detail:
        enough = min(enough, _ENOUGH_IN_DETAIL * most_words)
    most_shared = max(found.overlap for found in ranked)
    chosen: list[_Scored] = []
    wanted = frozenset(content_terms(question))
    is_shared = any(found.one.terms & wanted for found in ranked)
    others = 0 if has_most_words else 1
    # Across languages no word is shared, and what is near in meaning is many things: the reader alone tells.
    is_told = best.likely >= (_SURELY_HERE if is_shared else _FOUND)
    if in_detail or not is_told:
        others = len(ranked)
    elif not is_shared:
        others = 0
    for found in ranked:
        is_read = found is best or found.read >= _READ_WELL or found.likely >= _LIKELY
        least = _OF_BEST if found.one.number == best.one.number else _OF_BEST_ELSEWHERE
        shares = found.overlap >= least * most_shared and (not is_shared or found.one.terms & wanted)
        if not is_read and (not others or found.words < enough or not shares):
            continue
        others -= not is_read
        chosen.append(found)
    return chosen


def _is_label_of(question: str, candidate: _Candidate) -> bool:
    """Whether the statement gives what is asked for under its name: "Landlord: Ann Lee"."""
    label = _LABEL.match(candidate.statement.text)
    if label is None or candidate.statement.header:
        return False
    wanted = {
        term
        for term in content_terms(question)
        if not any(map(CHINESE_FUNCTION_CHARACTERS.__contains__, term)) and (len(term) > 1 or not is_han(term))
    } - candidate.above
    return bool(wanted) and wanted <= frozenset(terms(label["name"]))


def _with_exceptions(chosen: Sequence[_Scored], ranked: Sequence[_Scored]) -> list[_Scored]:
    """The chosen with the sentence behind each that takes something away from it: "However, ...", 但…."""
    found = list(chosen)
    for one in chosen:
        text, end = one.one.passage.page_content, one.one.statement.end
        if not _EXCEPTION.match(text, end):
            continue
        next_ones = (other for other in ranked if other.one.number == one.one.number)
        behind = min(
            (other for other in next_ones if other.one.statement.start >= end),
            key=lambda other: other.one.statement.start,
            default=None,
        )
        if behind is not None and behind not in found and not text[end : behind.one.statement.start].strip():
            found.append(behind)
    return found


def _with_corrections(chosen: Sequence[_Scored], ranked: Sequence[_Scored]) -> list[_Scored]:
    """The chosen with the statements that take back an amount or a time which one of them says."""
    taken = [(found, taken_back(found.one.statement.text)) for found in ranked if found not in chosen]
    return [*chosen, *(found for found, values in taken if any(_takes_back(found, values, one) for one in chosen))]


def _takes_back(found: _Scored, values: frozenset[str], chosen: _Scored) -> bool:
    """Whether the one takes back a value of the chosen: they speak of the same, more plainly so in two documents."""
    one, other = found.one, chosen.one
    if not any(stands_in(value, other.statement.text) for value in values):
        return False
    shared = {term for term in one.terms & other.terms if len(term) > 1 and term.isalpha() and is_content(term)}
    is_one_file = _file(one.passage, one.number) == _file(other.passage, other.number)
    return len(shared) >= (1 if is_one_file else 2)


def _both_sides(compared: tuple[str, str], ranked: Sequence[_Scored]) -> list[_Scored]:
    """The statements on both sides of a comparison that fit together best; none where one side is not spoken of."""
    about: list[list[tuple[float, _Scored]]] = []
    for side, other in (compared, compared[::-1]):
        own, others = own_terms(side, other), own_terms(other, side)
        fitting = []
        for found in ranked:
            said = _share(own, found.one.terms)
            named = max(said, _share(own, found.one.terms | found.one.section | found.one.above))
            if named >= _NAMED and not _leads(found) and not _is_of_rival(side, found.one):
                only_other = _share(others, found.one.terms) if said < 1 else 0.0
                fitting.append((found.score + said + named - only_other / 2, found))
        about.append(sorted(fitting, key=lambda pair: -pair[0])[:_MOST_OF_A_SIDE])
    pairs = [
        (fit + other_fit + _alike(found.one, other_found.one), found, other_found)
        for fit, found in about[0]
        for other_fit, other_found in about[1]
    ]
    if not pairs:
        return []
    _, found, other_found = max(pairs, key=lambda pair: pair[0])
    return [found] if found is other_found else [found, other_found]


def _is_of_rival(side: str, candidate: _Candidate) -> bool:
    """Whether the statement speaks of another of a series: of the Barista Mini, not of the Barista One."""
    return speaks_of_rival(side, candidate.passage, candidate.statement.start)


def _alike(one: _Candidate, other: _Candidate) -> float:
    """How much two statements speak of the same thing, 0..1."""
    return len(one.terms & other.terms) / (len(one.terms | other.terms) or 1)


def _is_of_another_subject(question: str, found: _Scored, best: _Scored) -> bool:
    """Whether a passage of another document speaks of something else than the one of the best statement.

    Three project pages alike answer "who leads it?"; the one that was asked about is told by its name. And a password
    that is changed every half year does not answer when a filter is, unless the reader is sure of it. What is in
    another language shares no words, and is not held to them.
    """
    one, first = found.one, best.one
    if one.number == first.number or one.passage.metadata.get(DOCUMENT_ID) == first.passage.metadata.get(DOCUMENT_ID):
        return False
    wanted = frozenset(term for term in content_terms(question) if len(term) > 1 or not is_han(term))
    other = one.terms | one.above | one.section | frozenset(terms(one.passage.page_content))
    if wanted & (first.above | first.section) - other:
        return True
    told = wanted & (first.terms | first.above | first.section | frozenset(terms(first.passage.page_content)))
    is_other_script = has_han(one.statement.text) != has_han(first.statement.text)
    return found.read < _READ_SURELY and not is_other_script and len(told & other) < _BESIDE_THE_POINT * len(told)


def _list_around(best: _Scored, ranked: Sequence[_Scored]) -> list[_Scored]:
    """All items of the list that a statement is of, or leads to, with the line that leads to them."""
    there = [found for found in ranked if found.one.number == best.one.number]
    there.sort(key=lambda found: found.one.statement.start)
    text = best.one.passage.page_content
    is_item = [bool(_ITEM.match(text, _line_of(found))) for found in there]
    leads = list(map(_leads, there))
    place = there.index(best)
    if leads[place] and not is_item[place] and place + 1 < len(there):
        place += 1
    if not is_item[place]:
        return []
    first = last = place
    while first > 0 and is_item[first - 1]:
        first -= 1
    while last + 1 < len(there) and is_item[last + 1]:
        last += 1
    lines = set(map(_line_of, there[first : last + 1]))
    if last + 1 - first > _STATEMENTS_OF_AN_ITEM * len(lines):
        return []  # numbered minutes and clauses, which say several things each, are no list
    # Nothing but marks stands between a list and the line that leads to it: no heading.
    if first > 0 and leads[first - 1] and not _WORD.search(text, *_between(there[first - 1], there[first])):
        first -= 1
    return there[first : last + 1][:_MOST_ITEMS]


def _line_of(found: _Scored) -> int:
    """Where the line of its passage begins in which a statement stands."""
    return found.one.passage.page_content.rfind("\n", 0, found.one.statement.start) + 1


def _leads(found: _Scored) -> bool:
    """Whether the statement says nothing but that something follows."""
    return found.one.statement.text.rstrip().endswith((":", "："))


def _between(one: _Scored, other: _Scored) -> tuple[int, int]:
    """Where the text between two statements of a passage begins and ends."""
    return one.one.statement.end, other.one.statement.start


def _only_asks(found: _Scored) -> bool:
    """Whether the statement asks itself: "Please confirm …", or 瓷砖什么时候到货？ where no answer was read in it."""
    text = found.one.statement.text.rstrip()
    if _REQUEST.match(text):
        return True
    return text.endswith(("?", "？")) and found.read < _READ_WELL and not any(map(str.isdigit, text))


def _read(candidate: _Candidate, readings: Sequence[Reading | None]) -> float:
    """How sure the reader is that this statement holds the answer, 0..1."""
    reading = readings[candidate.number - 1] if candidate.number <= len(readings) else None
    if reading is None or reading.end <= candidate.statement.start or reading.start >= candidate.statement.end:
        return 0.0
    return reading.answers * (1 + reading.span_score) / 2


def _likely(candidate: _Candidate, readings: Sequence[Reading | None]) -> float:
    """How likely the answer stands in this statement, by the reader: 0..1."""
    reading = readings[candidate.number - 1] if candidate.number <= len(readings) else None
    if reading is None:
        return 0.0
    begin, end = candidate.statement.start, candidate.statement.end
    there = [probability for start, stop, probability in reading.places if start < end and begin < stop]
    # The first passage was found to answer. Where the reader does not see that, it tells well all the same where.
    found = float(candidate.passage.metadata.get(EVIDENCE) or 0.0) if candidate.number == 1 else 0.0
    return max(reading.answers, _AT_LEAST * found) * max(there, default=0.0)


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _subject(passage: Document) -> frozenset[str]:
    """The terms that name what a passage is about: its title's, its headings', its first statement's."""
    metadata = passage.metadata
    opening = "".join(statement.text for statement in statements(passage)[:1])
    return frozenset(terms(f"{metadata.get(TITLE, '')} {metadata.get(HEADINGS, '')} {opening}"))


def _candidates(passages: Sequence[Document], subjects: Sequence[frozenset[str]]) -> list[_Candidate]:
    """All statements but headings. Chunks overlap: a sentence that two of them hold is a candidate in the better."""
    found: list[_Candidate] = []
    seen: set[tuple[object, object, int]] = set()
    for number, (passage, subject) in enumerate(zip(passages, subjects, strict=True), start=1):
        metadata = passage.metadata
        title = frozenset(terms(str(metadata.get(TITLE, ""))))
        section: frozenset[str] = frozenset()
        for order, statement in enumerate(statements(passage)):
            if is_heading(passage, statement):
                section = frozenset(terms(statement.text))
                continue
            place = (_file(passage, number), metadata.get(PAGE), _start(passage, statement))
            headings = section_at(passage, statement.start)
            is_title = statement.text.strip("# ") in headings.split(" > ") or _is_own_title(passage, statement)
            if place in seen or is_title:
                continue
            seen.add(place)
            words = frozenset(terms(statement.text)) | frozenset(terms(statement.header))
            under = section | frozenset(terms(headings))
            found.append(_Candidate(number, passage, statement, order == 0, words, subject, under, title))
    return found


def _is_own_title(passage: Document, statement: Statement) -> bool:
    """Whether the statement is the front matter's title, which stands below it as a heading."""
    text = statement.text.strip()
    said = text[len(_TITLE) :].strip(" \t\"'")
    return text[: len(_TITLE)].lower() == _TITLE and f"# {said}" in passage.page_content[statement.end :]


def _overlaps(question: str, candidates: Sequence[_Candidate], named: frozenset[str]) -> list[float]:
    """The share of the question's content that each candidate holds, rare terms counting more, 0..1.

    Rare means rare among these candidates: they all are about the subject, so its name tells them apart
    badly, and what the question wants to know about it well. For the same reason a sentence need not name
    the subject that its passage has named; `named` are the terms of all subjects.
    """
    # What no statement says and all their titles and headings do, such as the file's name, tells none from another.
    everywhere = frozenset.intersection(*(candidate.subject | candidate.section for candidate in candidates))
    said = frozenset().union(*(candidate.terms for candidate in candidates))
    wanted = set(content_terms(question)) - (everywhere - said)
    frequency = Counter(term for candidate in candidates for term in candidate.terms & wanted)
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
        return _SUBJECT_CREDIT if term in candidate.subject or term in candidate.section else 0.0

    return [
        sum(weight * credit(term, candidate) for term, weight in weights.items()) / total for candidate in candidates
    ]


def _scores(
    question: str, candidates: Sequence[_Candidate], overlaps: Sequence[float], cosines: Sequence[float]
) -> list[float]:
    kinds, asked_codes = asks_for(question), codes(question)
    definition = _DEFINITION_BONUS if "definition" in kinds else 0.0

    def score(candidate: _Candidate, overlap: float, cosine: float) -> float:
        text, header = candidate.statement.text, candidate.statement.header
        parts = (
            overlap,
            _PASSAGE_WEIGHT * _passage_score(candidate),
            _CUE_WEIGHT * sum(1 for kind in kinds if holds(kind, text)),
            _FIRST_BONUS + definition if candidate.is_first else 0.0,
            0.0 if header else -_SHORT_PENALTY * max(0.0, 1 - len(text) / _SHORT_CHARACTERS),
            _CODE_BONUS * _share_of_codes(asked_codes, candidate),
            _SIMILARITY_WEIGHT * cosine,
        )
        return sum(parts)

    return [score(*one) for one in zip(candidates, overlaps, cosines, strict=True)]


def _passage_score(candidate: _Candidate) -> float:
    score = candidate.passage.metadata.get(SCORE)
    return float(score) if score is not None else 1 / candidate.number


def _share_of_codes(asked: frozenset[str], candidate: _Candidate) -> float:
    """The share of the codes asked about ("AL-200") that stand in the statement or the headings above it."""
    text = fold(f"{candidate.statement.text} {candidate.passage.metadata.get(HEADINGS, '')}") if asked else ""
    return sum(holds_name(text, code) for code in asked) / len(asked) if asked else 0.0


def _in_reading_order(chosen: Sequence[_Scored]) -> list[_Scored]:
    """Order by file, the file of the best excerpt first, then as the file reads; sheets are ordered as files are."""
    best_first = sorted(chosen, key=lambda found: -found.score)
    files = list(dict.fromkeys(_file(found.one.passage, found.one.number) for found in best_first))
    sheets = list(dict.fromkeys(_sheet(found.one.passage) for found in best_first))

    def place(found: _Scored) -> tuple[int, int, int]:
        one = found.one
        page = int(one.passage.metadata.get(PAGE, 0))
        page = page if _sheet(one.passage) is None else sheets.index(_sheet(one.passage))
        return files.index(_file(one.passage, one.number)), page, _start(one.passage, one.statement)

    return sorted(chosen, key=place)


def _sheet(passage: Document) -> object:
    """Which sheet of a workbook the passage is of; None for a page of anything else."""
    metadata = passage.metadata
    return (metadata.get(DOCUMENT_ID), metadata.get(PAGE)) if metadata.get(PAGE_KIND) == "sheet" else None


def _file(passage: Document, number: int) -> object:
    """What tells the file of a passage from others; a passage without one counts as a file of its own."""
    return passage.metadata.get(DOCUMENT_ID, -number)


def _start(passage: Document, statement: Statement) -> int:
    """Where a statement begins on its page."""
    return int(passage.metadata.get(START, 0)) + statement.start
