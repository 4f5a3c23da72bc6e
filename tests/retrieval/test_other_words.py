"""Passages are read with the words that they have for a thing of working life."""

from __future__ import annotations

import pytest

from minicpm_rag.retrieval.other_words import LONGEST, in_their_words


@pytest.mark.parametrize(
    ("question", "passage", "read"),
    [
        ("How much annual leave do I get?", "Staff have 21 days of paid leave.", "How much paid leave do I get?"),
        ("How much annual leave do I get?", "Annual leave and paid leave.", "How much annual leave do I get?"),
        ("How much annual leave do I get?", "Nothing of that kind.", "How much annual leave do I get?"),
        ("How long is parental leave?", "Staff have 21 days of paid leave.", "How long is parental leave?"),
        ("Where do expense reports go?", "Expenses are sent to Mia Holt.", "Where do expenses go?"),
        ("Is the carport big?", "Wages and bills.", "Is the carport big?"),
        ("年假有几天？", "职员有九天带薪休假。", "带薪休假有几天？"),
        ("试用期的工资是多少？", "见习期薪资六成。", "见习期的薪资是多少？"),
        ("年假有几天？", "Staff have 21 days of paid leave.", "年假有几天？"),  # in the other language
        ("营销预算是谁批准的？", "宣传预算由沈一诺批准。", "宣传预算是谁批准的？"),
        ("星期三几点开门？", "周三九点开门。", "周三几点开门？"),
        ("星期三几点开门？", "星期三和周三。", "星期三几点开门？"),
        (f"{'很' * LONGEST}年假？", "带薪休假", f"{'很' * LONGEST}年假？"),
    ],
)
def test_a_word_that_no_passage_has_is_replaced_by_the_one_it_has(question: str, passage: str, read: str) -> None:
    assert in_their_words(question, [passage]) == read
