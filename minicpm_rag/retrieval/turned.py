"""The vectors that a question is searched by: without what all questions share, and turned to the other language.

A question's vector lies near the vectors of all questions, so that passages near those are near to it whatever is
asked; and it lies nearer to every text of its own language than to what answers it in the other. Both are directions
that questions about nothing show, so taking them away costs no search.

Their mean vectors, of the embedder that has a reader, are in about_nothing.json: `training/about_nothing.py` writes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from minicpm_rag.messages import Language

ABOUT_NOTHING = Path(__file__).with_name("about_nothing.json")
COMMON = 0.5  # how much of the vector of questions about nothing is taken away; .3 to .8 find alike
TURN = 0.6  # how far to go from the one language to the other; from .5 on nearly all that is found is in the other


def without_common(vector: Sequence[float], language: Language) -> list[float]:
    """The vector of a question in that language, without what it has in common with every question."""
    return [number - COMMON * common for number, common in zip(vector, _about_nothing()[language], strict=True)]


def turned_abroad(vector: Sequence[float], language: Language) -> list[float]:
    """The same, turned from texts in its own language to those in the other."""
    own, other = _about_nothing()[language], _about_nothing()["en" if language == "zh" else "zh"]
    return [
        number - COMMON * one + TURN * (another - one) for number, one, another in zip(vector, own, other, strict=True)
    ]


@cache
def _about_nothing() -> dict[Language, list[float]]:
    """The mean vector of the questions about nothing in each language."""
    means: dict[Language, list[float]] = json.loads(ABOUT_NOTHING.read_text(encoding="utf-8"))
    return means
