"""Every regular expression of a part of the package, and strings that make a careless one slow."""

from __future__ import annotations

import ast
import importlib
import random
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

try:
    from re import _constants as codes
    from re import _parser as parser
except ImportError:  # Python 3.10
    import sre_constants as codes  # type: ignore[no-redef]
    import sre_parse as parser  # type: ignore[no-redef]

METHODS = ("search", "match", "fullmatch", "sub", "finditer", "findall", "split")
PACKAGE = Path(__file__).parents[2] / "minicpm_rag"
_CATEGORIES = {
    codes.CATEGORY_DIGIT: "1", codes.CATEGORY_NOT_DIGIT: "a", codes.CATEGORY_SPACE: " ", codes.CATEGORY_NOT_SPACE: "a",
    codes.CATEGORY_WORD: "a", codes.CATEGORY_NOT_WORD: "-",
}  # fmt: skip
_OTHERS = "ax1 -.,。报\n"  # to find a character outside of a negated set


# Quadratic, but never asked about more than some characters.
FEW_CHARACTERS = {
    "minicpm_rag.text.courtesies._AFTER": "without_courtesies: 60 characters",
    "minicpm_rag.text.comparisons._": "sides: 400 characters",
    "minicpm_rag.text.corrections._": "taken_back: 300 characters",
    "minicpm_rag.text.dates._PATTERNS": "understand: 400 characters",
    "minicpm_rag.text.cells._COMMA_DECIMAL": "number, _has_comma_decimals: 60 characters",
    "minicpm_rag.text.cells._HEADER_UNIT": "split_unit: the last 60 characters",
    "minicpm_rag.text.cells._NUMBER": "number: 60 characters",
    "minicpm_rag.text.cells._YMD": "date: 60 characters",
    "minicpm_rag.answering.tables.": "understand: 400 characters",
    "minicpm_rag.answering.whole.requests._": "requested: 400 characters",
    "minicpm_rag.answering.whole.deadlines._": "is_deadline: 600 characters",
    "minicpm_rag.answering.parts._": "parts: 300 characters",
    "minicpm_rag.answering.counterpart._": "asked_of, reason_of: 200 characters",
    "minicpm_rag.answering.difference._ASKS": "difference: 400 characters",
    "minicpm_rag.answering.difference._HAS_CHANGED": "difference: 400 characters",
    "minicpm_rag.answering.followups._NAMED_EN": "_pronoun_replaced_en: 200 characters",
    "minicpm_rag.answering.small_talk._COMPILED": "small_talk: 200 characters",
    "minicpm_rag.loaders.cell_values._": "shown: 255 characters",
    "minicpm_rag.text.table_headers._VALUE": "is_value: 60 characters",
    "minicpm_rag.loaders.pdf.layout: re.compile('[^\\\\W\\\\d_](?:[\\\\w-]*)-\\\\Z')": "_join: 40 characters",
}


@dataclass(frozen=True)
class Expression:
    """A pattern, where it stands, and the methods by which it is used there."""

    place: str
    pattern: re.Pattern[Any]
    methods: tuple[str, ...]


def expressions(*parts: str) -> list[Expression]:
    """Those of all modules under `parts`: kept in modules, and written in calls."""
    found: dict[tuple[str, str], Expression] = {}
    for part in parts:
        for path in sorted((PACKAGE / part).rglob("*.py")):
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
            used = _methods_used(path)
            for variable, value in vars(importlib.import_module(name)).items():
                for pattern in _inside(value, 0 if isinstance(value, re.Pattern | list | tuple | dict) else 9):
                    methods = tuple(sorted(used.get(variable, ()))) or ("search",)
                    found.setdefault((name, str(pattern)), Expression(f"{name}.{variable}", pattern, methods))
            for pattern, method in _in_calls(path):
                if method in METHODS:
                    found[name, str(pattern)] = Expression(f"{name}: {str(pattern)[:60]}", pattern, (method,))
    return list(found.values())


def _methods_used(path: Path) -> dict[str, set[str]]:
    """The methods of patterns that are called on each name of a module, or on what a loop takes out of it."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
            used.setdefault(node.value.id, set()).add(node.attr)
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension):
            taken_out = set[str]().union(*(used.get(name, ()) for name in _names_in(node.target)))
            for name in _names_in(node.iter) if taken_out else ():
                used.setdefault(name, set()).update(taken_out)
    return used


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _inside(value: Any, depth: int = 0) -> Iterator[re.Pattern[Any]]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, dict):
        for each in value.values():
            yield from _inside(each, depth + 1)
    elif depth < 4 and isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _inside(each, depth + 1)


def _in_calls(path: Path) -> Iterator[tuple[re.Pattern[Any], str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
            and node.func.value.id == "re"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            flags = 0
            for argument in [*node.args[1:], *(keyword.value for keyword in node.keywords)]:
                if isinstance(argument, ast.Attribute) and isinstance(argument.value, ast.Name):
                    flags |= getattr(re, argument.attr, 0) if argument.value.id == "re" else 0
            yield re.compile(node.args[0].value, flags), node.func.attr


def seconds(expression: Expression, text: Any) -> float:
    """Processor time that the slowest of its methods takes for a text."""
    slowest = 0.0
    for method in expression.methods:
        begun = time.thread_time()
        if method == "sub":
            expression.pattern.sub(text[:0], text)
        elif method == "finditer":
            for _ in expression.pattern.finditer(text):
                pass
        else:
            getattr(expression.pattern, method)(text)
        slowest = max(slowest, time.thread_time() - begun)
    return slowest


def attacks(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """(prefix, pump, suffix): what the pattern wants first, what it may repeat, and what it does not take."""
    tree = parser.parse(pattern.pattern, pattern.flags)
    pieces = list(dict.fromkeys(_pieces(tree)))
    pairs = [one + two for one in pieces[:6] for two in pieces[:6]]
    for prefix in dict.fromkeys(["", *_prefixes(tree, "")]):
        for pump in dict.fromkeys([*pieces, *pairs]):
            for suffix in ("", "\x01"):
                yield prefix, pump, suffix


def repeated(pattern: re.Pattern[Any], attack: tuple[str, str, str], length: int) -> Any:
    """The attack as a text of about that length, of the pattern's own type."""
    prefix, pump, suffix = attack
    text = prefix + pump * max(1, length // len(pump)) + suffix
    return text if isinstance(pattern.pattern, str) else text.encode("latin-1", "replace")


def slow_expressions(part: str, most: int | None = None) -> dict[str, tuple[str, str, str]]:
    """Patterns of a part of the package that take time out of proportion, each with an attack that shows it.

    `most` attacks are tried on each, where one has more.
    """
    return {
        expression.place: attack
        for expression in expressions(part)
        if not expression.place.startswith(tuple(FEW_CHARACTERS))
        for attack in _some_of(list(attacks(expression.pattern)), most)
        # Asked again: of tens of thousands of measurements one is disturbed by whatever else the machine does.
        if all(_is_slow(expression, attack) for _ in range(3))
    }


def _is_slow(expression: Expression, attack: tuple[str, str, str]) -> bool:
    """Whether the time for an attack grows faster than its length."""

    def taken(length: int) -> float:
        text = repeated(expression.pattern, attack, length)
        return min(seconds(expression, text) for _ in range(2))

    if taken(60) > 0.005 or taken(250) > 0.02:
        return True
    # A quadratic pattern takes tenths of nanoseconds for each pair of characters. One that looks a few hundred
    # characters ahead grows quicker than its text, too, but only until the text is that long.
    some = taken(4000)
    return some > 0.002 and taken(16_000) > 8 * some


def _some_of(found: list[tuple[str, str, str]], most: int | None) -> list[tuple[str, str, str]]:
    return found if most is None or len(found) <= most else random.Random(0).sample(found, most)


def _pieces(tree: Any) -> Iterator[str]:
    """Characters and repeated parts of a pattern."""
    for code, value in tree:
        if code in (codes.LITERAL, codes.NOT_LITERAL, codes.IN, codes.ANY):
            yield _example([(code, value)])
        for inner in _subpatterns(code, value):
            if code in (codes.MAX_REPEAT, codes.MIN_REPEAT) and (text := _example(inner)):
                yield text
            yield from _pieces(inner)


def _prefixes(tree: Any, before: str) -> Iterator[str]:
    """What may stand before each repeated part."""
    for code, value in tree:
        for inner in _subpatterns(code, value):
            yield before
            yield from _prefixes(inner, before)
        before = (before + _example([(code, value)]))[:200]


def _subpatterns(code: Any, value: Any) -> list[Any]:
    if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
        return [value[2]]
    if code is codes.SUBPATTERN:
        return [value[-1]]
    if code is codes.BRANCH:
        return list(value[1])
    if code in (codes.ASSERT, codes.ASSERT_NOT):
        return [value[1]]
    if code is codes.GROUPREF_EXISTS:
        return [inner for inner in value[1:] if inner]
    return [value] if code is getattr(codes, "ATOMIC_GROUP", object()) else []


def _example(tree: Any) -> str:
    """A short text that a pattern takes."""
    text = ""
    for code, value in tree:
        if code is codes.LITERAL:
            text += chr(value)
        elif code is codes.NOT_LITERAL:
            text += next(other for other in _OTHERS if ord(other) != value)
        elif code is codes.ANY:
            text += "a"
        elif code is codes.IN:
            text += _of_set(value)
        elif code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            text += _example(value[2]) * max(value[0], 1 if value[1] else 0)
        elif code is codes.BRANCH:
            text += _example(value[1][0])
        elif code is codes.SUBPATTERN:
            text += _example(value[-1])
    return text[:200]


def _of_set(items: Any) -> str:
    negated = items[0][0] is codes.NEGATE
    members = [item for item in items if item[0] is not codes.NEGATE]
    if negated:
        return next((other for other in _OTHERS if not any(_holds(item, other) for item in members)), "\x02")
    code, value = members[0]
    if code is codes.CATEGORY:
        return _CATEGORIES.get(value, "a")
    return chr(value[0] if code is codes.RANGE else value)


def _holds(item: Any, character: str) -> bool:
    code, value = item
    if code is codes.LITERAL:
        return ord(character) == value
    if code is codes.RANGE:
        return value[0] <= ord(character) <= value[1]
    classes = {
        codes.CATEGORY_DIGIT: str.isdigit, codes.CATEGORY_SPACE: str.isspace,
        codes.CATEGORY_WORD: lambda one: one.isalnum() or one == "_",
    }  # fmt: skip
    return value in classes and classes[value](character)
