from __future__ import annotations

import pytest

from minicpm_rag.retrieval.attributes import attribute, lacks_attribute


def test_what_is_compared_with_is_not_what_is_asked_for() -> None:
    assert attribute("东站的票价比西站高多少？") == {"票价"}
    assert attribute("女生的比例是多少？") == {"比例"}


@pytest.mark.parametrize(
    ("question", "source", "lacks"),
    [
        ("What colour are the aprons?", "Everyone gets three aprons and two caps.", True),
        ("What colour are the aprons?", "The colour of the aprons is navy.", False),
        ("What is the salary of the bakers?", "Bakers start at 4:30 am.", True),
        ("What is the archive's address?", "The archive is open on Wednesdays.", True),
        ("How many seats does the van have?", "The van costs 69 euros a day.", True),
        ("How loud is the heater?", "The heater weighs 4 kg.", True),
        ("Does the gym have a sauna?", "The gym is open until 22:00.", True),
        ("Can I take my dog in the van?", "Vans are returned with a full tank.", True),
        ("仓库的保险费由谁承担？", "仓储费每季度支付。", True),
        ("仓库的保险费由谁承担？", "保险费由乙方承担。", False),
        ("罗丹的联系电话是多少？", "罗丹联系三家电梯公司报价。", True),
        ("小区有没有游泳池？", "小区绿化带喷洒药剂。", True),
        ("小区有游泳池吗？", "游泳池周一闭馆。", False),
        ("儲藏室的電話是多少？", "储藏室电话：6688。", False),
    ],
)
def test_the_word_for_what_is_asked_is_looked_for(question: str, source: str, lacks: bool) -> None:
    assert lacks_attribute(question, source) is lacks


@pytest.mark.parametrize(
    "question",
    [
        "How do I quit the gym?",
        "What happens if I lose my card?",
        "When must the fee be paid?",
        "弄丢书怎么赔？",
        "续借能延几天？",
        "这家公司的名称是什么？",
        "What is the name of the chair?",
    ],
)
def test_a_question_in_other_words_has_no_attribute(question: str) -> None:
    assert attribute(question) == frozenset()


def test_a_source_in_another_language_lacks_no_word() -> None:
    assert not lacks_attribute("What colour are the aprons?", "每人发三条围裙。")
