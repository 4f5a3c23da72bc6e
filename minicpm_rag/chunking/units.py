"""The units that chunks are packed from: sentences, headings and table rows of a page, as offsets into its text.

Does not know how tokens are counted or units are packed; it only keeps a unit from being far longer than a chunk.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from minicpm_rag.records import Heading, Page, Table
from minicpm_rag.text.sentences import sentence_spans

_WIDE = re.compile("[^\x00-\u024f]")
_PUNCTUATION = re.compile(r"[!-/:-@\[-`{-~]")
_CLAUSE_ENDS = "，、；：,;:—–…)）】」』”"
_LONGEST_SENTENCE = 1.5  # of the target: a longer one is cut
MOST_ROWS = 5_000  # of a table that is chunked whole; of a longer one, samples
_SAMPLES, _ROWS_A_SAMPLE = 50, 8


@dataclass(frozen=True)
class Unit:
    """A sentence, heading line, table header or table row (or a part of a long one)."""

    start: int
    end: int
    weight: float  # about as many as tokens
    kind: Literal["text", "heading", "header", "row"] = "text"
    headings: tuple[str, ...] = ()  # the heading path it stands under
    opens: bool = False  # a section or table begins or has just ended here: a good place to start a chunk
    after_gap: bool = False  # text before it is in no chunk, so a chunk must start here
    table: Table | None = None
    row: int | None = None


def weight(text: str) -> float:
    """Estimate tokens without a tokenizer: a Chinese character is about one, a Latin letter a quarter."""
    wide, punctuation = len(_WIDE.findall(text)), len(_PUNCTUATION.findall(text))
    return wide + 0.8 * punctuation + 0.22 * (len(text) - wide - punctuation) + 0.5


def units_of_page(page: Page, target_characters: int, longest_weight: float) -> list[Unit]:
    """Return the units of a page in reading order; together they hold all text that is not white space."""
    units: list[Unit] = []
    path: list[Heading] = []
    after_table = False
    for start, end, what in _regions(page):
        if isinstance(what, Heading):
            path = [heading for heading in path if heading.level < what.level] + [what]
            opens = not units or units[-1].kind != "heading"
            made = list(_cut(page.text, start, end, target_characters, longest_weight, Unit(0, 0, 0, "heading")))
        elif isinstance(what, Table):
            opens = True
            made = list(_table_units(page.text, what, target_characters, longest_weight))
        else:
            opens = after_table
            made = list(_cut(page.text, start, end, target_characters, longest_weight, Unit(0, 0, 0)))
        names = tuple(heading.text for heading in path)
        units += [replace(unit, headings=names, opens=opens and not index) for index, unit in enumerate(made)]
        after_table = isinstance(what, Table) or (after_table and not made)
    return units


def split_unit(text: str, unit: Unit, longest_characters: int) -> list[Unit]:
    """Cut a unit into parts of at most that many characters, at clause marks, then words, then characters."""
    parts = [
        replace(
            unit,
            start=start,
            end=end,
            weight=weight(text[start:end]),
            opens=unit.opens and start == unit.start,
        )
        for start, end in _pieces(text, unit.start, unit.end, max(1, longest_characters))
    ]
    return parts or [unit]


def _regions(page: Page) -> Iterator[tuple[int, int, Heading | Table | None]]:
    """Yield heading lines, tables and the prose between them, in order; only what belongs to the page's body."""
    first, last = page.body or (0, len(page.text))
    special: list[tuple[int, int, Heading | Table]] = [(table.start, table.end, table) for table in page.tables]
    for heading in page.headings:
        line_end = page.text.find("\n", heading.start)
        special.append((heading.start, len(page.text) if line_end < 0 else line_end, heading))
    position = first
    for start, end, what in sorted(special, key=lambda item: item[:2]):
        if start < position or start >= last:
            continue  # a heading inside a table belongs to its row
        yield position, start, None
        yield start, end, what
        position = end
    yield position, last, None


def is_sampled(table: Table) -> bool:
    """Whether a table is so long that only its header and samples of its rows are searched."""
    return len(table.rows) > MOST_ROWS


def _table_units(text: str, table: Table, target: int, longest_weight: float) -> Iterator[Unit]:
    first_row = table.rows[0][0] if table.rows else table.end
    yield from _cut(text, table.start, first_row, target, longest_weight, Unit(0, 0, 0, "header", table=table))
    for sample in _samples(len(table.rows)):
        for position in sample:
            offset, number = table.rows[position]
            end = table.rows[position + 1][0] if position + 1 < len(table.rows) else table.end
            row = Unit(0, 0, 0, "row", table=table, row=number)
            for part, unit in enumerate(_cut(text, offset, end, target, longest_weight, row)):
                yield replace(unit, after_gap=position == sample.start > 0 and part == 0)


def _samples(rows: int) -> list[range]:
    """The rows that are searched, as stretches: all, or of a long table samples from its first to its last row."""
    if rows <= MOST_ROWS:
        return [range(rows)]
    last = rows - _ROWS_A_SAMPLE
    return [range(start, start + _ROWS_A_SAMPLE) for start in (last * n // (_SAMPLES - 1) for n in range(_SAMPLES))]


def _cut(text: str, start: int, end: int, target: int, longest_weight: float, like: Unit) -> Iterator[Unit]:
    """Yield units for a stretch of text: sentences of prose, whole lines and rows unless they are long."""
    piece = text[start:end]
    if like.kind == "text":
        spans = [(start + a, start + b) for a, b in sentence_spans(piece)]
    else:
        spans = list(_stripped(text, start, end))
    for a, b in spans:
        unit = replace(like, start=a, end=b, weight=weight(text[a:b]))
        if b - a <= _LONGEST_SENTENCE * target and unit.weight <= longest_weight:
            yield unit
        elif like.kind == "text":
            yield from split_unit(text, unit, _longest_characters(unit, target, longest_weight))
        else:  # a long row is cut at its sentences first
            for c, d in sentence_spans(text[a:b]):
                part = replace(unit, start=a + c, end=a + d, weight=weight(text[a + c : a + d]))
                if d - c <= _LONGEST_SENTENCE * target and part.weight <= longest_weight:
                    yield part
                else:
                    yield from split_unit(text, part, _longest_characters(part, target, longest_weight))


def _longest_characters(unit: Unit, target: int, longest_weight: float) -> int:
    return max(1, min(target, int((unit.end - unit.start) * longest_weight / unit.weight)))


def _stripped(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    if start < end:
        yield start, end


def _pieces(text: str, start: int, end: int, longest: int) -> Iterator[tuple[int, int]]:
    """Yield parts of about equal length, so that no scrap is left at the end."""
    while end - start > longest:
        parts = math.ceil((end - start) / longest)
        even = math.ceil((end - start) / parts) + longest // 8
        cut = _cut_place(text, start, start + min(longest, even))
        yield from _stripped(text, start, cut)
        start = cut
    yield from _stripped(text, start, end)


def _cut_place(text: str, start: int, end: int) -> int:
    """Return the best place to cut in the window: after a clause mark, at a space, or at its end."""
    middle = start + (end - start) // 2
    for position in range(end, middle, -1):
        if text[position - 1] in _CLAUSE_ENDS and not text[position : position + 1].isdigit():
            return position
    for position in range(end, middle, -1):
        if text[position - 1].isspace():
            return position
    return end
