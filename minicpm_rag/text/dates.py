"""The spans of time that a question names: "in March", "2024年第一季度", "between April and June 2023", "since 2022".

A span has bounds that ISO dates are compared with as text, or only months where no year is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from minicpm_rag.text.numerals import MONTHS_IN_DATES

_NAME = (
    "|".join(sorted((name for name in MONTHS_IN_DATES if name != "may"), key=len, reverse=True)) + r"|may(?!\s+(?:i"
    r"|we|you)\b)"
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "1st": 1, "2nd": 2, "3rd": 3, "4th": 4, "last": 4}
_YEAR = r"(?:19|20)\d\d"
_FOUR_DIGITS = re.compile(rf"(?<!\d){_YEAR}(?!\d)")
_HAN_DIGITS = "一二三四五六七八九十"
_DAY = r"(?P<d>[12]\d|3[01]|0?[1-9])"
_PATTERNS = [
    re.compile(rf"(?P<y>{_YEAR})[-/.](?P<m>0?[1-9]|1[0-2])[-/.](?P<d>0?[1-9]|[12]\d|3[01])(?!\d)"),
    re.compile(rf"(?P<y>{_YEAR})\s*年\s*(?P<m>1[0-2]|0?[1-9])\s*月\s*(?P<d>[12]\d|3[01]|0?[1-9])\s*[日号]?"),
    re.compile(rf"\b(?P<mn>{_NAME})\.?\s+(?P<d>[12]\d|3[01]|[1-9])(?:st|nd|rd|th)?,?\s+(?P<y>{_YEAR})\b"),
    re.compile(rf"\b(?P<d>[12]\d|3[01]|[1-9])(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mn>{_NAME})\.?,?\s+(?P<y>{_YEAR})\b"),
    re.compile(rf"(?<!\d)(?P<m>1[0-2]|0?[1-9])\s*月\s*{_DAY}\s*[日号]"),
    re.compile(rf"\b(?P<mn>{_NAME})\.?\s+{_DAY}(?:st|nd|rd|th)\b|\bon\s+(?P<mn2>{_NAME})\.?\s+(?P<d2>[12]\d|3[01]|[1-9])\b"),
    re.compile(rf"\b{_DAY}(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mn>{_NAME})\b"),
    re.compile(rf"(?:(?P<y>{_YEAR})\s*年?(?:度|的)?\s*)?(?:第\s*(?P<q>[1-4一二三四])\s*(?:个)?季度?"
               rf"|(?P<q2>[一二三四])季度)"),
    re.compile(rf"(?:(?P<y>{_YEAR})\s*年?\s*)?\bq(?P<q>[1-4])(?:(?:\s+of)?\s+(?P<y2>{_YEAR}))?\b"),
    re.compile(rf"\b(?P<qo>first|second|third|fourth|last|1st|2nd|3rd"
               rf"|4th)\s+quarter(?:(?:\s+of)?\s+(?P<y>{_YEAR}))?\b"),
    re.compile(rf"(?:(?P<y>{_YEAR})\s*年?\s*)?(?P<half>[上下])半年"),
    re.compile(rf"\b(?P<ho>first|second)\s+half(?:(?:\s+of)?(?:\s+the\s+year)?(?:\s+(?P<y>{_YEAR}))?)?\b"),
    re.compile(rf"(?P<y>{_YEAR})\s*年?\s*[-/]?\s*(?P<m>1[0-2]|0?[1-9])\s*月(?:份|中)?"),
    re.compile(rf"(?P<y>{_YEAR})-(?P<m>0[1-9]|1[0-2])(?![-\d])"),
    re.compile(rf"\b(?P<mn>{_NAME})\.?(?:\s+of)?,?\s+(?P<y>{_YEAR})\b"),
    re.compile(r"(?<!\d)(?P<m>1[0-2]|0?[1-9])\s*月(?:份)?(?!\d)"),
    re.compile(r"(?P<mh>十[一二]?|[一二三四五六七八九])月(?:份)?"),
    re.compile(rf"\b(?P<mn>{_NAME})\b\.?"),
    re.compile(rf"(?<![\d.,-])(?P<y>{_YEAR})(?:\s*年(?:度)?|(?![\d.,]*\d|\s*[%元万]))"),
]  # fmt: skip
_DAYS = [
    re.compile(rf"(?<!\d)(?P<m>1[0-2]|0?[1-9])\s*月\s*{_DAY}\s*[日号]?(?!\d)"),
    re.compile(rf"(?<!\d){_YEAR}[-/.](?P<m>1[0-2]|0?[1-9])[-/.]{_DAY}(?!\d)"),
    re.compile(rf"\b(?P<mn>{_NAME})\.?\s+{_DAY}(?:st|nd|rd|th)?\b(?!\d)"),
    re.compile(rf"\b{_DAY}(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<mn>{_NAME})\b"),
]  # fmt: skip
_BEFORE = re.compile(
    r"\b(?P<b>before|until|till|prior to|up to|by)\s+(?:the end of\s+)?$|\b(?P<a>after|since|from"
    r"|starting)\s+$|(?P<s>自从?|从)\s*$"
)
_AFTER = re.compile(
    r"\s*(?:(?P<b>之前|以前|前(?!\d|[一二两三四五六七八九十]))|(?P<a>之后|以后|后)|(?P<s>以来|起|onwards?\b"
    r"|or later\b))"
)
_TO = re.compile(r"\s*(?:到|至|–|—|-|~|\bto\b|\bthrough\b|\band\b|\buntil\b|和|与)\s*")
_FROM = re.compile(r"(?:\bbetween|\bfrom|从|自)\s*$")

Relation = Literal["in", "before", "after", "since"]


@dataclass(frozen=True)
class DateSpan:
    """A span of time and where the question says it.

    `lower` and `upper` bound ISO dates as text, the upper one not included; both are "" where only `months`, or a `day`
    of a month, of any year are meant.
    """

    start: int
    end: int
    lower: str = ""
    upper: str = ""
    months: tuple[int, ...] = ()  # the whole ones of the span, where it lies in one year
    year: int | None = None
    day: int | None = None  # of the one month, where no year is said


def date_spans(question: str) -> list[DateSpan]:
    """The spans of time in a question that was folded to one case, in reading order."""
    taken = [False] * len(question)
    found: list[DateSpan] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(question):
            if any(taken[match.start() : match.end()]):
                continue
            taken[match.start() : match.end()] = [True] * (match.end() - match.start())
            found.append(_span(match))
    return [_related(question, span) for span in _joined(question, sorted(found, key=lambda span: span.start))]


def years_in(text: str) -> frozenset[str]:
    """The years that a text names by four digits."""
    return frozenset(_FOUR_DIGITS.findall(text))


def days_of(text: str) -> frozenset[tuple[int, int]]:
    """The days that a text folded to one case names, whatever their year, as (month, day): 12月6日, "6 December"."""
    return frozenset(
        (month, int(said["d"]))
        for pattern in _DAYS
        for match in pattern.finditer(text)
        for said in [match.groupdict()]
        for month in [int(said["m"]) if said.get("m") else MONTHS_IN_DATES[said["mn"] or ""]]
    )


def months_of(text: str, *, alone: bool = False) -> frozenset[int]:
    """The months that a text folded to one case names, of whatever year: 六月, "Jun 2026".

    `alone` asks for those of a text that names nothing else.
    """
    spans = [span for span in date_spans(text) if span.months]
    if alone and any(span.day for span in spans):
        return frozenset()
    if alone and (len(spans) != 1 or text[: spans[0].start].strip() or text[spans[0].end :].strip()):
        return frozenset()
    return frozenset(month for span in spans for month in span.months)


def _span(match: re.Match[str]) -> DateSpan:
    said = match.groupdict()
    written = said.get("y") or said.get("y2")
    year = int(written) if written else None
    name, date = said.get("mn") or said.get("mn2"), said.get("d") or said.get("d2")
    month = said.get("m") or (name and str(MONTHS_IN_DATES[name])) or _han_month(said.get("mh"))
    quarter = said.get("q") or said.get("q2")
    months: tuple[int, ...] = ()
    if date and year is None:
        return DateSpan(match.start(), match.end(), months=(int(month),), day=int(date))
    if date:
        day = f"{year}-{int(month):02}-{int(date):02}"
        return DateSpan(match.start(), match.end(), day, day + "~", (), year)  # "~" sorts after a time of the day
    if month:
        months = (int(month),)
    elif quarter or said.get("qo"):
        number = (
            _ORDINALS[said["qo"] or ""] if said.get("qo") else "一二三四".find(quarter or "") + 1 or int(quarter or 1)
        )
        months = tuple(range(3 * number - 2, 3 * number + 1))
    elif said.get("half") or said.get("ho"):
        months = tuple(range(1, 7)) if said.get("half") == "上" or said.get("ho") == "first" else tuple(range(7, 13))
    return _bounded(DateSpan(match.start(), match.end(), months=months, year=year))


def _bounded(span: DateSpan) -> DateSpan:
    """The span with its bounds, where its year is said."""
    if span.year is None:
        return span
    months = span.months or tuple(range(1, 13))
    upper = f"{span.year}-{months[-1] + 1:02}" if months[-1] < 12 else f"{span.year + 1}"
    lower = f"{span.year}-{months[0]:02}" if span.months else str(span.year)
    return replace(span, lower=lower, upper=upper)


def _joined(question: str, spans: list[DateSpan]) -> Iterator[DateSpan]:
    """Two spans with "to" between them are one: from the begin of the first to the end of the second."""
    pending: DateSpan | None = None
    for span in spans:
        between = question[pending.end : span.start] if pending is not None else ""
        link = _TO.fullmatch(between)
        is_range = (
            link is not None
            and pending is not None
            and (between.strip() not in ("and", "和", "与") or _FROM.search(question[: pending.start]) is not None)
        )
        if pending is not None and is_range and (joined := _from_to(pending, span)) is not None:
            said = _FROM.search(question[: joined.start])
            pending = joined if said is None else replace(joined, start=said.start())
            continue
        if pending is not None:
            yield pending
        pending = span
    if pending is not None:
        yield pending


def _from_to(first: DateSpan, last: DateSpan) -> DateSpan | None:
    if first.day or last.day:
        return None
    year = first.year if first.year is not None else last.year
    if first.year is None and year is not None:
        first = _bounded(replace(first, year=year))
    if last.year is None and year is not None:
        last = _bounded(replace(last, year=year))
    if first.lower and last.upper and first.lower < last.upper:
        months = (
            tuple(range(first.months[0], last.months[-1] + 1))
            if first.months and last.months and first.year == last.year
            else ()
        )
        return DateSpan(
            first.start, last.end, first.lower, last.upper, months, year if first.year == last.year else None
        )
    if first.months and last.months and first.months[0] <= last.months[-1] and year is None:
        return DateSpan(first.start, last.end, months=tuple(range(first.months[0], last.months[-1] + 1)))
    return None


def _related(question: str, span: DateSpan) -> DateSpan:
    """The span with what stands beside it: before it, after it, since it."""
    before, after = _BEFORE.search(question[: span.start]), _AFTER.match(question, span.end)
    relation: Relation = "in"
    start, end = span.start, span.end
    if after is not None:
        relation, end = ("before" if after["b"] else "after" if after["a"] else "since"), after.end()
    elif before is not None and not (before["s"] and span.upper):
        relation, start = ("before" if before["b"] else "since"), before.start()
        if before["a"] == "after":
            relation = "after"
        if before["b"] in ("until", "till", "up to", "by"):  # the named time is included
            return replace(span, start=start, lower="", months=(), year=None) if span.upper else span
    if relation == "in" or not span.lower:
        return span if relation == "in" else replace(span, start=start, end=end, lower="", upper="", months=())
    if relation == "before":
        return DateSpan(start, end, "", span.lower)
    return DateSpan(start, end, span.lower if relation == "since" else span.upper, "")


def _han_month(text: str | None) -> str:
    if not text:
        return ""
    return (
        str(10 + (_HAN_DIGITS.find(text[1]) + 1 if len(text) > 1 else 0))
        if text[0] == "十"
        else str(_HAN_DIGITS.find(text) + 1)
    )
