"""Finds tables on a page: cells inside a grid of lines, or lines one after the other whose cells stand in columns.

A cell that wraps is joined to its row, an empty one stays empty.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect, bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from minicpm_rag.loaders.pdf.drawing import Grid, Rule
from minicpm_rag.loaders.pdf.lines import ITEM_MARK, Fragment, Line, lines_of
from minicpm_rag.loaders.pdf.right_to_left import RIGHT_TO_LEFT
from minicpm_rag.text.table_headers import header_rows_of, is_value

_FEWEST_ROWS = 3
_CONTENTS = re.compile(r"(\S.*?[^\s.·…_])((?:[ ]?[.·…_]){4,}\s*)(\d{1,4}|[ivxlcIVXLC]{1,6}|[A-Z]-\d{1,3})")
_FULL_ROWS = 0.6  # share of rows that must have a cell in every column where there are only two
_CELL_SPACING = 6.0  # page units, between the lines below neighbouring cells
_OVERHANG = 0.25  # of a word's width
_MOSTLY_INSIDE = 0.7  # share of a fragment's width in one column
_FILLED_CELLS = 0.35  # of a grid: a drawing has lines too
_FEWEST_FILLED = 0.2  # share of rows in which a column has a cell
_MOST_CROSSING = 0.12  # share of rows that may cross the space between two columns: headers above several
_MOST_HEADERS = 3
_ROW_GAP = 2.6  # of the line height: more parts a table from what follows
_MOST_SINGLE = 9  # lines with one cell between lines with several: cells that wrap beside short ones
_LONGEST_REPEATED = 120  # characters of a cell that reaches over several rows
_LEVEL = 1.0  # page units
_SAME_EDGE = 2.0  # page units
_WRAPPED = 1.15  # of the least distance of two lines in a column: more parts its cells
_SPACED = 1.25
_CLOSE_GAP = 0.6  # of the font size: more than a space
_FEWEST_CLOSE_ROWS, _MOST_CLOSE = 4, 0.9  # lines that all have such a gap, and the share of those with every cell
_MOST_WITH_CELLS = 0.7  # share of rows with several cells: prose beside margin notes has fewer
_MOST_LABELS = 0.6  # share of the cells on the left that end with a colon
_PROSE_WORDS = 4  # of the usual cell: more in every column are columns of prose

Cell = list[Fragment]
Row = list[Cell]


@dataclass(frozen=True)
class FoundTable:
    """Rows of cells; `headers` of them name the columns."""

    rows: list[Row]
    headers: int


def table_in_grid(grid: Grid, fragments: Sequence[Fragment]) -> FoundTable | None:
    """The table that a grid's lines make of the fragments inside it; None where it is no table."""
    lines = lines_of(sorted(fragments, key=lambda f: (-round(f.top), f.left)))
    xs = _with_columns_inside(grid.xs, lines)
    rows: list[Row] = [[[] for _ in xs[1:]] for _ in grid.ys[1:]]
    depths = [-y for y in grid.ys[1:-1]]
    for fragment in (piece for line in lines for each in line.fragments for piece in _split_at(each, xs[1:-1])):
        middle = (fragment.bottom + fragment.top) / 2
        number = bisect(depths, -middle)
        rows[number][_column_of(fragment, xs)].append(fragment)
    for cell in (cell for row in rows for cell in row if len(cell) > 1 and cell[0].leans):
        cell.sort(key=_along_label)
    _fill_merged_cells(rows, grid, xs)
    rows = [part for row in rows for part in _rows_between_lines(row, xs) if any(part)]
    used = [column for column in range(len(xs) - 1) if any(row[column] for row in rows)]
    rows = [[row[column] for column in used] for row in rows]
    cells = [cell for row in rows for cell in row]
    if len(rows) < 2 or len(used) < 2 or sum(map(bool, cells)) < _FILLED_CELLS * len(cells):
        return None
    return _found(rows)


def _along_label(fragment: Fragment) -> tuple[float, float]:
    """The order of the pieces of a label of several lines that is written up, or down, or upside down."""
    line = round(fragment.left / max(fragment.size / 2, 1.0))
    if fragment.leans == 1:
        return line, fragment.bottom
    return (-line, -fragment.top) if fragment.leans == 3 else (fragment.bottom, -fragment.right)


def _fill_merged_cells(rows: Sequence[Row], grid: Grid, xs: Sequence[float]) -> None:
    """Give each row the text of a cell that reaches over several: no line is drawn between them in its column."""
    drawn = [grid.drawn_at(y) for y in grid.ys[: len(rows)]]
    for column, (left, right) in enumerate(itertools.pairwise(xs)):
        first, middle = 0, (left + right) / 2
        for number in range(1, len(rows) + 1):
            if number < len(rows) and not any(rule.start < middle < rule.end for rule in drawn[number]):
                continue
            own = [fragment for row in rows[first:number] for fragment in row[column]]
            beside = [f for row in rows[first:number] for cell in (*row[:column], *row[column + 1 :]) for f in cell]
            if number - first > 1 and own and not _is_a_column(own, beside):
                is_short = sum(len(fragment.text) for fragment in own) <= _LONGEST_REPEATED
                for row in rows[first:number]:
                    row[column] = own if is_short or row is rows[first] else []
            first = number


def _is_a_column(fragments: Sequence[Fragment], beside: Sequence[Fragment]) -> bool:
    """Whether there are several lines of text and most stand level with text beside them: cells of several rows."""
    level = sum(any(abs(fragment.bottom - other.bottom) < _LEVEL for other in beside) for fragment in fragments)
    return len(lines_of(fragments)) > 1 and 2 * level > len(fragments)


def _rows_between_lines(row: Row, xs: Sequence[float]) -> list[Row]:
    """The rows that stand between two lines of a grid: several where columns hold several values, or as many lines."""
    stacks = [lines_of(cell) for cell in row if cell]
    values = [sum(is_value(line.text) and any(map(str.isdigit, line.text)) for line in stack) for stack in stacks]
    alike = {len(stack) for stack in stacks}
    if len(stacks) < 2 or (max(values) < 2 and (len(alike) > 1 or max(alike) < _FEWEST_ROWS)):
        return [row]
    lines = lines_of(sorted((fragment for cell in row for fragment in cell), key=lambda f: (-round(f.top), f.left)))
    if sum(len(line.fragments) > 1 for line in lines) < 2:
        return [row]
    return _rows(lines, xs[1:-1], (), wraps=True) or _rows(lines, xs[1:-1], (), wraps=False) or [row]


def _with_columns_inside(xs: Sequence[float], lines: Sequence[Line]) -> list[float]:
    """The x of a grid's lines, and those between columns that no line parts."""
    found = list(xs)
    for left, right in itertools.pairwise(xs):
        inside = [
            Line(tuple(f for f in line.fragments if left - 1 < f.left and f.right < right + 1))
            for line in lines
            if sum(left - 1 < f.left and f.right < right + 1 for f in line.fragments) > 1
        ]
        if len(inside) >= _FEWEST_ROWS:
            places = [x for x in _between_columns(inside) if left + 2 < x < right - 2]
            found += [x for x in places if not _parts_marks(inside, x)]
    return sorted(found)


def _parts_marks(lines: Sequence[Line], place: float) -> bool:
    """Whether nothing but the marks of a list stands on the left of a place where lines are parted."""
    before = [line.fragments[0].text for line in lines if line.fragments[0].right < place]
    return all(ITEM_MARK.fullmatch(text) and not text.isalnum() for text in before)


def table_runs(lines: Sequence[Line], level: Sequence[Rule] = ()) -> list[tuple[int, int, FoundTable]]:
    """Every table as (first line, line after the last, table); `level` are the lines drawn between rows."""
    runs: list[tuple[int, int, FoundTable]] = []
    position = taken = 0
    contents = [_contents_row(line) for line in lines]
    while position < len(lines):
        end = position
        while end < len(lines) and contents[end]:
            end += 1
        if end - position >= _FEWEST_ROWS:
            runs.append((position, end, FoundTable([row for row in contents[position:end] if row], 0)))
            position = taken = end
            continue
        if not _has_cells(lines[position]):
            position += 1
            continue
        found = _run(lines, position, taken, level, wraps=True) or _run(lines, position, taken, level, wraps=False)
        if found is None:
            position = _run_end(lines, position, wraps=False)
            continue
        runs.append(found)
        position = taken = found[1]
    return runs


def _run(
    lines: Sequence[Line], first: int, taken: int, level: Sequence[Rule], *, wraps: bool
) -> tuple[int, int, FoundTable] | None:
    """The table that begins at a line with several cells or, above it after `taken`, with its header.

    With `wraps` only one whose cells wrap, which may have several lines with one cell between those with more.
    """
    end = _run_end(lines, first, wraps=wraps)
    if not wraps:
        end = _without_foot(lines, first, end)
    if wraps and len({len(line.fragments) for line in lines[first:end]}) == 1:
        return None
    columns = _table(lines[first:end], level, wraps=wraps)
    if columns is None:
        return None
    start = first
    while start > taken and _is_header(lines[start - 1], lines[start], columns):
        start -= 1
    end = _with_wrapped_cells(lines, end, columns)
    rows = _rows(lines[start:end], columns, level, wraps=wraps)
    return (start, end, _found(rows)) if rows and len(rows) > 1 else None


def _without_foot(lines: Sequence[Line], first: int, end: int) -> int:
    """The end of a run without a line at its foot that stands across columns: "Made by: Wang   Checked by: Zhao"."""
    if end - first <= _FEWEST_ROWS + 1 or not _has_cells(lines[end - 1]):
        return end
    foot = lines[end - 1]
    rows = [line for line in lines[first : end - 1] if len(line.fragments) > 1]
    places = _between_columns(rows)
    crosses = any(f.left < place - 1 and f.right > place + 1 for f in foot.fragments for place in places)
    is_fewer = len(foot.fragments) <= len(places) and len(places) > len(_between_columns([*rows, foot]))
    return end - 1 if crosses and is_fewer else end


def _contents_row(line: Line) -> Row | None:
    """The title and the page of a line of a table of contents, which dots lead to; None for other lines."""
    found = _CONTENTS.fullmatch(line.text)
    if found is None:
        return None
    last = line.fragments[-1]
    number = last.part(len(last.text) - len(found.group(3)), len(last.text))
    title: Cell = []
    room = len(found.group(1))
    for fragment in line.fragments:
        if room > 0:
            title.append(fragment.part(0, min(room, len(fragment.text))))
            room -= len(fragment.text) + 1
    return [title, [number]]


def _has_cells(line: Line) -> bool:
    """Whether a line has several fragments; one without text stands for a table that was found before."""
    return len(line.fragments) > 1 and all(fragment.end > fragment.start for fragment in line.fragments)


def _run_end(lines: Sequence[Line], start: int, *, wraps: bool) -> int:
    """The end of the lines with several cells from `start` on; a few with one may stand between them."""
    end = start + 1
    single = 0
    for position in range(start + 1, len(lines)):
        line, above = lines[position], lines[position - 1]
        if not 0 < above.bottom - line.bottom <= _ROW_GAP * max(line.height, above.height) + 4:
            break
        if _has_cells(line):
            end, single = position + 1, 0
            continue
        if not line.text:
            break
        single += 1
        run = lines[start:end]
        if wraps and single <= _MOST_SINGLE and _stands_in_column(line.fragments[0], run):
            continue
        left, right = min(each.left for each in run), max(each.right for each in run)
        if single > 2 or line.right - line.left > 0.5 * (right - left) or line.left > right or line.right < left:
            break
    return end


def _stands_in_column(fragment: Fragment, run: Sequence[Line]) -> bool:
    """Whether a fragment begins or ends where cells do, and stands over or under one cell of each line."""
    is_level = any(
        abs(fragment.left - other.left) < _SAME_EDGE or abs(fragment.right - other.right) < _SAME_EDGE
        for line in run
        for cell in line.fragments
        for other in (cell, *cell.words())
    )
    return is_level and all(
        sum(fragment.left < other.right and other.left < fragment.right for other in line.fragments) <= 1
        for line in run
    )


def _table(lines: Sequence[Line], level: Sequence[Rule], *, wraps: bool) -> list[float] | None:
    """The x positions between the columns of a run of lines; None where they are no table."""
    several = [line for line in lines if len(line.fragments) > 1]
    if len(several) < 2:
        return None
    places = _between_rules(lines, level)
    if not places:
        places = _between_columns(several)
        around = _between_columns(lines) if wraps else []  # the lines of a wrapped cell reach further than its last one
        places = around if len(around) == len(places) else places
        places = _with_close_columns(places, several)
    if not places:
        return None
    ruled = _rules_within(lines, level) >= 2
    if len(several) < _FEWEST_ROWS and not ruled and len(places) < 2:
        return None
    cells: list[list[Fragment]] = [[] for _ in range(len(places) + 1)]
    edges = [float("-inf"), *places, float("inf")]
    full = 0
    for line in several:
        columns = [_column_of(fragment, edges) for fragment in line.fragments]
        full += len(set(columns)) == len(cells)
        for column, fragment in zip(columns, line.fragments, strict=True):
            cells[column].append(fragment)
    if len(cells) == 2 and full < _FULL_ROWS * len(several):
        return None
    marks = [ITEM_MARK.fullmatch(fragment.text) is not None for fragment in cells[0]]
    if len(cells) == 2 and sum(marks) > _MOST_LABELS * len(marks):
        return None  # a list
    if len(cells) % 2 == 0:
        labels = [text_ends_label(fragment) for column in cells[::2] for fragment in column]
        if sum(labels) > _MOST_LABELS * len(labels):
            return None  # a form: "Name: Ana Soto"
    wordy = [median(fragment.word_count for fragment in column) >= _PROSE_WORDS for column in cells if column]
    if all(wordy) and not ruled:
        return None
    return places


def _between_columns(lines: Sequence[Line]) -> list[float]:
    """The x positions that hardly any line's text crosses, with text of several lines on either side.

    The first two lines may cross them: they may be headers above several columns.
    """
    headers = 2 if len(lines) > _MOST_HEADERS else 0
    allowed = int(_MOST_CROSSING * (len(lines) - headers))
    changes = sorted(
        change
        for number, line in enumerate(lines)
        for f in line.fragments
        for change in ((f.left + 0.5, int(number >= headers)), (f.right - 0.5, -int(number >= headers)))
    )
    spaces: list[tuple[float, float]] = []
    covering = 0
    for (place, step), (following, _) in itertools.pairwise(changes):
        covering += step
        if covering > allowed or following - place < 0.01:
            continue
        if spaces and place - spaces[-1][1] < 0.02:
            spaces[-1] = (spaces[-1][0], following)
        else:
            spaces.append((place, following))
    spaces = [(start, end) for start, end in spaces if end - start > 1]
    fewest = max(1, min(2, len(lines) - 1), int(_FEWEST_FILLED * len(lines)))
    places: list[float] = []
    left = float("-inf")
    for start, end in spaces:
        place = (start + end) / 2
        filled = sum(any(left < f.left and f.right < place + 1 for f in line.fragments) for line in lines)
        if filled >= fewest:
            places.append(place)
            left = place
    while places:
        filled = sum(any(f.left > places[-1] - 1 for f in line.fragments) for line in lines)
        if filled >= fewest:
            break
        places.pop()
    return places


def _with_close_columns(places: Sequence[float], lines: Sequence[Line]) -> list[float]:
    """The x positions between columns, and those where every line has a space too narrow to part cells by itself."""
    if len(lines) < _FEWEST_CLOSE_ROWS:
        return list(places)
    parts = [[_parted_at_gaps(fragment) for fragment in line.fragments] for line in lines]
    if all(len(own) == 1 for line in parts for own in line):
        return list(places)
    parted = [Line(tuple(itertools.chain.from_iterable(line))) for line in parts]
    found = _between_columns(parted)
    edges = [float("-inf"), *found, float("inf")]
    full = sum(len({_column_of(part, edges) for part in line.fragments}) == len(edges) - 1 for line in parted)
    return found if len(found) > len(places) and full >= _MOST_CLOSE * len(lines) else list(places)


def _parted_at_gaps(fragment: Fragment) -> list[Fragment]:
    """The parts of a fragment between which more than a space stands."""
    words = fragment.words()
    starts = [0]
    for a, b in itertools.pairwise(words):
        if b.left - a.right > _CLOSE_GAP * fragment.size:
            starts.append(b.start - fragment.start)
    ends = [len(fragment.text[:end].rstrip()) for end in [*starts[1:], len(fragment.text)]]
    return [fragment.part(start, end) for start, end in zip(starts, ends, strict=True)]


def _between_rules(lines: Sequence[Line], level: Sequence[Rule]) -> list[float]:
    """The x positions between lines that are drawn end to end, one below each cell, at two heights or more."""
    top, bottom = lines[0].top + 6, lines[-1].bottom - 6
    inside = sorted((rule for rule in level if bottom <= rule.at <= top), key=lambda rule: (round(rule.at), rule.start))
    between = sorted(
        (a.end + b.start) / 2
        for a, b in itertools.pairwise(inside)
        if round(a.at) == round(b.at) and 0 < b.start - a.end < _CELL_SPACING
    )
    groups: list[list[float]] = []
    for place in between:
        if groups and place - groups[-1][0] < 2:
            groups[-1].append(place)
        else:
            groups.append([place])
    return [group[0] for group in groups if len(group) > 1]


def _rules_within(lines: Sequence[Line], level: Sequence[Rule]) -> int:
    left, right = min(line.left for line in lines), max(line.right for line in lines)
    top, bottom = lines[0].top + 6, lines[-1].bottom - 6
    return sum(
        bottom <= rule.at <= top and min(rule.end, right) - max(rule.start, left) > 0.5 * (right - left)
        for rule in level
    )


def _is_header(line: Line, below: Line, places: Sequence[float]) -> bool:
    """Whether a line whose words stand close together is the header, each word over a column."""
    if len(line.fragments) != 1 or not line.text or line.bottom - below.bottom > 3 * line.height:
        return False
    words = [_column_of(word, [float("-inf"), *places, float("inf")]) for word in line.fragments[0].words()]
    crossing = any(word.left < place < word.right for word in line.fragments[0].words() for place in places)
    return not crossing and len(words) == len(places) + 1 and len(set(words)) == len(words)


def _with_wrapped_cells(lines: Sequence[Line], end: int, places: Sequence[float]) -> int:
    """Take in single cells after the last row that go on with a column other than the first."""
    while end < len(lines) and len(lines[end].fragments) == 1 and lines[end].text:
        fragment = lines[end].fragments[0]
        near = 0 < lines[end - 1].bottom - lines[end].bottom < 2 * fragment.height
        if not near or fragment.left < places[0] or any(fragment.left < place < fragment.right for place in places):
            break
        end += 1
    return end


def _column_of(fragment: Fragment, edges: Sequence[float]) -> int:
    """The number of the column that a fragment stands in: by its middle, or by its left edge where it spans several."""
    first, last = bisect(edges, fragment.left, 1, len(edges) - 1), bisect_left(edges, fragment.right, 1, len(edges) - 1)
    if last - first > 1:
        inside = [min(fragment.right, edges[n]) - max(fragment.left, edges[n - 1]) for n in range(first, last + 1)]
        widest = max(range(len(inside)), key=inside.__getitem__)
        return first - 1 + (widest if inside[widest] >= _MOSTLY_INSIDE * fragment.width else 0)
    return bisect(edges, (fragment.left + fragment.right) / 2, 1, len(edges) - 1) - 1


def _split_at(fragment: Fragment, places: Sequence[float]) -> list[Fragment]:
    """The parts of a fragment whose words stand in different columns."""
    if not any(fragment.left < place < fragment.right for place in places):
        return [fragment]
    words = fragment.words()
    if any(_parts_word(word, place) for word in words for place in places):
        return [fragment]  # it spans columns
    parts: list[list[Fragment]] = []
    last = -1
    for word in words:
        column = sum(place <= (word.left + word.right) / 2 for place in places)
        if column == last:
            parts[-1].append(word)
        else:
            parts.append([word])
        last = column
    return [fragment.part(part[0].start - fragment.start, part[-1].end - fragment.start) for part in parts]


def _parts_word(word: Fragment, place: float) -> bool:
    """Whether a place lies well inside of a word: the headers of close columns reach a little into the next."""
    margin = max(1.0, _OVERHANG * word.width)
    return word.left + margin < place < word.right - margin


def _rows(lines: Sequence[Line], places: Sequence[float], level: Sequence[Rule], *, wraps: bool) -> list[Row] | None:
    """The rows of a table's lines; a line that only goes on with cells of the row above is joined to it.

    With `wraps` as `_rows_of_wrapped_cells` tells them.
    """
    edges = [float("-inf"), *places, float("inf")]
    rows: list[Row] = []
    cells_of = []
    for line in lines:
        cells: Row = [[] for _ in edges[1:]]
        for fragment in (part for each in line.fragments for part in _split_at(each, places)):
            cells[_column_of(fragment, edges)].append(fragment)
        if line is lines[0] and len(line.fragments) == len(cells) and not all(cells):
            # Headers on the left of their columns stand over the end of the numbers before them.
            cells = [[fragment] for fragment in line.fragments]
        cells_of.append(cells)
    gaps = [above.bottom - below.bottom for above, below in itertools.pairwise(lines)]
    tight = min(gaps) if gaps else 0.0
    is_spaced = bool(gaps) and max(gaps) > 1.25 * tight
    ruled = _is_ruled(lines, level)
    if wraps:
        return _rows_of_wrapped_cells(lines, cells_of, level if ruled else ())
    for number, (line, cells) in enumerate(zip(lines, cells_of, strict=True)):
        if not rows:
            rows.append(cells)
            continue
        ruled_off = ruled and _is_between(level, lines[number - 1], line)
        if not ruled_off and _goes_on(rows[-1], cells, gaps[number - 1], tight, is_spaced=is_spaced, ruled=ruled):
            for cell, more in zip(rows[-1], cells, strict=True):
                cell += more
        else:
            rows.append(cells)
    return rows


def _rows_of_wrapped_cells(lines: Sequence[Line], cells_of: Sequence[Row], level: Sequence[Rule]) -> list[Row] | None:
    """The rows of a table whose cells wrap and whose rows stand apart; None where they cannot be told so.

    Short cells may stand at the top, in the middle or at the bottom of their row: the lines of each column make cells,
    and cells beside each other make a row. `level` are the lines drawn between rows, where that is how they are parted.
    """
    columns = [[number for number, cells in enumerate(cells_of) if cells[column]] for column in range(len(cells_of[0]))]
    steps = [lines[a].bottom - lines[b].bottom for own in columns for a, b in itertools.pairwise(own)]
    tight = min((step for step in steps if step > 0), default=0.0)
    if not level and sum(step > _SPACED * tight for step in steps) < 2:
        return None
    blocks: list[tuple[list[int], int]] = []  # the lines of a cell, its column
    for column, own in enumerate(columns):
        for number, above in zip(own, [None, *own], strict=False):
            apart = (
                above is None
                or lines[above].bottom - lines[number].bottom > _WRAPPED * tight
                or any(_is_between(level, lines[n], lines[n + 1]) for n in range(above, number))
            )
            if apart:
                blocks.append(([], column))
            blocks[-1][0].append(number)
    rows: list[list[tuple[list[int], int]]] = []
    last = -1
    for numbers, column in sorted(blocks):
        if numbers[0] > last:
            rows.append([])
        rows[-1].append((numbers, column))
        last = max(last, numbers[-1])
    if len(rows) < 2 or len(rows) == len(lines):
        return None
    found: list[Row] = []
    for row in rows:
        cells: Row = [[] for _ in columns]
        for numbers, column in row:
            values = sum(is_value(_text(cells_of[number][column])) for number in numbers)
            if cells[column] or values > 1:
                return None  # cells of several rows
            cells[column] = [fragment for number in numbers for fragment in cells_of[number][column]]
        lengths = {len(numbers) for numbers, _ in row}
        if len(row) > 1 and lengths != {1} and len(lengths) == 1:
            return None  # rows that stand close together
        found.append(cells)
    several = [sum(map(bool, row)) > 1 for row in found]
    return found if several[0] and sum(several) >= _MOST_WITH_CELLS * len(several) else None


def _is_ruled(lines: Sequence[Line], level: Sequence[Rule]) -> bool:
    """Whether lines are drawn between rows, not only below the header and at the ends."""
    between = sum(_is_between(level, above, below) for above, below in itertools.pairwise(lines))
    return between >= 2 and between >= 0.3 * (len(lines) - 1)


def _is_between(level: Sequence[Rule], above: Line, below: Line) -> bool:
    left, right = min(above.left, below.left), max(above.right, below.right)
    top, bottom = (above.bottom + above.top) / 2, (below.bottom + below.top) / 2
    return any(
        bottom < rule.at < top and min(rule.end, right) - max(rule.start, left) > 0.5 * (right - left) for rule in level
    )


def _goes_on(above: Row, cells: Row, gap: float, tight: float, *, is_spaced: bool, ruled: bool) -> bool:
    """Whether a line's cells continue those of the row above."""
    filled = [column for column, cell in enumerate(cells) if cell]
    if not all(above[column] for column in filled) or any(is_value(_text(cells[column])) for column in filled):
        return False
    if len(filled) == len(cells):
        return False
    if ruled:
        return True
    if is_spaced and gap > 1.15 * tight:
        return False
    if filled == [0] and not is_spaced:  # a line with the first column only may begin a group of rows
        text = _text(cells[0])
        return text[0].islower() or _text(above[0])[-1] in ",-(（，、&/" or text[0] in ")）"
    return 0 not in filled or is_spaced


def _found(rows: list[Row]) -> FoundTable:
    """The table of rows as they stand from left to right; where the language runs to the left, so do the cells."""
    text = "".join(_text(cell) for row in rows for cell in row)
    if 2 * len(RIGHT_TO_LEFT.findall(text)) > sum(map(str.isalpha, text)):
        rows = [row[::-1] for row in rows]
    return FoundTable(rows, _headers(rows))


def _headers(rows: Sequence[Row]) -> int:
    """How many of the rows name the columns: none where the first one has values as those below do."""
    texts = [[_text(cell) for cell in row] for row in rows]
    for column in range(len(texts[0])):
        below = [row[column] for row in texts[1:] if row[column]]
        if below and is_value(texts[0][column]) and sum(map(is_value, below)) >= 0.7 * len(below):
            return 0
    return header_rows_of(texts)


def text_ends_label(fragment: Fragment) -> bool:
    """Whether a fragment names what stands on its right."""
    return fragment.text[-1:] in (":", "：")


def _text(cell: Cell) -> str:
    return " ".join(fragment.text for fragment in cell)
