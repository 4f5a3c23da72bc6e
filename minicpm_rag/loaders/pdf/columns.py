"""Finds the columns of a PDF page, so that they are read one after the other and not line by line across.

A table also stands in columns, but its cells are short: columns of prose are told by lines that fill them.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from minicpm_rag.loaders.pdf.drawing import Box
from minicpm_rag.loaders.pdf.lines import Fragment

_MOST_COLUMNS = 5
_PROSE_WORDS = 5  # of a line of prose beside which margin notes may stand
_FEWEST_PROSE_LINES = 6
_FEWEST_LINES = 4  # a side with fewer is no column
_MOST_CROSSING = 0.25  # share of the fragments: titles and figures across both columns
_FILLED = 0.55  # share of a column's width that its usual line fills
_FEWEST_BOXED_LINES = 3
_MOST_LEVEL = 0.5  # share of a box's lines that stand level with lines beside it
_PROSE_WIDTH = 8.0  # of the line height: narrower fragments are cells, not lines of prose


def arrange_page(fragments: Sequence[Fragment], areas: Sequence[Box]) -> list[list[Fragment]]:
    """Blocks of fragments in reading order; text in one of the areas comes before the text that is beside it."""
    if areas and _gutter(fragments) is None:
        for area in sorted(areas, key=lambda box: (box[0] - box[2]) * (box[3] - box[1])):
            inside = [f for f in fragments if _is_in(f, area)]
            if not _is_text_box(fragments, inside, area):
                continue
            outside = [f for f in fragments if not _is_in(f, area)]
            above = [f for f in outside if (f.bottom + f.top) / 2 >= area[3]]
            below = [f for f in outside if (f.bottom + f.top) / 2 <= area[1]]
            others = [other for other in areas if other != area]
            parts = (above, inside, _beside(outside, area), below)
            return [block for part in parts for block in arrange_page(part, others)]
    return arrange(fragments)


def _is_in(fragment: Fragment, area: Box) -> bool:
    left, bottom, right, top = area
    return left < (fragment.left + fragment.right) / 2 < right and bottom < (fragment.bottom + fragment.top) / 2 < top


def _beside(fragments: Sequence[Fragment], area: Box) -> list[Fragment]:
    return [f for f in fragments if area[1] < (f.bottom + f.top) / 2 < area[3]]


def _is_text_box(fragments: Sequence[Fragment], inside: Sequence[Fragment], area: Box) -> bool:
    """Whether an area holds a text of its own beside other text; a shaded column's lines stand beside its rows'."""
    beside = [f for f in _beside(fragments, area) if not _is_in(f, area)]
    crossing = any(f.left < area[0] - 1 or f.right > area[2] + 1 for f in inside)
    if crossing or not beside or any(f.left < area[2] - 1 and f.right > area[0] + 1 for f in beside):
        return False
    heights = {round(f.bottom) for f in inside}
    level = sum(any(abs(height - f.bottom) < 1.5 for f in beside) for height in heights)
    return len(heights) >= _FEWEST_BOXED_LINES and level <= _MOST_LEVEL * len(heights)


def arrange(fragments: Sequence[Fragment]) -> list[list[Fragment]]:
    """Return blocks of fragments in reading order; within a block the drawing order is kept."""
    gutter = _gutter(fragments)
    if gutter is None:
        notes = _margin_notes(fragments)
        if notes:
            beside = set(map(id, notes))
            return [*arrange([fragment for fragment in fragments if id(fragment) not in beside]), notes]
        return [list(fragments)] if fragments else []
    crossing = sorted((f for f in fragments if _crosses(f, gutter)), key=lambda f: -f.top)
    blocks: list[list[Fragment]] = []
    rest = [fragment for fragment in fragments if not _crosses(fragment, gutter)]
    for divider in [*crossing, None]:
        band = [f for f in rest if divider is None or f.bottom >= divider.bottom]
        rest = [f for f in rest if not (divider is None or f.bottom >= divider.bottom)]
        blocks += arrange([f for f in band if f.right <= gutter + 1])
        blocks += arrange([f for f in band if f.right > gutter + 1])
        if divider is not None:
            if blocks and not band and blocks[-1] and _crosses(blocks[-1][-1], gutter):
                blocks[-1].append(divider)  # a title or paragraph across both columns
            else:
                blocks.append([divider])
    return [block for block in blocks if block]


def _margin_notes(fragments: Sequence[Fragment]) -> list[Fragment]:
    """The fragments beside a column of prose, in its margin: they belong to no line of it."""
    if not fragments:
        return []
    width = max(f.right for f in fragments) - min(f.left for f in fragments)
    prose = [f for f in fragments if f.width >= 0.5 * width and f.word_count >= _PROSE_WORDS]
    if len(prose) < _FEWEST_PROSE_LINES:
        return []
    left, right = min(f.left for f in prose), max(f.right for f in prose)
    notes = [f for f in fragments if f.right <= left + 1 or f.left >= right - 1]
    return notes if len(notes) <= 0.5 * len(prose) else []


def _crosses(fragment: Fragment, x: float) -> bool:
    return fragment.left < x - 1 and fragment.right > x + 1


def _gutter(fragments: Sequence[Fragment], columns: int = _MOST_COLUMNS) -> float | None:
    """Return the x just left of a right-hand column of prose, None where the page has one column."""
    best: tuple[int, float] | None = None
    for x in _left_edges(fragments):
        crossing = len([1 for f in fragments if f.left < x - 1 and f.right > x + 1])
        if crossing > _MOST_CROSSING * len(fragments) or (best is not None and crossing >= best[0]):
            continue
        left = [fragment for fragment in fragments if fragment.right <= x + 1]
        right = [fragment for fragment in fragments if fragment.left >= x - 1]
        if not (_is_column(left) and _reads_as_columns(right, columns - 1)):
            continue
        overlap = min(_top(left), _top(right)) - max(_bottom(left), _bottom(right))
        if overlap < 0.3 * min(_top(left) - _bottom(left), _top(right) - _bottom(right)):
            continue
        best = (crossing, x)
    return None if best is None else best[1]


def _left_edges(fragments: Sequence[Fragment]) -> list[float]:
    """Return the x positions where several fragments begin, except the leftmost."""
    edges: list[list[float]] = []
    for left in sorted(fragment.left for fragment in fragments):
        if edges and left - edges[-1][0] < 3:
            edges[-1].append(left)
        else:
            edges.append([left])
    return [group[0] - 0.5 for group in edges[1:] if len(group) >= _FEWEST_LINES]


def _reads_as_columns(fragments: Sequence[Fragment], columns: int) -> bool:
    return _is_column(fragments) or (columns > 1 and _gutter(fragments, columns) is not None)


def _is_column(fragments: Sequence[Fragment]) -> bool:
    if len(fragments) < _FEWEST_LINES:
        return False
    width = max(f.right for f in fragments) - min(f.left for f in fragments)
    usual = median(fragment.width for fragment in fragments)
    return usual >= _FILLED * width and usual >= _PROSE_WIDTH * median(f.height for f in fragments)


def _top(fragments: Sequence[Fragment]) -> float:
    return max(fragment.top for fragment in fragments)


def _bottom(fragments: Sequence[Fragment]) -> float:
    return min(fragment.bottom for fragment in fragments)
