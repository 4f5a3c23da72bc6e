from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from minicpm_rag.messages import placeholders
from minicpm_rag.page import language
from minicpm_rag.records import FileStatus, IngestProgress
from minicpm_rag.text.scripts import has_han

PAGE = Path(language.__file__).parent
TEXTS = language.CATALOGUE.texts
# The same in both languages on purpose.
NEUTRAL = {"page_of", "job_line"}


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_each_text_is_there_in_both_languages_with_the_same_values(key: str) -> None:
    chinese, english = TEXTS[key]
    assert chinese.strip() and english.strip()
    assert placeholders(chinese) == placeholders(english)
    assert not has_han(english)
    if key not in NEUTRAL:
        assert has_han(chinese) or key == "tokens_per_second" or key == "fact_speed"


def used_keys() -> set[str]:
    """The keys in the page's calls of `t` and `text`; of an f-string, all keys that fit it."""
    used = set()
    for file in PAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            key = {"t": 0, "text": 1, "_button": 0}.get(name)
            if key is None or len(node.args) <= key:
                continue
            pattern = pattern_of(node.args[key])
            if pattern is None:
                continue
            fitting = set(filter(re.compile(pattern).fullmatch, TEXTS.keys()))
            assert fitting, f"{file.name} uses a text that is not there: {pattern}"
            used |= fitting
    return used


def pattern_of(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = (re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in node.values)
        return "".join(str(part) for part in parts)
    return None


def test_every_text_the_page_uses_is_there_and_none_is_left_over() -> None:
    by_variable = {"file", "verdict", "reason", "remedy", "documents", "pages", "chunks"}
    assert TEXTS.keys() - used_keys() - by_variable == set()


def test_every_verdict_and_stage_of_an_ingest_has_a_text() -> None:
    statuses = FileStatus.__args__
    stages = ast.literal_eval(str(IngestProgress.__annotations__["stage"]).removeprefix("Literal"))
    assert {f"verdict_{status}" for status in statuses} <= TEXTS.keys()
    assert {f"ingest_{stage}" for stage in stages} <= TEXTS.keys()


def test_no_text_of_the_page_is_written_outside_the_catalogue() -> None:
    for file in PAGE.rglob("*.py"):
        if file.parent.name == "texts":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                allowed = node.value in ("中文", "你好 hello") or "\\u4e00" in node.value or "一二三" in node.value
                assert allowed or not has_han(node.value), f"{file.name}: {node.value!r}"
