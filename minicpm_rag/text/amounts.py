"""Amounts in running text, in order: "£95", "8,900 pounds", 46万元, 三个月, "five years", each with its unit.

Any word behind a number is its unit, except a month: votes and guests are amounts too. Dates are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from minicpm_rag.text.numerals import ENGLISH_NUMBER, MONTHS, NUMBER_WORDS, numbers
from minicpm_rag.text.struck import blanked
from minicpm_rag.text.terms import terms

_NO_UNIT_TEXT = """
    am pm of and or to in on at for from by is are was were be the a an per after before until than with as not
"""
_NO_UNIT = frozenset([*_NO_UNIT_TEXT.split(), *MONTHS])
_UNITS_ZH_TEXT = """
    元 块钱 票 个月 分钟 小时 公里 千米 厘米 毫米 平方米 公斤 千克 毫升 百分点
    人 名 个 件 台 次 份 张 本 辆 间 户 家 项 条 页 字 瓶 级 层 分 天 周 年 岁 米 克 吨 升 度 亩 成 倍 桶 箱
"""
_UNIT_ZH = "|".join(_UNITS_ZH_TEXT.split())
_AMOUNT = re.compile(
    r"(?<![\d.,:：/-])(?:(?P<sign>[£$€¥￥])\s?)?"
    r"(?P<number>\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,6})?(?![\d:：]|[/-]\d)|(?<![一二两三四五六七八九十百千万])[二两三四五六七八九十百千]{1,6}"
    rf"|{ENGLISH_NUMBER})"
    r"(?:\s?(?P<scale>[百千]?万|亿|thousand\b|million\b))?"
    rf"(?:\s?(?P<unit_zh>{_UNIT_ZH}|[%％])|[ -](?P<unit>[a-z]{{2,15}})\b)?",
    re.IGNORECASE,
)
# A number without a unit that is an amount like the one before it: "£3,480 … (3,910)", "145 euros instead of 130".
_ALIKE = re.compile(
    r"(?:[(（]|\binstead of |而不是|(?<=[（(])原(?:来|价)?为?)(?P<number>\d{1,12}(?:,\d{3}){0,4}(?:\.\d{1,2})?)"
    r"(?=[)）.,;，；。]?(?:\s|[^\w.]|$))",
    re.IGNORECASE,
)
_MOST_TIMES = 10  # as much as the one before, or as little: otherwise it is another kind of number
_YEARS = (1900, 2100)
_FIRST_YEAR = 1000  # from which a number of 年 is a date
_AROUND = 24  # characters before and behind an amount that are looked at
# What stands before an amount that is not exactly it: a bound, a part of a range, an estimate, a denial.
_NOT_ITSELF_BEFORE = re.compile(
    rf"(?:\d|\b(?:{NUMBER_WORDS}))"
    r"[^\W\d]{0,3}\s?(?:-|–|—|~|～|至|到|\bto|\bor)\s?$"
    r"|\b(?:between [^,;.]{1,16} and|at (?:least|most)|up to|(?:more|less|fewer) than|over|under|above|below|about"
    r"|around|roughly|nearly|almost|approximately|approx\.?|some|circa|maximum(?: of)?|minimum(?: of)?) $"
    r"|(?:至少|至多|最[多少高低]|不[超低少高多足满到]过?于?|超过|高于|低于|多于|少于|大?约|大概|将近|接近|近|逾)(?:为|是)?\s?$"
    r"|(?:\b(?:not|never|no longer)\b|n['’]t\b|没有?(?!收)|并?未(?!成年|来)|并非|不是|不再|不会)[^,，;；。.\n]{0,16}$",
    re.IGNORECASE,
)
_NOT_ITSELF_BEHIND = re.compile(
    r"\s?(?:-|–|—|~|～|至|到(?!期))\s?[£$€¥￥]?[\d二两三四五六七八九十百千]|以[上下内]|左右|上下|多(?![少出于])|余(?!额|款)|起(?![^，,；;。\s])"
    r"| (?:or|and) (?:more|less|above|over)\b| at (?:least|most)\b",
    re.IGNORECASE,
)
# What an amount is per: "a day", "per person", "annually"; 每月, /人, 年租金.
_PER_BEHIND = re.compile(
    r" ?(?:/|\b(?:per|an?|each|every)\b) ?(?P<one>[a-z]+)"
    r"|[^,，;；\d]{0,9}\b(?P<adverb>hourly|daily|weekly|monthly|annually)"
    r"|\s?[/每]\s?个?(?P<zh>[一-鿿])",
    re.IGNORECASE,
)
_PER_BEFORE = re.compile(
    r"\b(?P<adverb>hourly|daily|weekly|monthly|annual|yearly)\b[^,，;；\d]{0,16}$"
    r"|(?:每个?(?P<zh>[一-鿿])|(?P<rate>[时日周月年])(?:租金?|薪|费))[^,，;；\d]{0,9}$",
    re.IGNORECASE,
)
_ONE = {
    "hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month",
    "annually": "year", "annual": "year", "yearly": "year", "annum": "year", "天": "日",
}  # fmt: skip
_MONEY = frozenset(
    ["元", "块钱", "£", "$", "€", "¥", "￥", "pound", "euro", "dollar", "yuan", "eur", "gbp", "usd", "rmb"]
)
_TIME = frozenset(["分钟", "小时", "天", "周", "个月", "年", "minut", "hour", "day", "week", "month", "year"])


@dataclass(frozen=True)
class Amount:
    """A number with its unit; `kind` tells equal units apart from others: "pound" for "pounds"."""

    value: float
    unit: str  # as it is written
    kind: str
    start: int
    end: int
    per: str = ""  # what it is per, where that is said: "day", "person", 月
    is_itself: bool = True  # exactly this much: no bound, part of a range, estimate or denial

    @property
    def is_money(self) -> bool:
        """Whether it is of a currency."""
        return self.kind in _MONEY

    @property
    def is_time(self) -> bool:
        """Whether it says how long."""
        return self.kind in _TIME

    def written(self, value: float) -> str:
        """Another value in this unit, written alike: "£450", "450 pounds", 160元."""
        number = f"{value:,.6f}".rstrip("0").rstrip(".")
        if self.unit in ("£", "$", "€", "¥", "￥"):
            return f"{self.unit}{number}"
        return f"{number} {self.unit}" if self.unit[:1].isascii() and self.unit != "%" else f"{number}{self.unit}"


def amounts(text: str) -> list[Amount]:
    """The amounts of a text in reading order.

    A number without a unit is none, but where it stands beside a sum of money as another one; nor is one struck out.
    """
    text = blanked(text)
    found = []
    for match in _AMOUNT.finditer(text):
        unit = match["sign"] or match["unit_zh"] or match["unit"] or ""
        values = numbers(match["number"] + (match["scale"] or "") + (match["unit_zh"] or ""))
        is_date = unit == "年" and any(value >= _FIRST_YEAR for value in values)
        if not unit or unit.lower() in _NO_UNIT or len(values) != 1 or is_date:
            continue
        kind = (terms(unit) or [unit])[0] if unit.isascii() and unit.isalpha() else unit
        end = match.start("unit") - 1 if match["sign"] and match["unit"] else match.end()  # "£9 per month"
        before, behind = text[max(0, match.start() - _AROUND) : match.start()], text[end : end + _AROUND]
        is_itself = _NOT_ITSELF_BEFORE.search(before) is None and _NOT_ITSELF_BEHIND.match(behind) is None
        per = _per(before, behind)
        found.append(Amount(next(iter(values)), unit, kind, match.start(), end, per, is_itself))
    return sorted([*found, *_alike(text, found)], key=lambda one: one.start)


def _alike(text: str, found: Sequence[Amount]) -> Iterator[Amount]:
    """The numbers that have the unit of the sum of money before them."""
    for match in _ALIKE.finditer(text):
        start, end = match.span("number")
        before = [one for one in found if one.end <= start]
        if not before or not before[-1].is_money or any(one.start <= start < one.end for one in found):
            continue
        (value,) = numbers(match["number"]) or (0.0,)
        is_year = match["number"].isdecimal() and _YEARS[0] <= value < _YEARS[1]
        if not is_year and before[-1].value / _MOST_TIMES <= value <= before[-1].value * _MOST_TIMES:
            yield replace(before[-1], value=value, start=start, end=end, is_itself=True)


def _per(before: str, behind: str) -> str:
    found = _PER_BEHIND.match(behind) or _PER_BEFORE.search(before)
    said = next(filter(None, found.groups()), "").lower() if found else ""
    return _ONE.get(said, said)
