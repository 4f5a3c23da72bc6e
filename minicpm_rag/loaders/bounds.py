"""What one document may become at most: a file of some kilobytes can stand for gigabytes of text, cells or pages.

Readers count what they are about to make. That is besides the limits of the process they run in, which know no
difference between a bomb and a large document, and end either late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Literal

from minicpm_rag.errors import DocumentError

MOST_STYLES = 12  # that may be based on each other; Word itself stops at 11

Counted = Literal["characters", "cells", "pages", "parts"]

MOST: dict[Counted, int] = {
    "characters": 100_000_000,  # a long novel has three million
    "cells": 10_000_000,  # empty ones too, and those that a cell spans
    "pages": 100_000,
    "parts": 10_000,  # of a message: texts, attachments, messages inside it
}

_TOO_MANY: dict[Counted, str] = {
    "characters": "loaders.too_many_characters",
    "cells": "loaders.too_many_cells",
    "pages": "loaders.too_many_pages",
    "parts": "loaders.too_many_parts",
}

_counts: ContextVar[Counter[Counted] | None] = ContextVar("counts", default=None)


@contextmanager
def one_document() -> Iterator[None]:
    """Begin to count for what is read in the block."""
    token = _counts.set(Counter())
    try:
        yield
    finally:
        _counts.reset(token)


@contextmanager
def one_message() -> Iterator[None]:
    """Begin to count parts anew: what is read in the block is one message of many in a mailbox."""
    counts = _counts.get()
    before = counts["parts"] if counts is not None else 0
    if counts is not None:
        counts["parts"] = 0
    try:
        yield
    finally:
        if counts is not None:
            counts["parts"] = before


def number_of(text: str | None, otherwise: int) -> int:
    """The number that a file writes in digits; `otherwise` where it is none, or one that no file needs."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else otherwise


def count(what: Counted, number: int = 1) -> None:
    """Count what is about to be made; raises DocumentError where it becomes too much for one document.

    Outside of a document nothing is counted.
    """
    counts = _counts.get()
    if counts is None:
        return
    counts[what] += number
    if counts[what] > MOST[what]:
        raise DocumentError(_TOO_MANY[what], limit=MOST[what])
