"""How old somebody is whom a question speaks of ("my son is 7", 我妈七十二岁), and which ages a cell or clause is for.

Knows no passages.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from minicpm_rag.text.numerals import NUMBER_WORDS, numbers
from minicpm_rag.text.ranges import range_of
from minicpm_rag.text.table_rows import cells
from minicpm_rag.text.terms import fold

_NUMBER_EN = rf"(?:\d{{1,3}}|(?:(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)[- ])?(?:one|{NUMBER_WORDS}))"
_YEARS_OLD = r"(?:[- ]years?[- ]olds?\b)"
_PERSON = (
    r"(?:i am|i['’]m|he is|she is|he['’]s|she['’]s|they are|they['’]re"
    r"|(?:my|our|his|her|their) (?:[a-z-]{1,20} ){1,3}?(?:is|turns|are|will be))"
)
# A sentence of its own, "My son is 7.", or a word for a person in one, "a 7-year-old"
_SENTENCE_EN = re.compile(
    rf"(?:^|(?<=[.?!,;] ))(?:and |if )?{_PERSON} (?P<n>{_NUMBER_EN}){_YEARS_OLD}?(?: years?)?(?: now)?"
    r" ?(?:[.,;!]|and\b|so\b)\s{0,3}"
)
_AT_THE_END_EN = re.compile(
    rf"[.,;]?(?<!\s) {{0,2}}\b(?:if )?{_PERSON} (?P<n>{_NUMBER_EN}){_YEARS_OLD}? ?[.?!]{{0,3}}$"
)
_WORD_EN = re.compile(rf"\b(?P<n>{_NUMBER_EN}){_YEARS_OLD}(?: (?:boy|girl|child|son|daughter|man|woman|person)\b)?")
_AGED_EN = re.compile(rf"\b(?:who is |who['’]s )?aged? (?P<n>{_NUMBER_EN})\b(?! ?(?:-|–|to|and|or)\b)")
_NUMBER_ZH = r"(?:\d{1,3}|[零一二两三四五六七八九十百]{1,5})"
# 我妈七十二岁， with the person before it; 12岁的 before a person. 七十岁以上 asks for all of them.
_CLAUSE_ZH = re.compile(
    rf"(?:^|(?<=[，,。；]))[^，,。；？?\d零一二两三四五六七八九十]{{0,8}}?(?:今年|刚|已经?|才|快|满)?(?P<n>{_NUMBER_ZH})周?岁(?:了|半)?[，,。；]"
)
_THIS_YEAR_ZH = re.compile(
    rf"(?:^|(?<=[，,。；]))[^，,。；？?\d零一二两三四五六七八九十]{{0,8}}?今年(?:已经?|刚|才|都|满)?(?P<n>{_NUMBER_ZH})了?[，,。]"
)
_WORD_ZH = re.compile(
    rf"(?<![\d零一二两三四五六七八九十百到至~—–-])(?P<n>{_NUMBER_ZH})周?岁(?:半)?的?(?!以|及|或|至|到|[-~—])"
)
_LEFT_OUT = (_SENTENCE_EN, _AT_THE_END_EN, _AGED_EN, _CLAUSE_ZH, _THIS_YEAR_ZH, _WORD_ZH)
_OF_PERSONS = re.compile(
    r"\b(?:child|children|kids?|adults?|seniors?|juniors?|youths?|young|infants?|toddlers?|teen\w*|students?|pupils?"
    r"|concessions?|primary|secondary|age[ds]?|years? old|yrs?)\b"
    r"|岁|年龄|儿童|小孩|成人|老人|老年|长者|学生|青少年|少年|幼儿|婴"
)
_OF_AGE = re.compile(r"age|years|yr|岁|年龄|young")
# 70岁以上12元, "under 12s go free": a limit beside a price
_BOUND = re.compile(
    r"(?<![\d.-])(?P<n>\d{1,3})\s*(?:周?岁)?(?:及|或)?(?:(?P<over>以上)|以下|以内)"
    r"|(?:(?P<over2>\b(?:over|above|from))|\b(?:under|below))(?: the)?(?: age)?(?: of)? (?P<n2>\d{1,3})s?\b"
    r"(?! ?(?:to|-))"
    r"|(?:(?P<over4>(?<![不未])满)|[不未]满|不足|不到)\s*(?P<n4>\d{1,3})\s*周?岁(?!以|及|或)"
    r"|(?<![\d.-])(?P<n3>\d{1,3}) (?:and|or) (?:(?P<over3>over|above|older|up)|under|below|younger)\b"
)
_OF_MANY = re.compile(r"\b\d{1,3}s\b")  # "over 65s"
_CLAUSE_END = re.compile(r"[，,。；;：:]|\.\s")


def ages_asked(question: str) -> frozenset[float]:
    """How old the persons are that a question speaks of."""
    return frozenset(age for said in _said(fold(question)) for age in numbers(said))


def without_ages(question: str) -> str:
    """The question without what it says of somebody's age, in words to search by."""
    plain = question
    for pattern in _LEFT_OUT:
        plain = re.compile(pattern.pattern, re.IGNORECASE).sub("", plain)
    return re.compile(_WORD_EN.pattern, re.IGNORECASE).sub("person", plain).replace("  ", " ").strip()


def is_for_ages(ages: frozenset[float], text: str, header: str = "") -> bool | None:
    """Whether a row, or a clause of a sentence, is for persons of one of the ages; None where it is for no ages."""
    parts = zip(cells(header), cells(text), strict=False) if header else (("", one) for one in _CLAUSE_END.split(text))
    told = [_takes_in(part, ages, name) for name, part in parts]
    return True if True in told else False if False in told else None


def _takes_in(text: str, ages: frozenset[float], named: str) -> bool | None:
    """Whether a cell or a clause takes in one of the ages; `named` is what the cell's column is called."""
    plain = fold(text)
    bounds = [
        (
            float(one["n"] or one["n2"] or one["n3"] or one["n4"]),
            one["over"] or one["over2"] or one["over3"] or one["over4"],
        )
        for one in _BOUND.finditer(plain)
    ]
    if bounds and (_OF_PERSONS.search(fold(f"{named} {text}")) or _OF_MANY.search(plain)):
        return all(any((age >= bound) if over else (age <= bound) for age in ages) for bound, over in bounds)
    held = range_of(text) if _OF_PERSONS.search(fold(f"{named} {text}")) else None
    return None if held is None else any(held[0] <= age <= held[1] for age in ages)


def for_ages(question: str, rows: Sequence[tuple[str, str]]) -> list[bool]:
    """For each (header, row) whether it may be meant by the age that the question speaks of.

    Where a row is for it, only such rows are; where none is, those are not that are for other ages.
    """
    if not (ages := ages_asked(question)):
        return [True] * len(rows)
    told = [
        (True if names_person(question, row) else is_for_ages(ages, row, header)) if header else None
        for header, row in rows
    ]
    fitting = {header for (header, _), one in zip(rows, told, strict=True) if one}
    left = {header for (header, _), one in zip(rows, told, strict=True) if one is None}
    return [
        not header or (one is True if header in fitting else one is None or header not in left)
        for (header, _), one in zip(rows, told, strict=True)
    ]


def names_person(question: str, text: str) -> bool:
    """Whether a row or sentence names such persons as the question does: adults beside a six-year-old."""
    said, asked = (
        {word.group().rstrip("s") for word in _OF_PERSONS.finditer(fold(one)) if not _OF_AGE.match(word.group())}
        for one in (text, question)
    )
    return not said.isdisjoint(asked)


def _said(plain: str) -> list[str]:
    found: list[str] = []
    for pattern in (*_LEFT_OUT, _WORD_EN):
        found += [match["n"] for match in pattern.finditer(plain)]
    return found
