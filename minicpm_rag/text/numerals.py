"""The values of the numbers in a text, so that "十五天", "15 天" and "fifteen days" can be compared.

Knows no passages and no names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from minicpm_rag.text.terms import fold

# Not in "AL-200", nor the 5 of "PM2.5": they are names.
_DIGITS = re.compile(r"(?<![a-z\d])(?<![a-z]-)(?<!\d\.)(?:\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)*)")
_SCALE_AFTER = re.compile(
    r"\s*(百万|千万|万亿|十亿|百|千(?![克米瓦卡帕伏])|万|亿|hundred|thousand|million|billion|trillion)(?![a-z])"
)
_SCALES = {
    "百": 1e2, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "十亿": 1e9, "万亿": 1e12,
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12,
}  # fmt: skip
_CHINESE_NUMERAL = re.compile(r"[〇零一二两三四五六七八九十百千万亿]+")
_LONGEST_NUMERAL = 40  # characters; 亿 fifty times over is more than a float holds
_WORDS_OF_NUMERALS = frozenset(["一", "零", "万", "百", "千", "亿", "万一", "千万", "百万", "万千", "千百", "一一"])
_CHINESE_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九")} | {
    "〇": 0,
    "两": 2,
}
_CHINESE_UNITS = {"十": 10, "百": 100, "千": 1000}
# A Chinese numeral counts as one only before a unit: 一般, 统一 and 万一 are words.
_CHINESE_UNIT_AFTER = re.compile(
    r"[个名人位天日月年岁周时点分秒次遍回倍成元块角件台部辆本条张份页章节种类项款米里克吨升度层楼户家所座届期级等]"
    r"|小时|星期|公里|公斤|平方|英|美元|百分"
)
_SMALL_NUMBERS_TEXT = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_SMALL_NUMBERS = _SMALL_NUMBERS_TEXT.split()
_TENS_TEXT = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENS = {word: 10 * value for value, word in enumerate(_TENS_TEXT.split(), 2)}
_ENGLISH_NUMBERS = {word: value for value, word in enumerate(_SMALL_NUMBERS)} | _TENS | {"dozen": 12}
# "one" by itself is mostly a pronoun.
NUMBER_WORDS = "|".join(word for word, value in _ENGLISH_NUMBERS.items() if value > 1)
_LARGE = "thousand|million|billion|trillion"
_UNDER_HUNDRED = (
    rf"(?:(?:{'|'.join(_TENS)})(?:[ -](?:{'|'.join(_SMALL_NUMBERS[1:10])}))?|{'|'.join(_SMALL_NUMBERS[2:])})"
)
_UNDER_THOUSAND = (
    rf"(?:(?:{_UNDER_HUNDRED}|an?|one)[ -]hundred(?:,?(?: and)? (?:{_UNDER_HUNDRED}|one)\b(?! hundred\b))?"
    rf"|{_UNDER_HUNDRED})"
)
# A number in words: "fourteen", "twenty-five", "two hundred and fifty", "twenty thousand". Of "between one thousand and
# two thousand" each is one. The first letters rule out most words by one look.
ENGLISH_NUMBER = (
    rf"\b(?=[adefnost])(?:(?:{_UNDER_THOUSAND}|an?|one)[ -](?:{_LARGE})"
    rf"(?:,?(?: and)? {_UNDER_THOUSAND}\b(?! (?:hundred|{_LARGE})\b))?"
    rf"|{_UNDER_THOUSAND}|dozen)\b"
)
_WRITTEN_OUT = re.compile(ENGLISH_NUMBER)
MONTHS = {
    month: number
    for number, names in enumerate(
        ("january jan", "february feb", "march", "april apr", "may", "june jun", "july jul", "august aug",
         "september sept sep", "october oct", "november nov", "december dec"), 1,
    )
    for month in names.split()
}  # fmt: skip
MONTHS_IN_DATES = MONTHS | {"mar": 3}  # by itself it is a word: to mar
_ENGLISH_WORD = re.compile(r"[a-z]+")
# "1. ", "（2）" and "第3页" number the answer's own points and pages.
_NOT_CLAIMED = re.compile(
    r"^\s*(?:[-*•#]+\s*)?(?:[(（]\d{1,2}[)）]|\d[.)、）](?!\d)|\d{2}[.)、）](?=\s*[^\s\d]))"
    r"|第\s*\d+\s*[页张]|\b(?:pages?|slides?|p\.)\s*\d+",
    re.I,
)


def numbers(text: str) -> frozenset[float]:
    """The values of all numbers in a text, months included."""
    folded = fold(_NOT_CLAIMED.sub(" ", text))
    return frozenset([*_digit_values(folded), *_chinese_values(folded), *_english_values(folded)])


@lru_cache(maxsize=10_000)
def is_numeral(term: str) -> bool:
    """Tell whether a term is written with digits only: its value is what counts, not its form."""
    return all(character.isdigit() or character in "._" or _CHINESE_NUMERAL.match(character) for character in term)


def _digit_values(folded: str) -> Iterator[float]:
    for match in _DIGITS.finditer(folded):
        text = match.group().replace(",", "")
        if text.count(".") > 1:  # 3.2.0: a version; its parts are compared
            yield from (float(part) for part in text.split("."))
            continue
        scale = _SCALE_AFTER.match(folded, match.end())
        yield round(float(text) * (_SCALES[scale.group(1)] if scale else 1), 6)


def _chinese_values(folded: str) -> Iterator[float]:
    for match in _CHINESE_NUMERAL.finditer(folded):
        text = match.group()
        before = folded[match.start() - 1 : match.start()]
        if before.isdigit() or text in _WORDS_OF_NUMERALS or len(text) > _LONGEST_NUMERAL:
            continue
        if before in {"第"} or len(text) > 1 or _CHINESE_UNIT_AFTER.match(folded, match.end()):
            yield _chinese_value(text)


def _chinese_value(text: str) -> float:
    if not any(character in "十百千万亿" for character in text):
        return float("".join(str(_CHINESE_DIGITS[character]) for character in text))
    total = section = digit = 0
    for character in text:
        if character in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[character]
        elif character in _CHINESE_UNITS:
            section += (digit or 1) * _CHINESE_UNITS[character]
            digit = 0
        else:
            total = (total + section + digit or 1) * (10_000 if character == "万" else 100_000_000)
            section = digit = 0
    return float(total + section + digit)


def _english_values(folded: str) -> Iterator[float]:
    for match in _ENGLISH_WORD.finditer(folded):
        word = match.group()
        if word in MONTHS and (word != "may" or _beside_a_digit(folded, match)):
            yield float(MONTHS[word])
    for match in _WRITTEN_OUT.finditer(folded):
        yield _english_value(match.group())


def _english_value(written: str) -> float:
    total = section = 0.0
    for word in _ENGLISH_WORD.findall(written):
        if word == "hundred":
            section = (section or 1) * 100
        elif word in _SCALES:
            total += (section or 1) * _SCALES[word]
            section = 0
        else:
            section += _ENGLISH_NUMBERS.get(word, 0)  # "a" and "and" count nothing
    return total + section


def _beside_a_digit(folded: str, match: re.Match[str]) -> bool:
    before = folded[max(0, match.start() - 5) : match.start()].rstrip(" ,")
    after = folded[match.end() : match.end() + 5].lstrip(" ,")
    return before[-1:].isdigit() or after[:1].isdigit()
