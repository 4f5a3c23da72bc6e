r"""Rows of tables in a page's text: Markdown lines as the loaders write them, `| AL-200 | 1299 |`.

A bar inside a cell is written `\|`. Knows no headers and no columns.
"""

from __future__ import annotations

import re

ROWS = re.compile(r"^\|.*\|[ \t]*$", re.MULTILINE)  # all rows of a text
_BORDER = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\|[\s:|-]+\|")


def is_row(line: str) -> bool:
    """Whether a line is a row, or the rule under a header."""
    stripped = line.strip()
    return len(stripped) > 2 and stripped.startswith("|") and stripped.endswith("|")


def is_rule(line: str) -> bool:
    """Whether a line is the rule under a header, `| --- | --- |`."""
    return _RULE.fullmatch(line.strip()) is not None


def cells(row: str) -> list[str]:
    """The text of each cell as it is shown."""
    return [row[start:end].replace("\\|", "|") for start, end in cell_spans(row)]


def cell_spans(row: str) -> list[tuple[int, int]]:
    """The (start, end) of each cell's text in the row, without the white space around it; (n, n) for an empty one."""
    start, end = len(row) - len(row.lstrip()), len(row.rstrip())
    start += row.startswith("|", start)
    end -= row.endswith("|", start, end)
    borders = [border.start() for border in _BORDER.finditer(row, start, end)]
    spans = []
    for first, last in zip([start, *(border + 1 for border in borders)], [*borders, end], strict=True):
        inside = row[first:last]
        first += len(inside) - len(inside.lstrip())
        spans.append((first, max(first, first + len(inside.strip()))))
    return spans
