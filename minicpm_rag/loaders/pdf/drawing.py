"""What is drawn on a page beside text: straight lines and the grids they make, pictures, shapes as small as letters."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from statistics import median
from typing import Any

import numpy

from minicpm_rag.loaders.pdf.calls import calls
from minicpm_rag.loaders.pdf.glyphs import turned

_THIN = 3.0  # page units: what is thinner is a line, not an area
_SHORT = 8.0
_WIDE, _HIGH = 60.0, 30.0  # of an area that may hold a paragraph
_NEAR = 2.5  # lines whose distance is less are one
_MOST_OBJECTS = 20_000  # of a page; maps and drawings have more
_MOST_LINES = 1_500
_MOST_SEGMENTS = 10  # of a path that is a line, a rectangle, or the frame between two
_FEWEST_BARS = 3  # of different lengths, that make a chart
_DEEPEST = 3  # forms inside forms

Box = tuple[float, float, float, float]  # left, bottom, right, top in page units


@dataclass(frozen=True)
class Rule:
    """A line at a height (or, if upright, at an x), from one end to the other."""

    at: float
    start: float
    end: float


@dataclass
class Rules:
    """The lines of a page, in its coordinates or turned with its text."""

    level: list[Rule] = field(default_factory=list)
    upright: list[Rule] = field(default_factory=list)
    areas: list[Box] = field(default_factory=list)  # as large as paragraphs

    def add(self, left: float, bottom: float, right: float, top: float) -> None:
        """Add what a path draws, by its box: a line, or the four edges of an area."""
        width, height = right - left, top - bottom
        if height < _THIN and width >= _SHORT:
            self.level.append(Rule((bottom + top) / 2, left, right))
        elif width < _THIN and height >= _SHORT:
            self.upright.append(Rule((left + right) / 2, bottom, top))
        elif width >= _SHORT and height >= _SHORT:
            self.level += [Rule(bottom, left, right), Rule(top, left, right)]
            self.upright += [Rule(left, bottom, top), Rule(right, bottom, top)]
            if width >= _WIDE and height >= _HIGH:
                self.areas.append((left, bottom, right, top))

    def turned(self, turns: int) -> Rules:
        """The lines on a page that is turned clockwise by so many quarters, about the origin."""
        if turns == 0:
            return self
        areas = [_turned(area, turns) for area in self.areas]
        if turns == 2:
            return Rules(_negated(self.level), _negated(self.upright), areas)
        if turns == 1:  # x' = y, y' = -x
            return Rules([Rule(-r.at, r.start, r.end) for r in self.upright], self.level, areas)
        return Rules(self.upright, [Rule(-r.at, r.start, r.end) for r in self.level], areas)


def _turned(area: Box, turns: int) -> Box:
    left, bottom, right, top = turned(numpy.array([area], numpy.float32), turns)[0].tolist()
    return left, bottom, right, top


def _negated(rules: Iterable[Rule]) -> list[Rule]:
    return [Rule(-rule.at, -rule.end, -rule.start) for rule in rules]


@dataclass(frozen=True)
class Grid:
    """The lines of a table: x from left to right, y from top to bottom; not all of the `level` ones reach across it."""

    xs: tuple[float, ...]
    ys: tuple[float, ...]
    level: tuple[Rule, ...] = ()

    def drawn_at(self, y: float) -> list[Rule]:
        """The lines that are drawn at a height."""
        return [rule for rule in self.level if abs(rule.at - y) < 2 * _NEAR]


@dataclass(frozen=True)
class Picture:
    """A picture and where it stands; one that is used again has the same identity."""

    box: Box
    identity: tuple[int, int, int]  # width and height in pixels, bytes
    thing: Any = None  # pdfium's object, while its page is open

    @property
    def area(self) -> float:
        """In square page units."""
        left, bottom, right, top = self.box
        return (right - left) * (top - bottom)


def _identity(thing: Any) -> tuple[int, int, int]:
    import pypdfium2.raw as pdfium

    width, height = ctypes.c_uint(), ctypes.c_uint()
    pdfium.FPDFImageObj_GetImagePixelSize(thing, ctypes.byref(width), ctypes.byref(height))
    return width.value, height.value, pdfium.FPDFImageObj_GetImageDataRaw(thing, None, 0)


@dataclass
class Drawing:
    """What is drawn on a page."""

    rules: Rules = field(default_factory=Rules)
    pictures: list[Picture] = field(default_factory=list)
    letters: int = 0  # shapes of a letter's size
    _seen: int = 0

    def read(self, page: int | None, width: float, form: int | None = None, depth: int = 0) -> None:
        """Take in what the page, or a form on it, at that address draws; the caller holds the lock."""
        import pypdfium2.raw as pdfium

        call = calls()
        if form:
            count = pdfium.FPDFFormObj_CountObjects(ctypes.cast(form, pdfium.FPDF_PAGEOBJECT))
        else:
            count = pdfium.FPDFPage_CountObjects(ctypes.cast(page or 0, pdfium.FPDF_PAGE))
        edges = (ctypes.c_float * 4)()
        places = [ctypes.addressof(edges) + 4 * number for number in range(4)]
        path, image, nested = pdfium.FPDF_PAGEOBJ_PATH, pdfium.FPDF_PAGEOBJ_IMAGE, pdfium.FPDF_PAGEOBJ_FORM
        object_of, whole = (call.form_object, form) if form else (call.page_object, page)
        things = list(map(object_of, repeat(whole), range(min(count, _MOST_OBJECTS - self._seen))))
        for thing, kind in zip(things, map(call.kind, things), strict=True):
            self._seen += 1
            if kind == nested and depth < _DEEPEST:
                self.read(page, width, thing, depth + 1)
            elif kind in (path, image) and call.bounds(thing, *places):
                left, bottom, right, top = edges
                if kind == image:
                    own = ctypes.cast(thing, pdfium.FPDF_PAGEOBJECT)
                    self.pictures.append(Picture((left, bottom, right, top), _identity(own), own))
                    continue
                self.letters += 2 < top - bottom < 40 and 0.5 < right - left < 40
                # Places inside of a form are its own; what fills the page is its background.
                if not form and right - left < 0.97 * width and call.segments(thing) <= _MOST_SEGMENTS:
                    self.rules.add(left, bottom, right, top)


def read_drawing(page: Any) -> Drawing:
    """What is drawn on a pdfium page; the caller holds the lock."""
    drawing = Drawing()
    drawing.read(ctypes.cast(page.raw, ctypes.c_void_p).value, float(page.get_width()))
    if len(drawing.rules.level) + len(drawing.rules.upright) > _MOST_LINES:
        drawing.rules = Rules()
    return drawing


def grids_and_charts(rules: Rules) -> tuple[list[Grid], list[Box]]:
    """The grids: lines that cross each other and make at least two rows and two columns; the boxes of bar charts."""
    if not rules.level or not rules.upright:
        return [], []
    level, upright = _merged(rules.level), _merged(rules.upright)
    owner = list(range(len(level) + len(upright)))

    def root(index: int) -> int:
        while owner[index] != index:
            owner[index] = owner[owner[index]]
            index = owner[index]
        return index

    for i, j in _crossings(level, upright):
        owner[root(len(level) + j)] = root(i)
    grids: list[Grid] = []
    charts: list[Box] = []
    for each in {root(index) for index in range(len(owner))}:
        across = [h for i, h in enumerate(level) if root(i) == each]
        down = [v for j, v in enumerate(upright) if root(len(level) + j) == each]
        if across and down and (_are_bars(across) or _are_bars(down)):
            left, right = min(h.start for h in across), max(h.end for h in across)
            charts.append((left, min(v.start for v in down), right, max(v.end for v in down)))
        elif across and down:
            # Where no line closes the table at a side, those across it tell how far it reaches.
            xs = [*_apart(v.at for v in down), median(h.start for h in across), median(h.end for h in across)]
            ys = [*_apart(h.at for h in across), median(v.start for v in down), median(v.end for v in down)]
            grid = Grid(tuple(_apart(xs, _SHORT)), tuple(reversed(_apart(ys, _SHORT))), tuple(across))
            if len(grid.xs) >= 3 and len(grid.ys) >= 3:
                grids.append(grid)
    return grids, charts


def _crossings(level: Sequence[Rule], upright: Sequence[Rule]) -> list[list[int]]:
    """The numbers of each two lines that cross or touch."""
    h, v = (numpy.array([(rule.at, rule.start, rule.end) for rule in rules]).T for rules in (level, upright))
    crosses = (h[1, :, None] - _NEAR <= v[0]) & (v[0] <= h[2, :, None] + _NEAR)
    crosses &= (v[1] - _NEAR <= h[0, :, None]) & (h[0, :, None] <= v[2] + _NEAR)
    found: list[list[int]] = numpy.argwhere(crosses).tolist()
    return found


def _are_bars(rules: Sequence[Rule]) -> bool:
    """Whether lines in one direction are the edges of a chart's bars: they begin at one place and end at many."""
    for near, far in (("start", "end"), ("end", "start")):
        begins = [getattr(rule, near) for rule in rules]
        if len(rules) >= 2 * _FEWEST_BARS and max(begins) - min(begins) < _NEAR:
            return len(_apart(getattr(rule, far) for rule in rules)) >= _FEWEST_BARS
    return False


def _merged(rules: Sequence[Rule]) -> list[Rule]:
    """Lines end to end at one place as one."""
    merged: list[Rule] = []
    for rule in sorted(rules, key=lambda r: (round(r.at / _NEAR), r.start)):
        last = merged[-1] if merged else None
        if last is not None and abs(last.at - rule.at) < _NEAR and rule.start <= last.end + _NEAR:
            merged[-1] = Rule(last.at, last.start, max(last.end, rule.end))
        else:
            merged.append(rule)
    return merged


def _apart(places: Iterable[float], distance: float = 2 * _NEAR) -> list[float]:
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > distance:
            found.append(place)
    return found
