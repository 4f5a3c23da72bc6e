"""A budget is of one purpose: of one for a thing that the library does not know nothing is told."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from minicpm_rag.retrieval.purposes import LONGEST, is_for_nothing_known
from minicpm_rag.text.terms import terms

HELD = frozenset(
    terms("推广预算由林岚批准。会议室的维修经费已经批准。The budget for the pier was approved by Ann Lee. Hall.")
)


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("谁批准了郊游的预算？", True),
        ("郊游预算是谁批准的？", True),
        ("食堂的经费是多少？", True),
        ("谁批准了推广的预算？", False),
        ("会议室维修的经费是谁批准的？", False),
        ("谁批准了今年的预算？", False),  # a time
        ("年会的预算是多少？", True),
        ("年货的经费是多少？", True),
        ("公司的总预算是多少？", False),  # of the whole
        ("谁批准了预算？", False),
        ("谁批准了郊游？", False),  # of a thing and not of money
        ("Who approved the budget for the orchestra?", True),
        ("What is the budget of the new orchestra?", True),
        ("Who approved the grant for the orchestra in May?", True),
        ("Who approved the budget for the pier?", False),
        ("Who approved the budget for the old hall?", False),
        ("What is the budget for next year?", False),
        ("Who approved the budget?", False),
        ("Who approved the orchestra?", False),
        (f"谁批准了郊游的预算{'？' * LONGEST}", False),
    ],
)
def test_the_library_knows_what_money_is_for(question: str, unknown: bool) -> None:
    def frequencies(wanted: Sequence[str]) -> dict[str, int]:
        return {term: 1 for term in wanted if term in HELD}

    assert is_for_nothing_known(question, frequencies) is unknown
