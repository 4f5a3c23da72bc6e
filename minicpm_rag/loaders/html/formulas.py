"""Formulas of web pages and OpenDocument files (MathML 3, chapter 3) as a line of text: "Q=120/35+2^10"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from minicpm_rag.loaders.word.equations import grouped

_DEEPEST = 50
_SKIPPED = frozenset(["annotation", "annotation-xml", "mphantom", "mspace", "maligngroup", "malignmark", "none"])
# Characters that are not seen; a function and what it is applied to need a blank between them.
_UNSEEN = str.maketrans({"\u2061": " ", "\u2062": "", "\u2063": "", "\u2064": ""})


def formula_text(element: Any, depth: int = 0) -> str:
    """The text of a formula or a part of it. Fractions get a slash, powers "^", indices "_"."""
    if not isinstance(element.tag, str):
        return ""
    name = element.tag.rpartition("}")[2].rpartition(":")[2]
    if name in _SKIPPED:
        return ""
    if depth > _DEEPEST:
        return "".join(element.itertext())
    children = [child for child in element if isinstance(child.tag, str)]
    if not children:
        text = (element.text or "").strip().translate(_UNSEEN)
        return f" {text} " if name == "mtext" else text
    if name == "semantics":  # the formula, then the same in other notations
        children = children[:1]
    parts = [formula_text(child, depth + 1) for child in children]
    write = _WRITERS.get(name)
    if write and len(parts) >= _PARTS.get(name, 1):
        return write(element, parts)
    return "".join(parts)


def _fraction(_: Any, parts: list[str]) -> str:
    return f"{grouped(parts[0])}/{grouped(parts[1])}"


def _power(_: Any, parts: list[str]) -> str:
    return f"{grouped(parts[0])}^{grouped(parts[1])}"


def _index(_: Any, parts: list[str]) -> str:
    return f"{grouped(parts[0])}_{grouped(parts[1])}"


def _index_and_power(_: Any, parts: list[str]) -> str:
    return f"{grouped(parts[0])}_{grouped(parts[1])}^{grouped(parts[2])}"


def _accent(_: Any, parts: list[str]) -> str:
    """What stands above: a bound of a sum, or a mark as of vectors and means, which is left out."""
    return _power(_, parts) if any(map(str.isalnum, parts[1])) or "∞" in parts[1] else parts[0]


def _root(_: Any, parts: list[str]) -> str:
    return f"√{grouped(''.join(parts))}"


def _root_of_degree(_: Any, parts: list[str]) -> str:
    return f"{parts[1]}√{grouped(parts[0])}"


def _brackets(element: Any, parts: list[str]) -> str:
    separators = "".join(element.get("separators", ",").split())[:1]
    return f"{element.get('open', '(')}{separators.join(parts)}{element.get('close', ')')}"


def _row(_: Any, parts: list[str]) -> str:
    return ", ".join(parts)


def _matrix(_: Any, parts: list[str]) -> str:
    return f"[{'; '.join(parts)}]"


_WRITERS: dict[str, Callable[[Any, list[str]], str]] = {
    "mfrac": _fraction,
    "msup": _power,
    "msub": _index,
    "munder": _index,
    "mover": _accent,
    "msubsup": _index_and_power,
    "munderover": _index_and_power,
    "msqrt": _root,
    "mroot": _root_of_degree,
    "mfenced": _brackets,
    "mtr": _row,
    "mtable": _matrix,
}
# How many parts each of them has; a formula that lacks one is written as it stands.
_PARTS = {"mfrac": 2, "msup": 2, "msub": 2, "munder": 2, "mover": 2, "msubsup": 3, "munderover": 3, "mroot": 2}
