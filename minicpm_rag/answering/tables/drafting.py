"""SQL by a model, for questions that the rules do not understand: one SELECT over the tables shown to it, checked.

What it wrote stands beside the result, and the answer says that a model wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.prompt import plain
from minicpm_rag.answering.tables.telling import Computed
from minicpm_rag.errors import LibraryError
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import table_queries
from minicpm_rag.llm.streams import stream_text
from minicpm_rag.llm.thoughts import Anew
from minicpm_rag.records import DataTable

if TYPE_CHECKING:
    import threading

    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig

_MOST_TABLES = 3
_MOST_COLUMNS = 30  # of a table, that are shown to the model
_MOST_TEXTS = 8  # of a column
_SQL_TOKENS = 200
_FENCE = re.compile(r"```(?:sql|sqlite)?\s*(.*?)(?:```|$)", re.DOTALL | re.IGNORECASE)
_INSTRUCTION = (
    "Write one SQLite SELECT statement that answers the question. Use only these tables and columns, in double "
    "quotes. "
    "Dates are ISO text. Reply with the SQL only.\n\n{tables}\n\nQuestion: {question}\nSQL:"
)


def drafted(
    question: str,
    tables: Sequence[DataTable],
    library: Library,
    llm: BaseLanguageModel[Any],
    *,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
) -> Computed | None:
    """What the SQL that a model writes gives; None where it writes none that may be run."""
    from langchain_core.messages import HumanMessage

    shown = tuple(tables[:_MOST_TABLES])
    described = "\n".join(
        _described(table, name) for table, name in zip(shown, table_queries.view_names(shown), strict=True)
    )
    message = HumanMessage(_INSTRUCTION.format(tables=plain(described), question=plain(question)))
    pieces = stream_text(llm, [message], cancel=cancel, config=config, temperature=0.0, max_new_tokens=_SQL_TOKENS)
    written = ""
    with closing(pieces):
        for piece in pieces:
            if isinstance(piece, str):
                written = piece if isinstance(piece, Anew) else written + piece
    fenced = _FENCE.search(written)
    sql = (fenced[1] if fenced is not None else written).strip().rstrip(";").strip()
    try:
        table_queries.check(sql, shown)
        result = table_queries.run(library.ledger, shown, sql)
    except LibraryError:
        return None
    return Computed(shown, result, sql, (), 0) if result.rows else None


def _described(table: DataTable, name: str) -> str:
    columns = []
    for column, called in list(zip(table.columns, table_queries.names(table), strict=True))[:_MOST_COLUMNS]:
        values = f" such as {', '.join(map(repr, column.texts[:_MOST_TEXTS]))}" if column.texts else ""
        columns.append(f'  "{called}" ({column.kind}{" in " + column.unit if column.unit else ""}{values})')
    return f'Table "{name}" with {table.rows} rows:\n' + "\n".join(columns)
