from __future__ import annotations

from collections.abc import Sequence

import pytest
from langchain_core.documents import Document

from minicpm_rag.answering.citations.comparing import TESTS, first_failure
from minicpm_rag.answering.citations.proof import Proof

ZH = Document(
    "云杉仪器成立于2012年，总部位于杭州。公司主要生产空气净化器与水质传感器。\n"
    "员工入职满一年后享有十天年假。技术总监是陈嘉树先生。滤芯属于耗材，不在保修范围内。",
    metadata={"title": "员工手册.pdf"},
)
EN = Document(
    "The warranty covers parts and labour for 24 months. Filters are not covered by it. "
    "Astrid Lindqvist manages the key accounts in Gothenburg. The sensor needs 20 minutes to warm up.",
    metadata={"title": "Norrland agreement"},
)
PRICES = Document(
    "| 型号 | 单价（元） | 交货期（天） |\n| AL-200 | 1299 | 5 |\n| AL-500 | 5680 | 15 |",
    metadata={"title": "价格表"},
)
ALL = [ZH, EN, PRICES]


def support(sentence: str, question: str = "?", marked: Sequence[int] = ()) -> list[str] | None:
    found = Proof(question, ALL).of(sentence, frozenset(marked))
    if found is None:
        return None
    return [ALL[one.number - 1].page_content[one.start : one.end] for one in found]


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ("云杉仪器的总部位于杭州。", "总部位于杭州"),
        ("根据资料，公司成立于二〇一二年。", "2012年"),
        ("员工入职满一年后有 10 天年假。", "十天年假"),
        ("滤芯不在保修范围内。", "不在保修范围内"),
        ("According to the passages, the warranty lasts 24 months for parts.", "24 months"),
        ("Astrid Lindqvist manages the key accounts.", "Astrid Lindqvist"),
        ("The sensor needs twenty minutes to warm up.", "20 minutes"),
        ("AL-500 的单价为 5680 元。", "| AL-500 | 5680 | 15 |"),
    ],
)
def test_a_true_sentence_is_tied_to_the_words_that_say_so(sentence: str, words: str) -> None:
    found = support(sentence)
    assert found and words in found[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "云杉仪器成立于2013年，总部位于杭州。",
        "云杉仪器成立于2012年，总部位于上海。",
        "技术总监是王小明先生。",
        "员工入职满一年后享有十五天年假。",
        "滤芯在保修范围内。",
        "The warranty covers parts and labour for 36 months.",
        "Filters are covered by the warranty.",
        "Ingrid Svensson manages the key accounts in Gothenburg.",
        "The sensor needs 30 minutes to warm up.",
        "AL-500 的单价为 1299 元。",
        "AL-200 的交货期为 15 天。",
        "公司在海外设有三十家分店。",
        "The company sponsors a football club.",
    ],
)
def test_a_wrong_or_invented_sentence_has_no_support(sentence: str) -> None:
    assert support(sentence) == []


@pytest.mark.parametrize(
    ("claim", "statement", "failure"),
    [
        ("滤芯在保修范围内。", "滤芯属于耗材", "neither denies the other"),
        ("公司在海外设有三十家分店。", "公司主要生产", "shares the words"),
        ("技术总监是王小明先生。", "技术总监是陈嘉树", "shares what the sentence adds to the question"),
        ("员工入职满一年后享有十五天年假。", "十天年假", "holds the numbers"),
        ("云杉仪器成立于2012年，总部位于上海。", "总部位于杭州", "holds the names"),
        ("技术总监是陈嘉树先生。", "技术总监是陈嘉树", ""),
    ],
)
def test_the_test_that_a_statement_fails_is_named(claim: str, statement: str, failure: str) -> None:
    (one,) = [one for one in Proof("?", ALL).compare(claim) if statement in one.source.statement.text]
    assert first_failure(one, TESTS) == failure


@pytest.mark.parametrize(
    "sentence",
    [
        "你好！", "很高兴为您解答。", "希望以上内容对您有帮助。", "资料中没有提到价格。",
        "抱歉，我无法回答这个问题。", "具体如下：", "还有其他问题吗？",
        "Hello!", "I hope this helps.", "The passages do not say.", "I do not know.", "Here is the list:",
        "1.", "---",
    ],
)  # fmt: skip
def test_courtesies_and_not_knowing_state_nothing(sentence: str) -> None:
    assert support(sentence) is None


@pytest.mark.parametrize(
    "greeting", ["好的，", "抱歉，", "您好！", "感谢您的提问，", "根据上述资料，", "Sure, ", "Sorry, "]
)
def test_a_greeting_does_not_hide_a_claim(greeting: str) -> None:
    assert support(f"{greeting}年假为三十天。") == []
    assert support(f"{greeting}云杉仪器的总部位于杭州。")


def test_a_sentence_that_joins_two_places_has_both() -> None:
    found = support("公司主要生产空气净化器与水质传感器，技术总监是陈嘉树先生。")
    assert found is not None and len(found) == 2


def test_a_bare_answer_belongs_where_the_question_is_answered() -> None:
    rows = Document("甲仪器保修15天。\n乙仪器保修15天。")
    found = Proof("乙仪器保修多少天？", [rows]).of("15天。")
    assert found and rows.page_content[found[0].start : found[0].end] == "乙仪器保修15天。"


@pytest.mark.parametrize(
    ("question", "claim", "is_proven"),
    [
        ("Within how many days must expenses be handed in?", "Expenses must be handed in within 45 days.", False),
        ("Within how many days must expenses be handed in?", "Expenses are due within 45 days.", False),
        ("Within how many days must expenses be handed in?", "Expenses have to be handed in within 28 days.", True),
        ("When are invoices due?", "Invoices are due within 45 days.", True),
        ("Who approves travel requests?", "Astrid Lindqvist.", False),
        ("Who approves travel requests?", "Petra Nyman.", True),
        ("报销单要在多少天内交？", "报销单应在45天内提交。", False),
        ("报销单要在多少天内交？", "报销单要在28天内交。", True),
        ("出差申请由谁审批？", "陈嘉树。", False),
        ("出差申请由谁审批？", "林晓燕。", True),
    ],
)
def test_what_is_said_of_another_subject_proves_nothing_without_a_reader(
    question: str, claim: str, is_proven: bool
) -> None:
    documents = [
        Document("Invoices are due within 45 days. Astrid Lindqvist manages key accounts.", metadata={"title": "S"}),
        Document("Hand in expenses within 28 days. Petra Nyman approves travel requests.", metadata={"title": "T"}),
        Document("发票应在45天内付款。陈嘉树负责重点客户。", metadata={"title": "甲"}),
        Document("报销单须在28天内提交。出差申请由林晓燕审批。", metadata={"title": "乙"}),
    ]
    assert bool(Proof(question, documents).of(claim)) is is_proven


def test_the_passage_a_model_named_decides_between_equals() -> None:
    twins = [Document("年假为十五天。", metadata={"title": title}) for title in ("a", "b")]
    proof = Proof("年假有多少天？", twins)
    assert [one.number for one in proof.of("年假为十五天。", frozenset([2])) or []] == [2]
    assert [one.number for one in proof.of("年假为十五天。", frozenset([1])) or []] == [1]


def test_a_named_passage_is_not_trusted() -> None:
    found = Proof("?", ALL).of("云杉仪器的总部位于杭州。", frozenset([2]))
    assert found and found[0].number == 1
    assert support("The company sponsors a football club.", marked=[2]) == []


def test_the_subject_may_stand_earlier_in_the_passage() -> None:
    passage = Document("The AirLeaf 200 is a monitor. Its battery lasts 11 hours.")
    question = "How long does the battery of the AirLeaf 200 last?"
    found = Proof(question, [passage]).of("The battery of the AirLeaf 200 lasts 11 hours.")
    assert found and "11 hours" in passage.page_content[found[0].start : found[0].end]


def test_similar_meaning_supports_only_where_the_facts_agree() -> None:
    def similarity(text: str, others: Sequence[str]) -> list[float]:
        return [0.9 if "warm" in other else 0.1 for other in others]

    proof = Proof("?", ALL, similarity)
    assert proof.of("Heating takes 20 minutes before anything can be measured.")
    assert proof.of("Heating takes 35 minutes before anything can be measured.") == []


@pytest.mark.parametrize("passage", ALL, ids=["zh", "en", "table"])
def test_every_statement_of_a_passage_proves_itself(passage: Document) -> None:
    from minicpm_rag.text.statements import statements

    for statement in statements(passage):
        assert support(statement.readable), statement.readable
