"""Whether a picture on a page of text looks like text."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import numpy

from minicpm_rag.loaders.pdf.drawing import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_MOST_PIXELS = 30_000_000
_FEWEST_PIXELS = 12  # on either side, once thinned
_PAPER = 0.5  # share of a picture of text that has one shade
_INK = (0.001, 0.4)  # share that is much darker or lighter
_FEWEST_LINES = 2
_FEWEST_STROKES = 8  # edges between ink and paper on the usual line


def looks_like_text(picture: Picture) -> bool:
    """Whether a picture has paper of one shade, and ink on it in lines: not a photograph, though a table may pass.

    Its page must be open; the caller holds the lock.
    """
    shades = _shades(picture)
    if shades is None or shades.shape[0] < _FEWEST_PIXELS or shades.shape[1] < _FEWEST_PIXELS:
        return False
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


def _shades(picture: Picture) -> NDArray[numpy.int16] | None:
    """A picture's pixels from black to white, thinned to about one for each page unit."""
    import pypdfium2.raw as pdfium

    width, height, _ = picture.identity
    bitmap = pdfium.FPDFImageObj_GetBitmap(picture.thing) if width * height <= _MOST_PIXELS else None
    if not bitmap:
        return None
    try:
        depth = {pdfium.FPDFBitmap_Gray: 1, pdfium.FPDFBitmap_BGR: 3}.get(pdfium.FPDFBitmap_GetFormat(bitmap), 4)
        width, height = pdfium.FPDFBitmap_GetWidth(bitmap), pdfium.FPDFBitmap_GetHeight(bitmap)
        stride = pdfium.FPDFBitmap_GetStride(bitmap)
        buffer = ctypes.string_at(pdfium.FPDFBitmap_GetBuffer(bitmap), stride * height)
    finally:
        pdfium.FPDFBitmap_Destroy(bitmap)
    pixels = numpy.frombuffer(buffer, numpy.uint8).reshape(height, stride)[:, : width * depth]
    left, _, right, _ = picture.box
    step = max(1, round(width / max(right - left, 1.0)))
    green = pixels.reshape(height, width, depth)[::step, ::step, min(1, depth - 1)]  # it is nearest to brightness
    shades: NDArray[numpy.int16] = green.astype(numpy.int16)
    return shades
