"""What is a table's header: how many rows it has, and what they say of each column together.

Knows cells as texts only, whatever file they came from. A cell merged sideways is given once, then "".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

# A value: a number with signs, units or a currency around it, a date, a percentage, or nothing but a mark.
_VALUE = re.compile(
    r"[^\w]*[A-Z]{0,3}[^\w]*\d[\d\s.,:/'%‰–-]*(?:[^\W\d_]{0,4}|euros?|dollars?|pounds?)[^\w]*|[-–—/.*x×✓✗☐☒]*",
    re.IGNORECASE,
)
MOST_HEADER_ROWS = 3
_LONGEST_VALUE = 60  # characters


def header_rows_of(rows: Sequence[Sequence[str]]) -> int:
    """How many of the first rows are the header: 1, or more where a row of groups stands above the columns' names.

    A first row is one of groups where a cell of it spans columns that the next row names one by one. What follows a
    header are values: a row with numbers ends it.
    """
    count = 1
    while count < min(MOST_HEADER_ROWS, len(rows) - 1):
        above, below = rows[count - 1], rows[count]
        spans = any(
            not _text(above, column) and _text(below, column) and any(_text(above, left) for left in range(column))
            for column in range(len(below))
        )
        if not spans or any(is_value(cell) for cell in below if cell.strip()):
            break
        count += 1
    return count


def joined_header(rows: Sequence[Sequence[str]]) -> list[str]:
    """One header of several rows: "2023" above "Sales" becomes "2023 Sales"; spanned cells count for their columns."""
    if len(rows) == 1:
        return list(rows[0])
    columns: list[list[str]] = [[] for _ in range(max(map(len, rows)))]
    for number, row in enumerate(rows):
        group = ""
        for column, parts in enumerate(columns):
            own = _text(row, column)
            group = own or group
            is_named_below = any(_text(below, column) for below in rows[number + 1 :])
            said = own or (group if is_named_below else "")
            if said and said not in parts:
                parts.append(said)
    return [" ".join(parts) for parts in columns]


def is_value(cell: str) -> bool:
    """Whether a cell holds a number, date or mark, as the rows below a header do."""
    text = cell.strip()
    year = len(text) == 4 and text.isdigit() and text[:2] in ("19", "20")  # names a column as often as it is a value
    return 0 < len(text) <= _LONGEST_VALUE and not year and _VALUE.fullmatch(text) is not None


def _text(row: Sequence[str], column: int) -> str:
    return row[column].strip() if column < len(row) else ""
