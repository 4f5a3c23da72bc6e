"""Numbers with their units ("45 days", "五百克"): claims that differ in the unit, and texts that are a bare number.

Knows common units of time, weight, length and money; an unknown unit is no difference.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, partial

from minicpm_rag.text.numerals import ENGLISH_NUMBER, numbers
from minicpm_rag.text.terms import fold

_UNITS = {
    "year": "years?|年", "month": "months?|个月", "week": "weeks?|周|个?星期", "day": "days?|天",
    "hour": "hours?|h|个?小时", "minute": "minutes?|min|分钟", "second": "seconds?|秒",
    "percent": "%|percent|per cent", "kilogram": "kg|kilograms?|kilos?|公斤|千克", "gram": "g|grams?|克",
    "tonne": "tonnes?|tons?|吨", "kilometre": "km|kilomet(?:re|er)s?|公里|千米", "metre": "m|met(?:re|er)s?|米",
    "square metre": "m2|平方米|square met(?:re|er)s?", "cubic metre": "m3(?:/h)?|立方米|cubic met(?:re|er)s?",
    "kilometre an hour": "km/h|公里每小时", "litre": "l|lit(?:re|er)s?|升", "millilitre": "ml|毫升",
    "watt": "w|watts?|瓦(?!时)", "kilowatt": "kw|千瓦(?!时)", "volt": "v|volts?|伏",
    "hertz": "hz|赫兹", "gigahertz": "ghz",
    "centimetre": "cm|centimet(?:re|er)s?|厘米", "millimetre": "mm|millimet(?:re|er)s?|毫米",
    "microgram a cubic metre": "μg/m3|微克(?:/|每)立方米|(?:μg|micrograms?) per cubic met(?:re|er)",
    "milligram a cubic metre": "mg/m3|毫克(?:/|每)立方米|(?:mg|milligrams?) per cubic met(?:re|er)",
    "milligram a litre": "mg/l|毫克(?:/|每)升|(?:mg|milligrams?) per lit(?:re|er)",
    "milligram": "mg|milligrams?|毫克", "microgram": "μg|micrograms?|微克",
    "part in a million": "ppm", "degree Celsius": "°c|degrees? celsius|摄氏度",
    "degree Fahrenheit": "°f|degrees? fahrenheit|华氏度", "pascal": "pa|pascals?|帕",
    "kilopascal": "kpa|千帕", "megapascal": "mpa|兆帕", "kilowatt hour": "kwh|千瓦时|度电|kilowatt hours?",
    "milliampere hour": "mah|毫安时", "millisecond": "ms|milliseconds?|毫秒", "decibel": r"db(?:\(a\))?|decibels?|分贝",
    "yuan": "yuan|rmb|cny|元(?!月)", "dollar": "dollars?|usd|美元", "euro": "euros?|eur|欧元",
}  # fmt: skip
# Bounded, and begun only where a number begins: else a long run of digits takes time in the square of its length.
_NUMBER = (
    r"(?<!\d)\d{1,20}(?:,\d{3}){0,6}(?:\.\d{1,20})?\s?(?:[百万亿]|千(?![克米瓦帕])){0,4}"
    r"|(?<![〇零一二两三四五六七八九十百千万亿])[〇零一二两三四五六七八九十百千万亿]{1,20}"
    rf"|{ENGLISH_NUMBER}|\bone\b"
)
_MEASURE = re.compile(
    rf"(?P<number>{_NUMBER})[\s-]{{0,2}}(?:"
    + "|".join(f"(?P<u{place}>(?:{forms})(?![a-z0-9/]))" for place, forms in enumerate(_UNITS.values()))
    + ")"
)
_PLAIN_NUMBER = re.compile(
    r"(?<![a-z\d.,-])(?:\d{1,3}(?:,\d{3}){1,6}|\d{1,20})(?:\.\d{1,20})?(?![a-z\d]|[.,]\d)", re.IGNORECASE
)
# Words beside a number that do not say what it counts.
_BESIDE_NUMBERS = re.compile(
    rf"{_NUMBER}|\b(?:within|in|at|about|around|only|up|to|after|before|per|least|most|more|less|than|exactly|it|is|are"
    r"|they|was|were|the|a|an|of|for|every|each|by|on|from|january|february|march|april|may|june|july|august|september"
    r"|october|november|december|pieces?|people|persons?|times?)\b"
    r"|[年月日号时分秒天内外前后约共每是为在于到至了第个名人位次台部件种元米项起以上下左右大概]",
)


def measures(text: str) -> dict[float, frozenset[str]]:
    """The units that each number of a text stands with."""
    found: dict[float, set[str]] = {}
    for match in _MEASURE.finditer(fold(text)):
        unit = next(name for place, name in enumerate(_UNITS) if match[f"u{place}"])
        for value in numbers(match.group()):
            found.setdefault(value, set()).add(unit)
    return {value: frozenset(units) for value, units in found.items()}


def units_differ(claim: str, source: str) -> bool:
    """Tell whether the claim gives a number a unit that the source does not, while it gives it another."""
    claimed, held = measures(claim), measures(source)
    return any(value in held and not units & held[value] for value, units in claimed.items())


def as_written(claim: str, source: str) -> str:
    """The claim, its numbers and measures written as the source writes the same ones: "500 g" as "500 grams".

    The reader compares words: it takes 18420 and 18,420 for two numbers. A form that stands in the source stays.
    """
    for form in (_written(), _PLAIN_NUMBER):
        held = [match.group().strip() for match in form.finditer(source)]
        written = {_meaning(one): one for one in reversed(held)} | {one: one for one in held}
        claim = form.sub(partial(_written_alike, written), claim)
    return claim


@cache
def _written() -> re.Pattern[str]:
    """Measures in text that is not folded; compiled when first wanted, which takes 7 ms."""
    return re.compile(_MEASURE.pattern, re.IGNORECASE)


def _written_alike(written: Mapping[object, str], match: re.Match[str]) -> str:
    own = match.group()
    return written.get(own) or written.get(_meaning(own), own)


def _meaning(text: str) -> object:
    """What two ways to write a measure have in common; where no value is known ("one day"), only its own words."""
    values = numbers(text)
    return (values, frozenset(measures(text).items())) if values else text


def without_units(text: str) -> str:
    """The text, folded, with numbers instead of measures: "45 days" is compared as 45, and its unit by itself."""
    return _MEASURE.sub(lambda match: f" {match['number']} ", fold(text))


def is_bare_number(text: str) -> bool:
    """Tell whether a text is a number with its unit and nothing else: "45 days.", "within 45 days", "是20天"."""
    folded = fold(text)
    rest = _BESIDE_NUMBERS.sub(" ", _MEASURE.sub(" ", folded))
    return bool(numbers(text)) and not any(map(str.isalnum, rest))
