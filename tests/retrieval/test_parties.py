"""The parties of a contract are asked for by the names that the library has for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from minicpm_rag.retrieval.parties import in_its_words
from minicpm_rag.text.terms import terms

CHINESE = Counter(terms("甲方（出租方）：王建国。乙方（承租方）：星河公司。"))
ENGLISH = Counter(terms("This lease is made between Ann Lee, the lessor, and Bo Chan, the lessee."))


@pytest.mark.parametrize(
    ("held", "asked", "searched"),
    [
        (CHINESE, "出租人是谁？", "出租方是谁？"),
        (CHINESE, "房东和租客分别是谁？", "出租方和承租方分别是谁？"),
        (CHINESE, "出租方是谁？", "出租方是谁？"),
        (CHINESE, "Who is the landlord?", "Who is the 出租方?"),
        (ENGLISH, "Who is the landlord?", "Who is the lessor?"),
        (ENGLISH, "May tenants sublet?", "May lessees sublet?"),
        (ENGLISH, "承租人是谁？", "lessee是谁？"),
        (ENGLISH, "Who is the buyer?", "Who is the buyer?"),  # nobody has another name for one
        (Counter(terms("出席：邹佩兰。缺席：郝建国。")), "谁没来开会？", "谁缺席？"),
        (Counter(terms("Present: Ann Lee. Apologies: Bo Chan.")), "Who was absent?", "Who was apologies?"),
        (Counter(), "出租人是谁？", "出租人是谁？"),
    ],
)
def test_a_name_that_the_library_lacks_is_replaced_by_the_one_it_has(
    held: Counter[str], asked: str, searched: str
) -> None:
    def count(wanted: Sequence[str]) -> Mapping[str, int]:
        return {term: held[term] for term in wanted if term in held}

    assert in_its_words(asked, count) == searched
