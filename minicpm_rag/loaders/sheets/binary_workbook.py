"""Reads binary workbooks (xlsb): values in their number formats, merged cells, hidden sheets, comments.

python-calamine gives values alone, and ends with a panic where a sheet's part is missing. The format: [MS-XLSB].
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

from minicpm_rag.loaders.archive import salvaged
from minicpm_rag.loaders.bounds import count
from minicpm_rag.loaders.cell_values import shown
from minicpm_rag.loaders.sheets.drawings import drawn_texts, related
from minicpm_rag.loaders.sheets.layout import Row, write_grid
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.loaders.xml_parts import file_name
from minicpm_rag.records import Page

_Found = TypeVar("_Found")
_BOOK = "xl/workbook.bin"
_ROW, _MERGED, _SHEET, _BOOK_SETTINGS, _STRING = 0, 176, 156, 153, 19
_FORMAT, _STYLE, _STYLES_BEGIN, _STYLES_END = 44, 47, 617, 618
_COMMENT, _COMMENT_TEXT = 635, 637
_RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED, _RICH_TEXT = 2, 3, 4, 5, 6, 7, 62
_OF_FORMULA = {8: _TEXT, 9: _REAL, 10: _BOOL, 11: _ERROR}
_CELLS = frozenset([_RK, _ERROR, _BOOL, _REAL, _TEXT, _SHARED, _RICH_TEXT, *_OF_FORMULA])
_ERRORS = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_WHOLE_BYTES = 15_000_000  # of a sheet: larger ones are streamed, without merged cells
_MOST_MERGED = 100_000  # cells of a sheet
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
_LONGEST_FORMAT = 255


@dataclass
class _Book:
    """What the cells of all sheets refer to."""

    strings: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)  # number format by cell style
    since_1904: bool = False  # dates are counted from then


def binary_pages(archive: zipfile.ZipFile, hidden_label: str, damaged: list[str]) -> list[Page]:
    """One page for each sheet; parts that are damaged are read as far as they go, and named in `damaged`.

    Raises struct.error, IndexError or KeyError where the workbook part itself is damaged.
    """
    parts = related(archive, _BOOK, damaged)
    book = _Book()
    sheets: list[tuple[str, str, bool]] = []  # title, part, whether it is hidden
    for kind, content in _records(archive.read(_BOOK)):
        if kind == _BOOK_SETTINGS:
            book.since_1904 = bool(content[0] & 1)
        elif kind == _SHEET:
            identifier, place = _wide(content, 8)
            title, _ = _wide(content, place)
            target, part = parts.get(identifier, ("", ""))
            if target in ("worksheet", "chartsheet"):
                sheets.append((title, part, struct.unpack_from("<I", content)[0] != 0))
    for target, part in parts.values():
        if target == "sharedStrings":
            strings = (_wide(found, 1)[0] for kind, found in _records(_data(archive, part, damaged)) if kind == _STRING)
            book.strings = list(_as_far(strings, part, damaged))
        elif target == "styles":
            book.formats = list(_as_far(_formats(_data(archive, part, damaged)), part, damaged))
    pages = []
    for number, (title, part, hidden) in enumerate(sheets, start=1):
        writer = PageWriter()
        if part.endswith(".bin"):
            data = _data(archive, part, damaged)
            rows = _as_far(_rows(data, book), part, damaged)
            merged = _as_far(_merged(data), part, damaged)
            write_grid(_filled(dict(rows), merged) if len(data) <= _WHOLE_BYTES else rows, writer)
        comments = _as_far(_comments(archive, part, damaged), "comments", damaged)
        for text in [*comments, *drawn_texts(archive, part, damaged)]:
            writer.paragraph(text)
        pages.append(writer.page(number, kind="sheet", label=hidden_label.format(title=title) if hidden else title))
    return pages


def _data(archive: zipfile.ZipFile, part: str, damaged: list[str]) -> bytes:
    data, is_whole = salvaged(archive, archive.getinfo(part))
    if not is_whole:
        damaged.append(file_name(part))
    return data


def _as_far(found: Iterator[_Found], part: str, damaged: list[str]) -> Iterator[_Found]:
    """What is found in a part before the place where it is damaged."""
    try:
        yield from found
    except (struct.error, IndexError):
        damaged.append(file_name(part))


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Every record's kind and content; both kind and length are written in groups of seven bits."""
    place = 0
    while place + 1 < len(data):
        kind = data[place]
        place += 1
        if kind & 0x80:
            kind = kind & 0x7F | (data[place] & 0x7F) << 7
            place += 1
        length = 0
        for group in range(4):
            byte = data[place]
            place += 1
            length |= (byte & 0x7F) << 7 * group
            if not byte & 0x80:
                break
        yield kind, data[place : place + length]
        place += length


def _wide(content: bytes, place: int) -> tuple[str, int]:
    """A text with its length before it, "" for one that is not there, and the place behind it."""
    (length,) = struct.unpack_from("<I", content, place)
    if length == 0xFFFFFFFF:
        return "", place + 4
    end = place + 4 + 2 * length
    count("characters", len(content[place + 4 : end]) // 2)
    return content[place + 4 : end].decode("utf-16-le", "replace"), end


def _formats(data: bytes) -> Iterator[str]:
    """The number format of each cell style."""
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    own: dict[int, str] = dict(BUILTIN_FORMATS)
    is_inside = False
    for kind, content in _records(data):
        if kind == _FORMAT:
            text, _ = _wide(content, 2)
            own[struct.unpack_from("<H", content)[0]] = text if len(text) <= _LONGEST_FORMAT else ""
        elif kind in (_STYLES_BEGIN, _STYLES_END):
            is_inside = kind == _STYLES_BEGIN
        elif kind == _STYLE and is_inside:
            yield own.get(struct.unpack_from("<H", content, 2)[0], "General")


def _rows(data: bytes, book: _Book) -> Iterator[Row]:
    """The rows of a sheet that have cells, the first 1."""
    row, cells = 0, []  # type: tuple[int, list[str]]
    for kind, content in _records(data):
        if kind == _ROW:
            if cells:
                yield row + 1, cells
            row, cells = min(struct.unpack_from("<I", content)[0], _MOST_ROWS), []
        elif kind in _CELLS:
            column, style = struct.unpack_from("<II", content)
            if column >= _MOST_COLUMNS:
                continue
            count("cells", max(1, column - len(cells)))
            cells += [""] * (column - len(cells))
            cells.append(_shown(_value(_OF_FORMULA.get(kind, kind), content, book), style & 0xFFFFFF, book))
    if cells:
        yield row + 1, cells


def _value(kind: int, content: bytes, book: _Book) -> Any:
    """The value of a cell, behind its column and style."""
    if kind == _REAL:
        return struct.unpack_from("<d", content, 8)[0]
    if kind == _RK:
        return _number_of_rk(struct.unpack_from("<I", content, 8)[0])
    if kind == _SHARED:
        number = struct.unpack_from("<I", content, 8)[0]
        text = book.strings[number] if number < len(book.strings) else ""
        count("characters", len(text))  # one text may stand in a million cells
        return text
    if kind in (_TEXT, _RICH_TEXT):
        return _wide(content, 8 + (kind == _RICH_TEXT))[0]
    return bool(content[8]) if kind == _BOOL else _ERRORS.get(content[8], "")


def _number_of_rk(code: int) -> float:
    """A number in 30 bits: a whole one, or the upper half of a binary fraction; maybe a hundred times too large."""
    if code & 2:
        value: float = (code >> 2) - (1 << 30 if code & 0x80000000 else 0)
    else:
        value = struct.unpack("<d", struct.pack("<II", 0, code & 0xFFFFFFFC))[0]
    return value / 100 if code & 1 else value


def _shown(value: Any, style: int, book: _Book) -> str:
    """The text of a cell in its style's number format."""
    if isinstance(value, bool | str):
        return shown(value, "")
    from openpyxl.styles.numbers import is_date_format, is_timedelta_format
    from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel

    form = book.formats[style] if style < len(book.formats) else "General"
    if form != "General" and is_date_format(form):
        epoch = CALENDAR_MAC_1904 if book.since_1904 else CALENDAR_WINDOWS_1900
        try:
            return shown(from_excel(value, epoch, timedelta=is_timedelta_format(form)), form)
        except (ValueError, OverflowError):
            return shown(value, "")
    return shown(value, form)


def _merged(data: bytes) -> Iterator[tuple[int, int, int]]:
    """The first row, last row and first column of each merged area, counted from 0."""
    for kind, content in _records(data):
        if kind == _MERGED:
            top, bottom, left, _ = struct.unpack_from("<IIII", content)
            yield top, bottom, left


def _filled(rows: dict[int, list[str]], merged: Iterator[tuple[int, int, int]]) -> list[Row]:
    """The rows, with cells that are merged downwards filled; sideways the text would repeat on the line."""
    filled = 0
    for top, bottom, left in merged:
        above = rows.get(top + 1, [])
        text = above[left] if left < len(above) else ""
        filled += max(0, bottom - top)
        if not text or filled > _MOST_MERGED:
            continue
        for number in range(top + 2, bottom + 2):
            cells = rows.setdefault(number, [])
            count("cells", max(0, left + 1 - len(cells)))
            cells += [""] * (left + 1 - len(cells))
            cells[left] = cells[left] or text
    return sorted(rows.items())


def _comments(archive: zipfile.ZipFile, sheet: str, damaged: list[str]) -> Iterator[str]:
    """The comments of a sheet, each with its cell."""
    from openpyxl.utils import get_column_letter

    for kind, part in related(archive, sheet, []).values():  # what is missing is named by the drawings' reader
        if kind != "comments":
            continue
        cell = ""
        for record, content in _records(_data(archive, part, damaged)):
            if record == _COMMENT:
                row, _, column = struct.unpack_from("<III", content, 4)
                cell = f"{get_column_letter(min(column, _MOST_COLUMNS - 1) + 1)}{row + 1}"
            elif record == _COMMENT_TEXT and (text := one_line(_wide(content, 1)[0])):
                yield f"{cell}: {text}"
