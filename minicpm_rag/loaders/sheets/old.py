"""Reads workbooks that openpyxl does not: xls, and xlsx files that are stranger than it allows.

python-calamine knows them all, but neither number formats nor merged cells: except in xls, where `binary_formats`
reads these, values come as they are stored.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.cell_values import shown
from minicpm_rag.loaders.sheets.binary_formats import SheetLook, looks_of
from minicpm_rag.loaders.sheets.layout import Row, write_grid
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import Page


def calamine_pages(path: Path, what: Message, hidden_label: str) -> list[Page]:
    """Return one page for each sheet with cells. Raises DocumentError where the workbook is damaged or protected."""
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
        looks = looks_of(path)
        pages = []
        for number, sheet in enumerate(workbook.sheets_metadata, start=1):
            if sheet.typ != python_calamine.SheetTypeEnum.WorkSheet:
                continue
            content = workbook.get_sheet_by_name(sheet.name)
            count("cells", content.height * content.width)
            look = looks.get(sheet.name, SheetLook())
            writer = PageWriter()
            write_grid(_rows(content, look), writer)
            label = hidden_label.format(title=sheet.name) if look.is_hidden else sheet.name
            pages.append(writer.page(number, kind="sheet", label=label))
        return pages
    except python_calamine.PasswordError as exc:
        raise DocumentError("loaders.protected", what=what) from exc
    except python_calamine.CalamineError as exc:
        raise DocumentError("loaders.damaged", what=what) from exc
    except BaseException as exc:
        if type(exc).__module__ == "pyo3_runtime":  # a panic of the library, which is no Exception
            raise DocumentError("loaders.damaged", what=what) from exc
        raise


def _rows(content: Any, look: SheetLook) -> list[Row]:
    top, left = content.start or (0, 0)
    rows: list[Row] = []
    known: dict[tuple[int, int], str] = {}  # of cells that others are merged with
    first_of_merged = set(look.merged.values())
    for row, values in enumerate(content.to_python(skip_empty_area=True), start=top):
        cells = [_text(value, look.formats.get((row, column), "")) for column, value in enumerate(values, start=left)]
        if first_of_merged:
            for column, text in enumerate(cells, start=left):
                if (row, column) in first_of_merged:
                    known[row, column] = text
                elif not text and (row, column) in look.merged:
                    cells[column - left] = known.get(look.merged[row, column], "")
        rows.append((row + 1, cells))
    return rows


def _text(value: Any, number_format: str) -> str:
    if isinstance(value, datetime.time) and not value.microsecond:
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return "" if value == "" else shown(value, number_format or "General")
