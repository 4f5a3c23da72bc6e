"""Whether a number that is said of a table row stands in the column that it is said of."""

from __future__ import annotations

from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.statements import Statement
from minicpm_rag.text.table_rows import cells


def is_of_another_column(claim: str, question: str, row: Statement) -> bool:
    """Tell whether the words name a column with a number, and the claim's number stands in another one.

    "19 users" is not what the row "Standard | 19 | 5" says under "Plan | Price | Users".
    """
    if not row.header:
        return False
    said, asked = numbers(claim), frozenset(content_terms(f"{claim} {question}"))
    columns = [
        (frozenset(content_terms(name)), held)
        for name, cell in zip(cells(row.header), cells(row.text), strict=False)
        if (held := numbers(cell))
    ]
    named = [held for name, held in columns if name & asked]
    holding = [name for name, held in columns if held & said]
    return bool(named and holding) and not any(name & asked for name in holding)
