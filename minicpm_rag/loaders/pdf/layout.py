"""Turns the characters of a PDF page, given with their boxes, into text in reading order.

Columns are read one after the other, wrapped lines become whole paragraphs, aligned cells become table rows.
Every character of the text remembers which character of the page it came from, so that a quote can be found
on the page again. Knows nothing of PDF libraries.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from minicpm_rag.loaders.pdf.columns import arrange
from minicpm_rag.loaders.pdf.lines import Glyph, Line, fragments_of, lines_of
from minicpm_rag.loaders.pdf.tables import table_runs
from minicpm_rag.records import Heading, Table
from minicpm_rag.text.scripts import is_wide

_BEGINS_ITEM = re.compile(
    r"[•·●▪◆■◦○►–—-]\s|\(?\d{1,3}[.、)）](?!\d)|第.{1,4}[章节節条條]|[（(][一二三四五六七八九十]{1,3}[)）]|[一二三四五六七八九十]{1,3}、"
)
_SENTENCE_END = frozenset("。！？；.!?;:：")
_HYPHENS = "-\u2010"
_PARAGRAPH_GAP = 1.35  # of the usual line distance
_HEADING_SIZE = 1.25  # of the usual text size; fonts of one size differ by up to 1.15
_HEADING_CHARACTERS = 60
_NEARLY_FULL = 0.9  # of the column's width: edges of scanned lines are not exact
_NEARBY_LINES = 30  # before and after a line; their edges are its margins


@dataclass
class PageText:
    """The text of a page; `origins[i]` is the page's character behind text[i], -1 where layout added it."""

    text: str = ""
    origins: list[int] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


def lay_out(glyphs: Sequence[Glyph]) -> PageText:
    """Return the text of a page from its characters in the order they were drawn."""
    writer = _Writer()
    fragments = fragments_of(glyphs)
    usual_height = median(fragment.height for fragment in fragments) if fragments else 0.0
    for block in arrange(fragments):
        lines = lines_of(block)
        runs = {run[0]: run for run in table_runs(lines)}
        position = 0
        paragraph: list[Line] = []
        margins = _Margins(lines)
        while position < len(lines):
            if position in runs:
                writer.paragraph(paragraph, usual_height)
                paragraph = []
                _, end, rows = runs[position]
                writer.table(rows)
                position = end
                continue
            line = lines[position]
            if paragraph and not margins.continues(position):
                far = margins.is_far(paragraph[-1], line)
                writer.paragraph(paragraph, usual_height, blank_line=far)
                paragraph = []
            paragraph.append(line)
            position += 1
        writer.paragraph(paragraph, usual_height, blank_line=True)
    return writer.result()


class _Margins:
    """Judges by the margins around a line whether it continues the paragraph of the line before it."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        distances = [a.bottom - b.bottom for a, b in itertools.pairwise(lines) if a.bottom > b.bottom]
        self._distance = median(distances) if distances else 0.0

    def is_far(self, line: Line, following: Line) -> bool:
        distance = line.bottom - following.bottom
        return distance < 0 or distance > _PARAGRAPH_GAP * max(self._distance, line.height)

    def continues(self, position: int) -> bool:
        """Whether the line at `position` continues the paragraph of the line before it."""
        line, following = self._lines[position - 1], self._lines[position]
        if self.is_far(line, following) or len(line.fragments) > 1 or len(following.fragments) > 1:
            return False
        if abs(line.height - following.height) > 0.2 * line.height:
            return False
        if line.text[-1] in _HYPHENS and line.text[-2:-1].isalpha() and following.text[0].islower():
            return True
        if _BEGINS_ITEM.match(following.text):
            return False
        nearby = self._lines[max(0, position - _NEARBY_LINES) : position + _NEARBY_LINES]
        column = [each for each in nearby if each.left < line.right and each.right > line.left]
        left, right = min(each.left for each in column), max(each.right for each in column)
        if following.left - max(line.left, left) > line.height:
            return False
        # Where the next line's first word would have fitted on this line, the line was ended on purpose.
        ends = line.text[-1] in _SENTENCE_END
        if not ends and line.right - left >= _NEARLY_FULL * (right - left):
            return True
        slack = (0.5 if ends else 1.2) * line.height
        return right - line.right <= following.first_word_width + slack


class _Writer:
    def __init__(self) -> None:
        self._page = PageText()
        self._characters: list[str] = []
        self._gap = ""

    def paragraph(self, lines: list[Line], usual_height: float, *, blank_line: bool = False) -> None:
        if not lines:
            return
        start = self._begin()
        for index, line in enumerate(lines):
            if index:
                self._join(line)
            for number, fragment in enumerate(line.fragments):
                if number:
                    self._add("  ", -1)
                for glyph in fragment.glyphs:
                    self._add(glyph.text, glyph.index)
        text = "".join(self._characters[start:])
        is_large = min(line.height for line in lines) >= _HEADING_SIZE * usual_height
        if is_large and len(text) <= _HEADING_CHARACTERS and text[-1] not in "。.；;，,":
            level = 1 if lines[0].height >= 1.6 * usual_height else 2
            self._page.headings.append(Heading(start, level, text))
        self._gap = "\n\n" if blank_line else "\n"

    def table(self, rows: Sequence[Sequence[Sequence[Glyph]]]) -> None:
        start = self._begin()
        offsets: list[tuple[int, int]] = []
        header = ""
        for number, cells in enumerate(rows, start=1):
            if number > 1:
                header = header or "".join(self._characters[start:])
                self._add("\n", -1)
                offsets.append((len(self._characters), number))
            for cell in cells:
                self._add("| ", -1)
                for glyph in cell:
                    self._add(glyph.text, glyph.index)
                self._add(" ", -1)
            self._add("|", -1)
        self._page.tables.append(Table(start, len(self._characters), header, tuple(offsets)))
        self._gap = "\n\n"

    def result(self) -> PageText:
        self._page.text = "".join(self._characters)
        return self._page

    def _begin(self) -> int:
        if self._characters:
            self._add(self._gap, -1)
        return len(self._characters)

    def _add(self, text: str, origin: int) -> None:
        self._characters.extend(text)
        self._page.origins.extend([origin] * len(text))

    def _join(self, following: Line) -> None:
        """Join a wrapped line: Chinese without a space, a divided English word without its hyphen."""
        last, first = self._characters[-1], following.text[0]
        if is_wide(last) or is_wide(first):
            return
        if last in _HYPHENS and len(self._characters) > 1 and self._characters[-2].isalpha():
            word = re.search(r"[^\W\d_](?:[\w-]*)-\Z", "".join(self._characters[-40:]).replace("\u2010", "-"))
            if first.islower() and word and "-" not in word.group()[:-1] and not word.group()[0].isupper():
                self._characters.pop()
                self._page.origins.pop()
            return
        if not last.isspace():
            self._add(" ", -1)
