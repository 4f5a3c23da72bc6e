"""Which rows of a table a question names by their cells: 中二班在哪个教室？ names one, and its neighbours say nothing.

Knows rows and a question only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest

from minicpm_rag.text.dates import days_of, months_of
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.table_rows import cells
from minicpm_rag.text.terms import fold

_LONGEST = 40  # characters of a cell that names its row
_SHORTEST, _SHORTEST_HAN = 3, 2
# Rows are asked for beside the one that is named, or those that are not.
_ASKS_FOR_OTHERS = re.compile(
    r"[不没未非无除]|比(?!赛|例)|其[他它余]|以[上下前后]|超过|更|n['’]t\b"
    r"|\b(?:not|no|never|without|except|excluding|than|others?|over|under|above|below|before|between|all|every|each"
    r"|(?<!\blook )(?<!\blooks )(?<!\blooked )(?<!\blooking )after|compared?|versus|vs)\b"
)


def asks_for_others(question: str) -> bool:
    """Whether a question asks for rows beside the one that it names, or for those that it does not name."""
    return _ASKS_FOR_OTHERS.search(fold(question)) is not None


def named(question: str, rows: Sequence[tuple[str, str]]) -> list[bool]:
    """For rows of one table, as (header, row): whether each may be meant.

    One is not where another one holds all of its named cells and more. All may be where none is named, and where the
    question asks for others than it names.
    """
    if asks_for_others(question):
        return [True] * len(rows)
    held = [named_cells(question, header, row) for header, row in rows]
    return [not any(own < other for other in held) for own in held]


def named_cells(question: str, header: str, row: str) -> frozenset[str]:
    """The cells of a row that the question names, each with its column."""
    plain = fold(question)
    found = []
    days, months = _times_of(plain)
    for name, cell in zip_longest(cells(header), cells(row), fillvalue=""):
        said = fold(cell).strip()
        if not 0 < len(said) <= _LONGEST:
            continue
        if same := days & days_of(said) if days else days:
            said, is_named = str(sorted(same)), True  # however the day is written
        elif months and not days and (own := months_of(said, alone=True)):
            said, is_named = str(sorted(own)), own <= months  # 六月 names the row 6月
        elif has_han(said):
            is_named = len(said) >= _SHORTEST_HAN and said in plain
        elif any(map(str.isalpha, said)):
            is_named = len(said) >= _SHORTEST and _stands_in(said, plain)
        else:  # a number names its row beside its column's name: "table 3"
            is_named = bool(name.strip()) and _stands_in(f"{fold(name).strip()} {said}", plain)
        if is_named:
            found.append(f"{name}: {said}")
    return frozenset(found)


@lru_cache(maxsize=64)  # of a question, which is asked of each row
def _times_of(plain: str) -> tuple[frozenset[tuple[int, int]], frozenset[int]]:
    return days_of(plain), months_of(plain)


def _stands_in(words: str, plain: str) -> bool:
    place = plain.find(words)
    while place >= 0:
        around = f"{plain[place - 1 : place]}{plain[place + len(words) : place + len(words) + 1]}"
        if not any(map(str.isalnum, around)):
            return True
        place = plain.find(words, place + 1)
    return False
