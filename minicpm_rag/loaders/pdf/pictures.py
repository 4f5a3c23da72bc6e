"""Pictures on a page of text: which part of the drawn page they are, and whether they look like text."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy

from minicpm_rag.loaders.pdf.drawing import Box
from minicpm_rag.loaders.pdf.pages import RawPage

if TYPE_CHECKING:
    from PIL.Image import Image

_PAPER = 0.5  # share of a picture of text that has one shade
_INK = (0.001, 0.4)  # share that is much darker or lighter
_FEWEST_LINES = 2
_FEWEST_STROKES = 8  # edges between ink and paper on the usual line


def part_of(picture: Image, raw: RawPage, box: Box) -> Image:
    """The part of a drawn page that a box covers."""
    scale = picture.width / raw.width
    left, top, right, bottom = (raw.upright(numpy.array([box], numpy.float32))[0] * scale).tolist()
    edges = (max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom))
    return picture.crop((round(edges[0]), round(edges[1]), round(edges[2]), round(edges[3])))


def looks_like_text(picture: Image) -> bool:
    """Whether a picture has paper of one shade, and ink on it in lines: not a photograph, though a table may pass."""
    if picture.width < 30 or picture.height < 12:
        return False
    shades = numpy.asarray(picture.convert("L")).astype(numpy.int16)
    paper = int(numpy.bincount(shades.ravel() // 16, minlength=16).argmax()) * 16 + 8
    if (numpy.abs(shades - paper) <= 24).mean() < _PAPER:
        return False
    ink = numpy.abs(shades - paper) > 70
    if not _INK[0] < ink.mean() < _INK[1]:
        return False
    edges = numpy.abs(numpy.diff(ink.astype(numpy.int8), axis=1)).sum(axis=1)
    written = edges >= _FEWEST_STROKES
    starts = numpy.flatnonzero(numpy.diff(numpy.concatenate([[0], written.astype(numpy.int8), [0]])) == 1)
    return len(starts) >= _FEWEST_LINES and float(numpy.median(edges[written])) >= _FEWEST_STROKES
