"""Equations (Office Math Markup, ECMA-376 part 1, chapter 22.1) as a line of text: "Q=120/35+2^10"."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_DEEPEST = 50
_SIMPLE = re.compile(r"[\w.,%′'\u0300-\u036f]*|\([^()]*\)")
_SIGNS = {"": "∫"}  # Word's default operator of an n-ary object


def equation_text(element: Any, depth: int = 0) -> str:
    """The text of an equation or a part of it. Fractions get a slash, powers "^", indices "_"."""
    if depth > _DEEPEST:
        return "".join(element.itertext())
    parts = []
    for child in element:
        if not isinstance(child.tag, str):
            continue
        if child.tag in (f"{_M}t", f"{_W}t"):
            parts.append(child.text or "")
        elif child.tag.startswith(_M):
            write = _WRITERS.get(child.tag.removeprefix(_M))
            parts.append(write(child, depth + 1) if write else _unless_property(child, depth + 1))
        else:
            parts.append(equation_text(child, depth + 1))
    return "".join(parts)


def _unless_property(element: Any, depth: int) -> str:
    return "" if element.tag.endswith("Pr") else equation_text(element, depth)


def _part(element: Any, name: str, depth: int) -> str:
    found = element.find(f"{_M}{name}")
    return equation_text(found, depth) if found is not None else ""


def grouped(text: str) -> str:
    """The text in brackets where it would otherwise be read with what stands beside it."""
    return text if len(text) == 1 or _SIMPLE.fullmatch(text) else f"({text})"


def _fraction(element: Any, depth: int) -> str:
    return f"{grouped(_part(element, 'num', depth))}/{grouped(_part(element, 'den', depth))}"


def _power(element: Any, depth: int) -> str:
    return f"{grouped(_part(element, 'e', depth))}^{grouped(_part(element, 'sup', depth))}"


def _index(element: Any, depth: int) -> str:
    return f"{grouped(_part(element, 'e', depth))}_{grouped(_part(element, 'sub', depth))}"


def _index_and_power(element: Any, depth: int) -> str:
    return f"{_index(element, depth)}^{grouped(_part(element, 'sup', depth))}"


def _root(element: Any, depth: int) -> str:
    degree = _part(element, "deg", depth)
    return f"{degree}√{grouped(_part(element, 'e', depth))}"


def _sum(element: Any, depth: int) -> str:
    sign = element.find(f"{_M}naryPr/{_M}chr")
    shown = sign.get(f"{_M}val", "") if sign is not None else ""
    low, high = _part(element, "sub", depth), _part(element, "sup", depth)
    bounds = (f"_{grouped(low)}" if low else "") + (f"^{grouped(high)}" if high else "")
    return f"{shown or _SIGNS['']}{bounds} {_part(element, 'e', depth)}"


def _brackets(element: Any, depth: int) -> str:
    def sign(name: str, usual: str) -> str:
        found = element.find(f"{_M}dPr/{_M}{name}")
        return str(found.get(f"{_M}val", "")) if found is not None else usual

    inside = sign("sepChr", "|").join(equation_text(part, depth) for part in element.findall(f"{_M}e"))
    return f"{sign('begChr', '(')}{inside}{sign('endChr', ')')}"


def _matrix(element: Any, depth: int) -> str:
    rows = (
        ", ".join(equation_text(cell, depth) for cell in row.findall(f"{_M}e")) for row in element.findall(f"{_M}mr")
    )
    return f"[{'; '.join(rows)}]"


def _lines(element: Any, depth: int) -> str:
    return "; ".join(equation_text(line, depth) for line in element.findall(f"{_M}e"))


_WRITERS: dict[str, Callable[[Any, int], str]] = {
    "f": _fraction,
    "sSup": _power,
    "sSub": _index,
    "sSubSup": _index_and_power,
    "rad": _root,
    "nary": _sum,
    "d": _brackets,
    "m": _matrix,
    "eqArr": _lines,
}
