"""Recognises Chinese and English text in pictures with RapidOCR, the `ocr` extra, whose models come with it.

Returns lines with their boxes; does not know pages or how lines become paragraphs.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_LOCK = threading.Lock()
_LEAST_SCORE = 0.5  # lines below are noise: ruled lines, stamps, dirt
_LONGEST_SIDE = 4000  # pixels; an A4 page at 300 dots per inch has 3500


@dataclass(frozen=True)
class RecognisedLine:
    """A line of text and its upright box in pixels from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float


def is_available() -> bool:
    """Tell whether the `ocr` extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


def recognise(image: Image) -> list[RecognisedLine]:
    """Return the lines of text in a picture, roughly from top to bottom."""
    import numpy

    image = image.convert("RGB")
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    pixels = numpy.asarray(image)[:, :, ::-1]  # RapidOCR takes blue first, as OpenCV does
    with _LOCK:
        # Its direction classifier turns some upright lines round, so it is left out: pages must stand upright.
        result = _engine()(pixels, use_cls=False)
    lines = []
    for text, score, box in zip(result.txts or (), result.scores or (), _boxes(result), strict=True):
        if text.strip() and score >= _LEAST_SCORE:
            xs, ys = [point[0] for point in box], [point[1] for point in box]
            lines.append(RecognisedLine(text.strip(), min(xs), min(ys), max(xs), max(ys)))
    return lines


def _boxes(result: Any) -> list[list[tuple[float, float]]]:
    if result.boxes is None:
        return []
    return [[(float(x), float(y)) for x, y in box] for box in result.boxes]


@functools.cache
def _engine() -> Any:
    """Load the models once; the caller holds the lock."""
    # onnxruntime writes telemetry files on import unless it is told not to before.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from rapidocr import RapidOCR

    return RapidOCR(params={"Global.log_level": "error"})
