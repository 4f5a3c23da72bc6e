"""Tables of words, written as one text each: no word stands twice in one, as it does where two lines were joined."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "minicpm_rag"


def word_tables() -> Iterator[tuple[str, str]]:
    """The texts that modules split into words, by where they stand."""
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                name = ast.unparse(node.targets[0])
                if isinstance(node.value.value, str) and f"{name}.split()" in source:
                    yield f"{path.relative_to(PACKAGE)}:{name}", node.value.value


TABLES = dict(word_tables())


@pytest.mark.parametrize("place", TABLES)
def test_no_word_stands_twice_in_a_table(place: str) -> None:
    assert not [word for word, times in Counter(TABLES[place].split()).items() if times > 1]


def test_the_tables_are_found() -> None:
    assert len(TABLES) > 10
