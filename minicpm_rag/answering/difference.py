"""The difference between two amounts that stand in running text.

"How much cheaper was Westbank?" over "Alder at 8,900 pounds and Westbank at 7,650": what the quotes say is subtracted
where it is clear which two amounts are meant. Tables are computed in `tables/`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import TYPE_CHECKING

from minicpm_rag.answering.extractive import Excerpt
from minicpm_rag.records import DOCUMENT_ID, HEADINGS
from minicpm_rag.text.amounts import Amount, amounts
from minicpm_rag.text.comparisons import LONGEST, own_terms, sides
from minicpm_rag.text.dates import years_in
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.statements import Statement, statements
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

_ADJECTIVE_ZH = "便宜|[多少高低贵长短重轻快慢大小早晚久]"
_ADJECTIVE_EN = (
    "more|less|fewer|higher|lower|larger|bigger|smaller|longer|shorter|heavier|lighter|cheaper|dearer|older|younger"
    "|faster|slower|greater"
)
_CHANGED = (
    r"(?:上?涨|[上下]?调|降低?|下降|提高|增加|减少)[了价]?(?:多少|几)"
    r"|\b(?:(?:by )?how much (?:did|do|does|will|has|have|was|were|is|are)\b.{1,80}\b(?:r[io]sen?|raised|increased?"
    r"|go(?:ne)? (?:up|down)|fell|fall(?:en)?|dropp?(?:ed)?|cut|reduced|lowered))\b"
)
_ASKS = re.compile(
    rf"相差|差(?:了)?(?:多少|几)|差[额距值]|之差|比.{{1,40}}?(?<![最至])(?:{_ADJECTIVE_ZH})[出花用付]?了?(?:多少|几(?!倍))"
    rf"|\bhow (?:much|many) (?:\w+ )?(?:{_ADJECTIVE_EN})\b|\bdifferences? (?:in|of|between)\b|{_CHANGED}",
    re.IGNORECASE,
)
_HAS_CHANGED = re.compile(_CHANGED, re.IGNORECASE)
_CHANGE = re.compile(
    r"[从由](?P<one>.{1,30}?)(?:调整|上?涨|[上下]?调|降低?|提高|增加|减少)?[到至为](?P<other>.{1,30})"
    r"|\bfrom (?P<one_en>.{1,40}?) to (?P<other_en>.{1,40})"
    r"|(?P<other_now>[^,;]{1,40}?) instead of (?P<one_before>.{1,30})",
    re.IGNORECASE,
)
_UP = re.compile(r"涨|上调|提高|增加|\b(?:r[io]sen?|raised|increased?|go(?:ne)? up)\b", re.IGNORECASE)
_DOWN = re.compile(
    r"下调|降|减少|下降|\b(?:go(?:ne)? down|fell|fall(?:en)?|dropp?(?:ed)?|cut|reduced|lowered)\b", re.IGNORECASE
)
# What a statement says that tells of a change: a journey goes from one to another too.
_TELLS_OF_CHANGE = re.compile(
    r"[涨升降增减改变调跌]"
    r"|\b(?:r[io]s\w+|rais\w+|increas\w+|went|go(?:es|ne)?|gr[eo]w\w*|chang\w+|mov\w+|adjust\w+|f[ea]ll?\w*|drop\w*"
    r"|cut|reduc\w+|lower\w*|decreas\w+|up|down|instead)\b",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|never)\b|n['’]t\b|没有?|并?未|并非|不会", re.IGNORECASE)
_POINTS_BACK = re.compile(r"(?:it|they|this|these)\b|[它其这该]", re.IGNORECASE)
_BETWEEN_WORDS_ZH = frozenset("的多少比了和")
_SAY_NOTHING_ZH = frozenset("金费价率额数量的了多少几涨调降提高增加减上下从由到为是")
# Where a clause ends: a comma within a number is none.
_CLAUSE_END = re.compile(r"[，;；。、\n]|,(?!\d)|[.](?!\d)|(?:\band\b|\bbut\b|\bwhile\b|而)")
_COLON = re.compile(r"：|:(?!\d)")
_SEMICOLON = re.compile("[；;]")
_AMOUNT_ALONE = re.compile(
    r"\s?(?:(?:or|或者?|和)\s?)?[£$€¥￥]?\d[\d.,]{0,15}"
    r"(?:\s?[万亿]?(?:元|人|天|年|个月|小时|分钟|公斤)| [a-z]{1,10})?\s?(?:[,，;；。、.](?!\d)|$)",
    re.IGNORECASE,
)
_MONEY_ASKED = re.compile(
    r"贵|便宜|钱|元|价|花[费了]?|\b(?:cost|spen[dt]|pay|price|cheaper|dearer|expensive|money)", re.IGNORECASE
)
_TIME_ASKED = re.compile(
    r"久|[天周年]|月|时间|分钟|小时|\b(?:longer|shorter|days?|weeks?|months?|years?)\b", re.IGNORECASE
)
_OF_A_SIDE = 0.5  # of the words that tell a side from the other: a clause with fewer is not of it
_ALIKE = 0.8  # of the words of two statements, where they are the same clause of two documents
_LONGEST = 2_000  # characters of a statement: of a longer one it is not clear which two of its amounts are meant
_MOST_WITH_ITEMS = 12  # statements of which each is laid beside every other one
_MOST_LOOKED_AT = 200  # statements, of those chosen and of those in the passages


@dataclass(frozen=True)
class Difference:
    """Two amounts of one unit, the higher one first, and the statements that say them."""

    high: Amount
    low: Amount
    said_in: tuple[Excerpt, ...]

    @property
    def written(self) -> tuple[str, str, str]:
        """The difference, the higher and the lower amount as text."""
        unit = self.high
        return tuple(  # type: ignore[return-value]
            unit.written(round(value, 6))
            for value in (self.high.value - self.low.value, self.high.value, self.low.value)
        )


def difference(question: str, chosen: Sequence[Excerpt], passages: Sequence[Document]) -> Difference | None:
    """What is asked for, if the chosen statements say both amounts; `passages` hold clauses of other documents."""
    if len(question) > LONGEST or not _ASKS.search(question):
        return None
    prose = [one for one in chosen if _is_prose(one.statement) and _is_of_its_year(question, one.statement.text)]
    prose = prose[:_MOST_LOOKED_AT]
    found = (
        _between_sides(question, prose)
        or _of_documents(question, prose, passages)
        or _in_one(question, prose, passages)
    )
    return found if found is not None and found.high.value > found.low.value else None


def _between_sides(question: str, prose: Sequence[Excerpt]) -> Difference | None:
    """The amounts of the clauses that name each side: 地下车位每月420元 beside 地面车位每月260元."""
    compared = sides(question)
    if compared is None:
        return None
    # 一等奖5名，奖金3000元；三等奖20名，奖金800元: where a semicolon parts the sides, what is between commas is of one.
    return (
        _of_clauses(question, compared, prose, clauses)
        or _of_clauses(question, compared, prose, _SEMICOLON.split)
        or _of_items(question, compared, prose)
    )


def _of_clauses(
    question: str, compared: tuple[str, str], prose: Sequence[Excerpt], parts: Callable[[str], Iterable[str]]
) -> Difference | None:
    told = [
        (one, found, set(terms(said)))
        for one in prose
        for whole in [amounts(one.statement.text)]
        for said in parts(one.statement.text)
        for start in [one.statement.text.find(said)]
        if (found := _amounts_of(one.statement.text, start, start + len(said), whole))
    ]
    of_both = []
    for side, other in (compared, compared[::-1]):
        own, others = own_terms(side, other), own_terms(other, side)
        shares = [(len(own & held) / len(own), len(others & held) / len(others)) for _, _, held in told]
        most = max((share for share, rival in shares if share > rival), default=0.0)
        of_both.append(
            [
                (amount, one)
                for (one, found, _), (share, rival) in zip(told, shares, strict=True)
                if share == most >= _OF_A_SIDE and share > rival
                for amount in found
            ]
        )
    return _the_only_two(question, *of_both)


def _of_items(question: str, compared: tuple[str, str], prose: Sequence[Excerpt]) -> Difference | None:
    """The amounts of one item, where a sentence of each side lists several: "of which marquee £900, band £450"."""
    asked = {
        term for term in content_terms(question) if len(term) > 1 and not any(map(_BETWEEN_WORDS_ZH.__contains__, term))
    }
    mine, its = (own_terms(*pair) & asked for pair in (compared, compared[::-1]))
    told = [(one, held) for one in prose if (held := asked & set(terms(one.statement.text)))]
    found = []
    for (one, held), (other, theirs) in permutations(told[:_MOST_WITH_ITEMS], 2):
        item = held & theirs
        named, other_named = (mine & held) - theirs, (its & theirs) - held
        is_each_named = len(named) >= _OF_A_SIDE * len(mine - item) > 0 and len(other_named) >= len(its - item) > 0
        if not is_each_named:
            continue
        amount, its_amount = _of_item(one, item), _of_item(other, item)
        if amount is not None and its_amount is not None:
            found.append(_the_only_two(question, [(amount, one)], [(its_amount, other)]))
    return found[0] if len(found) == 1 else None


def _of_item(one: Excerpt, item: set[str]) -> Amount | None:
    """The amount of the only clause that has all words of the item; None where it has several."""
    said = [part for clause in clauses(one.statement.text) for part in _COLON.split(clause)]
    told = [amounts(part) for part in said if item and item <= set(terms(part))]
    return told[0][0] if len(told) == 1 and len(told[0]) == 1 else None


def _of_documents(question: str, prose: Sequence[Excerpt], passages: Sequence[Document]) -> Difference | None:
    """The amount in which the same clause of two documents differs; None where a third one says another."""
    files = [passage.metadata.get(DOCUMENT_ID, -number) for number, passage in enumerate(passages, 1)]
    everything = [
        (Excerpt(number, statement, 0.0), amounts(statement.text))
        for number, statement in islice(_prose_of(passages), _MOST_LOOKED_AT)
    ]
    for one in prose:
        own = amounts(one.statement.text)
        if not own:
            continue
        found: dict[float, tuple[Amount, Amount, Excerpt]] = {}
        for other, theirs in everything:
            if files[other.number - 1] == files[one.number - 1]:
                continue
            if [amount.kind for amount in theirs] != [amount.kind for amount in own] or not _are_alike(one, other):
                continue
            differ = [pair for pair in zip(own, theirs, strict=True) if pair[0].value != pair[1].value]
            if len(differ) == 1 and fits(question, differ[0][0]) and are_comparable(*differ[0]):
                found[differ[0][1].value] = (*differ[0], other)
        if len(found) == 1:
            mine, its, other = next(iter(found.values()))
            return _ordered((mine, one), (its, other))
    return None


def _prose_of(passages: Sequence[Document]) -> Iterator[tuple[int, Statement]]:
    """The sentences of the passages, each with its passage's number."""
    for number, passage in enumerate(passages, 1):
        yield from ((number, statement) for statement in statements(passage) if _is_prose(statement))


def _is_prose(statement: Statement) -> bool:
    return not statement.header and len(statement.text) <= _LONGEST


def _in_one(question: str, prose: Sequence[Excerpt], passages: Sequence[Document]) -> Difference | None:
    """Two amounts of one sentence: from one to the other, or of what the question names and the only other one."""
    asks_for_change = _HAS_CHANGED.search(question) is not None
    wanted = {term for term in content_terms(_ASKS.sub(" ", question)) if len(term) > 1}
    for one in prose:
        text = one.statement.text
        if asks_for_change:
            change = _CHANGE.search(text)
            if change is None or not _tells_of(question, text, change, passages[one.number - 1]):
                continue
            whole = amounts(text)
            before = _amounts_of(text, *_span(change, "one", "one_en", "one_before"), whole)
            after = _amounts_of(text, *_span(change, "other", "other_en", "other_now"), whole)
            if not before or not after or not _goes_as_asked(question, before[0].value, after[0].value):
                continue
            found = _the_only_two(question, [(before[0], one)], [(after[0], one)])
        else:
            told = [(said, [each for each in amounts(said) if fits(question, each)]) for said in clauses(text)]
            told = [(said, each) for said, each in told if each]
            named = [bool(wanted & set(terms(said))) for said, _ in told]
            if len(told) != 2 or sum(named) != 1:
                continue
            found = _the_only_two(question, *([(each, one) for each in some] for _, some in told))
        if found is not None:
            return found
    return None


def _span(match: re.Match[str], *names: str) -> tuple[int, int]:
    """Where the one of these groups that matched stands."""
    return next(match.span(name) for name in names if match[name])


def _amounts_of(text: str, start: int, end: int, whole: Sequence[Amount]) -> list[Amount]:
    """The amounts of a part of a statement; where it has no unit, those of the whole one, whose unit stands before."""
    return amounts(text[start:end]) or [amount for amount in whole if start <= amount.start < end]


def _the_only_two(
    question: str, one: Sequence[tuple[Amount, Excerpt]], other: Sequence[tuple[Amount, Excerpt]]
) -> Difference | None:
    """The two amounts that can be meant, where there is one pair in a unit that fits the question."""
    mine, its = ({(each.value, each.kind): (each, said) for each, said in side} for side in (one, other))
    shared = {kind for _, kind in mine} & {kind for _, kind in its}
    own = [each for (_, kind), each in mine.items() if kind in shared and fits(question, each[0])]
    others = [each for (_, kind), each in its.items() if kind in shared and fits(question, each[0])]
    if len(own) != 1 or len(others) != 1:
        return None
    return _ordered(own[0], others[0]) if are_comparable(own[0][0], others[0][0]) else None


def are_comparable(one: Amount, other: Amount) -> bool:
    """Whether two amounts can be subtracted: both said themselves, and not one a month and the other a year."""
    return one.is_itself and other.is_itself and (not one.per or not other.per or one.per == other.per)


def _is_of_its_year(question: str, said: str) -> bool:
    """Whether a statement can be of the year that is asked for: one that names others only is not."""
    asked, named = years_in(question), years_in(said)
    return not asked or not named or bool(asked & named)


def _tells_of(question: str, text: str, change: re.Match[str], passage: Document) -> bool:
    """Whether a sentence tells of a change of what is asked for, and of one that took place."""
    clause = list(clauses(text[: change.start()]))[-1]
    if not _TELLS_OF_CHANGE.search(text) or _DENIED.search(clause):
        return False
    if _POINTS_BACK.match(clause.strip()):
        return True
    asked = content_terms(_UP.sub(" ", _DOWN.sub(" ", question)))
    # Chinese by its characters: 门票 is asked for where 票价 is told of.
    wanted = {part for term in asked for part in (term if has_han(term) else [term])} - _SAY_NOTHING_ZH
    said = f"{passage.metadata.get(HEADINGS) or ''}\n{text}"
    return not wanted or bool(wanted & {*terms(said), *said})


def _goes_as_asked(question: str, before: float, after: float) -> bool:
    is_up, is_down = _UP.search(question) is not None, _DOWN.search(question) is not None
    return is_up == is_down or (after > before) == is_up


def _ordered(one: tuple[Amount, Excerpt], other: tuple[Amount, Excerpt]) -> Difference:
    high, low = (one, other) if one[0].value >= other[0].value else (other, one)
    return Difference(high[0], low[0], tuple(dict.fromkeys((one[1], other[1]))))


def fits(question: str, amount: Amount) -> bool:
    """Whether an amount is of what is asked: 贵 of money, "longer" of time."""
    if _MONEY_ASKED.search(question):
        return amount.is_money
    return amount.is_time or not _TIME_ASKED.search(question)


def clauses(text: str) -> Iterator[str]:
    """The clauses of a sentence; an amount by itself, as in "£200 and £250", belongs to the one before."""
    start = 0
    for end in [found for found in _CLAUSE_END.finditer(text) if not _AMOUNT_ALONE.match(text, found.end())]:
        yield text[start : end.start()]
        start = end.end()
    yield text[start:]


def _are_alike(one: Excerpt, other: Excerpt) -> bool:
    """Whether two statements are the same but for their amounts."""
    mine, theirs = (
        {term for term in terms(each.statement.text) if not any(map(str.isdigit, term))} for each in (one, other)
    )
    return bool(mine) and len(mine & theirs) >= _ALIKE * len(mine | theirs)
