"""What python-calamine leaves out of an xls file: number formats, cells merged downwards, hidden sheets.

Knows the records of Excel 97 to 2003 (BIFF8) that say this; an older file has none of them. The format: [MS-XLS].
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_BOF, _SHEET, _FORMAT, _XF, _MERGED = 0x0809, 0x0085, 0x041E, 0x00E0, 0x00E5
_FORMULA, _NUMBER, _RK, _MANY_RK = 0x0006, 0x0203, 0x027E, 0x00BD
_BIFF8, _WORKSHEET = 0x0600, 0x0010
_MOST_BYTES = 15_000_000  # larger files show their values as they are stored
_MOST_MERGED = 100_000  # cells of a sheet


@dataclass
class SheetLook:
    """How a sheet's cells are shown; places are (row, column) from 0."""

    is_hidden: bool = False
    formats: dict[tuple[int, int], str] = field(default_factory=dict)
    merged: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # place -> place of its value


def looks_of(path: Path) -> dict[str, SheetLook]:
    """The looks of a workbook's sheets, by their names; {} for other files and where the records cannot be read."""
    import olefile

    if not olefile.isOleFile(str(path)):
        return {}
    try:
        with olefile.OleFileIO(str(path)) as container:
            if not container.exists("Workbook") or container.get_size("Workbook") > _MOST_BYTES:
                return {}
            return _read(container.openstream("Workbook").read())
    except (OSError, struct.error, IndexError, UnicodeDecodeError):
        return {}


def _read(data: bytes) -> dict[str, SheetLook]:
    from openpyxl.styles.numbers import BUILTIN_FORMATS

    formats: dict[int, str] = dict(BUILTIN_FORMATS)
    cell_formats: list[int] = []
    sheets: dict[str, SheetLook] = {}
    by_place: dict[int, SheetLook] = {}
    look: SheetLook | None = None
    for place, kind, content in _records(data):
        if kind == _BOF:
            version, what = struct.unpack_from("<HH", content)
            if version != _BIFF8:
                return {}
            look = by_place.get(place) if what == _WORKSHEET else None
        elif kind == _SHEET:
            at, state = struct.unpack_from("<IB", content)
            by_place[at] = sheets[_text(content, content[6], 7)] = SheetLook(bool(state & 3))
        elif kind == _FORMAT:
            number, length = struct.unpack_from("<HH", content)
            formats[number] = _text(content, length, 4)
        elif kind == _XF:
            cell_formats.append(struct.unpack_from("<H", content, 2)[0])
        elif look is not None:
            for row, column, style in _cells(kind, content):
                shown = formats.get(cell_formats[style], "General")
                if shown != "General":
                    look.formats[row, column] = shown
            if kind == _MERGED:
                _take_merged(content, look)
    return sheets


def _records(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Every record's place, kind and content."""
    place = 0
    while place + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, place)
        yield place, kind, data[place + 4 : place + 4 + length]
        place += 4 + length


def _cells(kind: int, content: bytes) -> Iterator[tuple[int, int, int]]:
    """Row, column and style of the numbers that a record holds."""
    if kind in (_FORMULA, _NUMBER, _RK):
        yield struct.unpack_from("<HHH", content)
    elif kind == _MANY_RK:
        row, first = struct.unpack_from("<HH", content)
        for number in range((len(content) - 6) // 6):
            yield row, first + number, struct.unpack_from("<H", content, 4 + 6 * number)[0]


def _take_merged(content: bytes, look: SheetLook) -> None:
    """Cells below the first one of a merged area show its value; sideways it would repeat on the line."""
    for number in range(struct.unpack_from("<H", content)[0]):
        top, bottom, left, _ = struct.unpack_from("<HHHH", content, 2 + 8 * number)
        if len(look.merged) + bottom - top <= _MOST_MERGED:
            look.merged.update({(row, left): (top, left) for row in range(top + 1, bottom + 1)})


def _text(content: bytes, length: int, flags_at: int) -> str:
    """A text of so many characters; a flag before it says whether each takes two bytes."""
    wide = content[flags_at] & 1
    start = flags_at + 1
    return content[start : start + length * (1 + wide)].decode("utf-16-le" if wide else "latin-1")
