"""Answer without a model: the one to three sentences or table rows of the passages that answer the question.

Chooses among the statements that `statement_scores` has weighed. Every excerpt is literal text of its passage.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.named_rows import asks_for_others, named, named_cells
from minicpm_rag.answering.statement_scores import Candidate, Scored, file_of, scored, start_of
from minicpm_rag.records import (
    DOCUMENT_ID,
    EVIDENCE,
    PAGE,
    PAGE_KIND,
    Reading,
    Similarity,
)
from minicpm_rag.retrieval.rivals import speaks_of_rival
from minicpm_rag.text.ages import ages_asked, is_for_ages, names_person
from minicpm_rag.text.comparisons import asks_for_list, own_terms, sides
from minicpm_rag.text.corrections import stands_in, taken_back
from minicpm_rag.text.questions import CHINESE_FUNCTION_CHARACTERS, content_terms, is_content
from minicpm_rag.text.scripts import has_han, is_han
from minicpm_rag.text.sections import section_at
from minicpm_rag.text.statements import Statement
from minicpm_rag.text.terms import fold, terms

if TYPE_CHECKING:
    from langchain_core.documents import Document


# Probabilities that the reader gives
_READ_WELL = 0.4  # from which it is taken to find the answer in a statement
_READ_SURELY = 0.8  # from which it is taken to be sure of that
_ANSWERS, _SILENT = 0.5, 0.01  # from which a passage answers, and under which it does not
_LIKELY = 0.1  # from which the reader counts a statement among the places where the answer may stand
_SURELY_HERE = 0.75  # from which statements that only share words are left out
_FOUND = 0.3  # from which a statement counts whatever the evidence of its passage
# Shares, numbers and differences
_ENOUGH = 0.7  # of the best score for words: excerpts with less are left out
_ENOUGH_UNREAD = 0.75  # the same without a reader: words alone say less
_OF_BEST, _OF_BEST_ELSEWHERE = 0.2, 0.6  # of the largest overlap: in the best excerpt's passage, in another
_ENOUGH_EVIDENCE = 0.75  # of the threshold: a passage with less is no answer, unless the reader finds one in it
_ABOUT_AS_MANY = 0.02  # difference of two scores for words that are taken as equal
_ENOUGH_BESIDE = 0.9  # as `_ENOUGH`, beside a row or an answer of which the reader is sure
_MOST_USUAL = 3  # excerpts; who asks for more also gets weaker ones
_ENOUGH_IN_DETAIL = 0.4  # as `_ENOUGH`, where a detailed answer is wanted
_BESIDE_THE_POINT = 0.5  # of the question's words that the best passage holds: one with less is on another subject
_LEAST_SHARED = 0.05  # of the question's words: what is for an age and shares fewer is about something else
_NAMED = 0.6  # of a side's terms: a statement with fewer does not speak of it
_MOST_OF_A_SIDE = 12  # statements that are paired with those of the other side
_MOST_ITEMS = 12  # of a list
_STATEMENTS_OF_AN_ITEM = 1.5  # on average: more than that, and it is no list
# Begins a sentence that restricts the one before it
_EXCEPTION = re.compile(
    r"\s*(?:但(?!是否)|不过|然而|除外|例外|否则|上述(?:规定|期限|标准)不适用|however\b|but\b|except|unless\b|otherwise\b"
    r"|exceptions?\b|this (?:does not|doesn't) apply|(?:it|they) (?:does|do) not (?:apply|cover|include))",
    re.IGNORECASE,
)
# "Landlord: Ann Lee", 甲方（出租方）：王建国
_LABEL = re.compile(r"[-*•\s]*(?P<name>[^\n:：|。.,，;；]{2,40})[:：]\s*(?=\S)")
_WORD = re.compile(r"\w")
# A yes-or-no question is answered by one item of a list.
WHETHER = re.compile(
    r"^\W*(?:may|can|could|is|are|was|were|do|does|did|must|should|will|has|have)\b"
    r"|吗[\s?？。]*$|能不能|可不可以|是否|是不是|要不要",
    re.IGNORECASE,
)
# "Please confirm that …" does not say whether it is so.
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
    ranked = scored(question, passages, readings, similarity=similarity, left_out=left_out)
    if not ranked:
        return []
    silent = _silent(readings)
    heard = [
        found
        for found in ranked
        if found.one.number not in silent and (found.likely >= _FOUND or _has_evidence(found.one, threshold))
    ]
    # A question that compares names its two sides itself: each is heard, whatever its passage has for the whole.
    compared = sides(question)
    chosen = _both_sides(compared, ranked) if compared else []
    if not chosen:
        heard = _under_headings_meant(question, _rows_meant(question, heard or ranked))
        heard = _for_their_age(question, heard) or heard
        chosen = _with_like_rows(question, _best_of(question, heard, most), heard)
    chosen = [found for found in chosen if not _only_asks(found)] or chosen
    chosen = _with_corrections(_in_sections_meant(question, _rows_meant(question, chosen)), ranked)
    return [Excerpt(found.one.number, found.one.statement, found.score) for found in _in_reading_order(chosen)]


def _rows_meant(question: str, chosen: Sequence[Scored]) -> list[Scored]:
    """The chosen without rows that the question does not mean, where it names others of the same table."""
    tables: dict[tuple[object, str], list[Scored]] = {}
    for found in chosen:
        if header := found.one.statement.header:
            tables.setdefault((file_of(found.one.passage, found.one.number), header), []).append(found)
    left_out = [
        found
        for (_, header), rows in tables.items()
        for found, is_meant in zip(
            rows, named(question, [(header, one.one.statement.text) for one in rows]), strict=True
        )
        if not is_meant
    ]
    return [found for found in chosen if found not in left_out]


def _with_like_rows(question: str, chosen: Sequence[Scored], heard: Sequence[Scored]) -> list[Scored]:
    """The chosen with the rows of their tables that the question names by the same cells, and tells no better apart.

    "Which shows does Lee present?" is every row of Lee: one of them alone is a wrong answer.
    """
    found = list(chosen)
    if asks_for_others(question):
        return found
    for one in chosen:
        if not (held := _cells_named(question, one)):
            continue
        alike = [
            other
            for other in heard
            if _is_of_one_table(one, other)
            and _cells_named(question, other) == held
            and abs(other.overlap - one.overlap) < _ABOUT_AS_MANY
        ]
        if len(alike) <= _MOST_ITEMS:
            found += [other for other in alike if other not in found]
    return found


def _cells_named(question: str, found: Scored) -> frozenset[str]:
    statement = found.one.statement
    return named_cells(question, statement.header, statement.text) if statement.header else frozenset()


def _is_of_one_table(one: Scored, other: Scored) -> bool:
    """Whether both are rows, under one header and of one file."""
    header, own, others = one.one.statement.header, one.one, other.one
    is_one_file = file_of(own.passage, own.number) == file_of(others.passage, others.number)
    return bool(header) and header == others.statement.header and is_one_file


def _in_sections_meant(question: str, chosen: Sequence[Scored]) -> list[Scored]:
    """The chosen without those under another heading than the one that is asked about, where they say the same of each.

    "Budget: …" stands under the summer fair and under the jumble sale: of the one that is named it is meant.
    """
    wanted = {term for term in content_terms(question) if len(term) > 1 or not is_han(term)}
    labels: dict[tuple[object, str], list[Scored]] = {}
    for found in chosen:
        if (label := _LABEL.match(found.one.statement.text)) and not found.one.statement.header:
            labels.setdefault((file_of(found.one.passage, found.one.number), fold(label["name"])), []).append(found)
    left_out = [
        found
        for alike in labels.values()
        for found in alike
        if any(
            wanted & (found.one.section | found.one.terms) < wanted & (one.one.section | one.one.terms) for one in alike
        )
    ]
    return [found for found in chosen if found not in left_out]


def _for_their_age(question: str, heard: Sequence[Scored]) -> list[Scored]:
    """Those heard that share the question's words and are for the age that it speaks of or others that it names."""
    if not (ages := ages_asked(question)):
        return []
    least = _OF_BEST * max(found.overlap for found in heard)
    return [
        found
        for found in heard
        if found.overlap >= max(least, _LEAST_SHARED)
        and (
            is_for_ages(ages, found.one.statement.text, found.one.statement.header)
            or names_person(question, found.one.statement.text)
        )
    ]


def _under_headings_meant(question: str, heard: Sequence[Scored]) -> list[Scored]:
    """Those heard without those under a heading like the one that is asked about: another budget, another trip.

    Headings are alike that share words and stand under one: the question has words that only the one of them has, and
    none that only the other has.
    """
    wanted = _words_of(content_terms(question))
    paths = list(map(_path_of, heard))
    headings = {path: _words_of(content_terms(str(path[-1]))) for path in paths if path[-1]}
    others = {
        path
        for path, own in headings.items()
        for meant, words in headings.items()
        if meant[:-1] == path[:-1] and own & words and wanted & (words - own) and not wanted & (own - words)
    }
    named = frozenset().union(*(wanted & words for path, words in headings.items() if path not in others))
    return [
        found
        for found, path in zip(heard, paths, strict=True)
        if path not in others or found.one.terms & (named - headings[path])
    ]


def _path_of(found: Scored) -> tuple[object, ...]:
    """The file of a statement and the headings that it stands under; the last one is empty where there is none."""
    headings = section_at(found.one.passage, found.one.statement.start).split(" > ")
    return (file_of(found.one.passage, found.one.number), *headings)


def _words_of(found: Sequence[str]) -> frozenset[str]:
    """The terms without single Han characters, which many words share."""
    return frozenset(term for term in found if len(term) > 1 or not is_han(term))


def _silent(readings: Sequence[Reading | None]) -> frozenset[int]:
    """The numbers of the passages in which the reader surely sees no answer, where it sees one in another."""
    if not any(reading is not None and reading.answers > _ANSWERS for reading in readings):
        return frozenset()
    return frozenset(n for n, reading in enumerate(readings, 1) if reading is not None and reading.answers < _SILENT)


def _has_evidence(candidate: Candidate, threshold: float) -> bool:
    """Whether the passage may answer: the first one was found to, another must have evidence of its own."""
    evidence = candidate.passage.metadata.get(EVIDENCE)
    return candidate.number == 1 or evidence is None or float(evidence) >= _ENOUGH_EVIDENCE * threshold


def _best_of(question: str, ranked: Sequence[Scored], most: int) -> list[Scored]:
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
        several = len(lines) > 1 and not WHETHER.search(question)
        if items and (is_wanted or several):
            return [one for one in chosen if one.read >= _READ_WELL and one not in items] + items
    return _with_exceptions(chosen, ranked)


def _enough(question: str, ranked: Sequence[Scored], *, in_detail: bool) -> list[Scored]:
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
    chosen: list[Scored] = []
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


def _is_label_of(question: str, candidate: Candidate) -> bool:
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


def _with_exceptions(chosen: Sequence[Scored], ranked: Sequence[Scored]) -> list[Scored]:
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


def _with_corrections(chosen: Sequence[Scored], ranked: Sequence[Scored]) -> list[Scored]:
    """The chosen with the statements that take back an amount or a time which one of them says."""
    taken = [(found, taken_back(found.one.statement.text)) for found in ranked if found not in chosen]
    return [*chosen, *(found for found, values in taken if any(_takes_back(found, values, one) for one in chosen))]


def _takes_back(found: Scored, values: frozenset[str], chosen: Scored) -> bool:
    """Whether the one takes back a value of the chosen: they speak of the same, more plainly so in two documents."""
    one, other = found.one, chosen.one
    if not any(stands_in(value, other.statement.text) for value in values):
        return False
    shared = {term for term in one.terms & other.terms if len(term) > 1 and term.isalpha() and is_content(term)}
    is_one_file = file_of(one.passage, one.number) == file_of(other.passage, other.number)
    return len(shared) >= (1 if is_one_file else 2)


def _both_sides(compared: tuple[str, str], ranked: Sequence[Scored]) -> list[Scored]:
    """The statements on both sides of a comparison that fit together best; none where one side is not spoken of."""
    about: list[list[tuple[float, Scored]]] = []
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


def _is_of_rival(side: str, candidate: Candidate) -> bool:
    """Whether the statement speaks of another of a series: of the Barista Mini, not of the Barista One."""
    return speaks_of_rival(side, candidate.passage, candidate.statement.start)


def _alike(one: Candidate, other: Candidate) -> float:
    """How much two statements speak of the same thing, 0..1."""
    return len(one.terms & other.terms) / (len(one.terms | other.terms) or 1)


def _is_of_another_subject(question: str, found: Scored, best: Scored) -> bool:
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


def _list_around(best: Scored, ranked: Sequence[Scored]) -> list[Scored]:
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


def _line_of(found: Scored) -> int:
    """Where the line of its passage begins in which a statement stands."""
    return found.one.passage.page_content.rfind("\n", 0, found.one.statement.start) + 1


def _leads(found: Scored) -> bool:
    """Whether the statement says nothing but that something follows."""
    return found.one.statement.text.rstrip().endswith((":", "："))


def _between(one: Scored, other: Scored) -> tuple[int, int]:
    """Where the text between two statements of a passage begins and ends."""
    return one.one.statement.end, other.one.statement.start


def _only_asks(found: Scored) -> bool:
    """Whether the statement asks itself: "Please confirm …", or 瓷砖什么时候到货？ where no answer was read in it."""
    text = found.one.statement.text.rstrip()
    if _REQUEST.match(text):
        return True
    return text.endswith(("?", "？")) and found.read < _READ_WELL and not any(map(str.isdigit, text))


def _share(wanted: frozenset[str], held: frozenset[str]) -> float:
    return len(wanted & held) / len(wanted) if wanted else 0.0


def _in_reading_order(chosen: Sequence[Scored]) -> list[Scored]:
    """Order by file, the file of the best excerpt first, then as the file reads; sheets are ordered as files are."""
    best_first = sorted(chosen, key=lambda found: -found.score)
    files = list(dict.fromkeys(file_of(found.one.passage, found.one.number) for found in best_first))
    sheets = list(dict.fromkeys(_sheet(found.one.passage) for found in best_first))

    def place(found: Scored) -> tuple[int, int, int]:
        one = found.one
        page = int(one.passage.metadata.get(PAGE, 0))
        page = page if _sheet(one.passage) is None else sheets.index(_sheet(one.passage))
        return files.index(file_of(one.passage, one.number)), page, start_of(one.passage, one.statement)

    return sorted(chosen, key=place)


def _sheet(passage: Document) -> object:
    """Which sheet of a workbook the passage is of; None for a page of anything else."""
    metadata = passage.metadata
    return (metadata.get(DOCUMENT_ID), metadata.get(PAGE)) if metadata.get(PAGE_KIND) == "sheet" else None
