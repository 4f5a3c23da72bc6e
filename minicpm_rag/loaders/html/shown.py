"""What of a web page is shown, and the text of the parts that are written whole: formulas, fields, small print.

Walks the tree without recursion, so nesting of any depth is fine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from minicpm_rag.loaders.drawn import drawn_lines
from minicpm_rag.loaders.html.formulas import formula_text
from minicpm_rag.loaders.word.runs import EMPTY, TICKED
from minicpm_rag.loaders.writer import one_line
from minicpm_rag.text.struck import joined

BLOCK = re.compile(
    "p|div|section|article|main|header|footer|aside|figure|figcaption|address|blockquote|ul|ol|dl|dt|dd|form|"
    "fieldset|details|summary|body|html|hr|pre|caption|center|tr|td|th"
)
# Readings (rt) stand above the characters that they explain: within the line they would break the words.
_SKIPPED = re.compile(
    r"\A(?:script|style|noscript|template|head|iframe|object|canvas|audio|video|datalist|nav|rt|rp|rtc)\Z"
)
_HIDDEN_STYLE = re.compile(r"(?i)display\s*:\s*none|visibility\s*:\s*hidden")
_STRUCK = re.compile(r"\A(?:del|s|strike)\Z")
_STRIKING_STYLE = re.compile(r"(?i)text-decoration(?:-line)?\s*:[^;]{0,80}\bline-through\b")
_WRITTEN_WHOLE = frozenset(["a", "math", "svg", "input", "select", "textarea", "img", "sup", "sub"])
_UNTOLD_FIELDS = frozenset(["hidden", "password", "submit", "button", "reset", "image", "file"])
_DIGITS = "0123456789+-=()"
_RAISED = str.maketrans(_DIGITS, "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾")
_LOWERED = str.maketrans(_DIGITS, "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎")
_SMALL = re.compile(r"[0-9]{1,4}|[+-][0-9]{0,3}|[0-9]{1,2}[+-]")


def is_shown(element: Any) -> bool:
    """Whether an element is neither a comment, nor hidden, nor one without text."""
    return (
        isinstance(element.tag, str)
        and not _SKIPPED.match(element.tag)
        and element.get("hidden") is None
        and element.get("aria-hidden") != "true"
        and element.get("role") != "doc-backlink"
        and not _HIDDEN_STYLE.search(element.get("style", ""))
    )


def is_struck(element: Any) -> bool:
    """Whether an element strikes out what is inside."""
    return bool(_STRUCK.match(element.tag) or _STRIKING_STYLE.search(element.get("style", "")))


def whole_text(element: Any) -> str | None:
    """The text that stands for an element with all that is inside; None for one that is walked through."""
    tag = element.tag
    if tag not in _WRITTEN_WHOLE:
        return None
    if tag == "math":
        return formula_text(element)
    if tag == "svg":
        lines = "\n".join(drawn_lines(element))
        return f"\n{lines}\n" if lines else ""
    if tag == "a":
        return _mark_of_note(element)
    if tag in ("sup", "sub"):
        text = (element.text or "").strip().replace("\N{MINUS SIGN}", "-")
        if len(element) or not _SMALL.fullmatch(text):
            return None
        return text.translate(_RAISED if tag == "sup" else _LOWERED)
    if tag == "img":
        shown = element.get("alt", "").strip()
    elif tag == "select":
        shown = _chosen(element)
    elif tag == "textarea":
        shown = (element.text or "").strip()
    else:
        shown = _field(element)
    return f" {shown} " if shown else ""


def _mark_of_note(link: Any) -> str | None:
    """The number of a note, raised: within the line it would be another digit of what stands before it."""
    is_mark = "noteref" in f"{link.get('epub:type', '')} {link.get('role', '')}"
    text = (link.text or "").strip()
    return text.translate(_RAISED) if is_mark and not len(link) and _SMALL.fullmatch(text) else None


def _field(element: Any) -> str:
    kind = element.get("type", "text").strip().lower()
    if kind in ("checkbox", "radio"):
        return TICKED if element.get("checked") is not None else EMPTY
    return "" if kind in _UNTOLD_FIELDS else str(element.get("value", "")).strip()


def _chosen(select: Any) -> str:
    """The options chosen; of a list that opens, the first where none is."""
    options = list(select.iter("option"))
    chosen = [option for option in options if option.get("selected") is not None]
    if not chosen and select.get("multiple") is None:
        chosen = options[:1]
    return ", ".join(one_line("".join(option.itertext())) for option in chosen)


def events(element: Any, is_written: Any) -> Iterator[tuple[str, Any]]:
    """Yield ("start" or "end", element) for what is shown, without going into what `is_written` whole."""
    stack: list[tuple[Any, Iterator[Any]]] = []
    while True:
        if is_shown(element):
            yield "start", element
            stack.append((element, iter(()) if is_written(element) else iter(element)))
        else:
            stack.append((_Tail(element.tail), iter(())))
        while stack:
            child = next(stack[-1][1], None)
            if child is not None:
                element = child
                break
            yield "end", stack.pop()[0]
        if not stack:
            return


class _Tail:
    """Stands for a hidden element, of which only the text after it counts."""

    tag = ""

    def __init__(self, tail: str | None) -> None:
        self.tail = tail

    def get(self, _name: str, default: str = "") -> str:
        return default


def inner_text(element: Any) -> str:
    """Return the shown text inside an element on one line."""
    parts: list[tuple[str, bool]] = []
    struck = 0
    for event, inner in events(_Whole(element), lambda part: whole_text(part) is not None):
        if event == "start":
            struck += is_struck(inner)
            if BLOCK.fullmatch(inner.tag) or inner.tag in ("br", "li"):
                parts.append((" ", False))
            whole = whole_text(inner)
            parts.append(((inner.text or "") if whole is None else whole, struck > 0))
        else:
            struck -= is_struck(inner)
            parts += [(" " if BLOCK.fullmatch(inner.tag) else "", False), (inner.tail or "", struck > 0)]
    return one_line(joined((re.sub(r"\s+", " ", text), is_out) for text, is_out in parts if text))


class _Whole:
    """Lets the walk go into an element it would write whole."""

    tag = "span"
    tail = None

    def __init__(self, element: Any) -> None:
        self._element = element
        self.text = element.text

    def __iter__(self) -> Iterator[Any]:
        return iter(self._element)

    def get(self, name: str, default: str | None = None) -> str | None:
        return default if name == "style" else None
