"""A cell's value as Excel shows it: 00007, ¥1,234.50, 37:30, 17.5 %.

Full dates are written as ISO dates whatever their format, because "3/1/2024" means two days.
"""

from __future__ import annotations

import datetime
import re
from decimal import InvalidOperation
from functools import lru_cache
from typing import Any

_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
_LONGEST = 255  # characters of a format, Excel's own limit; reading a longer one could take quadratic time
_DECIMALS = re.compile(r"(#,##)?0(?:\.(0+))?(%)?")  # the formats of nearly all cells, quicker by hand


def shown(value: Any, number_format: str) -> str:
    """The text of a cell; "" for an empty one."""
    if value is None:
        return ""
    if len(number_format) > _LONGEST:
        number_format = ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return _moment(value, number_format)
    if isinstance(value, datetime.timedelta):
        days = value / datetime.timedelta(days=1)
        return _formatted(days, number_format) or _formatted(days, "[h]:mm") or str(value)
    if isinstance(value, int | float):
        return _number(value, number_format)
    return str(value).strip()


def is_date_format(number_format: str) -> bool:
    """Whether the format shows numbers as dates: it has a year or a day."""
    letters = _QUOTED.sub("", number_format[:_LONGEST]).lower().replace("general", "")
    return any(letter in letters for letter in "yd年月日")


def _moment(value: datetime.datetime | datetime.date | datetime.time, number_format: str) -> str:
    letters = _QUOTED.sub("", number_format).lower()
    is_full = "y" in letters and "d" in letters and letters.count("m") > 0 and "年" not in number_format
    if not is_full and letters.strip() not in ("", "general") and any(letter in letters for letter in "ymdhsae"):
        text = _formatted(value, number_format)
        if text:
            return text
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="minutes")
    return value.isoformat() if isinstance(value, datetime.date) else value.isoformat(timespec="minutes")


def _number(value: float, number_format: str) -> str:
    if number_format not in ("", "General", "@"):
        simple = _DECIMALS.fullmatch(number_format)
        text = _by_hand(value, simple) if simple else _formatted(value, number_format)
        if text:
            return text
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _by_hand(value: float, simple: re.Match[str]) -> str:
    thousands, decimals, percent = simple.groups()
    scaled = value * 100 if percent else value
    if abs(scaled) >= 1e15 or scaled != scaled:
        return ""
    # Halves go away from zero, as in Excel; the 12th digit hides the noise of binary fractions.
    places = len(decimals or "")
    rounded = round(abs(scaled) + 10.0 ** -(places + 9), places)
    text = f"{rounded:{',' if thousands else ''}.{places}f}"
    sign = "-" if scaled < 0 and float(text.replace(",", "")) else ""
    return f"{sign}{text}{percent or ''}"


@lru_cache(maxsize=10_000)
def _formatted(value: Any, number_format: str) -> str:
    """What the format makes of a value; "" where it cannot be understood."""
    from xlfmt import format_value

    if number_format.count("[") != number_format.count("]"):
        return ""
    try:
        return str(format_value(value, number_format)).strip()
    except (ValueError, TypeError, IndexError, KeyError, OverflowError, InvalidOperation):
        return ""
