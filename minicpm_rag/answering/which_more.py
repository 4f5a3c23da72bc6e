"""Which of two documents says the higher amount: "In which office is the deposit higher?" 哪家门店的押金更高？

Compares the same clause of two documents, each with one amount. Of three documents the highest is another
question: one more, which was not found, may say more.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.answering.difference import are_comparable, clauses, fits
from minicpm_rag.answering.extractive import Excerpt
from minicpm_rag.records import DOCUMENT_ID, TITLE
from minicpm_rag.text.amounts import Amount, amounts
from minicpm_rag.text.comparisons import LONGEST
from minicpm_rag.text.questions import content_terms
from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

_MORE_EN = r"higher|larger|bigger|longer|greater|more expensive|dearer|more"
_LESS_EN = r"lower|smaller|shorter|cheaper|less expensive|fewer|less"
_ASKS = re.compile(
    rf"(?:\bwhich\b.{{1,80}}|^\W*(?:is|are|was|were)\b(?=.{{1,200}} or ).{{1,80}})"
    rf"\b(?:(?P<more>{_MORE_EN})|(?P<less>{_LESS_EN}))\b"
    r"|哪(?:一?[个家份处间座栋套所地方边]|里|边).{0,30}?(?:更|比较|[高大多长低小少短]一[点些])?"
    r"(?:(?P<more_zh>[高贵大多长久])|(?P<less_zh>[低小少短]|便宜))(?:一[点些])?[呢？?。\s]*$",
    re.IGNORECASE,
)
_MOST = re.compile(r"最|\b(?:most|least)\b|\bthan\b", re.IGNORECASE)


@dataclass(frozen=True)
class WhichMore:
    """The two amounts with the titles of their documents, the one that is asked for first."""

    names: tuple[str, str]
    written: tuple[str, str]
    said_in: tuple[Excerpt, ...]


def which_more(question: str, chosen: Sequence[Excerpt], passages: Sequence[Document]) -> WhichMore | None:
    """What is asked for, where the chosen statements are of two documents that each say one amount of it."""
    asks = None if len(question) > LONGEST or _MOST.search(question) else _ASKS.search(question)
    if asks is None:
        return None
    wanted = frozenset(term for term in content_terms(question) if len(term) > 1 or not is_han(term))
    told: dict[object, list[tuple[int, Amount, Excerpt]]] = {}
    for one in chosen:
        file = passages[one.number - 1].metadata.get(DOCUMENT_ID, -one.number)
        told.setdefault(file, [])
        if one.statement.header:
            return None  # of rows of a table nobody says which are meant
        told[file] += [
            (shared, amount, one)
            for clause in clauses(one.statement.text)
            if (shared := len(wanted & set(terms(clause))))
            for amount in amounts(clause)
            if fits(question, amount)
        ]
    if len(told) != 2:
        return None
    mine, its = map(_the_only, told.values())
    if mine is None or its is None or mine[0].kind != its[0].kind or not are_comparable(mine[0], its[0]):
        return None
    if mine[0].value == its[0].value:
        return None
    is_more = bool(asks["more"] or asks["more_zh"])
    first, second = sorted((mine, its), key=lambda pair: pair[0].value, reverse=is_more)
    return WhichMore(
        (_name(first[1], passages), _name(second[1], passages)),
        (first[0].written(first[0].value), second[0].written(second[0].value)),
        (first[1], second[1]),
    )


def _name(said: Excerpt, passages: Sequence[Document]) -> str:
    title = str(passages[said.number - 1].metadata.get(TITLE) or "")
    return title.rpartition(".")[0] or title


def _the_only(told: Sequence[tuple[int, Amount, Excerpt]]) -> tuple[Amount, Excerpt] | None:
    """The amount of the clause that has most of the question's words, where it is the only one there."""
    most = max((shared for shared, *_ in told), default=0)
    found = {(amount.value, amount.kind): (amount, one) for shared, amount, one in told if shared == most}
    return next(iter(found.values())) if len(found) == 1 else None
