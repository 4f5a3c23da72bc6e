"""What the text of a table's cell stands for: a number with its unit, a date, a year; and of what kind a column is.

Pure functions on texts. A cell that could be read in two ways ("3/4/2024") is read as the rest of its column is.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from minicpm_rag.records import Column, ColumnKind
from minicpm_rag.text.numerals import MONTHS_IN_DATES
from minicpm_rag.text.struck import blanked

Value = str | float | None

SCALES = {
    "百": 1e2, "千": 1e3, "万": 1e4, "百万": 1e6, "千万": 1e7, "亿": 1e8, "十亿": 1e9, "万亿": 1e12,
    "k": 1e3, "m": 1e6, "mn": 1e6, "bn": 1e9,
    "hundred": 1e2, "thousand": 1e3, "million": 1e6, "billion": 1e9,
}  # fmt: skip
CURRENCIES = {
    "元": "¥ ￥ rmb cny 人民币 元 圆 块 yuan",
    "USD": "$ us$ usd 美元 美金 dollar dollars",
    "EUR": "€ eur 欧元 euro euros",
    "GBP": "£ gbp 英镑 pound pounds",
    "HKD": "hk$ hkd 港元 港币",
    "JPY": "jpy 日元",
}
_CURRENCY_OF = {sign: name for name, signs in CURRENCIES.items() for sign in signs.split()}
_SIGNS = "|".join(sorted(map(re.escape, _CURRENCY_OF), key=len, reverse=True))
_SCALE_WORDS = "|".join(
    word + ("(?![a-z])" if word.isascii() else "") for word in sorted(SCALES, key=len, reverse=True)
)
_NUMBER = re.compile(
    rf"(?P<minus>[-+(])?\s*(?P<sign>{_SIGNS})?\s*(?P<minus2>[-+])?"
    r"(?P<digits>\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<exponent>e[-+]?\d{1,3})?"
    rf"\s*(?P<scale>{_SCALE_WORDS})?\s*(?P<unit>%|‰|[kcdm]?m[23](?!\w)|[^\W\d_]{{1,10}}[²³]?(?:/[^\W\d_]{{1,6}}[²³]?)?|{_SIGNS})?\s*(?P<close>\))?",
)
_COMMA_DECIMAL = re.compile(r"(\d{1,3}(?:\.\d{3})*|\d+),(\d+)")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?!\d)")
_LONGEST = 60  # characters of a cell that may be a number or date
_CODE = re.compile(r"0\d+|\d{12,}")  # 00123 and card numbers name things; they count nothing
_CODE_HEADER = re.compile(
    r"(?:编号|编码|代码|号码|序号|账号|工号|学号|单号|货号|电话|手机|邮编|证号|\b(?:id|no|number|code|sku|zip|phone|tel"
    r"|account|isbn|index)\b\.?|^#)\s*$|^(?:序号|no\.?|id|#)$",
    re.IGNORECASE,
)
_COUNT_HEADER = re.compile(r"\b(?:number|no\.?) of\b", re.IGNORECASE)
_YEAR_HEADER = re.compile(r"年(?:份|度)?$|\b(?:fiscal )?year\b", re.IGNORECASE)
# Headers under which numbers like 2018 are years
_SINCE_HEADER = re.compile(
    r"\s*(?:(?:[a-z]+ )?since|(?:year )?(?:joined|hired|opened|published)"
    r"|(?:入职|加入|入会|启用|开业|开馆|出版)(?:年份?|于)?)\s*",
    re.IGNORECASE,
)
# A column that holds nothing but years, also of other centuries
_YEARS_ONLY = re.compile(
    r"\s*(?:年份|(?:建成|建造|始建|成立|创立)(?:年份?|于)?|出生年份?"
    r"|(?:year )?(?:built|founded|established|born|of birth)|year)\s*",
    re.IGNORECASE,
)
_OLD_YEAR = re.compile(r"(1\d{3})\s*年?")
_MONTH_HEADER = re.compile(r"月(?:份)?$|\bmonth\b", re.IGNORECASE)
_QUARTER_HEADER = re.compile(r"季度?$|\b(?:quarter|qtr)\b", re.IGNORECASE)
_HEADER_UNIT = re.compile(
    r"[(（\[【/]\s*(?:单位[:：]?\s*)?([^()（）\[\]【】/]{1,12}?(?:/[^()（）/]{1,6})?)\s*[)）\]】]?\s*$"
)
_DATE_HEADER = re.compile(r"日期|日$|时间|\bdate\b|\bday\b", re.IGNORECASE)
_BLANKS = frozenset(
    [
        "-",
        "--",
        "—",
        "——",
        "–",
        "/",
        "\\",
        ".",
        "n/a",
        "na",
        "#n/a",
        "nan",
        "null",
        "none",
        "nil",
        "无",
        "暂无",
        "未知",
        "待定",
        "tbd",
        "tba",
        "?",
        "空",
    ]
)
_FREE = frozenset(["免费", "免票", "免收", "free", "free of charge"])  # among numbers: a price of nothing
_TOTAL_ZH = r"总\s*计|合\s*计|小\s*计|总\s*和|总\s*额|共\s*计|累\s*计|汇\s*总|总\s*数|平\s*均(?:值|数)?"
_TOTAL_EN = r"(?:(?:grand |sub-?)?totals?|sum|average|mean|overall)\b"
_TOTAL = re.compile(
    rf"\W*(?:{_TOTAL_ZH}|{_TOTAL_EN})(?:.{{0,12}}[:：])?\W*"
    r"|.{1,20}(?:合\s*计|小\s*计|总\s*计)|.{1,30} (?:sub)?total",
    re.IGNORECASE,
)

_YMD = re.compile(
    r"(?P<y>(?:19|20)\d\d)\s*[-/.年]\s*(?P<m>\d{1,2})(?:\s*[-/.月]\s*(?P<d>\d{1,2})\s*日?|\s*月)?(?:[T\s]\s*(?P<t>\d{1,2}:\d\d)(?::\d\d(?:\.\d+)?)?Z?)?"
)
_COMPACT = re.compile(r"((?:19|20)\d\d)(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_NAMES = "|".join(sorted(MONTHS_IN_DATES, key=len, reverse=True))
_MDY_NAMED = re.compile(rf"(?P<m>{_NAMES})\.?\s+(?:(?P<d>\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?(?P<y>(?:19|20)\d\d)")
_DMY_NAMED = re.compile(rf"(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-\s]+(?P<m>{_NAMES})\.?,?[-\s]+(?P<y>(?:19|20)\d\d)")
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2((?:19|20)?\d\d)(?:\s+(\d{1,2}:\d\d)(?::\d\d)?)?")
_MONTH = re.compile(rf"(?:(\d{{1,2}})\s*月(?:份)?|({_NAMES})\.?)")
_QUARTER = re.compile(r"(?:第?([1-4一二三四])季度?|q([1-4])|([1-4])q)")
_YEAR = re.compile(r"((?:19|20)\d\d)\s*(?:年(?:度)?)?")

_MOST_UNREAD = 0.1  # share of a column's cells that may hold something else
_MOST_TEXTS = 300  # different values of a column that are kept beside its name
_LONGEST_TEXT = 60  # characters of one of them


@dataclass(frozen=True)
class Number:
    """A number as a cell or a question says it."""

    value: float
    unit: str = ""  # canonical for money ("元", "USD"), "%" for a percentage, else as written
    scaled: bool = False  # said with 万, k, million


def plain(text: str) -> str:
    """A cell's text in one form of width and case, without what is struck out and blanks around it."""
    return unicodedata.normalize("NFKC", blanked(text)).replace("−", "-").strip().lower()


def is_blank(text: str) -> bool:
    """Whether a cell says nothing: empty, a dash, "n/a"."""
    return not (short := plain(text)) or short in _BLANKS


def total_label(cells: Sequence[str]) -> str:
    """What a row that holds totals of the rows above is called by its first text; "" for any other row."""
    first = next((cell for cell in cells if not is_blank(cell)), "")
    return first.strip() if len(first) <= _LONGEST and _TOTAL.fullmatch(plain(first)) is not None else ""


def number(text: str, *, comma_decimal: bool = False) -> Number | None:
    """The number that a whole cell says, None where it says anything else."""
    short = plain(text)
    if not short or len(short) > _LONGEST:
        return None
    if comma_decimal:
        short = _COMMA_DECIMAL.sub(lambda found: found.group(1).replace(".", "") + "." + found.group(2), short, count=1)
    found = _NUMBER.fullmatch(short)
    if found is None or (found["minus"] == "(") != (found["close"] is not None):
        return None
    value = float(re.sub(r"[, ]", "", found["digits"]) + (found["exponent"] or ""))
    if value == float("inf"):
        return None
    scale, unit, sign = found["scale"] or "", found["unit"] or "", found["sign"] or ""
    if scale == "m" and not unit and not sign and "M" not in text and short[found.start("scale") - 1] == " ":
        scale, unit = "", "m"  # "30 m" are metres, "30m" and "£30 m" millions
    value *= SCALES.get(scale, 1.0)
    if found["minus"] in ("-", "(") or found["minus2"] == "-":
        value = -value
    unit = unit.replace("m2", "m²").replace("m3", "m³")  # folded as digits
    return Number(value, _CURRENCY_OF.get(sign) or _CURRENCY_OF.get(unit, unit), bool(scale))


def date(text: str, *, day_first: bool = False, compact: bool = False) -> str | None:
    """The date or month that a whole cell says, as ISO text ("2024-03-05", "2024-03", "2024-03-05 14:30")."""
    short = plain(text)
    if not short or len(short) > _LONGEST:
        return None
    if found := _YMD.fullmatch(short):
        return _iso(found["y"], found["m"], found["d"], found["t"])
    if found := _MDY_NAMED.fullmatch(short) or _DMY_NAMED.fullmatch(short):
        return _iso(found["y"], str(MONTHS_IN_DATES[found["m"]]), found["d"])
    if compact and (found := _COMPACT.fullmatch(short)):
        return _iso(*found.groups())
    if found := _NUMERIC.fullmatch(short):
        first, mark, second, year, clock = found.groups()
        month, day = (second, first) if day_first or mark == "." else (first, second)
        return _iso(year if len(year) == 4 else f"20{year}", month, day, clock)
    return None


def month(text: str) -> int | None:
    """The month that a whole cell names: "3月", "March"."""
    found = _MONTH.fullmatch(plain(text))
    if found is None:
        return None
    value = int(found[1]) if found[1] else MONTHS_IN_DATES[found[2]]
    return value if 1 <= value <= 12 else None


def quarter(text: str) -> int | None:
    """The quarter that a whole cell names: "Q1", "第一季度"."""
    found = _QUARTER.fullmatch(plain(text))
    if found is None:
        return None
    said = next(filter(None, found.groups()))
    return "一二三四".find(said) + 1 or int(said)


def year(text: str) -> int | None:
    """The year that a whole cell names: "2024", "2024年"."""
    found = _YEAR.fullmatch(plain(text))
    return int(found[1]) if found else None


def _any_year(text: str) -> int | None:
    found = _OLD_YEAR.fullmatch(plain(text))
    return int(found[1]) if found else year(text)


def split_unit(header: str) -> tuple[str, str]:
    """A column's name without the unit that its header gives in brackets or after a slash, and that unit."""
    header = header.strip()
    found = _HEADER_UNIT.search(header, max(0, len(header) - _LONGEST))  # the pattern is quadratic
    if found is None or not header[: found.start()].strip() or not _is_unit(found[1]):
        return header, ""
    said = plain(found[1])
    return header[: found.start()].strip(), _CURRENCY_OF.get(said, found[1].strip())


def unit_scale(unit: str) -> tuple[float, str]:
    """What one of a unit is in the plain one: "万元" is 10,000 of "元"."""
    short = plain(unit)
    if (found := re.fullmatch(r"(?:in )?(thousand|million|billion)s?(?: of)?\s*(.*)", short)) is not None:
        return SCALES[found[1]], _CURRENCY_OF.get(found[2], found[2])
    for word in sorted(SCALES, key=len, reverse=True):
        rest = short.removeprefix(word).strip()
        if short.startswith(word) and (rest in _CURRENCY_OF or (not word.isascii() and rest != short)):
            return SCALES[word], _CURRENCY_OF.get(rest, rest)
    for sign, name in _CURRENCY_OF.items():  # "$k", "USD million"
        rest = short.removeprefix(sign).strip()
        if short.startswith(sign) and rest in SCALES:
            return SCALES[rest], name
    return 1.0, _CURRENCY_OF.get(short, unit)


def typed(header: str, cells: Sequence[str], *, counts: Sequence[bool] | None = None) -> tuple[Column, list[Value]]:
    """A column and the values of its cells, None for those that say nothing or something of another kind.

    `counts` tells which cells say of what kind the column is: all but those of total rows.
    """
    counted = [True] * len(cells) if counts is None else counts
    said = [cell for cell, told in zip(cells, counted, strict=True) if told and not is_blank(cell)]
    name, unit = split_unit(header)
    for kind, read in _readings(header, said):
        if not said or sum(read(cell) is None for cell in said) > _MOST_UNREAD * len(said):
            continue
        if kind == "number":
            units = Counter(found.unit for cell in said if (found := number(cell)) is not None and found.unit)
            if len(units) > 1:
                continue  # dollars and euros: there is no sum of them
            unit = unit or next(iter(units), "")
        values = [None if is_blank(cell) else read(cell) for cell in cells]
        unread = sum(value is None and not is_blank(cell) for value, cell in zip(values, cells, strict=True))
        return Column(name, kind, unit, len({value for value in values if value is not None}), (), unread), values
    texts = [" ".join(cell.split()) for cell in cells]
    different = list(dict.fromkeys(text for text, told in zip(texts, counted, strict=True) if text and told))
    are_few = len(different) <= _MOST_TEXTS and all(len(each) <= _LONGEST_TEXT for each in different)
    column = Column(header.strip(), "text", "", len(different), tuple(different) if are_few else ())
    return column, [text or None for text in texts]


Reading = Callable[[str], "Value"]


def _readings(header: str, said: Sequence[str]) -> list[tuple[ColumnKind, Reading]]:
    """The ways to read a column, the first that fits nearly all of its cells is taken."""
    found: list[tuple[ColumnKind, Reading]] = []
    if _YEARS_ONLY.fullmatch(header):
        found.append(("year", _any_year))
    elif _YEAR_HEADER.search(header) or _SINCE_HEADER.fullmatch(header):
        found.append(("year", year))
    if _MONTH_HEADER.search(header):
        found.append(("month", lambda cell: month(cell) or _between(cell, 12)))
    if _QUARTER_HEADER.search(header):
        found.append(("quarter", lambda cell: quarter(cell) or _between(cell, 4)))
    compact = all(_COMPACT.fullmatch(plain(cell)) for cell in said) and _DATE_HEADER.search(header) is not None
    found.append(("date", partial(date, day_first=_is_day_first(said), compact=compact)))
    found += [("quarter", quarter), ("month", month)]
    is_code = any(_CODE.fullmatch(plain(cell)) for cell in said)
    if not is_code and (not _CODE_HEADER.search(header) or _COUNT_HEADER.search(header)):
        comma = _has_comma_decimals(said)
        has_numbers = any(number(cell, comma_decimal=comma) is not None for cell in said)
        found.append(("number", partial(_value, comma_decimal=comma) if has_numbers else lambda _: None))
    return found


def _value(cell: str, *, comma_decimal: bool) -> float | None:
    found = number(cell, comma_decimal=comma_decimal)
    if found is None:
        return 0.0 if plain(cell) in _FREE else None
    return found.value


def _between(cell: str, most: int) -> int | None:
    short = plain(cell)
    return int(short) if short.isdecimal() and 1 <= int(short) <= most else None


def _is_day_first(said: Sequence[str]) -> bool:
    """Whether a column's "3/4/2024" means the third of April: a first part over 12 tells."""
    parts = [found.groups() for cell in said if (found := _NUMERIC.fullmatch(plain(cell)))]
    return any(int(first) > 12 for first, *_ in parts) and not any(int(second) > 12 for _, _, second, *_ in parts)


def _has_comma_decimals(said: Sequence[str]) -> bool:
    """Whether a column writes 12,5 for 12.5: a comma that can part no thousands tells, unless a point is one too."""
    found = [plain(cell) for cell in said if "," in cell and len(cell) <= _LONGEST]
    return any(_COMMA_DECIMAL.search(cell) and not _THOUSANDS.search(cell) for cell in found) and not any(
        _THOUSANDS.search(cell) for cell in found
    )


def _iso(year: str, month: str, day: str | None = None, clock: str | None = None) -> str | None:
    try:
        found = datetime.date(int(year), int(month), int(day or 1))
    except ValueError:
        return None
    text = found.isoformat() if day else found.isoformat()[:7]
    return f"{text} {clock:0>5}" if clock else text


def _is_unit(text: str) -> bool:
    short = plain(text)
    return bool(short) and not re.search(r"\d{2}|[,;，；]", short)
