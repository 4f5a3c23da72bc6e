"""What a question names and a passage lacks: a number or a year.

The page for 2023 does not answer for 2022, however many words it shares with the question. Names that are missing are
seen by the reader; looking for them here told nothing more.
"""

from __future__ import annotations

from minicpm_rag.text.numerals import numbers

_SMALL = 10.0  # "the two sides", "the 3 largest": up to here a number may count what the passage lists


def lacking_numbers(question: str, source: str) -> list[float]:
    """The numbers of the question that the source, a passage with what stands above it, does not hold."""
    held = numbers(source)
    decades = {value % 100 for value in held if 1000 <= value < 2100}  # "the 70s"
    return sorted(value for value in numbers(question) - held if value > _SMALL and value not in decades)
