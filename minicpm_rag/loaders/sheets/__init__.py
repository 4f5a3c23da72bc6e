"""Reads workbooks (xlsx and its kin, xls, xlsb, ods): one page a sheet, its rows numbered as Excel numbers them.

Shows values as a user sees them in Excel: in their number formats, formulas by the value that Excel kept. Comments
and text boxes stand behind the cells; a hidden sheet says so in its label. What is damaged keeps nothing else out.
"""

from __future__ import annotations

import functools
import re
import struct
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.archive import BROKEN_ZIP, Salvaged, check_archive, damaged, is_the_disks_fault
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.cell_values import shown
from minicpm_rag.loaders.mending import loaded_in_part
from minicpm_rag.loaders.office import open_office
from minicpm_rag.loaders.sheets.binary_workbook import binary_pages
from minicpm_rag.loaders.sheets.drawings import texts_beside_cells
from minicpm_rag.loaders.sheets.layout import Row, write_grid
from minicpm_rag.loaders.sheets.old import calamine_pages
from minicpm_rag.loaders.sheets.only_cells import only_cells
from minicpm_rag.loaders.sheets.open_document import open_document_pages
from minicpm_rag.loaders.writer import PageWriter
from minicpm_rag.messages import Message
from minicpm_rag.records import LoadedFile, Page
from minicpm_rag.text.struck import marked

_WHAT = Message("loaders.workbook")
_WHOLE_BYTES = 15_000_000  # of sheet XML: larger workbooks are streamed, without merged cells and formula texts
_WHOLE_CELLS = 2_000_000
_MOST_ROWS = 1_048_576  # Excel's own limit; a row with a higher number would be preceded by as many empty ones
_OTHER_SHEETS = 20  # chart sheets
_LONGEST_FORMAT = 255  # characters, by Excel
_HEAD_BYTES = 65_536
# Areas of which openpyxl makes every cell: merged cells, links, comments.
_AREA = re.compile(
    rb"<(?:\w{1,20}:)?(?:mergeCell|hyperlink|comment)\s[^<>]{0,500}?\bref=[\"']"
    rb"([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"
)
_HIDDEN = "{title} (hidden / 隐藏)"
# What openpyxl raises for broken files, in practice; SyntaxError is the base of both XML parsers' errors.
_DAMAGED = (
    *BROKEN_ZIP,
    OSError,
    LookupError,  # as for an encoding that nobody knows
    TypeError,
    AttributeError,
    SyntaxError,
)


def read(path: Path) -> LoadedFile:
    """Read a workbook: one page for each sheet, hidden ones included; of a chart sheet its titles."""
    damaged_parts: list[str] = []
    notes: list[Message] = []
    pages = _pages(path, damaged_parts, notes)
    return loaded_in_part(path.name, pages, _WHAT, damaged_parts, *notes)


def _pages(path: Path, damaged_parts: list[str], notes: list[Message]) -> list[Page]:
    if not zipfile.is_zipfile(path):  # xls
        return calamine_pages(path, _WHAT, _HIDDEN)
    names = check_archive(path, _WHAT)
    if "content.xml" in names and "xl/workbook.xml" not in names:
        return _open_document(path, names, damaged_parts)
    if "xl/workbook.xml" not in names:
        return _binary(path, damaged_parts)
    try:
        return open_office(path, lambda file: _read(file, damaged_parts, notes), _DAMAGED, damaged_parts)
    except _DAMAGED as exc:
        if is_the_disks_fault(exc):
            raise
        if isinstance(exc, zipfile.BadZipFile):
            raise damaged(_WHAT) from exc
        notes.append(Message("loaders.values_only"))
        return calamine_pages(path, _WHAT, _HIDDEN)  # openpyxl is stricter than Excel, about styles for one


def _open_document(path: Path, names: Collection[str], damaged_parts: list[str]) -> list[Page]:
    try:
        with zipfile.ZipFile(path) as archive:
            manifest = archive.read("META-INF/manifest.xml") if "META-INF/manifest.xml" in names else b""
            if b"encryption-data" in manifest:
                raise DocumentError("loaders.protected_open_document")
            part = Salvaged(archive, archive.getinfo("content.xml"))
            pages = open_document_pages(part, _HIDDEN, damaged_parts)
            damaged_parts += [] if part.is_whole else ["content.xml"]
            return pages
    except (*BROKEN_ZIP, KeyError, SyntaxError) as exc:
        raise damaged(_WHAT) from exc


def read_flat(path: Path) -> LoadedFile:
    """Read an OpenDocument workbook that is a single XML file."""
    damaged_parts: list[str] = []
    try:
        with path.open("rb") as file:
            if b"<!ENTITY" in file.read(_HEAD_BYTES).replace(b"\0", b""):
                damaged_parts.append(path.name)  # what entities stand for is not read
            file.seek(0)
            pages = open_document_pages(file, _HIDDEN, damaged_parts)
    except SyntaxError as exc:
        raise damaged(_WHAT) from exc
    return loaded_in_part(path.name, pages, _WHAT, [path.name] if damaged_parts else [])


def _binary(path: Path, damaged_parts: list[str]) -> list[Page]:
    try:
        with zipfile.ZipFile(path) as archive:
            return binary_pages(archive, _HIDDEN, damaged_parts)
    except (*BROKEN_ZIP, KeyError, IndexError, SyntaxError, struct.error) as exc:
        raise damaged(_WHAT) from exc


def _read(file: BinaryIO, damaged_parts: list[str], notes: list[Message]) -> list[Page]:
    with zipfile.ZipFile(file) as archive:
        beside = texts_beside_cells(archive, damaged_parts)
    try:
        return _sheets(file, beside, notes)
    except _DAMAGED as exc:
        if is_the_disks_fault(exc):
            raise
        return _sheets(only_cells(file, damaged_parts), beside, notes)


def _sheets(file: BinaryIO, beside: dict[str, list[str]], notes: list[Message]) -> list[Page]:
    """The pages of a workbook that openpyxl reads; `beside` has the texts beside the cells, by the sheets' titles."""
    uncomputed: list[str] = []  # cells with a formula of which the workbook does not keep the value
    import openpyxl

    whole, has_formulas = _look_inside(file)
    values = openpyxl.load_workbook(file, data_only=True, read_only=not whole, keep_links=False)
    if whole and any(sheet.max_row * sheet.max_column > _WHOLE_CELLS for sheet in values.worksheets):
        whole = False  # a stray cell at the far end: held whole, every cell before it would be made
        values = openpyxl.load_workbook(file, data_only=True, read_only=True, keep_links=False)
    formulas = openpyxl.load_workbook(file, data_only=False, keep_links=False) if whole and has_formulas else None
    pages = []
    for number, sheet in enumerate(values.worksheets, start=1):
        writer = PageWriter()
        write_grid(_whole_rows(sheet, formulas, uncomputed) if whole else _streamed_rows(sheet), writer)
        for text in beside.get(sheet.title, ()):
            writer.paragraph(text)
        label = sheet.title if sheet.sheet_state == "visible" else _HIDDEN.format(title=sheet.title)
        pages.append(writer.page(number, kind="sheet", label=label))
    values.close()
    if uncomputed:
        notes.append(Message("loaders.formulas_uncomputed", number=len(uncomputed), first=uncomputed[0]))
    titles = {sheet.title for sheet in values.worksheets}
    for title in (title for title in beside if title not in titles):  # chart sheets
        writer = PageWriter()
        for text in beside[title]:
            writer.paragraph(text)
        pages.append(writer.page(len(pages) + 1, kind="sheet", label=title))
    return pages


def _look_inside(file: BinaryIO) -> tuple[bool, bool]:
    """Tell whether the workbook is small enough to hold whole, and whether it has formulas."""
    with zipfile.ZipFile(file) as archive:
        sheets = [member for member in archive.infolist() if member.filename.startswith("xl/worksheets/")]
        comments = [member for member in archive.infolist() if member.filename.startswith("xl/comments")]
        if archive.read("xl/workbook.xml").count(b"sheetId=") > len(sheets) + _OTHER_SHEETS:
            raise damaged(_WHAT)  # one part stands for many sheets
        whole = sum(member.file_size for member in [*sheets, *comments]) <= _WHOLE_BYTES
        has_formulas, cells = False, 0
        for member in [*sheets, *comments] if whole else []:
            part = archive.read(member)
            has_formulas |= b"<f" in part
            cells += sum(_cells_of(*found.groups()) for found in _AREA.finditer(part))
            # In an encoding other than UTF-8 nothing would have been found.
            whole = whole and cells <= _WHOLE_CELLS and part.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")
        return whole, has_formulas


def _cells_of(left: bytes, top: bytes, right: bytes, bottom: bytes) -> int:
    return (abs(_column(right) - _column(left)) + 1) * (abs(int(bottom) - int(top)) + 1)


def _column(letters: bytes) -> int:
    """The number of a column: 1 for A, 27 for AA."""
    return functools.reduce(lambda number, letter: number * 26 + letter - 64, letters, 0)


def _whole_rows(sheet: Any, formulas: Any, uncomputed: list[str]) -> Iterator[Row]:
    """Yield the rows of a sheet held in memory, merged cells filled, formulas without a value as text."""
    merged: dict[tuple[int, int], str] = {}
    for area in sheet.merged_cells.ranges:
        if area.size["rows"] * area.size["columns"] > 100_000:
            continue
        text = _text(sheet.cell(area.min_row, area.min_col))
        for row in range(area.min_row + 1, area.max_row + 1):  # downwards only: sideways it would repeat on the line
            merged[row, area.min_col] = text
    formula_sheet = formulas[sheet.title] if formulas is not None else None
    for row in sheet.iter_rows():
        cells = []
        for cell in row:
            text = _text(cell) or merged.get((cell.row, cell.column), "")
            # A text as the result is one that is empty, as of a template's =IF(A1="","",A1).
            if not text and formula_sheet is not None and cell.data_type != "str":
                formula = formula_sheet.cell(cell.row, cell.column).value
                text = str(getattr(formula, "text", formula) or "")
                if text.startswith("="):
                    uncomputed.append(f"{sheet.title}!{cell.coordinate}")
            cells.append(text)
        yield row[0].row, cells


def _streamed_rows(sheet: Any) -> Iterator[Row]:
    sheet.reset_dimensions()  # the size a file declares may be wrong or a trap
    for number, row in enumerate(sheet.iter_rows(max_row=_MOST_ROWS), start=1):
        count("cells", len(row))
        yield number, [_text(cell) for cell in row]


def _text(cell: Any) -> str:
    """Return a cell's value as text."""
    value, form = cell.value, str(getattr(cell, "number_format", "") or "")
    if isinstance(value, str):
        count("characters", len(value))  # one text may stand in a million cells
    text = shown(value, form if len(form) <= _LONGEST_FORMAT else "")
    is_struck = value is not None and getattr(cell, "has_style", False) and cell.font.strike
    return marked(text) if is_struck else text
