from __future__ import annotations

import pytest

from minicpm_rag.text.comparisons import asks_for_list, sides


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("Which is heavier, the AirLeaf 200 or the AirLeaf 500?", ("AirLeaf 200", "AirLeaf 500")),
        ("Is the standard plan cheaper than the professional plan?", ("standard", "professional plan")),
        ("What is the difference between annual leave and sick leave?", ("annual leave", "sick leave")),
        ("Compare the prices of the X100 and the X200.", ("X100", "X200")),
        ("Who leads Kestrel and who leads Osprey?", ("Kestrel", "Osprey")),
        ("How much bigger is the tank of the Uno than that of the Due?", ("tank of the Uno", "Due")),
        ("How much more does the floor sander cost a day than the chainsaw?", ("floor sander", "chainsaw")),
        ("How much more do families pay than full members?", ("families", "full members")),
        ("AL-200 和 AL-500 哪个更贵？", ("AL-200", "AL-500")),
        ("甲合同与乙合同的付款期限有何不同？", ("甲合同", "乙合同")),
        ("云岭合同和海拓合同解除时要提前多少天通知？", ("云岭合同", "海拓合同")),
        ("年假和病假哪个更长？", ("年假", "病假")),
    ],
)
def test_the_sides_of_a_comparison(question: str, found: tuple[str, str]) -> None:
    assert sides(question) == found


@pytest.mark.parametrize("question", ["What is the capital of France?", "年假有几天？", "Who founded it and when?", ""])
def test_where_nothing_is_compared_there_are_no_sides(question: str) -> None:
    assert sides(question) is None


@pytest.mark.parametrize(
    "question", ["有哪些成员？", "What are the risks?", "List the people.", "步骤有几步？", "入场有几点要求？"]
)
def test_a_list_is_asked_for(question: str) -> None:
    assert asks_for_list(question)


@pytest.mark.parametrize(
    "question", ["技术总监是谁？", "闭馆是几点？", "When are invoices due?", "How heavy is the AirLeaf 200?"]
)
def test_one_thing_is_asked_for(question: str) -> None:
    assert not asks_for_list(question)
