"""Records on stdout: as a table, aligned also where characters are two columns wide, or as JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import click

_JOINERS = "\u200c\u200d"  # of Persian words and of emoji


def printable(text: str) -> str:
    """The text on one line, without anything that moves the cursor; file names may hold all sorts."""
    return "".join(
        letter if letter.isprintable() or _is_harmless(letter) else "�" for letter in text.replace("\t", " ")
    )


def _is_harmless(letter: str) -> bool:
    """Whether Python escapes the letter although it only takes room (blanks of any width) or joins its neighbours."""
    return letter in _JOINERS or unicodedata.category(letter) == "Zs"


def printable_lines(text: str) -> str:
    """The text in its lines, each of them printable."""
    return "\n".join(printable(line) for line in text.split("\n"))


def echo_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> None:
    """Print aligned columns, without a header where it is blank; those in `right` are numbers."""
    from rich.cells import cell_len

    lines = [[printable(cell) for cell in line] for line in ((header, *rows) if any(header) else rows)]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = []
        for column, cell in enumerate(line):
            space = " " * (widths[column] - cell_len(cell))
            cells.append(space + cell if column in right else cell + space)
        click.echo("  ".join(cells).rstrip())


def aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """One line of a table whose columns' widths are known before its rows; negative ones are left-aligned."""
    from rich.cells import cell_len

    padded = []
    for cell, width in zip(cells, widths, strict=True):
        space = " " * (abs(width) - cell_len(cell))
        padded.append(cell + space if width < 0 else space + cell)
    return " ".join(padded).rstrip()


def echo_json(records: Iterable[Any]) -> None:
    """Print records as a JSON list, for programs: their fields by name, messages in English."""
    fields = [vars(record) for record in records]
    click.echo(json.dumps(fields, ensure_ascii=False, indent=2, default=str))
