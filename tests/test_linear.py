"""No text makes the program slow out of proportion: four times as much takes about four times as long.

Compared in processor time of this thread, so a loaded machine changes nothing; "about" is generous.
"""

from __future__ import annotations

import pytest
from regular_expressions import Expression, attacks, expressions, repeated, seconds

PARTS = (
    "text",
    "loaders",
    "chunking",
    "retrieval",
    "answering",
    "library",
    "indexing",
    "embedding",
    "messages",
    "page/html",
)
# Quadratic, but never asked about more than some characters.
SHORT = {
    "minicpm_rag.loaders.tables._VALUE": "is_value: 60 characters",
    "minicpm_rag.loaders.pdf.layout: re.compile('[^\\\\W\\\\d_](?:[\\\\w-]*)-\\\\Z')": "_join: 40 characters",
}


def is_slow(expression: Expression, attack: tuple[str, str, str]) -> bool:
    """Whether the time for an attack grows faster than its length."""

    def taken(length: int) -> float:
        text = repeated(expression.pattern, attack, length)
        return min(seconds(expression, text) for _ in range(2))

    if taken(60) > 0.005 or taken(250) > 0.02:
        return True
    thousand = taken(1000)  # a quadratic pattern takes some nanoseconds for each pair of characters
    return thousand > 0.001 and taken(4000) > 8 * thousand


@pytest.mark.parametrize("part", PARTS)
def test_no_regular_expression_is_quadratic(part: str) -> None:
    slow = {
        expression.place: attack
        for expression in expressions(part)
        if expression.place not in SHORT
        for attack in attacks(expression.pattern)
        if is_slow(expression, attack)
    }
    assert slow == {}
