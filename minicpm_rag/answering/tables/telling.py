"""A computed answer in words: the number first, then what was computed, the SQL, and the rows that count, cited.

Knows queries and their results; not how a question was understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.library.ledger.table_queries import Condition, Field, TableQuery, TableResult, TableRow
from minicpm_rag.messages import Language, Message, text
from minicpm_rag.records import Citation, Column, Computation, DataTable, Page
from minicpm_rag.text.numerals import MONTHS

if TYPE_CHECKING:
    from langchain_core.documents import Document

MOST_CITED = 8  # rows; of more only the number is said
_MOST_SHOWN = 30  # rows of a result
_DECIMALS = 4
_MONTHS = {number: name.capitalize() for name, number in reversed(MONTHS.items())}  # the whole names come first
# The texts for a query's parts.
_RESULT = {
    "sum": "answering.table_result_sum",
    "mean": "answering.table_result_mean",
    "median": "answering.table_result_median",
    "share": "answering.table_result_share",
    "difference": "answering.table_result_difference",
    "ratio": "answering.table_result_ratio",
    "min": "answering.table_result_min",
    "max": "answering.table_result_max",
    "count": "answering.table_result_count",
    "distinct": "answering.table_result_distinct",
}
_DO = {
    "sum": "answering.table_do_sum",
    "mean": "answering.table_do_mean",
    "median": "answering.table_do_median",
    "share": "answering.table_do_share",
    "difference": "answering.table_do_difference",
    "ratio": "answering.table_do_ratio",
    "min": "answering.table_do_min",
    "max": "answering.table_do_max",
    "count": "answering.table_do_count",
    "distinct": "answering.table_do_distinct",
}
_OF = {
    "sum": "answering.table_of_sum",
    "mean": "answering.table_of_mean",
    "median": "answering.table_of_median",
}
_PART = {
    "year": "answering.table_part_year",
    "quarter": "answering.table_part_quarter",
    "month": "answering.table_part_month",
}
_WHERE = {
    "is": "answering.table_where_is",
    "is_not": "answering.table_where_is_not",
    "over": "answering.table_where_over",
    "at_least": "answering.table_where_at_least",
    "below": "answering.table_where_below",
    "at_most": "answering.table_where_at_most",
    "from": "answering.table_where_from",
    "before": "answering.table_where_before",
    "until": "answering.table_where_until",
    "months": "answering.table_where_months",
}


@dataclass(frozen=True)
class Computed:
    """A query that was run. `places` are those of the rows that count, `counted` is their number."""

    tables: tuple[DataTable, ...]
    result: TableResult
    sql: str
    places: tuple[TableRow, ...]
    counted: int
    query: TableQuery | None = None  # None where a model wrote the SQL
    own_totals: tuple[tuple[str, float, TableRow], ...] = ()  # what the table itself says
    tied: bool = False  # more rows than asked for have the last one's value
    exchanged: tuple[tuple[str, str], ...] = ()  # words of the question that were taken for words of the table


@dataclass(frozen=True)
class Told:
    """The text of a computed answer with its citations; offsets are of this text."""

    text: str
    citations: list[Citation]
    documents: list[Document]
    computation: Computation


def tell(computed: Computed, language: Language, first_number: int, page: dict[int, Page], *, name_it: bool) -> Told:
    """Say a result. Passages are numbered from `first_number`; `page` holds the pages of the rows by number."""
    query, table = computed.query, computed.tables[0]
    documents = [
        _document(table, page[place.page], place) for place in computed.places[:MOST_CITED] if place.page in page
    ]
    marks = "".join(f"[{number}]" for number in range(first_number, first_number + len(documents)))
    lines = [f"{text(language, Message('answering.table_named', name=_table_name(table)))}"] if name_it else []
    headline = _headline(computed, language)
    lines.append(f"{headline}{marks}")
    shown = _shown(computed, language)
    if _is_table(computed):
        lines += ["", *_markdown(shown)]
        if computed.result.is_cut or len(computed.result.rows) > _MOST_SHOWN:
            lines.append(text(language, Message("answering.table_cut", count=_MOST_SHOWN)))
    lines.append("")
    if query is not None:
        lines.append(text(language, Message("answering.table_query", query=in_words(query, language))))
    lines.append(f"`{' '.join(computed.sql.split())}`")
    notes = list(_notes(computed, language))
    if notes:
        lines += ["", *notes]
    body = "\n".join(lines)
    start = body.index(headline)
    citations = [
        Citation(
            number=first_number + place,
            sentence_start=start,
            sentence_end=start + len(headline),
            quote=document.page_content,
            quote_start=document.metadata[records.START],
            quote_end=document.metadata[records.END],
            support=1.0,
            document=document,
        )
        for place, document in enumerate(documents)
    ]
    query_words = in_words(query, language) if query is not None else ""
    computation = Computation(query_words, computed.sql, computed.result.columns, tuple(map(tuple, shown[1])))
    return Told(body, citations, documents, computation)


def number_text(value: float, unit: str = "") -> str:
    """A number as an answer shows it: thousands parted, no zeros behind, its unit after it."""
    rounded = round(value, _DECIMALS) if abs(value) < 1e15 else value
    said = f"{int(rounded):,}" if float(rounded).is_integer() else f"{rounded:,.{_DECIMALS}f}".rstrip("0")
    return f"{said}{'' if unit in ('', '%') else ' '}{unit}"


def in_words(query: TableQuery, language: Language) -> str:
    """What a query computes, as a sentence."""
    names = [_table_name(table) for table in query.tables]
    parts = [text(language, Message("answering.table_in", name=" + ".join(names)))]
    parts += _conditions_in_words(query, query.conditions, language)
    measure = " + ".join(_name(query, field) for field in query.measures)
    group = "" if query.group is None else _name(query, query.group, language)
    if query.aggregate == "rows":
        key = "answering.table_do_order" if measure else "answering.table_do_list"
        descending = bool(query.descending)
    else:
        key, descending = _DO[query.aggregate], bool(query.descending)
    if query.aggregate in ("share", "difference", "ratio"):
        measure = _inner_in_words(query, language)
    beside = ("与", " and of those where ")
    between = {"share": ("且", " and "), "difference": beside, "ratio": beside}.get(query.aggregate, ("", ""))
    said = between[language == "en"].join(_conditions_in_words(query, query.part, language))
    if query.aggregate == "difference" and not query.part:
        key = "answering.table_do_difference_of_columns"
        measure = ("与" if language == "zh" else " and ").join(_name(query, one) for one in query.measures)
    if query.aggregate == "share" and query.group is not None:
        key = "answering.table_do_shares"
    words = [*parts, text(language, Message(key, measure=measure, part=said))]
    if group:
        words.append(text(language, Message("answering.table_by", group=group)))
    if query.descending is not None:
        order = "answering.table_highest" if descending else "answering.table_lowest"
        words.append(text(language, Message(order, count=query.limit or 1)))
    return ("，" if language == "zh" else ", ").join(words)


def _headline(computed: Computed, language: Language) -> str:
    query, rows = computed.query, computed.result.rows
    if query is None:
        if len(rows) == 1 and len(rows[0]) == 1:
            return _value_text(rows[0][0])
        return text(language, Message("answering.table_rows", count=len(rows)))
    measure = " + ".join(_name(query, field) for field in query.measures)
    if not rows or (computed.counted == 0 and query.aggregate not in ("count", "distinct")):
        return text(language, Message("answering.table_no_rows"))
    if query.group is None and query.aggregate != "rows":
        value = _value_text(rows[0][0], _unit(query) if query.aggregate not in ("count", "distinct") else "")
        if query.aggregate == "share":
            measure = _inner_in_words(query, language)
        if query.aggregate in ("difference", "ratio"):
            return _beside(computed, query, language)
        if query.aggregate == "count" and computed.counted == 1:
            return text(language, Message("answering.table_result_one", value=value))
        return text(language, Message(_RESULT[query.aggregate], value=value, measure=measure, rows=computed.counted))
    if query.descending is not None and len(rows) == 1:
        *labels, last = rows[0]
        said = _said(last, _labels(query)[-1] if query.aggregate == "rows" else None, language, _unit(query))
        label = " · ".join(_said(cell, column, language) for cell, column in zip(labels, _labels(query), strict=False))
        if query.aggregate == "count":
            measure = text(language, Message("answering.table_row_count"))
        elif query.aggregate in _OF:
            measure = text(language, Message(_OF[query.aggregate], measure=measure))
        key = "answering.table_best" if label else "answering.table_value"
        return text(language, Message(key, label=label, measure=measure, value=said))
    return text(language, Message("answering.table_rows", count=len(rows)))


def _beside(computed: Computed, query: TableQuery, language: Language) -> str:
    """A difference or ratio with the two numbers that it is of."""
    result, first, second = computed.result.rows[0]
    is_of_columns = not query.part
    if is_of_columns:
        one, other = (_name(query, field) for field in query.measures)
        names = ", ".join(_condition_value(query, row, row.values[0]) for row in query.conditions)
    else:
        one, other = (_part_called(query, part, language) for part in query.part)
        names = " + ".join(_name(query, field) for field in query.measures)
    is_of_single_rows = is_of_columns or (computed.counted == len(query.part) and query.measures)
    return text(
        language,
        Message(
            "answering.table_result_columns" if is_of_columns else _RESULT[query.aggregate],
            measure=names if is_of_single_rows else _inner_in_words(query, language),
            value=_value_text(result, "" if query.aggregate == "ratio" else _unit(query)),
            one=one,
            other=other,
            first=_value_text(first, _unit(query)),
            second=_value_text(second, _unit(query)),
        ),
    )


def _part_called(query: TableQuery, part: Condition, language: Language) -> str:
    """What one side of a difference is called: the value that its rows have, a month by its name."""
    column, (value, *_) = query.tables[part.field.table].columns[part.field.column], part.values
    if part.field.part == "month":
        column, value = replace(column, kind="month"), float(value)
    is_period = column.kind in ("year", "quarter", "month")
    return _said(value, column, language) if is_period else _condition_value(query, part, value)


def _notes(computed: Computed, language: Language) -> Iterator[str]:
    query = computed.query
    if computed.counted > MOST_CITED:
        yield text(language, Message("answering.table_more_rows", count=computed.counted, cited=MOST_CITED))
    if query is None:
        yield text(language, Message("answering.table_by_model"))
        return
    if computed.exchanged:
        pairs = "、".join if language == "zh" else ", ".join
        taken = pairs(f"{said} → {own}" for said, own in computed.exchanged)
        yield text(language, Message("answering.table_exchanged", words=taken))
    if computed.tied:
        yield text(language, Message("answering.table_tied"))
    unread = sum(query.tables[field.table].columns[field.column].unread for field in query.measures)
    if unread:
        yield text(language, Message("answering.table_unread", count=unread))
    result = computed.result.rows[0][0] if computed.result.rows else None
    for said, value, place in computed.own_totals:
        if isinstance(result, float | int):
            agrees = abs(result - value) <= max(0.01, 1e-4 * abs(value))
            key = "answering.table_total_agrees" if agrees else "answering.table_total_differs"
            yield text(language, Message(key, name=said, row=place.row, value=number_text(value)))


def _inner_in_words(query: TableQuery, language: Language) -> str:
    """What a share, a difference or a ratio is of: the number of rows, or a column's sum or mean."""
    if query.inner == "count" or not query.measures:
        return text(language, Message("answering.table_row_count"))
    measure = " + ".join(_name(query, field) for field in query.measures)
    return text(language, Message(_OF[query.inner], measure=measure))


def _conditions_in_words(query: TableQuery, conditions: Sequence[Condition], language: Language) -> Iterator[str]:
    for condition in conditions:
        name = _name(query, condition.field)
        values = [_condition_value(query, condition, value) for value in condition.values]
        values += [_name(query, condition.beside)] if condition.beside is not None else []
        operator = {"in": "is", "not in": "is_not", "<": "below", "<=": "at_most", ">": "over", ">=": "at_least"}
        column = query.tables[condition.field.table].columns[condition.field.column]
        key = operator[condition.operator]
        if column.kind == "date":
            key = "before" if condition.operator == "<" else "from"
            key = {"month": "months", "day": "is"}.get(condition.field.part, key)
            values = [value.removesuffix("~").removeprefix("0") if key == "months" else value for value in values]
            if condition.field.part == "day":
                values = [_day_said(value, language) for value in values]
            if key == "before" and values[0].endswith("~"):
                key, values = "until", [values[0].removesuffix("~")]
        joined = ("或" if language == "zh" else " or ").join(values)
        yield text(language, Message(_WHERE[key], column=name, values=joined))


def _condition_value(query: TableQuery, condition: Condition, value: str | float) -> str:
    column = query.tables[condition.field.table].columns[condition.field.column]
    if isinstance(value, str):
        times = next(
            (number for rows, number in query.times if rows.field == condition.field and value in rows.values), 1
        )
        return value if times == 1 else f"{number_text(times)} × {value}"
    if column.kind in ("year", "month", "quarter"):
        return str(int(value))
    return number_text(value, column.unit)


def _name(query: TableQuery, field: Field, language: Language = "en") -> str:
    name = query.tables[field.table].columns[field.column].name or f"column {field.column + 1}"
    return f"{name} ({text(language, Message(_PART[field.part]))})" if field.part not in ("", "month", "day") else name


def _unit(query: TableQuery) -> str:
    if query.aggregate == "share":
        return "%"
    if query.aggregate in ("count", "distinct") or not query.measures or query.inner == "count":
        return ""
    field = query.measures[0]
    column = query.tables[field.table].columns[field.column]
    return column.unit if column.kind == "number" else ""


def _table_name(table: DataTable) -> str:
    return f"{table.title} · {table.label}" if table.label else table.title


def _value_text(value: str | float | None, unit: str = "") -> str:
    if value is None:
        return "—"
    if isinstance(value, str):
        return value
    is_year = not unit and float(value).is_integer() and 1900 <= value <= 2100
    return str(int(value)) if is_year else number_text(value, unit)


def _is_table(computed: Computed) -> bool:
    """Whether the rows are shown: all but a result that the first line says by itself."""
    query, rows = computed.query, computed.result.rows
    if len(rows) != 1:
        return len(rows) > 1
    if query is None:
        return len(rows[0]) > 1
    return query.descending is None and (query.aggregate == "rows" or query.group is not None)


def _shown(computed: Computed, language: Language) -> tuple[list[str], list[list[str]]]:
    """The header and the rows of the result as they are shown."""
    query = computed.query
    header = list(computed.result.columns)
    kept = [place for place, name in enumerate(header) if name not in ("_page", "_row", "_start")]
    units = [""] * len(header)
    if query is not None:
        if query.aggregate == "rows":
            columns = [query.tables[field.table].columns[field.column] for field in query.shown]
            header = [column.name for column in columns]
            units = ["" if column.kind in ("year", "month", "quarter") else column.unit for column in columns]
        elif query.group is not None:
            measure = " + ".join(_name(query, field) for field in query.measures)
            measure = measure or text(language, Message("answering.table_row_count"))
            header = [_name(query, query.group), f"{measure} %" if query.aggregate == "share" else measure]
            units = ["", _unit(query)]
        else:
            kept = kept[:1]  # a difference comes with the numbers that it is of
            units = ["" if query.aggregate == "ratio" else _unit(query)]
    kinds = _labels(query) if query is not None and (query.aggregate == "rows" or query.group is not None) else []
    said = [*kinds, *[None] * (len(header) - len(kinds))]
    rows = [
        [_said(row[place], said[place], language, units[place]) for place in kept]
        for row in computed.result.rows[:_MOST_SHOWN]
    ]
    return [header[place] for place in kept], rows


def _labels(query: TableQuery) -> list[Column]:
    """The columns that the first values of each row are of: those shown, or what the rows are grouped by."""
    group = () if query.group is None else (query.group,)
    fields = query.shown if query.aggregate == "rows" else group
    return [query.tables[field.table].columns[field.column] for field in fields]


def _said(value: str | float | None, column: Column | None, language: Language, unit: str = "") -> str:
    """A value as it is said: a month or quarter, which is kept as its number, by name; a year without a comma."""
    if column is not None and column.kind == "year" and isinstance(value, int | float):
        return str(int(value))
    if column is None or column.kind not in ("month", "quarter") or not isinstance(value, int | float):
        return _value_text(value, unit)
    number = int(value)
    if column.kind == "quarter":
        name = "一二三四"[number - 1] if language == "zh" else str(number)
        return text(language, Message("answering.table_quarter", name=name))
    name = str(number) if language == "zh" else _MONTHS[number]
    return text(language, Message("answering.table_month", name=name))


def _day_said(day: str, language: Language) -> str:
    """A day of any year as it is said: "10-04" is 10月4日, "4 October"."""
    month, number = map(int, day.split("-"))
    return f"{month}月{number}日" if language == "zh" else f"{number} {_MONTHS[month]}"


def _markdown(shown: tuple[Sequence[str], Sequence[Sequence[str]]]) -> Iterator[str]:
    header, rows = shown
    for cells in (header, ["---"] * len(header), *rows):
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _document(table: DataTable, page: Page, place: TableRow) -> Document:
    """A row of the table as a passage, so that it is cited and opened like any other."""
    from langchain_core.documents import Document

    end = page.text.find("\n", place.start)
    line = page.text[place.start : len(page.text) if end < 0 else end]
    header = next((each.header for each in page.tables if each.start <= place.start < each.end), "")
    return Document(
        page_content=line,
        metadata={
            records.PAGE: page.number,
            records.PAGE_KIND: page.kind,
            records.PAGE_LABEL: page.label,
            records.START: place.start,
            records.END: place.start + len(line),
            records.HEADINGS: "",
            records.TABLE_HEADER: header,
            records.ROW_START: place.row,
            records.ROW_END: place.row,
            records.DOCUMENT_ID: table.document_id,
            records.TITLE: table.title,
            records.SCORE: 1.0,
        },
    )
