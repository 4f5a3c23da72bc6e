"""Like sheets of one workbook as one table: a sheet for each month, branch or year, with the same columns in all.

The table has one more column, for the sheet: a month, quarter or year where all sheets are called so, else its name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from minicpm_rag.answering.tables.mentions import folded
from minicpm_rag.records import Column, ColumnKind, DataTable
from minicpm_rag.text.cells import month, quarter, year
from minicpm_rag.text.scripts import is_chinese

_PERIODS = (("month", month), ("quarter", quarter), ("year", year))
_NAMES: dict[ColumnKind, tuple[str, str]] = {
    "month": ("月份", "month"),
    "quarter": ("季度", "quarter"),
    "year": ("年份", "year"),
    "text": ("工作表", "sheet"),
}
# Sheets that hold the others' totals, or the same things seen otherwise: nobody adds these to the others.
_APART = re.compile(
    r"汇总|合计|总[表计]|全年|年度|预算|实际|计划|目标|去年|今年|备份|副本|旧|模板"
    r"|\b(?:totals?|summary|all|overall|annual|budget|actuals?|plan(?:ned)?|targets?|forecast|copy|backup|old|template)\b",
    re.IGNORECASE,
)
_MOST_TEXTS = 200  # different ones of a column that are kept beside it


def with_like_sheets(tables: Sequence[DataTable]) -> list[DataTable]:
    """The tables, like sheets of one document as one."""
    groups: dict[object, list[DataTable]] = {}
    for table in tables:
        columns = tuple((folded(column.name), column.kind, column.unit) for column in table.columns)
        is_sheet = table.label and _APART.search(table.label) is None
        groups.setdefault((table.document_id, columns) if is_sheet else table.id, []).append(table)
    found: list[DataTable] = []
    for group in groups.values():
        are_sheets = len(group) > 1 and len({table.label for table in group}) == len(group)
        found += [_joined(group)] if are_sheets else group
    return found


def _joined(sheets: Sequence[DataTable]) -> DataTable:
    first = sheets[0]
    kind, values = _called([sheet.label for sheet in sheets], first.columns)
    name = _NAMES[kind][0 if is_chinese("".join(column.name for column in first.columns)) else 1]
    texts = tuple(sheet.label for sheet in sheets) if kind == "text" else ()
    columns = [_column([sheet.columns[place] for sheet in sheets]) for place in range(len(first.columns))]
    return replace(
        first,
        label=f"{first.label} … {sheets[-1].label}",
        caption="",
        columns=(*columns, Column(name, kind, distinct=len(sheets), texts=texts)),
        rows=sum(sheet.rows for sheet in sheets),
        parts=tuple(zip(sheets, values, strict=True)),
    )


def _called(labels: Sequence[str], columns: Sequence[Column]) -> tuple[ColumnKind, Sequence[str | float]]:
    """What the sheets' names are, with their values; names only, where the rows have their own dates."""
    kinds = {column.kind for column in columns}
    if "date" not in kinds:
        for kind, read in _PERIODS:
            found = [read(label) for label in labels]
            if kind not in kinds and None not in found and len(set(found)) == len(found):
                return kind, [float(value) for value in found if value is not None]  # type: ignore[return-value]
    return "text", labels


def _column(columns: Sequence[Column]) -> Column:
    """A column of all sheets. Values may stand on several: how many are different is at most their sum."""
    texts = tuple(dict.fromkeys(text for column in columns for text in column.texts))
    is_whole = all(column.texts for column in columns) and len(texts) <= _MOST_TEXTS
    return replace(
        columns[0],
        distinct=len(texts) if is_whole else max(column.distinct for column in columns),
        texts=texts if is_whole else (),
        unread=sum(column.unread for column in columns),
    )
