"""The text of a Word paragraph as a reader sees it: inserted text and ticked boxes, not what is deleted or hidden."""

from __future__ import annotations

from typing import Any

from minicpm_rag.loaders.bounds import MOST_STYLES, number_of
from minicpm_rag.loaders.word.equations import equation_text

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TEXT_BOX = f"{W}txbxContent"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
_LINES_OF_MATH = f"{_MATH}Para"
_W14 = "{http://schemas.microsoft.com/office/word/2010/wordml}"
SKIPPED = frozenset(
    [f"{W}del", f"{W}moveFrom", f"{W}instrText", f"{W}delText", f"{W}rt", f"{W}rPr", f"{W}pPr", f"{W}sdtPr", FALLBACK]
)
TICKED, EMPTY = "☒", "☐"
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
    """Reads paragraphs; knows which styles hide their text."""

    def __init__(self, styles: Any = None) -> None:
        self._hidden = _hiding_styles(styles) if styles is not None else frozenset()

    def text(self, paragraph: Any) -> str:
        """A paragraph's text; text boxes inside it are left out, they are blocks of their own."""
        style = paragraph.find(f"{W}pPr/{W}pStyle")
        if style is not None and style.get(f"{W}val") in self._hidden:
            return ""
        parts: list[str] = []
        stack = [iter(paragraph)]
        while stack:
            element = next(stack[-1], None)
            if element is None:
                stack.pop()
                continue
            tag = element.tag
            if tag == f"{W}t":
                parts.append(element.text or "")
            elif tag == _MATH:
                if element.getparent().tag == _LINES_OF_MATH and element.getprevious() is not None:
                    parts.append("\n")
                parts.append(equation_text(element))
            elif tag == f"{W}tab":
                parts.append("\t" if element.getparent().tag == f"{W}r" else "")
            elif tag in (f"{W}br", f"{W}cr"):
                parts.append("\n")
            elif tag == f"{W}noBreakHyphen":
                parts.append("-")
            elif tag == f"{W}sym":
                parts.append(_symbol(element))
            elif tag == f"{W}ffData":
                parts.append(_form_field(element))
            elif tag == f"{W}r" and self._is_hidden(element):
                continue
            elif isinstance(tag, str) and tag not in SKIPPED and tag != TEXT_BOX:
                stack.append(iter(element))
        return "".join(parts)

    def _is_hidden(self, run: Any) -> bool:
        properties = run.find(f"{W}rPr")
        if properties is None:
            return False
        own = properties.find(f"{W}vanish")
        if own is not None:
            return is_on(own)
        style = properties.find(f"{W}rStyle")
        return style is not None and style.get(f"{W}val") in self._hidden


def is_on(element: Any) -> bool:
    """Whether an on/off property is on: by its presence, unless its value says otherwise."""
    return element.get(f"{W}val", "1").lower() not in ("0", "false", "off")


def _hiding_styles(styles: Any) -> frozenset[str]:
    by_id = {style.get(f"{W}styleId", ""): style for style in styles.iter(f"{W}style")}
    hiding = set()
    for identifier in by_id:
        current: str = identifier
        seen: set[str] = set()
        while current in by_id and current not in seen and len(seen) < MOST_STYLES:
            seen.add(current)
            own = by_id[current].find(f"{W}rPr/{W}vanish")
            if own is not None:
                if is_on(own):
                    hiding.add(identifier)
                break
            base = by_id[current].find(f"{W}basedOn")
            current = base.get(f"{W}val", "") if base is not None else ""
    return frozenset(hiding)


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
