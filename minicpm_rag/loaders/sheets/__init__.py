"""Reads Excel workbooks (xlsx, xlsm): one page a sheet, its rows as a table numbered as Excel numbers them.

Shows values as a person sees them: dates as dates, percentages as percentages, formulas by the value Excel
kept.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import check_archive, damaged
from minicpm_rag.loaders.files import loaded
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page

_WHAT = Message("loaders.workbook")
_WHOLE_BYTES = 15_000_000  # of sheet XML: larger workbooks are streamed, without merged cells and formula texts
_WHOLE_CELLS = 2_000_000
_MOST_CELLS = 10_000_000
# What openpyxl raises for broken files, in practice; SyntaxError is the base of both XML parsers' errors.
_DAMAGED = (
    zipfile.BadZipFile,
    OSError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    SyntaxError,
)

Grid = Iterator[tuple[int, list[str]]]


def read(path: Path) -> LoadedFile:
    """Read a workbook: one page for each sheet, empty and hidden ones counted too, chart sheets not."""
    import openpyxl

    check_archive(path, _WHAT)
    try:
        whole, has_formulas = _look_inside(path)
        with path.open("rb") as file:
            values = openpyxl.load_workbook(file, data_only=True, read_only=not whole, keep_links=False)
            if whole and any(sheet.max_row * sheet.max_column > _WHOLE_CELLS for sheet in values.worksheets):
                whole = False  # a stray cell at the far end: held whole, every cell before it would be made
                values = openpyxl.load_workbook(file, data_only=True, read_only=True, keep_links=False)
            formulas = None
            if whole and has_formulas:
                formulas = openpyxl.load_workbook(file, data_only=False, keep_links=False)
            pages = []
            for number, sheet in enumerate(values.worksheets, start=1):
                rows = _whole_rows(sheet, formulas) if whole else _streamed_rows(sheet)
                pages.append(_page(number, sheet.title, rows))
            values.close()
    except _DAMAGED as exc:
        if isinstance(exc, OSError) and exc.errno:
            raise  # the disk's fault, not the workbook's
        raise damaged(_WHAT) from exc
    return loaded(path.name, pages)


def _look_inside(path: Path) -> tuple[bool, bool]:
    """Tell whether the workbook is small enough to hold whole, and whether it has formulas."""
    with zipfile.ZipFile(path) as archive:
        sheets = [member for member in archive.infolist() if member.filename.startswith("xl/worksheets/")]
        whole = sum(member.file_size for member in sheets) <= _WHOLE_BYTES
        has_formulas = whole and any(b"<f" in archive.read(member) for member in sheets)
        return whole, has_formulas


def _page(number: int, title: str, rows: Grid) -> Page:
    """Write a sheet; rows with a single cell above the table are its title, not its header."""
    writer = PageWriter()
    table: list[tuple[int, list[str]]] = []
    leading: list[tuple[int, list[str]]] = []
    for row_number, cells in rows:
        filled = sum(1 for cell in cells if cell)
        if not filled:
            continue
        if not table and filled == 1 and len(leading) < 10:
            leading.append((row_number, cells))
        else:
            table.append((row_number, cells))
    if table:
        for _, cells in leading:
            writer.paragraph(next(cell for cell in cells if cell), separator="\n")
        writer.table(_without_blank_columns(table))
    else:
        writer.table(_without_blank_columns(leading))  # a sheet of one column
    return writer.page(number, kind="sheet", label=title)


def _without_blank_columns(rows: list[tuple[int, list[str]]]) -> Grid:
    used = sorted({column for _, cells in rows for column, cell in enumerate(cells) if cell})
    for number, cells in rows:
        yield number, [cells[column] for column in used if column < len(cells)]


def _whole_rows(sheet: Any, formulas: Any) -> Grid:
    """Yield the rows of a sheet held in memory, merged cells filled, formulas without a value as text."""
    merged: dict[tuple[int, int], str] = {}
    for area in sheet.merged_cells.ranges:
        if area.size["rows"] * area.size["columns"] > 100_000:
            continue
        text = _shown(sheet.cell(area.min_row, area.min_col))
        for row in range(area.min_row + 1, area.max_row + 1):  # downwards only: sideways it would repeat on the line
            merged[row, area.min_col] = text
    formula_sheet = formulas[sheet.title] if formulas is not None else None
    for row in sheet.iter_rows():
        cells = []
        for cell in row:
            text = _shown(cell) or merged.get((cell.row, cell.column), "")
            if not text and formula_sheet is not None:
                formula = formula_sheet.cell(cell.row, cell.column).value
                text = str(getattr(formula, "text", formula) or "")
            cells.append(text)
        yield row[0].row, cells


def _streamed_rows(sheet: Any) -> Grid:
    sheet.reset_dimensions()  # the size a file declares may be wrong or a trap
    seen = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        seen += len(row)
        if seen > _MOST_CELLS:
            raise DocumentError("loaders.too_many_cells")
        yield number, [_shown(cell) for cell in row]


def _shown(cell: Any) -> str:
    """Return a cell's value as text."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, datetime.datetime):
        midnight = value.time() == datetime.time()
        return value.date().isoformat() if midnight else value.isoformat(sep=" ", timespec="minutes")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="minutes")
    if isinstance(value, int | float):
        return _number(value, str(cell.number_format or ""))
    return str(value).strip()


def _number(value: float, number_format: str) -> str:
    """Return a number without the noise of binary fractions; percentages as such."""
    if number_format.split(";")[0].rstrip().endswith("%"):
        return f"{value * 100:.12g}%"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.15g}"
