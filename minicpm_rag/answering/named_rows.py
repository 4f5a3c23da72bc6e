"""Which rows of a table a question names by their cells: 中二班在哪个教室？ names one, and its neighbours say nothing.

Knows rows and a question only.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

from minicpm_rag.text.dates import days_of
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.table_rows import cells
from minicpm_rag.text.terms import fold

_LONGEST = 40  # characters of a cell that names its row
_SHORTEST, _SHORTEST_HAN = 3, 2
# Rows are asked for beside the one that is named, or those that are not.
_ASKS_FOR_OTHERS = re.compile(
    r"[不没未非无除]|比(?!赛|例)|其[他它余]|以[上下前后]|超过|更|\b(?:not|no|never|without|except|excluding|than|others?|over|under"
    r"|above|below|before|after|between|all|every|each|compared?|versus|vs)\b|n['’]t\b"
)


def named(question: str, rows: Sequence[tuple[str, str]]) -> list[bool]:
    """For rows of one table, as (header, row): whether each may be meant.

    One is not where another one holds all of its named cells and more. All may be where none is named, and where the
    question asks for others than it names.
    """
    plain = fold(question)
    if _ASKS_FOR_OTHERS.search(plain):
        return [True] * len(rows)
    held = [frozenset(_named_cells(plain, header, row)) for header, row in rows]
    return [not any(own < other for other in held) for own in held]


def _named_cells(plain: str, header: str, row: str) -> list[str]:
    found = []
    days = days_of(plain)
    for name, cell in zip_longest(cells(header), cells(row), fillvalue=""):
        said = fold(cell).strip()
        if not 0 < len(said) <= _LONGEST:
            continue
        if same := days & days_of(said) if days else days:
            said, is_named = str(sorted(same)), True  # however the day is written
        elif has_han(said):
            is_named = len(said) >= _SHORTEST_HAN and said in plain
        elif any(map(str.isalpha, said)):
            is_named = len(said) >= _SHORTEST and _stands_in(said, plain)
        else:  # a number names its row beside its column's name: "table 3"
            is_named = bool(name.strip()) and _stands_in(f"{fold(name).strip()} {said}", plain)
        if is_named:
            found.append(f"{name}: {said}")
    return found


def _stands_in(words: str, plain: str) -> bool:
    place = plain.find(words)
    while place >= 0:
        around = f"{plain[place - 1 : place]}{plain[place + len(words) : place + len(words) + 1]}"
        if not any(map(str.isalnum, around)):
            return True
        place = plain.find(words, place + 1)
    return False
