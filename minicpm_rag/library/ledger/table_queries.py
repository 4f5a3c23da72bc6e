"""Questions to data tables: a `TableQuery` becomes SQL that a person can read, and SQL is run with bounds.

Whatever wrote the SQL, it sees only views of the tables it was given, named as their columns are, may only read, and
ends after some seconds and rows.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import Ledger, tables
from minicpm_rag.library.ledger.postgres import PostgresLedger
from minicpm_rag.library.ledger.tables import data_table
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import DataTable

MOST_SECONDS = 5.0
MOST_ROWS = 200  # of a result
_MOST_OF_A_NAME = 40  # characters of a sheet's name or a caption by which it is called in SQL
_STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's machine, at the clock
# Where a row came from; they stand behind the columns that a person sees.
PLACE_COLUMNS = ("_page", "_row", "_start")
_FUNCTIONS_TEXT = """
    sum avg min max count total substr length lower upper round abs coalesce ifnull nullif instr trim replace
    group_concat like glob iif printf cast date strftime julianday row_number rank dense_rank
"""
_FUNCTIONS = frozenset(_FUNCTIONS_TEXT.split())

Aggregate = Literal["count", "distinct", "sum", "mean", "median", "min", "max", "share", "difference", "ratio", "rows"]
Part = Literal["", "year", "month", "quarter", "day"]  # of a date; a day is one of any year, "10-04"


@dataclass(frozen=True)
class Field:
    """A column of one of a query's tables, or a part of its dates."""

    column: int
    table: int = 0  # place among the query's tables
    part: Part = ""


@dataclass(frozen=True)
class Condition:
    """What rows must satisfy. "in" and "not in" compare with any of the values; dates begin with theirs.

    Another column of the same row, `beside`, may stand for the values: what was spent over what was estimated.
    """

    field: Field
    operator: Literal["in", "not in", "<", "<=", ">", ">="]
    values: tuple[str | float, ...]
    beside: Field | None = None


@dataclass(frozen=True)
class TableQuery:
    """A question to one table, or to two that are joined on equal values of a column each.

    Several measures are added up: the columns of three months make a quarter.
    """

    tables: tuple[DataTable, ...]
    aggregate: Aggregate
    measures: tuple[Field, ...] = ()
    conditions: tuple[Condition, ...] = ()
    group: Field | None = None
    descending: bool | None = None  # by the measure; None where nothing is said
    limit: int | None = None
    shown: tuple[Field, ...] = ()  # columns of "rows"
    joined_on: tuple[int, int] | None = None
    # Of "share" the conditions of the part, in percent of all; of "difference" and "ratio" those of one and the other.
    # A "difference" without is of two measures of one row: the price for adults and for children.
    part: tuple[Condition, ...] = ()
    inner: Literal["count", "sum", "mean"] = "sum"  # what a share, a difference or a ratio is of
    # Of a "sum": how many times rows count, for two adults and a child; all other rows count once.
    times: tuple[tuple[Condition, float], ...] = ()


@dataclass(frozen=True)
class TableRow:
    """A row of the file: where its line stands."""

    page: int
    row: int  # 1-based, as a spreadsheet numbers it
    start: int  # of its line on the page


@dataclass(frozen=True)
class TableResult:
    """What SQL gave."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str | float | None, ...], ...]
    is_cut: bool = False  # there were more rows


def names(table: DataTable) -> list[str]:
    """What each column is called in SQL: its name, numbered where that is blank or was there before."""
    found: list[str] = []
    for number, column in enumerate(table.columns, start=1):
        name = " ".join(column.name.replace('"', "'").split()) or f"column {number}"
        while name.casefold() in (known.casefold() for known in found) or name in PLACE_COLUMNS:
            name = f"{name} {number}"
        found.append(name)
    return found


def view_names(tables: Sequence[DataTable]) -> list[str]:
    """What each table is called in SQL: after its sheet, or its file.

    A name that is cut ends with the table's own number, so that the SQL of one of two sheets that begin alike is not
    taken for the other's. Nor is a view called as what holds the rows.
    """
    found: list[str] = []
    for number, table in enumerate(tables, start=1):
        stem = table.title.rpartition("/")[2].rpartition(".")[0] or table.title
        name = " ".join((table.label or table.caption or stem).replace('"', "'").split()) or f"table {number}"
        if len(name) > _MOST_OF_A_NAME:
            name = f"{name[:_MOST_OF_A_NAME].rstrip()} {table.id}"
        taken = {*(known.casefold() for known in found), *map(data_table, _stored(tables))}
        while name.casefold() in taken:
            name = f"{name} {number}"
        found.append(name)
    return found


def sql_of(query: TableQuery) -> str:
    """The query as SQL over the views."""
    if query.aggregate == "rows":
        shown = ", ".join(_field(query, field) for field in query.shown)
        text = f"SELECT {shown}{_source(query)}"
        order = "".join(f" + {_number(query, field)}" for field in query.measures).removeprefix(" + ")
        if order and query.descending is not None:
            text += f" ORDER BY {order} {'DESC' if query.descending else 'ASC'}"
    elif query.aggregate == "median":
        text = _median(query)
    else:
        value = _value(query)
        text = f"SELECT {value}{_source(query)}"
        if query.group is not None:
            group = _field(query, query.group)
            text = f"SELECT {group}, {value}{_source(query)} GROUP BY {group}"
            order = value if query.descending is not None else group
            text += f" ORDER BY {order} {'DESC' if query.descending else 'ASC'}"
    return text if query.limit is None else f"{text} LIMIT {query.limit}"


def _median(query: TableQuery) -> str:
    """SQL for a median: the mean of the one or two values in the middle, of all rows or of each group."""
    value = " + ".join(_number(query, field) for field in query.measures)
    group = "" if query.group is None else _field(query, query.group)
    each, named = (f"PARTITION BY {group} ", f'{group} AS "group", ') if group else ("", "")
    inner = (
        f"SELECT {named}{value} AS value, row_number() OVER ({each}ORDER BY {value}) "
        f"AS place, count(*) OVER ({each.strip()}) AS number{_source(query)}"
    )
    middle = f"FROM ({inner}) WHERE place IN ((number + 1) / 2, (number + 2) / 2)"
    if not group:
        return f"SELECT avg(value) {middle}"
    order = '"group" ASC' if query.descending is None else f"avg(value) {'DESC' if query.descending else 'ASC'}"
    return f'SELECT "group", avg(value) {middle} GROUP BY "group" ORDER BY {order}'


def places_sql(query: TableQuery) -> str:
    """SQL for the rows that count: where each stands in its file. Of a share these are the rows of the part."""
    if query.aggregate == "share":
        query = replace(query, conditions=(*query.conditions, *query.part))
    first = _quoted(view_names(query.tables)[0])
    places = ", ".join(f"{first}.{_quoted(name)}" for name in PLACE_COLUMNS)
    text = f"SELECT {places}{_source(query)}"
    if query.measures and query.aggregate in ("rows", "min", "max"):
        order = " + ".join(_number(query, field) for field in query.measures)
        descending = query.descending if query.aggregate == "rows" else query.aggregate == "max"
        if descending is not None:
            text += f" ORDER BY {order} {'DESC' if descending else 'ASC'}"
            return f"{text} LIMIT {query.limit or MOST_ROWS}" if query.aggregate == "rows" else f"{text} LIMIT 1"
    return text


def check(sql: str, tables: Sequence[DataTable]) -> None:
    """Raise LibraryError unless the SQL is one SELECT over these tables' views and nothing else."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        statements = sqlglot.parse(sql, read="sqlite")
    except (SqlglotError, RecursionError) as exc:
        raise LibraryError("library.query_refused", sql=sql, why=reason_of(exc)) from exc
    known = {name.casefold() for name in view_names(tables)}
    if len(statements) != 1 or not isinstance(statements[0], exp.Select):
        raise LibraryError("library.query_refused", sql=sql, why=Message("library.query_no_select"))
    for table in statements[0].find_all(exp.Table):
        own = {common.alias.casefold() for common in statements[0].find_all(exp.CTE)}
        if table.name.casefold() not in known | own or table.db:
            raise LibraryError("library.query_refused", sql=sql, why=Message("library.query_other", name=table.name))


def run(ledger: Ledger, tables: Sequence[DataTable], sql: str, *, most_rows: int = MOST_ROWS) -> TableResult:
    """Run SQL over views of the tables. Raises LibraryError where it is refused, fails, or takes too long."""
    with _views(ledger, tables) as connection:
        try:
            cursor = connection.execute(sql)
            rows = cursor.fetchmany(most_rows + 1)
        except (sqlite3.Error, sqlite3.Warning) as exc:
            key = "library.query_too_long" if "interrupted" in str(exc) else "library.query_refused"
            raise LibraryError(key, seconds=MOST_SECONDS, sql=sql, why=reason_of(exc)) from exc
        columns = tuple(entry[0] for entry in cursor.description or ())
        return TableResult(columns, tuple(tuple(row) for row in rows[:most_rows]), len(rows) > most_rows)


def totals(ledger: Ledger, table: DataTable, column: int) -> list[tuple[str, float, TableRow]]:
    """What the table's own total rows say of a column: (what the row is called, value, place)."""
    with closing(_with_rows(ledger, [table])) as connection:
        rows = connection.execute(
            f"SELECT total, c{column} AS value, page, row, start FROM {data_table(table.id)} "
            "WHERE total IS NOT NULL ORDER BY position"
        ).fetchall()
    return [
        (str(row["total"]), float(row["value"]), TableRow(row["page"], row["row"], row["start"]))
        for row in rows
        if isinstance(row["value"], float | int)
    ]


def texts_within(ledger: Ledger, table: DataTable, column: int, question: str, limit: int) -> list[str]:
    """The texts of a column that occur in the question, the longest first: for columns of too many to be kept."""
    name = _quoted(names(table)[column])
    literal = _literal(question.lower())
    sql = (
        f"SELECT DISTINCT {name} FROM {_quoted(view_names([table])[0])} WHERE length({name}) > 1 "
        f"AND instr({literal}, lower({name})) > 0 ORDER BY length({name}) DESC LIMIT {limit}"
    )
    return [str(row[0]) for row in run(ledger, [table], sql).rows]


@contextmanager
def _views(ledger: Ledger, tables: Sequence[DataTable]) -> Iterator[sqlite3.Connection]:
    """A connection of its own that can read views of these tables and nothing else."""
    with closing(_with_rows(ledger, tables)) as connection:
        for table, view in zip(tables, view_names(tables), strict=True):
            connection.execute(f"CREATE TEMP VIEW {_quoted(view)} AS {_rows_of(table)}")
        connection.row_factory = None
        connection.execute("PRAGMA query_only = ON")
        allowed = set(map(data_table, _stored(tables))) | set(view_names(tables))
        deadline = time.monotonic() + MOST_SECONDS

        def allow(action: int, first: str | None, second: str | None, *_: str | None) -> int:
            if action == sqlite3.SQLITE_SELECT or (action == sqlite3.SQLITE_READ and (first in allowed or not first)):
                return sqlite3.SQLITE_OK
            if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
                return sqlite3.SQLITE_OK
            return sqlite3.SQLITE_DENY

        connection.set_authorizer(allow)
        connection.set_progress_handler(lambda: int(time.monotonic() > deadline), _STEPS_BETWEEN_LOOKS)
        yield connection


def _with_rows(ledger: Ledger, wanted: Sequence[DataTable]) -> sqlite3.Connection:
    """A connection to a SQLite database that has the rows of these tables; the caller closes it."""
    if not isinstance(ledger, PostgresLedger):
        return ledger.connect()
    scratch = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    scratch.row_factory = sqlite3.Row
    with ledger.reading() as connection:
        for number in _stored(wanted):
            tables.write_rows(scratch, number, *tables.read_rows(connection, number))
    return scratch


def _stored(tables: Sequence[DataTable]) -> set[int]:
    """The numbers of the tables that hold the rows."""
    return {part.id for table in tables for part in ([one for one, _ in table.parts] or [table])}


def _rows_of(table: DataTable) -> str:
    """SQL for the rows of a table, totals apart; of like sheets one after the other, each with its own last column."""
    called = names(table)
    selects = []
    for part, value in table.parts or ((table, None),):
        stored = called if value is None else called[:-1]
        columns = [f"c{number} AS {_quoted(name)}" for number, name in enumerate(stored)]
        columns += [] if value is None else [f"{_literal(value)} AS {_quoted(called[-1])}"]
        columns += [f"{name[1:]} AS {_quoted(name)}" for name in PLACE_COLUMNS]
        selects.append(f"SELECT {', '.join(columns)} FROM {data_table(part.id)} WHERE total IS NULL")
    return " UNION ALL ".join(selects)


def _source(query: TableQuery) -> str:
    views = [_quoted(name) for name in view_names(query.tables)]
    text = f" FROM {views[0]}"
    if query.joined_on is not None:
        own, other = (Field(column, table) for table, column in enumerate(query.joined_on))
        text += f" JOIN {views[1]} ON {_field(query, own)} = {_field(query, other)}"
    conditions = [_condition(query, condition) for condition in query.conditions]
    computes = query.aggregate not in ("count", "distinct") or query.inner == "mean"
    if computes and query.measures and len(query.measures) == 1:
        conditions.append(f"{_field(query, query.measures[0])} IS NOT NULL")
    if query.aggregate == "difference" and not query.part:
        conditions += [f"{_field(query, measure)} IS NOT NULL" for measure in query.measures]
    return f"{text} WHERE {' AND '.join(conditions)}" if conditions else text


def _value(query: TableQuery) -> str:
    if query.aggregate == "count":
        return "count(*)"
    if query.aggregate == "distinct":
        return f"count(DISTINCT {_field(query, query.measures[0])})"
    if query.aggregate == "share":
        return _share(query)
    if query.aggregate == "difference" and not query.part:
        one, other = (_field(query, measure) for measure in query.measures)
        return f"abs({one} - {other}), {one}, {other}"
    if query.aggregate == "difference":
        one, other = (_of_part(query, (condition,)) for condition in query.part)
        return f"abs({one} - {other}), {one}, {other}"
    if query.aggregate == "ratio":
        one, other = (_of_part(query, (condition,)) for condition in query.part)
        return f"1.0 * {one} / nullif({other}, 0), {one}, {other}"
    function = {"sum": "sum", "mean": "avg", "min": "min", "max": "max"}[query.aggregate]
    measured = " + ".join(_number(query, field) for field in query.measures)
    if query.times:
        cases = " ".join(f"WHEN {_condition(query, rows)} THEN {_literal(number)}" for rows, number in query.times)
        measured = f"({measured}) * CASE {cases} ELSE 1 END"
    return f"{function}({measured})"


def _share(query: TableQuery) -> str:
    """A part in percent of all; of each group where there is one."""
    whole = "count(*)" if not query.measures else f"sum({' + '.join(_number(query, one) for one in query.measures)})"
    if query.group is not None:
        return f"100.0 * {whole} / sum({whole}) OVER ()"
    return f"100.0 * {_of_part(query, query.part)} / {whole}"


def _of_part(query: TableQuery, part: Sequence[Condition]) -> str:
    """A count, sum or mean over the rows that satisfy more conditions."""
    value = " + ".join(_number(query, field) for field in query.measures) or "1"
    function = "avg" if query.inner == "mean" else "sum"
    rest = "" if query.inner == "mean" else " ELSE 0"
    return f"{function}(CASE WHEN {' AND '.join(_condition(query, one) for one in part)} THEN {value}{rest} END)"


def _number(query: TableQuery, field: Field) -> str:
    """A measure; where several are added up, an empty cell counts as nothing."""
    name = _field(query, field)
    return f"coalesce({name}, 0)" if len(query.measures) > 1 else name


def _field(query: TableQuery, field: Field) -> str:
    name = _quoted(names(query.tables[field.table])[field.column])
    if len(query.tables) > 1:
        name = f"{_quoted(view_names(query.tables)[field.table])}.{name}"
    if field.part == "year":
        return f"substr({name}, 1, 4)"
    if field.part == "month":
        return f"substr({name}, 1, 7)"
    if field.part == "day":
        return f"substr({name}, 6, 5)"
    if field.part == "quarter":
        return f"substr({name}, 1, 4) || ' Q' || ((substr({name}, 6, 2) + 2) / 3)"
    return name


def _condition(query: TableQuery, condition: Condition) -> str:
    field, values = condition.field, condition.values
    if query.tables[field.table].columns[field.column].kind == "date" and field.part == "month":
        name = _field(query, Field(field.column, field.table))
        return f"substr({name}, 6, 2) IN ({', '.join(map(_literal, values))})"
    name = _field(query, field)
    if condition.beside is not None:
        return f"{name} {condition.operator} {_field(query, condition.beside)}"
    if condition.operator == "not in":
        return f"({name} NOT IN ({', '.join(map(_literal, values))}) OR {name} IS NULL)"
    if condition.operator == "in" and len(values) > 1:
        return f"{name} IN ({', '.join(map(_literal, values))})"
    operator = "=" if condition.operator == "in" else condition.operator
    return f"{name} {operator} {_literal(values[0])}"


def _literal(value: str | float) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
