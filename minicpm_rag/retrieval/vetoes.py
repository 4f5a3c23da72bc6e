"""What a question names and a passage lacks: a number, a year, a character that the models cannot read.

The page for 2023 does not answer for 2022, however many words it shares with the question; and to a model that knows
neither 鲵 nor 鲥, what is said of one fish is said of the other. Other names that are missing are seen by the reader:
looking for them here told nothing more.
"""

from __future__ import annotations

from collections.abc import Callable

from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.terms import fold

_SMALL = 10.0  # "the two sides", "the 3 largest": up to here a number may count what the passage lists


def lacking_numbers(question: str, source: str) -> list[float]:
    """The numbers of the question that the source, a passage with what stands above it, does not hold."""
    held = numbers(source)
    decades = {value % 100 for value in held if 1000 <= value < 2100}  # "the 70s"
    return sorted(value for value in numbers(question) - held if value > _SMALL and value not in decades)


def unreadable(question: str, readable_share: Callable[[str], float]) -> frozenset[str]:
    """The Han characters of the question that a vocabulary does not have, folded."""
    return frozenset(one for one in fold(question) if is_han(one) and readable_share(one) < 1)


def lacks_something(question: str, unread: frozenset[str], source: str) -> bool:
    """Whether the source lacks a number of the question, or one of its characters that were not read."""
    return bool(lacking_numbers(question, source)) or not unread <= set(fold(source) if unread else "")
