"""Turns the characters of a PDF page, given with their boxes, into text in reading order.

Columns are read one after the other, wrapped lines become whole paragraphs, aligned cells become table rows.
Every character of the text remembers which character of the page it came from, so that a quote can be found
on the page again. Knows nothing of PDF libraries.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy
from numpy.lib.stride_tricks import sliding_window_view

from minicpm_rag.loaders.pdf.columns import arrange_page
from minicpm_rag.loaders.pdf.drawing import Box, Grid, Rules, grids_and_charts
from minicpm_rag.loaders.pdf.glyphs import Glyphs
from minicpm_rag.loaders.pdf.lines import Fragment, Line, fragments_of, lines_of, usual_size
from minicpm_rag.loaders.pdf.strikes import Strikes
from minicpm_rag.loaders.pdf.table_rows import Cell
from minicpm_rag.loaders.pdf.tables import FoundTable, table_in_grid, table_runs, text_ends_label
from minicpm_rag.loaders.writer import table_line
from minicpm_rag.records import Heading, Table
from minicpm_rag.text.scripts import is_wide
from minicpm_rag.text.sections import SECTION_TITLE_ZH
from minicpm_rag.text.table_headers import joined_header

_BEGINS_ITEM = re.compile(
    r"[•·●▪◆■◦○►☐☒☑–—-]\s|\(?\d{1,3}[.、)）](?!\d)|第.{1,4}[章节節条條]"
    r"|[（(][一二三四五六七八九十]{1,3}[)）]|[一二三四五六七八九十]{1,3}、"
)
# What is before a heading's words: its number says its level.
_NUMBERED = re.compile(
    r"(?:(\d{1,2}(?:\.\d{1,2}){0,5})\.?|([A-Z])\.|(第.{1,4}[章编編])|(第.{1,4}[节節])|([一二三四五六七八九十]{1,3}、))\s*\S"
)
_BULLETS = frozenset("•·●▪◆■◦○►☐☒☑")
_SENTENCE_END = frozenset("。！？；.!?;:：")
_HYPHENS = "-\u2010"
_COLUMN_GAP = 2.2  # of the font size: vertical lines further apart are paragraphs
_PARAGRAPH_GAP = 1.35  # of the usual line distance
_HEADING_SIZE = 1.15  # of the usual font size
_TITLE_SIZE = 1.5
_HEADING_CHARACTERS = 120
_BOLD_CHARACTERS = 90  # of a heading that only its boldness tells
_CAPTION = re.compile(r"(?:fig(?:ure)?|table|abb(?:ildung)?|tab(?:elle)?|图|圖|表|그림|表)\.?\s*\d", re.IGNORECASE)
_SMALLEST = 0.85  # of the usual font size
_SLIGHTLY_LARGER = 1.06
_ENUMERATED = re.compile(r"[(（]?(?:\d{1,2}|[一二三四五六七八九十]{1,3}|[a-zA-Z]|[ivx]{1,4})[)）.、]\s*\S")
_TITLE_WORDS = 8
_MOSTLY = 0.6  # share of a page's characters in one font: then another one stands out
_MOST_BOLD = 0.4  # share of a page's characters: where more are bold, boldness says nothing
_NEARLY_FULL = 0.9  # of the column's width: edges of scanned lines are not exact
_LABEL_LINES, _LABEL_WIDTH = 4, 60.0  # below a chart, lines of its labels; beside it, page units
_NEARBY_LINES = 30  # before and after a line; their edges are its margins


@dataclass
class PageText:
    """The text of a page; `origins[i]` is the page's character behind text[i], -1 where layout added it.

    `ends_open` and `begins_open` say whether the first and last block are paragraphs, which may go on on other pages.
    """

    text: str = ""
    origins: list[int] = field(default_factory=list)
    headings: list[Heading] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    begins_open: bool = False
    ends_open: bool = False


def lay_out(glyphs: Glyphs, rules: Rules | None = None) -> PageText:
    """The text of a page from its characters; upright text first, then what is written in other directions."""
    return lay_out_fragments(fragments_by_turns(glyphs), rules)


def fragments_by_turns(glyphs: Glyphs) -> dict[int, list[Fragment]]:
    """The fragments of each direction of writing, the most frequent first."""
    found = {turns: fragments_of(glyphs, turns) for turns in range(4) if (glyphs.turns == turns).any()}
    return dict(sorted(found.items(), key=lambda item: -sum(fragment.end - fragment.start for fragment in item[1])))


def lay_out_fragments(fragments: dict[int, list[Fragment]], rules: Rules | None = None) -> PageText:
    """The text that fragments of each direction make."""
    writer = _Writer()
    main = next(iter(fragments), 0)
    # Labels that are turned to fit into narrow columns belong to a table of upright text.
    sideways = {each: each.turned(turns, main) for turns, own in fragments.items() if turns != main for each in own}
    for turns, own in fragments.items():
        if turns == main:
            own_rules = rules.turned(turns) if rules else Rules()
            grids, charts = grids_and_charts(own_rules)
            writer.strikes = Strikes(own_rules.level)
            rest, tables, used = _without_grids(own, list(sideways.values()), grids)
            _lay_out_direction(rest, tables, own_rules, writer, charts)
            writer.strikes = Strikes()
        else:
            _lay_out_direction([each for each in own if id(sideways[each]) not in used], {}, Rules(), writer)
    return writer.result()


def _lay_out_direction(
    rest: Sequence[Fragment],
    tables: dict[int, FoundTable],
    rules: Rules,
    writer: _Writer,
    charts: Sequence[Box] = (),
) -> None:
    style = _Style(rest)
    for block in arrange_page(rest, rules.areas):
        lines = lines_of(block)
        runs = {
            start: (end, table)
            for start, end, table in table_runs(lines, rules.level)
            if not any(_label(chart, lines[start:end]) for chart in charts)
        }
        position = 0
        paragraph: list[Line] = []
        margins = _Margins(lines, style.size)
        while position < len(lines):
            line = lines[position]
            grid = next((tables[id(each)] for each in line.fragments if id(each) in tables), None)
            if grid is not None or position in runs:
                writer.paragraph(paragraph, style)
                paragraph = []
                if grid is not None:
                    writer.table(grid)
                    beside = [each for each in line.fragments if id(each) not in tables]
                    writer.paragraph([Line(tuple(beside))] if beside else [], style, blank_line=True)
                    position += 1
                else:
                    position, table = runs[position]
                    writer.table(table)
                continue
            if paragraph and not margins.continues(position):
                far = margins.is_far(paragraph[-1], line)
                writer.paragraph(paragraph, style, blank_line=far)
                paragraph = []
            paragraph.append(line)
            position += 1
        writer.paragraph(paragraph, style, blank_line=True)


def _without_grids(
    fragments: Sequence[Fragment], sideways: Sequence[Fragment], grids: Sequence[Grid]
) -> tuple[list[Fragment], dict[int, FoundTable], set[int]]:
    """The fragments with one in place of those of each table in a grid of lines, the tables by its id.

    The last are the ids of the `sideways` fragments that are in a table.
    """
    rest = list(fragments)
    tables: dict[int, FoundTable] = {}
    used: set[int] = set()
    for grid in grids:
        inside = [each for each in rest if _is_inside(each, grid)]
        if not inside or any(id(fragment) in tables for fragment in inside):
            continue  # a frame around a table
        labels = [each for each in sideways if _is_inside(each, grid)]
        table = table_in_grid(grid, [*inside, *labels])
        if table is None:
            continue
        first = inside[0]
        place = Fragment(
            first.characters, first.start, first.start,
            grid.xs[0], grid.ys[-1], grid.xs[-1], grid.ys[0], first.size, False,
        )  # fmt: skip
        tables[id(place)] = table
        taken = {id(fragment) for fragment in inside}
        used |= {id(label) for label in labels}
        rest = [place if each is first else each for each in rest if each is first or id(each) not in taken]
    return rest, tables, used


def _label(chart: Box, lines: Sequence[Line]) -> bool:
    """Whether all of the lines stand in or close under a chart: names of its bars, its years, values on its axis."""
    left, bottom, right, top = chart
    return all(
        bottom - _LABEL_LINES * line.height < line.bottom < top + line.height
        and left - _LABEL_WIDTH < line.left
        and line.right < right + _LABEL_WIDTH
        for line in lines
    )


def _is_inside(fragment: Fragment, grid: Grid) -> bool:
    x, y = (fragment.left + fragment.right) / 2, (fragment.bottom + fragment.top) / 2
    return grid.xs[0] - 2 < x < grid.xs[-1] + 2 and grid.ys[-1] - 2 < y < grid.ys[0] + 2


class _Style:
    """What is usual on a page: headings are told by being larger, or bold where that is rare."""

    def __init__(self, fragments: Sequence[Fragment]) -> None:
        self.size = usual_size(fragments)
        total = sum(fragment.end - fragment.start for fragment in fragments)
        bold = sum(fragment.end - fragment.start for fragment in fragments if fragment.bold)
        self.tells_by_bold = bold <= _MOST_BOLD * total
        fonts: Counter[int] = Counter()
        for fragment in fragments:
            fonts[fragment.font] += fragment.end - fragment.start
        self.font, most = fonts.most_common(1)[0] if fonts else (-1, 0)
        self.tells_by_font = most >= _MOSTLY * total

    def heading_level(self, lines: Sequence[Line], text: str, *, apart: bool) -> int:
        """The level of a heading, from 1; 0 where the paragraph is none."""
        if not any(character.isalpha() for character in text) or text[-1] in "。；;，,、" or len(lines) > 3:
            return 0
        size = min(line.size for line in lines) / self.size
        numbered = _NUMBERED.match(text)
        large = size >= _HEADING_SIZE and len(text) <= _HEADING_CHARACTERS
        is_section = len(lines) == 1 and size > _SMALLEST and SECTION_TITLE_ZH.fullmatch(text)
        if not large and not is_section and not self._stands_out(lines, text, size, apart=apart):
            return 0
        if (text[-1] == "." and not numbered) or text[0] in _BULLETS or _CAPTION.match(text):
            return 0
        if numbered:
            decimal, letter, chapter, section, enumerated = numbered.groups()
            return 2 + (decimal.count(".") if decimal else bool(section or (letter and not chapter and not enumerated)))
        return 1 if size >= _TITLE_SIZE else 2 if large else 3

    def _stands_out(self, lines: Sequence[Line], text: str, size: float, *, apart: bool) -> bool:
        """Whether a short paragraph of about the usual size is bold, or numbered and a little larger, or set apart."""
        if len(text) > _BOLD_CHARACTERS or text[-1] in ".:：" or not _SMALLEST < size < _HEADING_SIZE:
            return False
        if self.tells_by_bold and all(line.bold for line in lines):
            return True
        if size >= _SLIGHTLY_LARGER and _ENUMERATED.match(text):
            return True
        other_font = all(fragment.font not in (self.font, -1) for line in lines for fragment in line.fragments)
        is_title = len(lines) == 1 and text[0].isupper() and len(text.split()) <= _TITLE_WORDS
        return self.tells_by_font and other_font and apart and is_title and not lines[0].has_gaps


class _Margins:
    """Judges by the margins around a line whether it continues the paragraph of the line before it."""

    def __init__(self, lines: Sequence[Line], usual_size: float) -> None:
        self._lines = lines
        self._usual_size = usual_size
        self._edges: list[tuple[float, float]] = []  # of the column around each line; worked out when first needed
        distances = [a.bottom - b.bottom for a, b in itertools.pairwise(lines) if a.bottom > b.bottom]
        self._distance = median(distances) if distances else 0.0

    def is_far(self, line: Line, following: Line) -> bool:
        if line.is_vertical and following.is_vertical:
            return line.left - following.left > _COLUMN_GAP * line.size
        distance = line.bottom - following.bottom
        return distance < 0 or distance > _PARAGRAPH_GAP * max(self._distance, line.height)

    def continues(self, position: int) -> bool:
        """Whether the line at `position` continues the paragraph of the line before it."""
        line, following = self._lines[position - 1], self._lines[position]
        if self.is_far(line, following) or line.has_gaps or following.has_gaps:
            return False
        if line.size > _HEADING_SIZE * self._usual_size and abs(line.size - following.size) < 0.05 * line.size:
            return not _NUMBERED.match(following.text)  # a heading of several lines, which do not fill the column
        if abs(line.size - following.size) > 0.12 * line.size or line.bold != following.bold:
            return self._is_run_in(line, following)
        if line.text[-1] in _HYPHENS and line.text[-2:-1].isalpha() and following.text[0].islower():
            return True
        if _BEGINS_ITEM.match(following.text):
            return False
        self._edges = self._edges or self._column_edges()
        left, right = self._edges[position]
        if following.left - max(line.left, left) > line.height and not line.hangs_before(following):
            return False
        # Where the next line's first word would have fitted on this line, the line was ended on purpose.
        ends = line.text[-1] in _SENTENCE_END
        if not ends and line.right - line.left >= _NEARLY_FULL * (right - left):
            return True
        slack = (0.5 if ends else 1.2) * line.height
        return right - line.right <= following.first_word_width + slack

    def _column_edges(self) -> list[tuple[float, float]]:
        """For each line, how far those near it reach that stand over or under the line before it."""
        lefts = numpy.array([line.left for line in self._lines])
        rights = numpy.array([line.right for line in self._lines])
        before = numpy.maximum(numpy.arange(len(lefts)) - 1, 0)
        window = 2 * _NEARBY_LINES
        far = numpy.full(_NEARBY_LINES, numpy.inf)
        near_lefts = sliding_window_view(numpy.concatenate([far, lefts, far]), window)[:-1]
        near_rights = sliding_window_view(numpy.concatenate([-far, rights, -far]), window)[:-1]
        column = (near_lefts < rights[before, None]) & (near_rights > lefts[before, None])
        left = numpy.where(column, near_lefts, numpy.inf).min(axis=1)
        right = numpy.where(column, near_rights, -numpy.inf).max(axis=1)
        return list(zip(left.tolist(), right.tolist(), strict=True))

    def _is_run_in(self, line: Line, following: Line) -> bool:
        """Whether a line of another look goes on in the middle of a sentence, as with words in bold."""
        alike = abs(line.size - following.size) <= 0.12 * line.size
        return alike and following.text[0].islower() and line.text[-1] not in _SENTENCE_END


class _Writer:
    def __init__(self) -> None:
        self._page = PageText()
        self._characters: list[str] = []
        self._gap = ""
        self.strikes = Strikes()

    def paragraph(self, lines: Sequence[Line], style: _Style, *, blank_line: bool = False) -> None:
        if not lines:
            return
        start = self._begin()
        for index, line in enumerate(lines):
            if index:
                self._join(line.text)
            for number, fragment in enumerate(line.fragments):
                if number:
                    is_wide_gap = line.gap_after(number - 1) and not text_ends_label(line.fragments[number - 1])
                    self._add("  " if is_wide_gap else " ")
                self._add_fragment(fragment)
        text = self._text_from(start)
        level = style.heading_level(lines, text, apart=self._gap != "\n")
        if level:
            self._page.headings.append(Heading(start, level, text))
        elif not self._page.headings and not self._page.tables and start == 0:
            self._page.begins_open = True
        self._page.ends_open = not level
        self._gap = "\n\n" if blank_line else "\n"

    def table(self, table: FoundTable) -> None:
        start = self._begin()
        offsets: list[tuple[int, int]] = []
        headers: list[list[str]] = []
        for number, cells in enumerate(table.rows, start=1):
            if number > 1:
                self._add("\n")
            offset, texts = len(self._characters), []
            for cell in cells:
                self._add("| ")
                texts.append(self._cell(cell))
                self._add(" ")
            self._add("|")
            if number <= table.headers:
                headers.append(texts)
            else:
                offsets.append((offset, number))
        header = (
            table_line(joined_header(headers)) if len(headers) > 1 else self._text_from(start) if not offsets else ""
        )
        if len(headers) == 1 and offsets:
            header = self._text_from(start)[: offsets[0][0] - start].rstrip("\n")
        self._page.tables.append(Table(start, len(self._characters), header, tuple(offsets)))
        self._page.ends_open = False
        self._gap = "\n\n"

    def result(self) -> PageText:
        self._page.text = "".join(self._characters)
        return self._page

    def _cell(self, cell: Cell) -> str:
        start = len(self._characters)
        for number, fragment in enumerate(cell):
            if number:
                self._join(fragment.text)
            self._add_fragment(fragment, escaped=True)
        return self._text_from(start)

    def _text_from(self, start: int) -> str:
        return "".join(self._characters[start:])

    def _begin(self) -> int:
        if self._characters:
            self._add(self._gap)
        return len(self._characters)

    def _add_fragment(self, fragment: Fragment, *, escaped: bool = False) -> None:
        text = fragment.text
        origins = fragment.characters.origins[fragment.start : fragment.end].tolist()
        position = 0
        for start, end in self.strikes.through(fragment):
            if start < position or not text[start:end].strip():
                continue
            self._add_text(text[position:start], origins[position:start], escaped=escaped)
            self._add("~~")
            self._add_text(text[start:end], origins[start:end], escaped=escaped)
            self._add("~~")
            position = end
        self._add_text(text[position:], origins[position:], escaped=escaped)

    def _add_text(self, text: str, origins: Sequence[int], *, escaped: bool) -> None:
        if escaped and "|" in text:
            for character, origin in zip(text, origins, strict=True):
                self._add("\\|" if character == "|" else character, origin)
            return
        self._characters.extend(text)
        self._page.origins.extend(origins)

    def _add(self, text: str, origin: int = -1) -> None:
        self._characters.extend(text)
        self._page.origins.extend([origin] * len(text))

    def _join(self, following: str) -> None:
        """Join a wrapped line: Chinese without a space, a divided English word without its hyphen."""
        last, first = self._characters[-1], following[0]
        if is_wide(last) or is_wide(first):
            return
        if last in _HYPHENS and len(self._characters) > 1 and self._characters[-2].isalpha():
            word = re.search(r"[^\W\d_](?:[\w-]*)-\Z", "".join(self._characters[-40:]).replace("\u2010", "-"))
            if first.islower() and word and "-" not in word.group()[:-1] and not word.group()[0].isupper():
                self._characters.pop()
                self._page.origins.pop()
            return
        if not last.isspace():
            self._add(" ")
