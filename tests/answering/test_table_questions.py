"""Of questions over made tables at least seven in ten are answered, and of these at least nine in ten right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from library_parts import ingest, opened
from table_questions import TableSet, first_half, fresh, second_half

from minicpm_rag.answering import tables
from minicpm_rag.answering.tables.telling import Computed


def key(value: Any) -> str:
    return str(float(value)) if isinstance(value, int | float) else str(value)


def is_right(gold: Any, computed: Computed) -> bool:
    rows, query = computed.result.rows, computed.query
    assert query is not None
    if isinstance(gold, set):
        return {str(row[0]) for row in rows} == gold
    if isinstance(gold, dict):
        return {key(row[0]): row[-1] for row in rows} == pytest.approx(gold)
    if query.aggregate == "rows" and query.descending is None:  # a list where a number was asked for
        return len(rows) == gold
    return bool(rows) and all(row[-1] == pytest.approx(gold) for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize("half", [first_half, second_half, fresh])
def test_questions_over_tables_are_right_or_left_to_the_passages(
    tmp_path: Path, half: Callable[[], list[TableSet]]
) -> None:
    asked = answered = right = 0
    with opened(tmp_path / "home") as library:
        for number, made in enumerate(half()):
            (tmp_path / made.name).write_text(made.csv(), encoding="utf-8")
            ingest(library, tmp_path / made.name, kb=f"kb {number}")
            for question, gold in made.questions:
                asked += 1
                if (found := tables.compute(question, library, f"kb {number}")) is not None:
                    answered += 1
                    right += len(found.computed) == 1 and is_right(gold, found.computed[0])
    assert asked >= 40 and answered >= 0.7 * asked and right >= 0.9 * answered
