"""A canary for click: what it says to users, and how it looks its texts up."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import click
import pytest

from minicpm_rag.cli.click_language import CHINESE, MODULES, wrapped
from minicpm_rag.messages import placeholders

# Said to the programmer of a command line, or about what this one does not use (prompts, deprecated commands).
NOT_FOR_USERS = {
    "Aborted!", "deprecated", "(dynamic)", "Value must be an iterable.",
    "DeprecationWarning: The command {name!r} is deprecated.{extra_message}",
    "DeprecationWarning: The {param_type} {name!r} is deprecated.{extra_message}",
    "Could not determine name for option with declarations {decls!r}",
    "No options defined but a name was passed ({name}). Did you mean to declare an argument instead? "
    "Did you mean to pass '--{name}'?",
    "Arguments take exactly one parameter declaration, got {length}: {decls}.",
    "Name '{name}' defined twice", "Boolean option {decl!r} cannot use the same flag for true/false.",
    "Do you want to continue?", "Confirm the action without prompting.",
    "Invalid start character for option ({option})", "Choice({choices})", "file", "directory", "path",
    "{value!r} does not match the format {format}.", "{value!r} does not match the formats {formats}.",
    "{len_type} values are required, but {len_value} was given.",
    "{len_type} values are required, but {len_value} were given.", "{value!r} is not a valid UUID.",
}  # fmt: skip


def said_by_click() -> set[str]:
    """The texts that click's modules look up."""
    texts = set()
    for name in MODULES:
        tree = ast.parse((Path(click.__file__).parent / f"{name}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext"):
                texts |= {
                    value.value
                    for value in node.args
                    if isinstance(value, ast.Constant) and isinstance(value.value, str)
                }
    return texts


def test_clicks_modules_look_their_texts_up_in_a_function_of_this_name() -> None:
    assert all(hasattr(importlib.import_module(f"click.{name}"), "_") for name in MODULES)


def test_everything_click_says_to_users_is_listed() -> None:
    new = said_by_click() - CHINESE.keys() - NOT_FOR_USERS
    assert not new, f"click {click.__version__} says something new"


@pytest.mark.parametrize("english", CHINESE)
def test_values_of_a_text_are_those_that_click_gives(english: str) -> None:
    assert placeholders(CHINESE[english]) <= placeholders(english)


def test_chinese_lines_are_as_wide_as_the_terminal() -> None:
    lines = list(wrapped("没有变化的文件，不会重复处理（PDF、Word）；有变化的文件替换 old version。", 20))
    assert lines == ["没有变化的文件，不会", "重复处理（PDF、", "Word）；有变化的文件", "替换 old version。"]
    assert list(wrapped("two words", 5)) == ["two", "words"]
