"""What a question names and a passage lacks: a number, a year, a character that the models cannot read.

The page for 2023 does not answer for 2022, however many words it shares with the question; and to a model that knows
neither 鲵 nor 鲥, what is said of one fish is said of the other. Other names that are missing are seen by the reader:
looking for them here told nothing more. Where it sees no answer, one thing more is looked for, the office of a person
who is asked for: the teacher does not answer for the assistant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.scripts import has_han, is_han
from minicpm_rag.text.terms import fold, terms

_OFFICE_ZH = re.compile(
    r"(?:^|的)(?:现任|新任|新|首任)?(?P<of>[^的，,。是为？?]{2,6})(?:是|为)(?:谁|哪位)[？?]?$|^谁是(?:.*的)?(?P<is>[^的，,。？?]{2,6})[？?]?$"
)
_OFFICE_EN = re.compile(
    r"\bwho (?:is|was) (?:the |our |its )?(?:new |current |present |former |first )?"
    r"(?P<office>[a-z-]+(?: [a-z-]+){0,2}?)"
    r"(?: (?:of|at|for|in) .*)?[?]?$"
)
_SMALL = 10.0  # "the two sides", "the 3 largest": up to here a number may count what the passage lists


def lacking_numbers(question: str, source: str) -> list[float]:
    """The numbers of the question that the source, a passage with what stands above it, does not hold."""
    asked = _asked_numbers(question)
    if not asked:
        return []
    held = numbers(source)
    decades = {value % 100 for value in held if 1000 <= value < 2100}  # "the 70s"
    return sorted(asked - held - decades)


@lru_cache(maxsize=32)  # one question is compared with many passages
def _asked_numbers(question: str) -> frozenset[float]:
    return frozenset(value for value in numbers(question) if value > _SMALL)


def unreadable(question: str, readable_share: Callable[[str], float]) -> frozenset[str]:
    """The Han characters of the question that a vocabulary does not have, folded."""
    return frozenset(one for one in fold(question) if is_han(one) and readable_share(one) < 1)


def lacks_something(question: str, unread: frozenset[str], source: str) -> bool:
    """Whether the source lacks a number of the question, or one of its characters that were not read."""
    return bool(lacking_numbers(question, source)) or not unread <= set(fold(source) if unread else "")


def lacks_office(question: str, source: str) -> bool:
    """Whether a question asks who holds an office, and the source, of the question's language, does not name it."""
    plain, said = fold(question).strip(), fold(source)
    match = (_OFFICE_ZH if has_han(plain) else _OFFICE_EN).search(plain)
    if match is None or has_han(plain) != has_han(said):
        return False
    office = next(filter(None, match.groups()), "")
    if not has_han(plain):
        return terms(office)[-1] not in terms(said)
    return office[-2:] not in said and office[:2] not in said
