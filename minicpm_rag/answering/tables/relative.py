"""Rows compared with a named one: 比拔智齿便宜 is "a price under 800", what that one costs.

The number is looked up, and stands in the question that is then understood as any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.mentions import column_mentions, folded, value_mentions
from minicpm_rag.answering.tables.question_words import QuestionWords, TextsWithin
from minicpm_rag.library.ledger.table_queries import Condition, Field, TableQuery
from minicpm_rag.records import DataTable
from minicpm_rag.text.scripts import is_chinese

# What a query gives as its one number; None where it gives none.
LookUp = Callable[[TableQuery], float | None]

_THAN = re.compile(
    r"比(?P<what>[^，,。？?比]{1,20}?)(?P<how>更?(?:贵|便宜|[多少高低长短重轻大小]))(?=的|[？?\s]*$)"
    r"|\b(?P<how_en>more expensive|cheaper|higher|lower|longer|shorter|heavier|lighter|larger|bigger|smaller|more|less)"
    r"(?: [a-z]+){0,2}? than (?:the |an? )?(?P<what_en>[^?.,]{1,40}?)(?=[?.,\s]*$)"
)
_LISTED = re.compile(r"哪些|哪几|列出|有几|多少[个种项]|\b(?:which|what|how many|list)\b")
_LESS = re.compile(r"便宜|[少低短轻小]|cheaper|lower|shorter|lighter|smaller|less")


def in_numbers(
    question: str, table: DataTable, texts_within: TextsWithin, look_up: LookUp
) -> tuple[str, tuple[str, str]] | None:
    """The question with the named row's number for its name, and what was put for which words; None where none is."""
    plain = folded(question)
    found = _THAN.search(plain)
    if found is None or not _LISTED.search(plain):
        return None
    what, how = found["what"] or found["what_en"], found["how"] or found["how_en"]
    row = _row(what.strip(), table, texts_within)
    measure = _measure(question, how, table, texts_within)
    if row is None or measure is None:
        return None
    value = look_up(TableQuery((table,), "sum", (measure,), (row,)))
    if value is None:
        return None
    name, is_less = table.columns[measure.column].name.strip(), _LESS.search(how) is not None
    number = f"{value:.15g}"
    if is_chinese(question):
        name = "" if plain[: found.start()].endswith(folded(name)) else name
        said = f"{name}{'低于' if is_less else '高于'}{number}"
    else:
        said = f"with {name} {'under' if is_less else 'over'} {number}"
    return f"{question[: found.start()]}{said}{question[found.end() :]}", (question[found.start() : found.end()], said)


def _row(what: str, table: DataTable, texts_within: TextsWithin) -> Condition | None:
    """The condition that only the named row fits."""
    for mention in value_mentions(folded(what), what, [table], texts_within):
        (field,) = mention.fields
        is_whole = mention.end - mention.start >= len(what) - 1 and len(mention.values) == 1
        if is_whole and table.columns[field.column].distinct == table.rows:
            return Condition(field, "in", mention.values)
    return None


def _measure(question: str, how: str, table: DataTable, texts_within: TextsWithin) -> Field | None:
    """The column of numbers that is named, else the one that 贵 or "heavier" means, else the only one."""
    numbers = {Field(place) for place, column in enumerate(table.columns) if column.kind == "number"}
    named = {
        field for one in column_mentions(folded(question), [table]) for field in one.fields if one.weight >= 1
    } & numbers
    if len(named) == 1:
        return named.pop()
    reading = QuestionWords(question, (table,), None, texts_within)
    hinted = (reading.hinted(hint) for pattern, hint in words.MEASURED_BESIDE if pattern.search(how))
    return next(filter(None, hinted), None) or (numbers.pop() if len(numbers) == 1 else None)
