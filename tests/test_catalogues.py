"""The three catalogues (core, command line, page) and the code that uses them fit each other.

Read from the source: every key in use is listed and given its values, every listed key is in use, and no error is
raised with a sentence instead of a key.
"""

from __future__ import annotations

import ast
import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from minicpm_rag import errors
from minicpm_rag.cli.language import CATALOGUE as CLI
from minicpm_rag.messages import core, placeholders
from minicpm_rag.page.language import CATALOGUE as PAGE
from minicpm_rag.records import FileStatus, IngestProgress
from minicpm_rag.text.scripts import has_han

PACKAGE = Path(errors.__file__).parent
SKINS = {"cli": CLI, "page": PAGE}
ERRORS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.RAGError)}
OWN_MESSAGE = {"PromptTooLongError"}  # takes numbers, and knows its key itself
# Keys of the page that reach `t` in a variable.
BY_VARIABLE = {"file", "verdict", "reason", "remedy"}


def _trees() -> dict[str, ast.Module]:
    """The source of each file that may say something, by its path in the package."""
    files = {str(file.relative_to(PACKAGE)): file for file in sorted(PACKAGE.rglob("*.py"))}
    return {
        name: ast.parse(file.read_text(encoding="utf-8"))
        for name, file in files.items()
        if not name.startswith("page/texts/")
        and name != "cli/texts.py"
        and (not name.startswith("messages/") or name == "messages/__init__.py")
    }


TREES = _trees()
TEXTS = [(area, key) for area in ("core", *SKINS) for key in sorted((core() if area == "core" else SKINS[area]).texts)]


def texts_of(area: str) -> dict[str, tuple[str, str]]:
    return (core() if area == "core" else SKINS[area]).texts


@pytest.mark.parametrize(("area", "key"), TEXTS)
def test_each_text_is_there_in_both_languages_with_the_same_values(area: str, key: str) -> None:
    chinese, english = texts_of(area)[key]
    assert chinese.strip() and english.strip()
    assert not has_han(english)
    # "GPU" and "{name} ({folder})" need no Chinese; anything with words does.
    assert has_han(chinese) or (len(words(english)) < 2 and all(word.isupper() for word in words(chinese)))
    assert placeholders(chinese) <= placeholders(english)


def words(text: str) -> list[str]:
    """The words of a text beside its placeholders."""
    return re.findall(r"[A-Za-z]{2,}", re.sub(r"\{[^}]*\}", "", text))


@dataclass(frozen=True)
class Use:
    """A call that says something: its place, the catalogue, the keys it may say, and the values it gives."""

    place: str
    area: str
    keys: frozenset[str]
    values: frozenset[str] | None  # None where `**values` hides them


def uses() -> Iterator[Use]:
    for file, tree in TREES.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            found = _key_of(call, file)
            if found is not None:
                area, key = found
                names = [keyword.arg for keyword in call.keywords]
                values = None if None in names else frozenset(filter(None, names))
                yield Use(f"{file}:{call.lineno}", area, _keys(key, texts_of(area)), values)


def _key_of(call: ast.Call, file: str) -> tuple[str, ast.expr] | None:
    """The catalogue and the key of a call that says something."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    skin = file.partition("/")[0]
    arguments = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "help")]
    if file.endswith("/language.py") or not arguments:
        return None
    if name == "Message" or name in ERRORS - OWN_MESSAGE:
        return ("core", arguments[0]) if call.args else None
    if skin in SKINS and name in ("t", "_button"):
        return skin, arguments[0]
    if skin == "page" and name == "text" and len(call.args) > 1:
        return skin, call.args[1]
    if skin == "cli" and arguments[-1] not in call.args:
        return skin, arguments[-1]
    return None


def _keys(expression: ast.expr, texts: dict[str, tuple[str, str]]) -> frozenset[str]:
    """The keys that an expression may be: one, those that fit an f-string, or none that can be told."""
    if isinstance(expression, ast.Constant) and isinstance(expression.value, str):
        return frozenset({expression.value})
    if isinstance(expression, ast.IfExp):
        return _keys(expression.body, texts) | _keys(expression.orelse, texts)
    if isinstance(expression, ast.JoinedStr):
        parts = (
            re.escape(str(part.value)) if isinstance(part, ast.Constant) else "[A-Za-z0-9_]+"
            for part in expression.values
        )
        fitting = frozenset(filter(re.compile("".join(parts)).fullmatch, texts))
        return fitting or frozenset({ast.unparse(expression)})
    return frozenset()


USES = list(uses())


@pytest.mark.parametrize("use", USES, ids=lambda use: use.place)
def test_every_key_in_use_is_listed_and_given_its_values(use: Use) -> None:
    texts = texts_of(use.area)
    for key in use.keys:
        assert key in texts, f"{use.place} says {key!r}, which is not a key of the catalogue of the {use.area}"
        if use.values is not None:
            assert placeholders(texts[key][1]) <= use.values, f"{use.place} gives {key} only {sorted(use.values)}"


def test_every_key_of_the_core_that_the_code_names_is_listed() -> None:
    """Also where it is not in a call that says it: in a table, say. Names of modules look alike."""
    areas = "|".join({key.split(".")[0] for key in core().texts})
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in TREES}
    for file, tree in TREES.items():
        if file.startswith(tuple(SKINS)):
            continue
        named = filter(re.compile(rf"({areas})(\.[A-Za-z_]+)+").fullmatch, _constants(tree))
        assert set(named) - modules <= core().texts.keys(), file


def _constants(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@pytest.mark.parametrize("area", ["core", *SKINS])
def test_every_listed_key_is_in_use(area: str) -> None:
    used = {key for use in USES if use.area == area for key in use.keys}
    if area == "page":
        used |= BY_VARIABLE
    else:  # a key with a dot is known for what it is also in a table
        used |= {key for tree in TREES.values() for key in _constants(tree) if "." in key}
    # A remedy belongs to the reason of its name; reasons of the system are looked up by the name of their number.
    unused = {
        key
        for key in texts_of(area).keys() - used
        if key.removesuffix(".remedy") not in used and not hasattr(errno, key.removeprefix("system."))
    }
    assert not unused


def test_no_error_is_raised_with_a_sentence() -> None:
    """A sentence is written in the catalogue, in both languages; the error has its key and its values."""
    for file, tree in TREES.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            if name in ERRORS | {"Message"}:
                for argument in call.args:
                    sentences = {part for part in _constants(argument) if " " in part or part.endswith((".", "。"))}
                    assert not sentences, f"{file}:{call.lineno} raises {name} with {sentences}"


def test_the_command_line_prints_no_sentence_of_its_own() -> None:
    for file, tree in TREES.items():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if file.startswith("cli/") and ast.unparse(call.func) in ("click.echo", "click.UsageError", "echo_table"):
                sentences = {part for part in _constants(call) if re.search(r"[A-Za-z]{2,} [A-Za-z]{2,}", part)}
                assert not sentences, f"{file}:{call.lineno} prints {sentences}"


def test_every_status_and_stage_of_a_file_has_a_text_in_both_skins() -> None:
    statuses = FileStatus.__args__
    stages = ast.literal_eval(str(IngestProgress.__annotations__["stage"]).removeprefix("Literal"))
    assert {f"verdict_{status}" for status in statuses} | {f"ingest_{stage}" for stage in stages} <= PAGE.texts.keys()
    assert {f"verdict.{status}" for status in statuses} | {f"count.{status}" for status in statuses} <= CLI.texts.keys()
    assert {f"stage.{stage}" for stage in stages} <= CLI.texts.keys()


def test_no_text_of_a_skin_is_written_outside_its_catalogue() -> None:
    for file, tree in TREES.items():
        if file.startswith(tuple(SKINS)) and not file.endswith("click_language.py"):
            chinese = {words for words in _constants(tree) if has_han(words)} - {"中文"}
            assert not chinese, f"{file}: {chinese}"
