"""Questions that are computed over the tables of documents: "how many orders over 10,000 in March?".

A question that is understood by rule becomes a query, its result an answer with the query in words and the rows that
count. One that is not understood is left to the passages.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.answering.followups import carry_over, only_named
from minicpm_rag.answering.style import AS_ASKED, Style
from minicpm_rag.answering.tables.abroad import Near, in_its_words, is_abroad, nearness
from minicpm_rag.answering.tables.continued import continued
from minicpm_rag.answering.tables.drafting import drafted
from minicpm_rag.answering.tables.like_sheets import with_like_sheets
from minicpm_rag.answering.tables.mentions import column_mentions, folded, may_name
from minicpm_rag.answering.tables.relative import in_numbers
from minicpm_rag.answering.tables.telling import Computed, tell
from minicpm_rag.answering.tables.understanding import LONGEST, Understood, most_of, understand
from minicpm_rag.answering.tables.vocabulary import COUNT, CUE, MEAN, SUM
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import table_queries
from minicpm_rag.library.ledger.table_queries import Condition, TableQuery, TableResult, TableRow
from minicpm_rag.records import Answer, AnswerEvent, Citation, Computation, DataTable, Retrieval, Text, Turn

if TYPE_CHECKING:
    import threading

    from langchain_core.documents import Document
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.runnables import RunnableConfig

__all__ = ["TableAnswer", "answer", "complete", "compute", "draft", "nearness", "seems_asked"]

_MOST_PLACES = 5_000  # rows that are counted one by one
_MOST_TEXTS = 20  # of a column with many, that a question may name
_MOST_ABROAD = 4  # tables in the other language that are looked at: each costs some embedding


@dataclass(frozen=True)
class TableAnswer:
    """What was computed for a question, in one table or in several that it may mean equally."""

    computed: tuple[Computed, ...]


def compute(
    question: str,
    library: Library,
    knowledge_base: str,
    *,
    within: Collection[int] | None = None,
    near: Near | None = None,
    looks_up: bool = False,
) -> TableAnswer | None:
    """Compute the answer over the knowledge base's tables; None where the question is not understood.

    `within` holds the ids of the documents whose tables may be used; `near` compares words of both languages, so that
    tables in the other one are understood too. `looks_up` also gives one number of one row, where there is one.
    Raises LibraryError where the computation takes too long.
    """
    if len(question) > LONGEST or not CUE.search(folded(question)):
        return None
    tables = with_like_sheets(_tables(library, knowledge_base, within))

    def texts_within(table: DataTable, column: int) -> Sequence[str]:
        return _texts_within(library, table, column, question)

    def look_up(query: TableQuery) -> float | None:
        rows = table_queries.run(library.ledger, query.tables, table_queries.sql_of(query)).rows
        return rows[0][0] if rows and isinstance(rows[0][0], int | float) else None

    beside = [
        replace(one, exchanged=(words,))
        for table in tables
        if (found := in_numbers(question, table, texts_within, look_up)) is not None
        for said, words in [found]
        for one in understand(said, [table], texts_within)
    ]
    understood = most_of(beside) or understand(question, tables, texts_within, looks_up=looks_up)
    if not understood and near is not None:
        abroad = [table for table in tables if is_abroad(question, table)]
        own = [table for table in tables if not is_abroad(question, table)]
        abroad.sort(key=lambda table: -len(column_mentions(folded(question), [table])))
        understood = most_of(
            [
                replace(one, exchanged=said.words)
                for table in abroad[:_MOST_ABROAD]
                for said in [in_its_words(question, table, near)]
                if not any(_is_named(words, own) for words, _ in said.words)
                for one in understand(said.question, [table], texts_within)
            ]
        )
    computed = tuple(one for one in (_computed(library, each) for each in understood) if not _says_nothing(one))
    if looks_up:
        computed = tuple(one for one in computed if all(None not in row for row in one.result.rows))
    return TableAnswer(computed) if computed else None


def _is_named(said: str, tables: Sequence[DataTable]) -> bool:
    """Whether a column of the tables is called so: it is meant, then, and no word of a table in the other language."""
    plain = folded(said)
    return any(one.weight >= 1 and one.start == 0 for one in column_mentions(plain, tables))


def _says_nothing(computed: Computed) -> bool:
    """Whether no row was found by nothing but a time or a price of nothing, or rows that are named have no number."""
    query = computed.query
    if query is None:
        return False
    columns = [query.tables[one.field.table].columns[one.field.column] for one in query.conditions]
    if query.aggregate == "sum" and len(columns) == 1:
        (named,), (column,) = query.conditions, columns
        is_each_row = column.kind == "text" and column.distinct == query.tables[named.field.table].rows
        return named.operator == "in" and is_each_row and computed.counted < len(named.values)
    if query.aggregate != "rows" or query.descending is not None or computed.result.rows:
        return False
    return all(
        one.values == (0.0,) or column.kind == "date" for one, column in zip(query.conditions, columns, strict=True)
    )


def complete(
    question: str,
    history: Sequence[Turn],
    library: Library,
    knowledge_base: str,
    *,
    within: Collection[int] | None = None,
) -> str:
    """A follow-up that only names another value, as the question before of that value; empty for any other."""
    named = only_named(question) if history else ""
    before = carry_over(history[-1].question, history[:-1]) if named else ""
    if len(before) + len(named) > LONGEST or not CUE.search(folded(before)):
        return ""
    tables = with_like_sheets(_tables(library, knowledge_base, within))
    return continued(before, named, tables, lambda table, column: _texts_within(library, table, column, before + named))


def draft(
    question: str,
    library: Library,
    knowledge_base: str,
    llm: BaseLanguageModel[Any],
    *,
    within: Collection[int] | None,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
) -> TableAnswer | None:
    """What the SQL that a model writes gives, over the tables that the question may name."""
    tables = may_name(folded(question), _tables(library, knowledge_base, within))
    computed = drafted(question, tables, library, llm, cancel=cancel, config=config) if tables else None
    return None if computed is None else TableAnswer((computed,))


def seems_asked(question: str, library: Library, knowledge_base: str, *, within: Collection[int] | None = None) -> bool:
    """Whether a question that is not understood seems to ask for a computation: it names a column of numbers."""
    plain = folded(question)
    if not any(pattern.search(plain) for pattern in (SUM, MEAN, COUNT)):
        return False
    tables = may_name(plain, _tables(library, knowledge_base, within))
    return any(
        mention.weight >= 1 and tables[field.table].columns[field.column].kind == "number"
        for mention in column_mentions(plain, tables)
        for field in mention.fields
    )


def _tables(library: Library, knowledge_base: str, within: Collection[int] | None) -> list[DataTable]:
    tables = library.tables(knowledge_base)
    return tables if within is None else [table for table in tables if table.document_id in within]


def answer(begun: Answer, found: TableAnswer, library: Library, style: Style = AS_ASKED) -> Iterator[AnswerEvent]:
    """Tell what was computed, as the chain's events from the retrieval to the finished answer."""
    began = time.monotonic()
    language = style.language_for(begun.standalone_question)
    parts: list[str] = []
    documents: list[Document] = []
    citations: list[Citation] = []
    computations: list[Computation] = []
    length = 0
    for computed in found.computed:
        wanted = {place.page for place in computed.places}
        document_id = computed.tables[0].document_id
        pages = {number: library.page(document_id, number) for number in wanted}
        told = tell(computed, language, len(documents) + 1, pages, name_it=len(found.computed) > 1)
        citations += [
            replace(
                citation,
                sentence_start=citation.sentence_start + length,
                sentence_end=citation.sentence_end + length,
            )
            for citation in told.citations
        ]
        documents += told.documents
        computations.append(told.computation)
        parts.append(told.text)
        length += len(told.text) + 2
    text = "\n\n".join(parts)
    yield Retrieval(documents, 1.0, 0.0)
    yield Text(text)
    yield replace(
        begun,
        text=text,
        mode="computed",
        citations=citations,
        documents=documents,
        computations=tuple(computations),
        seconds=begun.seconds | {"generate": time.monotonic() - began},
    )


def _computed(library: Library, understood: Understood) -> Computed:
    query = understood.query
    ledger, tables = library.ledger, query.tables
    result, tied, limit = _result(library, query)
    counting = query
    if query.group is not None and query.limit == 1 and result.rows and query.group.part in ("", "month", "year"):
        counting = _of_group(query, result.rows[0][0])
    places = table_queries.run(ledger, tables, table_queries.places_sql(counting), most_rows=_MOST_PLACES)
    rows = [TableRow(int(page or 0), int(row or 0), int(start or 0)) for page, row, start in places.rows]  # type: ignore[arg-type]
    counted = len(rows)
    if query.aggregate == "rows":
        rows = rows[: len(result.rows)]
    own: tuple[tuple[str, float, TableRow], ...] = ()
    if (
        query.aggregate == "sum"
        and len(query.measures) == 1
        and len(tables) == 1
        and not tables[0].parts
        and not (query.conditions or query.group)
    ):
        own = tuple(_grand_totals(library, tables[0], query.measures[0].column))
    sql = table_queries.sql_of(replace(query, limit=limit))
    return Computed(tables, result, sql, tuple(rows), counted, query, own, tied, understood.exchanged)


def _result(library: Library, query: TableQuery) -> tuple[TableResult, bool, int | None]:
    """The rows of a query with those that share the last one's place, and the limit that gives them."""
    found = table_queries.run(library.ledger, query.tables, table_queries.sql_of(replace(query, limit=None)))
    if query.limit is None or len(found.rows) <= query.limit:
        return found, False, query.limit
    last = found.rows[query.limit - 1][-1]
    kept = query.limit + sum(1 for row in found.rows[query.limit :] if row[-1] == last)
    return replace(found, rows=found.rows[:kept], is_cut=False), kept > query.limit, kept


def _of_group(query: TableQuery, value: str | float | None) -> TableQuery:
    assert query.group is not None
    if value is None:
        return query
    field = replace(query.group, part="")
    bounds = [Condition(field, "in", (value,))]
    if query.group.part:
        bounds = [Condition(field, ">=", (str(value),)), Condition(field, "<", (f"{value}~",))]
    return replace(query, conditions=(*query.conditions, *bounds))


def _grand_totals(library: Library, table: DataTable, column: int) -> Iterator[tuple[str, float, TableRow]]:
    """What the table's own rows of totals say, where they speak of all rows."""
    for said, value, place in table_queries.totals(library.ledger, table, column):
        plain = folded(said).replace(" ", "").strip(":：")
        if plain in ("合计", "总计", "总和", "总额", "共计", "total", "grandtotal", "totals", "sum", "总数", "汇总"):
            yield said, value, place


def _texts_within(library: Library, table: DataTable, column: int, question: str) -> Sequence[str]:
    return table_queries.texts_within(library.ledger, table, column, question, _MOST_TEXTS)
