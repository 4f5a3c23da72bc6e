"""Reads workbooks that openpyxl does not: xls, xlsb, ods, and xlsx files that are stranger than it allows.

python-calamine knows them all, but neither number formats nor merged cells: values come as they are stored.
"""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.sheets.layout import write_grid
from minicpm_rag.loaders.sheets.values import shown
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import Page


def calamine_pages(path: Path, what: Message) -> list[Page]:
    """Return one page for each sheet with cells. Raises DocumentError where the workbook is damaged or protected."""
    import python_calamine

    try:
        workbook = python_calamine.CalamineWorkbook.from_path(str(path))
        pages = []
        for number, sheet in enumerate(workbook.sheets_metadata, start=1):
            if sheet.typ != python_calamine.SheetTypeEnum.WorkSheet:
                continue
            content = workbook.get_sheet_by_name(sheet.name)
            count("cells", content.height * content.width)
            first = content.start[0] + 1 if content.start else 1
            rows = [
                (first + offset, [_text(value) for value in row])
                for offset, row in enumerate(content.to_python(skip_empty_area=True))
            ]
            writer = PageWriter()
            write_grid(rows, writer)
            pages.append(writer.page(number, kind="sheet", label=sheet.name))
        return pages
    except python_calamine.PasswordError as exc:
        raise DocumentError("loaders.protected", what=what) from exc
    except python_calamine.CalamineError as exc:
        raise DocumentError("loaders.damaged", what=what) from exc


def _text(value: Any) -> str:
    if isinstance(value, datetime.time) and not value.microsecond:
        return value.isoformat(timespec="seconds" if value.second else "minutes")
    return "" if value == "" else shown(value, "General")
