"""Writes the blocks of an OpenDocument text: paragraphs, headings, lists, tables, and what frames hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from minicpm_rag.loaders.bounds import count, number_of
from minicpm_rag.loaders.elements import inside
from minicpm_rag.loaders.html.formulas import formula_text
from minicpm_rag.loaders.opendocument.names import CHART, DRAW, DUBLIN, FIELD, LINK, MATH, OFFICE, STYLE, TABLE, TEXT
from minicpm_rag.loaders.opendocument.styles import Styles
from minicpm_rag.loaders.word.runs import EMPTY, SYMBOLS, TICKED
from minicpm_rag.loaders.writer import PageWriter, one_line
from minicpm_rag.text.struck import joined
from minicpm_rag.text.table_headers import header_rows_of

_DEEPEST = 60  # elements inside elements; lists and tables that people write have ten
_MOST_REPEATED = 1000  # cells or rows with text that are given once and repeated
_LONGEST_HEADING = 300
_SKIPPED = frozenset(
    [f"{TEXT}tracked-changes", f"{TEXT}table-of-content", f"{TEXT}ruby-text", f"{TEXT}sequence-decls"]
    + [f"{TEXT}{kind}-index" for kind in ("alphabetical", "illustration", "table", "object", "user")]
    + [f"{DRAW}image", f"{OFFICE}forms", f"{STYLE}style", f"{TEXT}hidden-text"]
)
# Characters of symbol fonts, which texts made from Word documents have.
_SHOWN = str.maketrans({chr(0xF000 + code): shown for (_, code), shown in reversed(SYMBOLS.items())})
# Elements of a line whose inside is text of the line too.
_BLOCKS = frozenset([f"{TEXT}p", f"{TEXT}h", f"{TEXT}list", f"{TABLE}table"])
_FRAMES = frozenset(
    [f"{DRAW}frame", f"{DRAW}custom-shape", f"{DRAW}g", f"{DRAW}text-box", f"{DRAW}rect", f"{DRAW}ellipse"]
)


class Blocks:
    """The page being written, and what stands apart from its text."""

    def __init__(self, writer: PageWriter, styles: Styles, objects: Callable[[str], Any]) -> None:
        self._writer = writer
        self._styles = styles
        self._objects = objects
        self._numbers: dict[str, list[int]] = {}  # of the items of each list style so far, by level
        self._headings: list[int] = []
        self.apart: list[str] = []  # notes and comments

    def write(self, elements: Iterable[Any], depth: int = 0) -> None:
        """Write blocks in their order."""
        if depth > _DEEPEST:
            return
        for element in elements:
            tag = element.tag
            if not isinstance(tag, str) or tag in _SKIPPED or element.get(f"{TEXT}display") == "none":
                continue
            if tag == f"{TEXT}h":
                self._write_heading(element, depth)
            elif tag == f"{TEXT}p":
                self._write_paragraph(element, depth)
            elif tag == f"{TEXT}list":
                self._write_list(element, [], "", depth + 1)
            elif tag == f"{TABLE}table":
                self._write_table(element, depth)
            elif tag == f"{DRAW}object":
                self._write_object(element, depth)
            else:
                self.write(element, depth + 1)

    def line(self, element: Any) -> str:
        """The text of a paragraph; notes and comments inside go apart."""
        parts: list[tuple[str, bool]] = []
        stack: list[tuple[Any, Iterator[Any], bool]] = []
        style = element.get(f"{TEXT}style-name", "")
        if not self._styles.hides(style):
            is_struck = self._styles.strikes(style)
            parts.append((_collapsed(element.text), is_struck))
            stack.append((element, iter(element), is_struck))
        while stack:
            _, children, is_struck = stack[-1]
            child = next(children, None)
            if child is None:
                done = stack.pop()[0]
                parts.append((_collapsed(done.tail), stack[-1][2]) if stack else ("", False))
                continue
            written = self._inline(child) if isinstance(child.tag, str) else ""
            if written is None:
                is_inside = is_struck or self._styles.strikes(child.get(f"{TEXT}style-name", ""))
                parts.append((_collapsed(child.text), is_inside))
                stack.append((child, iter(child), is_inside))
            else:
                parts += [(written, is_struck), (_collapsed(child.tail), is_struck)]
        return joined(part for part in parts if part[0])

    def flat_text(self, element: Any) -> str:
        """The text of all paragraphs inside an element, on one line."""
        lines = (self.line(block).strip() for block in element.iter(f"{TEXT}p", f"{TEXT}h"))
        return " ".join(line for line in lines if line)

    def _inline(self, element: Any) -> str | None:
        """The text that stands for an element within a line; None for one that is gone through."""
        tag = element.tag
        if tag == f"{TEXT}s":
            return " " * min(number_of(element.get(f"{TEXT}c"), 1), 100)
        if tag == f"{TEXT}tab":
            return "\t"
        if tag == f"{TEXT}line-break":
            return "\n"
        if tag == f"{TEXT}note":
            mark = one_line("".join(element.itertext(f"{TEXT}note-citation")))
            self.apart += [
                f"{mark} {text}".strip() for body in element.iter(f"{TEXT}note-body") if (text := self.flat_text(body))
            ]
            return ""
        if tag == f"{OFFICE}annotation":
            author = one_line("".join(element.itertext(f"{DUBLIN}creator")))
            text = self.flat_text(element)
            if text:
                self.apart.append(f"{author}: {text}" if author else text)
            return ""
        if tag == f"{FIELD}fieldmark":
            return _form_field(element)
        if tag == f"{DRAW}object":
            content = self._objects(element.get(f"{LINK}href", ""))
            formula = content if content is not None and content.tag == f"{MATH}math" else element.find(f"{MATH}math")
            return formula_text(formula) if formula is not None else ""
        if tag == f"{DRAW}frame" and element.find(f"{DRAW}object") is not None:
            return None  # a formula within the line; a chart adds nothing to it
        if tag in _SKIPPED or tag in _BLOCKS or tag in _FRAMES or tag == f"{DRAW}object-ole":
            return ""
        if tag == f"{TEXT}span" and self._styles.hides(element.get(f"{TEXT}style-name", "")):
            return ""
        return None

    def _write_heading(self, element: Any, depth: int) -> None:
        level = max(1, min(number_of(element.get(f"{TEXT}outline-level"), 1), 10))
        text = self.line(element).strip()
        numbering = self._styles.heading_level(level)
        if numbering and text and element.get(f"{TEXT}is-list-header") != "true":
            self._headings = (self._headings + [0] * level)[:level]
            self._headings[-1] = self._headings[-1] + 1 if self._headings[-1] else numbering.start
            text = f"{numbering.label(self._headings)} {text}"
        self._write_text(text, level)
        self._write_frames(element, depth)

    def _write_text(self, text: str, level: int, separator: str = "\n\n") -> None:
        if level and len(text) < _LONGEST_HEADING:
            self._writer.heading(text, level)
        else:
            self._writer.paragraph(text, separator=separator)

    def _write_paragraph(self, element: Any, depth: int, label: str = "") -> None:
        text = self.line(element)
        if text.strip():
            self._writer.paragraph(f"{label} {text.strip()}" if label else text, separator="\n" if label else "\n\n")
        self._write_frames(element, depth)

    def _write_frames(self, paragraph: Any, depth: int) -> None:
        """Write the boxes of text, and charts, that are anchored to a paragraph."""
        for frame in paragraph.iter(*_FRAMES):
            if not any(parent.tag in _FRAMES for parent in _up_to(frame, paragraph)):
                formula = frame.find(f"{DRAW}object") is not None and frame.find(f"{DRAW}text-box") is None
                if formula:
                    self._write_object(frame.find(f"{DRAW}object"), depth, only_charts=True)
                else:
                    self.write(frame, depth + 1)

    def _write_list(self, element: Any, above: list[int], style: str, depth: int) -> None:
        style = element.get(f"{TEXT}style-name") or style
        level = self._styles.level(style, len(above) + 1)
        start = level.start if level else 1
        goes_on = element.get(f"{TEXT}continue-numbering") == "true" or element.get(f"{TEXT}continue-list")
        before = self._numbers.get(style, [])
        if not goes_on and not (above and before[: len(above)] == above):
            before = []
        number = before[len(above)] if len(before) > len(above) else start - 1
        for item in element:
            if item.tag not in (f"{TEXT}list-item", f"{TEXT}list-header"):
                continue
            label = ""
            if item.tag == f"{TEXT}list-item" and any(part.tag in (f"{TEXT}p", f"{TEXT}h") for part in item):
                number = number_of(item.get(f"{TEXT}start-value"), number + 1)
                self._numbers[style] = [*above, number]
                label = level.label([*above, number]) if level else "-"
            self._write_item(item, label, [*above, number], style, depth + 1)

    def _write_item(self, item: Any, label: str, numbers: list[int], style: str, depth: int) -> None:
        if depth > _DEEPEST:
            return
        for part in item:
            if part.tag == f"{TEXT}list":
                self._write_list(part, numbers, style, depth)
            elif part.tag == f"{TEXT}h":
                text = self.line(part).strip()
                level = max(1, min(number_of(part.get(f"{TEXT}outline-level"), 1), 10))
                self._write_text(f"{label} {text}" if label not in ("", "-") else text, level)
                label = ""
            elif part.tag == f"{TEXT}p":
                self._write_paragraph(part, depth, label)
                label = ""
            else:
                self.write([part], depth)

    def _write_object(self, element: Any, depth: int, *, only_charts: bool = False) -> None:
        """Write a formula as its line, a chart as the table of its values."""
        content = self._objects(element.get(f"{LINK}href", ""))
        if content is None:
            content = element.find(f"{OFFICE}document")  # in a flat document
        if content is None:
            return
        if content.tag == f"{MATH}math":
            if not only_charts:
                self._writer.paragraph(formula_text(content))
            return
        for title in content.iter(f"{CHART}title"):
            self._writer.paragraph(self.flat_text(title))
        for table in content.iter(f"{TABLE}table"):
            self._write_table(table, depth)

    def _write_table(self, table: Any, depth: int) -> None:
        rows = list(self._rows(table))
        if max((len(cells) for _, cells in rows), default=0) < 2 or len(rows) < 2:
            for cell in _direct(table, f"{TABLE}table-cell"):  # a frame around text, not a table of data
                self.write(cell, depth + 1)
            return
        marked = sum(
            1 for part in table.iterchildren(f"{TABLE}table-header-rows") for _ in part.iter(f"{TABLE}table-row")
        )
        header = marked if 0 < marked <= min(3, len(rows) - 1) else header_rows_of([cells for _, cells in rows[:4]])
        self._writer.table(rows, header_rows=header)

    def _rows(self, table: Any) -> Iterator[tuple[int, list[str]]]:
        """Yield rows, the first 1; a cell merged downwards is repeated in each row, sideways given once."""
        below: dict[int, tuple[int, str]] = {}  # column: rows still to fill, text
        number = 0
        for row in _direct(table, f"{TABLE}table-row"):
            cells: list[str] = []
            for cell in row.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
                column = len(cells)
                text = self.flat_text(cell) if cell.tag == f"{TABLE}table-cell" else ""
                left, above = below.pop(column, (0, ""))
                if left:
                    text = text or above
                    below[column] = (left - 1, above)
                height = number_of(cell.get(f"{TABLE}number-rows-spanned"), 1)
                if height > 1 and text:
                    below[column] = (height - 1, text)
                times = _repeated(cell, "columns", bool(text))
                count("cells", times)
                cells += [text] * times
            while cells and not cells[-1]:
                cells.pop()
            times = number_of(row.get(f"{TABLE}number-rows-repeated"), 1)
            for _ in range(min(times, _MOST_REPEATED) if cells else 0):
                count("cells", len(cells))
                number += 1
                yield number, cells
            if not cells:
                number += times


def _form_field(mark: Any) -> str | None:
    """What a field of a form made in Word shows; typed text stands inside it."""
    values: dict[str, list[str]] = {}
    for part in mark.iterchildren(f"{FIELD}param"):
        values.setdefault(part.get(f"{FIELD}name", ""), []).append(part.get(f"{FIELD}value", ""))
    kind = mark.get(f"{FIELD}type", "")
    if kind.endswith("CHECKBOX"):
        return TICKED if values.get("Checkbox_Checked") == ["true"] else EMPTY
    entries = values.get("Dropdown_ListEntry", [])
    chosen = number_of(values.get("Dropdown_Selected", ["0"])[0], 0)
    return entries[chosen] if kind.endswith("DROPDOWN") and chosen < len(entries) else None


def _repeated(element: Any, what: str, has_text: bool) -> int:
    times = max(1, number_of(element.get(f"{TABLE}number-{what}-repeated"), 1))
    return min(times, _MOST_REPEATED if has_text else 16_384)


def _direct(element: Any, tag: str) -> Iterator[Any]:
    """Yield what is inside with that tag, without entering the tables inside."""
    return inside(element, tag, lambda other: other.startswith(TABLE) and other != f"{TABLE}table")


def _up_to(element: Any, end: Any) -> Iterator[Any]:
    for parent in element.iterancestors():
        if parent is end:
            return
        yield parent


def _collapsed(text: str | None) -> str:
    """Text with its white space as one blank: line ends and tabs are elements of their own."""
    return re.sub(r"[ \t\r\n]+", " ", text).translate(_SHOWN) if text else ""
