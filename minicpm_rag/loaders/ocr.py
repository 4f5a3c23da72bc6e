"""Recognises Chinese and English text in pictures with RapidOCR, the `ocr` extra, whose models come with it.

Turns the picture upright first. Returns lines with their boxes; does not know pages or how lines become paragraphs.
"""

from __future__ import annotations

import functools
import importlib.util
import itertools
import math
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image

_LOCK = threading.Lock()
_SURE = 0.85  # trust in a picture that needs no turning: upside down, lines score less
_SIDEWAYS = 0.4  # below, most lines stand upright
_LEAST_SCORE = 0.6  # lines below are noise: ruled lines, stamps, dirt
_LONG = 4  # times as long as high: such a line's edge says how the page lies
_LEAST_SLOPE, _MOST_SLOPE = 0.003, 0.2  # radians
_LONGEST_SIDE = 4000  # pixels; an A4 page at 300 dots per inch has 3500

Box = list[tuple[float, float]]  # the corners of a line, clockwise from its beginning


@dataclass(frozen=True)
class RecognisedLine:
    """A line of text and its upright box in pixels from the top left."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    score: float  # 0..1


def is_available() -> bool:
    """Tell whether the `ocr` extra is installed."""
    return all(importlib.util.find_spec(name) is not None for name in ("rapidocr", "onnxruntime"))


@dataclass(frozen=True)
class Recognised:
    """The lines of text in a picture that was turned upright, whose size then is `width` by `height`."""

    lines: list[RecognisedLine]
    width: int
    height: int
    unread: int = 0  # places that look like lines, where none was read

    @property
    def trust(self) -> float:
        """The mean score of a character, lines that stand upright counting nothing: 0 where there is no text."""
        letters = sum(len(line.text) for line in self.lines)
        level = [line for line in self.lines if line.right - line.left >= line.bottom - line.top or len(line.text) < 3]
        return sum(line.score * len(line.text) for line in level) / letters if letters else 0.0


def recognise(image: Image) -> Recognised:
    """The lines of text in a picture, roughly from top to bottom; one that lies sideways or upside down is turned."""
    image = image.convert("RGB")
    image.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    best = _recognised(image)
    if best.trust >= _SURE or not (best.lines or best.unread):
        return best
    for turn in (270, 90, 180) if best.trust < _SIDEWAYS else (180, 90, 270):
        turned = _recognised(image.rotate(turn, expand=True))
        if turned.trust > best.trust:
            best = turned
        if best.trust >= _SURE:
            break
    return best


def _recognised(image: Image) -> Recognised:
    import numpy

    pixels = numpy.asarray(image)[:, :, ::-1]  # RapidOCR takes blue first, as OpenCV does
    with _LOCK:
        # Its direction classifier turns some upright lines round, so it is left out.
        result = _engine()(pixels, use_cls=False)
    found = list(zip(result.txts or (), result.scores or (), _boxes(result), strict=True))
    sure = [(text.strip(), float(score), box) for text, score, box in found if text.strip() and score >= _LEAST_SCORE]
    lines = []
    boxes = _levelled([box for _, _, box in sure], image.width / 2, image.height / 2)
    for (text, score, _), box in zip(sure, boxes, strict=True):
        xs, ys = [point[0] for point in box], [point[1] for point in box]
        lines.append(RecognisedLine(text, min(xs), min(ys), max(xs), max(ys), score))
    return Recognised(_in_rows(lines), image.width, image.height, len(found) - len(lines))


def _in_rows(lines: list[RecognisedLine]) -> list[RecognisedLine]:
    """The lines from top to bottom, those that stand at one height from left to right."""
    rows: list[list[RecognisedLine]] = []
    for line in sorted(lines, key=lambda each: each.top + each.bottom):
        first = rows[-1][0] if rows else None
        if first is not None and abs(line.top + line.bottom - first.top - first.bottom) < line.bottom - line.top:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda each: each.left)]


def _levelled(boxes: list[Box], x: float, y: float) -> list[Box]:
    """The boxes of a page that was laid on the scanner a little askew, turned about a point until lines are level.

    Otherwise a row of a table would have its first cell on one line and its last on the next.
    """
    edges = sorted(
        (math.atan2(box[1][1] - box[0][1], box[1][0] - box[0][0]), length)
        for box in boxes
        if (length := math.dist(box[0], box[1])) > _LONG * math.dist(box[1], box[2])
    )
    halves = list(itertools.accumulate(length for _, length in edges))
    # The middle one by length: the edge of a short word says little.
    slope = next((edges[n][0] for n, total in enumerate(halves) if 2 * total >= halves[-1]), 0.0)
    if not _LEAST_SLOPE < abs(slope) < _MOST_SLOPE:
        return boxes
    cosine, sine = math.cos(slope), math.sin(slope)
    return [
        [(x + (a - x) * cosine + (b - y) * sine, y + (b - y) * cosine - (a - x) * sine) for a, b in box]
        for box in boxes
    ]


def _boxes(result: Any) -> list[Box]:
    if result.boxes is None:
        return []
    return [[(float(x), float(y)) for x, y in box] for box in result.boxes]


@functools.cache
def _engine() -> Any:
    """Load the models once; the caller holds the lock."""
    # onnxruntime writes telemetry files on import unless it is told not to before.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    from rapidocr import RapidOCR

    # Every place that looks like a line is wanted, also where nothing sure was read: the picture may lie upside down.
    return RapidOCR(params={"Global.log_level": "error", "Global.text_score": 0.0})
