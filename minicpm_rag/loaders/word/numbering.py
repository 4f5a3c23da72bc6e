"""The numbers that Word makes up for lists, headings and articles ("1.2.1", "第三条"): they are not in the text.

Word stores a definition for each kind of list (numbering.xml) and counts when it shows the document; so does this.
Formats by ECMA-376 part 1, 17.18.59 (ST_NumberFormat).
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from minicpm_rag.loaders.bounds import MOST_STYLES, number_of

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_LEVELS = 9
_PLACE = re.compile(r"%([1-9])")
_TICKS = ("☐", "☑", "☒", "✓", "✔", "✗", "✘")  # bullets that say whether something is done
_HAN = "零一二三四五六七八九"
_HAN_LEGAL = "零壹贰叁肆伍陆柒捌玖"
_STEMS = "甲乙丙丁戊己庚辛壬癸"
_BRANCHES = "子丑寅卯辰巳午未申酉戌亥"
_ROMAN = (
    (1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"), (50, "L"), (40, "XL"),
    (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I"),
)  # fmt: skip


@dataclass(frozen=True)
class _Level:
    """One level of a list: how its number is written, and what stands around it."""

    start: int = 1
    format: str = "decimal"
    text: str = ""
    is_legal: bool = False  # numbers of upper levels are written as Arabic ones
    restart: int | None = None  # 0: never begins again


@dataclass
class Numbering:
    """Counts the numbered paragraphs of a document, in reading order."""

    _lists: dict[str, dict[int, _Level]] = field(default_factory=dict)  # by numId, overrides applied
    _abstract: dict[str, str] = field(default_factory=dict)  # numId -> the list whose counters it shares
    _starts: dict[tuple[str, int], int] = field(default_factory=dict)  # by (numId, level): begins anew when first met
    _of_style: dict[str, tuple[str, int]] = field(default_factory=dict)  # paragraph style -> (numId, level)
    _counters: dict[str, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    _met: set[tuple[str, int]] = field(default_factory=set)

    def label(self, paragraph: Any, style: str) -> str | None:
        """The number or bullet before a paragraph; None where it has none. Must be asked once for each paragraph."""
        found = self._place(paragraph, style)
        if found is None:
            return None
        number, level = found
        levels = self._lists.get(number, {})
        definition = levels.get(level, _Level(format="bullet"))
        if definition.format == "none" and not definition.text:
            return ""
        if definition.format == "bullet":
            return f"- {definition.text}" if definition.text in _TICKS else "-"
        counters = self._counters[self._abstract.get(number, number)]
        if (number, level) in self._starts and (number, level) not in self._met:
            counters[level] = self._starts[number, level]
        else:
            counters[level] = counters.get(level, definition.start - 1) + 1
        self._met.add((number, level))
        for deeper in range(level + 1, _LEVELS):
            restart = levels.get(deeper, _Level()).restart
            if restart != 0 and (restart is None or level < restart):
                counters.pop(deeper, None)

        def shown(match: re.Match[str]) -> str:
            upper = int(match.group(1)) - 1
            of_upper = levels.get(upper, _Level())
            value = counters.get(upper, of_upper.start)
            return written(value, "decimal" if definition.is_legal else of_upper.format)

        return _PLACE.sub(shown, definition.text).strip()

    def _place(self, paragraph: Any, style: str) -> tuple[str, int] | None:
        own = paragraph.find(f"{_W}pPr/{_W}numPr")
        by_style = self._of_style.get(style)
        if own is None:
            return by_style if by_style is not None and by_style[0] != "0" else None
        number, level = _value(own, "numId"), _value(own, "ilvl")
        if number is None:
            number = by_style[0] if by_style is not None else None
        if level is None:
            level = str(by_style[1]) if by_style is not None and by_style[0] == number else "0"
        return (number, number_of(level, 0)) if number not in (None, "0") else None  # type: ignore[return-value]


def read_numbering(numbering: Any, styles: Any) -> Numbering:
    """The numbering of a document from the root elements of its numbering and style parts (None: it has none)."""
    result = Numbering()
    if numbering is None:
        return result
    abstract = {found.get(f"{_W}abstractNumId", ""): _levels(found) for found in numbering.findall(f"{_W}abstractNum")}
    for number in numbering.findall(f"{_W}num"):
        identifier = number.get(f"{_W}numId", "")
        name = _value(number, "abstractNumId") or ""
        levels = dict(abstract.get(name, {}))
        for override in number.findall(f"{_W}lvlOverride"):
            level = number_of(override.get(f"{_W}ilvl"), 0)
            own = override.find(f"{_W}lvl")
            if own is not None and level < _LEVELS:
                levels[level] = _level(own)
            start = number_of(_value(override, "startOverride"), -1)
            if start >= 0:
                result._starts[identifier, level] = start
        result._lists[identifier] = levels
        result._abstract[identifier] = name
    if styles is not None:
        result._of_style = _numbers_of_styles(styles)
    return result


def _numbers_of_styles(styles: Any) -> dict[str, tuple[str, int]]:
    """The list and level of each style, its own or that of the style it is based on."""
    by_id = {style.get(f"{_W}styleId"): style for style in styles.iter(f"{_W}style")}
    found: dict[str, tuple[str, int]] = {}
    for identifier in by_id:
        number = level = None
        current = identifier
        seen: set[Any] = set()
        while current in by_id and current not in seen and number is None and len(seen) < MOST_STYLES:
            seen.add(current)
            own = by_id[current].find(f"{_W}pPr/{_W}numPr")
            if own is not None:
                number = _value(own, "numId")
                level = level or _value(own, "ilvl")
            current = _value(by_id[current], "basedOn")
        if identifier and number is not None:
            found[identifier] = (number, number_of(level, 0))
    return found


def _levels(abstract: Any) -> dict[int, _Level]:
    levels = ((number_of(level.get(f"{_W}ilvl"), 0), level) for level in abstract.findall(f"{_W}lvl"))
    return {number: _level(level) for number, level in levels if number < _LEVELS}


def _level(level: Any) -> _Level:
    restart = number_of(_value(level, "lvlRestart"), -1)
    return _Level(
        number_of(_value(level, "start"), 1),
        _value(level, "numFmt") or "decimal",
        _value(level, "lvlText") or "",
        level.find(f"{_W}isLgl") is not None,
        restart if restart >= 0 else None,
    )


def _value(element: Any, name: str) -> str | None:
    found = element.find(f"{_W}{name}")
    return found.get(f"{_W}val") if found is not None else None


def written(value: int, form: str) -> str:
    """A number in one of Word's formats; those that are not known as Arabic numerals."""
    if value < 0 or value > 1_000_000:
        return str(value)
    if form == "decimalZero":
        return f"{value:02}"
    if form in ("upperRoman", "lowerRoman") and 0 < value < 4000:
        return _roman(value) if form == "upperRoman" else _roman(value).lower()
    if form in ("upperLetter", "lowerLetter") and value:
        letter = chr(ord("A") + (value - 1) % 26) * ((value - 1) // 26 + 1)
        return letter if form == "upperLetter" else letter.lower()
    if form in ("decimalEnclosedCircle", "decimalEnclosedCircleChinese") and 1 <= value <= 20:
        return chr(0x2460 + value - 1)
    if form == "decimalFullWidth":
        return str(value).translate({ord("0") + digit: 0xFF10 + digit for digit in range(10)})
    if form in _CHINESE_COUNTING:
        return _han(value, _HAN)
    if form in ("chineseLegalSimplified", "ideographLegalTraditional", "japaneseLegal"):
        return _han(value, _HAN_LEGAL)
    if form in ("ideographDigital", "taiwaneseDigital", "japaneseDigitalTenThousand"):
        return "".join(_HAN[int(digit)] for digit in str(value)).replace("零", "〇")
    if form == "ideographTraditional" and 1 <= value <= len(_STEMS):
        return _STEMS[value - 1]
    if form == "ideographZodiac" and 1 <= value <= len(_BRANCHES):
        return _BRANCHES[value - 1]
    if form == "numberInDash":
        return f"- {value} -"
    return str(value)


_CHINESE_COUNTING = frozenset(
    ["chineseCounting", "chineseCountingThousand", "taiwaneseCounting", "taiwaneseCountingThousand", "japaneseCounting"]
)


def _roman(value: int) -> str:
    parts = []
    for worth, letters in _ROMAN:
        count, value = divmod(value, worth)
        parts.append(letters * count)
    return "".join(parts)


def _han(value: int, digits: str) -> str:
    """A number below 100 million in Chinese: 12 is 十二, 105 一百零五."""
    if value == 0:
        return digits[0]
    high, low = divmod(value, 10_000)
    if high:
        zero = digits[0] if low and low < 1000 else ""
        return f"{_han(high, digits)}{'万' if digits is _HAN else '萬'}{zero}{_han(low, digits) if low else ''}"
    units = ("", "十", "百", "千") if digits is _HAN else ("", "拾", "佰", "仟")
    parts, skipped_zero = "", False
    figures = [int(figure) for figure in str(low)]
    for position, figure in enumerate(figures):
        unit = units[len(figures) - position - 1]
        if figure == 0:
            skipped_zero = bool(parts)
            continue
        parts += (digits[0] if skipped_zero else "") + digits[figure] + unit
        skipped_zero = False
    return parts.removeprefix(digits[1]) if 10 <= low < 20 and digits is _HAN else parts
