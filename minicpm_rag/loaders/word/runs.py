"""The text of a Word paragraph as a reader sees it: inserted text and ticked boxes, not what is deleted or hidden.

What is struck out by its format has marks (`text/struck`).
"""

from __future__ import annotations

from typing import Any

from minicpm_rag.loaders.bounds import MOST_STYLES, number_of
from minicpm_rag.loaders.word.equations import equation_text
from minicpm_rag.text.struck import joined

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TEXT_BOX = f"{W}txbxContent"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
_LINES_OF_MATH = f"{_MATH}Para"
SKIPPED = frozenset(
    [f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delText", f"{W}rt", f"{W}rPr", f"{W}pPr", f"{W}sdtPr", FALLBACK]
)
TICKED, EMPTY = "☒", "☐"
_STRIKES = ("strike", "dstrike")
# Characters of the symbol fonts that forms use, as their Unicode equals.
SYMBOLS = {
    ("wingdings", 0xFE): TICKED, ("wingdings", 0xFD): TICKED, ("wingdings", 0xA8): EMPTY, ("wingdings", 0x6F): EMPTY,
    ("wingdings", 0xFC): "✓", ("wingdings", 0xFB): "✗", ("wingdings", 0xE0): "→", ("wingdings", 0xDF): "←",
    ("wingdings 2", 0x52): TICKED, ("wingdings 2", 0x54): TICKED, ("wingdings 2", 0x53): TICKED,
    ("wingdings 2", 0xA3): EMPTY, ("wingdings 2", 0x50): "✓", ("wingdings 2", 0x4F): "✗",
    ("symbol", 0xB0): "°", ("symbol", 0xB1): "±", ("symbol", 0xB3): "≥", ("symbol", 0xA3): "≤", ("symbol", 0xB4): "×",
    ("symbol", 0x6D): "μ", ("symbol", 0x61): "α", ("symbol", 0x62): "β", ("symbol", 0x44): "Δ", ("symbol", 0x57): "Ω",
}  # fmt: skip


class Runs:
    """Reads paragraphs; knows which styles hide their text or strike it out."""

    def __init__(self, styles: Any = None) -> None:
        self._styles = {
            name: _styles_with(styles, name) if styles is not None else frozenset() for name in ("vanish", *_STRIKES)
        }

    def text(self, paragraph: Any) -> str:
        """A paragraph's text; text boxes inside it are left out, they are blocks of their own."""
        named = paragraph.find(f"{W}pPr/{W}pStyle")
        style = named.get(f"{W}val") if named is not None else None
        if style in self._styles["vanish"]:
            return ""
        parts: list[tuple[str, bool]] = []
        stack = [(iter(paragraph), False)]
        while stack:
            elements, is_struck = stack[-1]
            element = next(elements, None)
            if element is None:
                stack.pop()
                continue
            tag = element.tag
            if tag == f"{W}r":
                if not self._has(element, "vanish", None):
                    stack.append((iter(element), any(self._has(element, name, style) for name in _STRIKES)))
            elif (text := _own_text(element)) is not None:
                parts.append((text, is_struck))
            elif isinstance(tag, str) and tag not in SKIPPED and tag != TEXT_BOX:
                stack.append((iter(element), is_struck))
        return joined(parts)

    def _has(self, run: Any, name: str, paragraph_style: str | None) -> bool:
        """Whether a run has an on/off property: its own, else that of its style, else of its paragraph's."""
        properties = run.find(f"{W}rPr")
        own = properties.find(f"{W}{name}") if properties is not None else None
        if own is not None:
            return is_on(own)
        style = properties.find(f"{W}rStyle") if properties is not None else None
        return (style.get(f"{W}val") if style is not None else paragraph_style) in self._styles[name]


def _own_text(element: Any) -> str | None:
    """The text that stands for an element; None for one that is gone through or has none."""
    tag = element.tag
    if tag == f"{W}t":
        return element.text or ""
    if tag == _MATH:
        starts_line = element.getparent().tag == _LINES_OF_MATH and element.getprevious() is not None
        return ("\n" if starts_line else "") + equation_text(element)
    if tag == f"{W}tab":
        return "\t" if element.getparent().tag == f"{W}r" else ""
    if tag in (f"{W}br", f"{W}cr"):
        return "\n"
    if tag == f"{W}noBreakHyphen":
        return "-"
    if tag == f"{W}sym":
        return _symbol(element)
    return _form_field(element) if tag == f"{W}ffData" else None


def is_on(element: Any) -> bool:
    """Whether an on/off property is on: by its presence, unless its value says otherwise."""
    return element.get(f"{W}val", "1").lower() not in ("0", "false", "off")


def _styles_with(styles: Any, name: str) -> frozenset[str]:
    """The styles that have an on/off property of text, by themselves or by those they are based on."""
    by_id = {style.get(f"{W}styleId", ""): style for style in styles.iter(f"{W}style")}
    found = set()
    for identifier in by_id:
        current: str = identifier
        seen: set[str] = set()
        while current in by_id and current not in seen and len(seen) < MOST_STYLES:
            seen.add(current)
            own = by_id[current].find(f"{W}rPr/{W}{name}")
            if own is not None:
                if is_on(own):
                    found.add(identifier)
                break
            base = by_id[current].find(f"{W}basedOn")
            current = base.get(f"{W}val", "") if base is not None else ""
    return frozenset(found)


def _symbol(element: Any) -> str:
    font = str(element.get(f"{W}font", "")).lower()
    try:
        code = int(element.get(f"{W}char", "0"), 16)
    except ValueError:
        return ""
    known = SYMBOLS.get((font, code & 0xFF)) if code >= 0xF000 or font in ("wingdings", "wingdings 2") else None
    if known is not None:
        return known
    # Symbol fonts keep their characters in the private area, which says nothing; others are plain Unicode.
    return "" if 0xE000 <= code <= 0xF8FF or not 0x20 <= code <= 0x10FFFF else chr(code)


def _form_field(data: Any) -> str:
    """What a field of an old form shows: a box, or the entry chosen; typed text stands in runs of its own."""
    box = data.find(f"{W}checkBox")
    if box is not None:
        state = box.find(f"{W}checked")
        state = box.find(f"{W}default") if state is None else state
        return TICKED if state is not None and is_on(state) else EMPTY
    choice = data.find(f"{W}ddList")
    if choice is None:
        return ""
    entries = [str(entry.get(f"{W}val", "")) for entry in choice.findall(f"{W}listEntry")]
    result = choice.find(f"{W}result")
    chosen = number_of(result.get(f"{W}val"), 0) if result is not None else 0
    return entries[chosen] if chosen < len(entries) else ""
