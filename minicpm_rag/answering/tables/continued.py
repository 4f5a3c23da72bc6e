"""A follow-up that names another value of a table: the question before with that value in the first one's place.

永新五金的订单总价合计多少？ 华瑞涂料呢？ is asked of the same column. The table knows which words are values.
"""

from __future__ import annotations

from collections.abc import Sequence

from minicpm_rag.answering.tables.mentions import Mention, folded, may_name, value_mentions
from minicpm_rag.answering.tables.question_words import TextsWithin
from minicpm_rag.answering.tables.understanding import understand
from minicpm_rag.records import DataTable


def continued(before: str, named: str, tables: Sequence[DataTable], texts_within: TextsWithin) -> str:
    """The question before with `named` for a value of the same column; empty where that is not understood."""
    for table in may_name(folded(named), tables):
        other = [one for one in _values(named, table, texts_within) if (one.start, one.end) == (0, len(named))]
        for first in _values(before, table, texts_within) if other else ():
            if any(set(first.fields) & set(one.fields) for one in other):
                asked = f"{before[: first.start]}{named}{before[first.end :]}"
                if understand(asked, [table], texts_within):
                    return asked
    return ""


def _values(text: str, table: DataTable, texts_within: TextsWithin) -> list[Mention]:
    """Where a text names values of the table, the longest first."""
    found = value_mentions(folded(text), text, [table], texts_within)
    return sorted(found, key=lambda one: one.start - one.end)
