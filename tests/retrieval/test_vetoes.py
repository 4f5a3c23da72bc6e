from __future__ import annotations

import math

import pytest
from langchain_core.documents import Document

from minicpm_rag.records import DOCUMENT_ID, PAGE, START, Candidate, Reading
from minicpm_rag.retrieval.evidence import NO_ANSWER
from minicpm_rag.retrieval.matching import QuestionMatch
from minicpm_rag.retrieval.vetoes import (
    lacking_numbers,
    lacks_office,
    lacks_something,
    mark_lacking,
    names_nothing_known,
    none_tells,
    tells_something_else,
    unreadable,
)
from minicpm_rag.text.terms import terms


@pytest.mark.parametrize(
    ("question", "source", "lacking"),
    [
        ("What was the profit in 2022?", "Report 2023\nThe profit was 4 million.", [2022]),
        ("What was the profit in 2023?", "Report 2023\nThe profit was 4 million.", []),
        ("二〇二三年的利润是多少？", "2023年报\n利润为四百万。", []),
        ("２０２３年的利润是多少？", "二零二三年，利润为四百万。", []),
        ("十五天的假期怎么申请？", "假期为 15 天，须提前申请。", []),
        ("Who played the Doctor in the 70s?", "He played him from 1974 to 1981.", [70]),
        ("Which bands of the 74s played?", "They played from 1974 to 1981.", []),
        ("Which of the two sides won?", "The North won.", []),
    ],
)
def test_numbers_that_the_source_lacks(question: str, source: str, lacking: list[float]) -> None:
    assert lacking_numbers(question, source) == lacking


def test_a_character_that_no_model_reads_must_stand_in_the_source() -> None:
    def readable_share(text: str) -> float:
        return 0.5 if text == "鲥" else 1.0

    unread = unreadable("鰣吃什麼？", readable_share)
    assert unread == {"鲥"}
    assert not lacks_something("鰣吃什麼？", unread, "鲥以小鱼为食。")
    assert lacks_something("鰣吃什麼？", unread, "鲵以小鱼为食。")
    assert not lacks_something("鲵吃什么？", frozenset(), "鲵以小鱼为食。")


@pytest.mark.parametrize(
    ("question", "source", "lacks"),
    [
        ("数据结构课的助教是谁？", "主讲教师：周立群", True),
        ("数据结构课的主讲教师是谁？", "主讲教师：周立群", False),
        ("谁是公司的总经理？", "创始人兼总经理是沈听澜。", False),
        ("谁是公司的财务总监？", "采购负责人是何敏。", True),
        ("Who is the property manager of the flat?", "Lessor: Margaret Doyle", True),
        ("Who is the new chair?", "Present: Laura Finch (chair)", False),
        ("Who is the 出租方?", "甲方（出租方）：王建国", False),
        ("Who is the director?", "院长是李强。", False),  # across languages no word can tell
        ("Who signed the lease?", "Wei Zhang will sign it.", False),
        ("合同是谁签的？", "由张伟签署。", False),
    ],
)
def test_an_office_that_is_asked_for_must_be_named(question: str, source: str, lacks: bool) -> None:
    assert lacks_office(question, source) is lacks


SURELY_NONE = NO_ANSWER - 0.6


def candidates(*read: tuple[str, float]) -> list[Candidate]:
    """Passages with the log odds that they answer."""
    return [
        Candidate(Document(text, id=str(number)), 1.0, reading=Reading(0, 1, 1 / (1 + math.exp(-odds)), 1.0))
        for number, (text, odds) in enumerate(read)
    ]


@pytest.mark.parametrize(
    ("question", "read", "none"),
    [
        # Another subject's price does not answer.
        (
            "What does the LP-7 cost?",
            [("The LP-7 prints labels.", SURELY_NONE), ("The saw costs 9 euros.", -4.0)],
            True,
        ),
        ("What does the LP-7 cost?", [("The LP-7 prints labels.", SURELY_NONE), ("LP-7 list: 9 euros.", -4.0)], False),
        # What does not even have the word for what is asked must answer more surely.
        ("What colour are the aprons?", [("Everyone gets three aprons.", -4.0)], True),
        ("What colour are the aprons?", [("Everyone gets three navy aprons.", 1.0)], False),
        ("What colour are the aprons?", [("Aprons of one colour are worn.", -4.0)], False),
        ("What colour are the aprons?", [("每人发三条围裙。", -4.0)], False),
    ],
)
def test_passages_on_the_subject_must_tell_what_is_asked(
    question: str, read: list[tuple[str, float]], none: bool
) -> None:
    match = QuestionMatch(question, lambda wanted: dict.fromkeys(wanted, 1.0))
    assert none_tells(match, candidates(*read)) is none


def _clauses(*placed: tuple[int, int, str, float]) -> list[Candidate]:
    """Passages of (document, start, text) on first pages, with the log odds that they answer."""
    found = candidates(*((text, odds) for _, _, text, odds in placed))
    for one, (document, start, _, _) in zip(found, placed, strict=True):
        one.document.metadata.update({DOCUMENT_ID: document, PAGE: 1, START: start})
    return found


@pytest.mark.parametrize(
    ("question", "source", "lacking"),
    [
        ("工龄25年有多少天年休假？", "满十年不满二十年的，年休假十天；满二十年的，年休假十五天。", []),
        ("78岁还能投保吗？", "承保年龄为出生满30天至75周岁。", []),
        ("Is a dive to 25 metres covered?", "Diving below 18 metres is not covered.", []),
        ("My home is empty for 90 days, is burglary covered?", "Tell us if it is empty for more than 60 days.", []),
        ("2022年的年假有几天？", "工龄满十年的为十天。", [2022.0]),  # a year is a name
        ("25层的租金是多少？", "租期满二年可以续租。", [25.0]),  # no limit to floors
    ],
)
def test_a_case_that_a_limit_is_set_to_is_not_lacking(question: str, source: str, lacking: list[float]) -> None:
    assert lacking_numbers(question, source) == lacking


@pytest.mark.parametrize(("document", "start", "none"), [(1, 0, False), (1, 5000, True), (2, 0, True)])
def test_a_later_clause_may_tell_what_is_asked_of_the_subject_that_the_head_names(
    document: int, start: int, none: bool
) -> None:
    match = QuestionMatch("How much is the rent for unit 4B?", lambda wanted: dict.fromkeys(wanted, 1.0))
    head = (document, start, "The premises are unit 4B, with three parking spaces.", SURELY_NONE)
    assert none_tells(match, _clauses(head, (1, 900, "The rent is 3,450 a month.", -4.0))) is none


def test_a_number_that_the_head_of_its_document_names_is_not_lacking() -> None:
    found = _clauses(
        (1, 0, "出租人：罗启明。房屋位于梧桐苑12号楼。", 0.0),
        (1, 900, "押金为两个月租金。", 0.0),
        (2, 0, "押金为三个月租金。", 0.0),
    )
    mark_lacking("梧桐苑12号楼的押金是多少？", frozenset(), found)
    assert [one.is_lacking for one in found] == [False, False, True]


def test_one_likely_place_of_the_right_kind_is_enough() -> None:
    passage = Document("DH-30：噪音 42 分贝。\nDH-50：噪音 45 分贝。")
    text = passage.page_content
    places = tuple((text.index(value), text.index(value) + 2, chance) for value, chance in (("42", 0.6), ("45", 0.3)))
    reading = Reading(*places[0][:2], 0.9, 0.6, places)
    assert not tells_something_else("DH-50 的噪音是多少？", passage, reading)
    assert tells_something_else("DH-50 的噪音是多少？", passage, Reading(*places[0][:2], 0.9, 0.6, places[:1]))


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("What is the warranty of the Barista Mini?", True),
        ("Where do I meet Dr. Okafor?", True),
        ("How tall is the Mount Harrow Observatory?", False),  # Harrow is known
        ("What does Mr Warner Sinback do?", False),
        ("Do you ship to New Zealand?", False),  # worldwide
        ("Can I work from the United States?", False),
        ("What Is The Rent For The Flat?", False),
    ],
)
def test_a_name_none_of_whose_words_is_known_is_of_something_absent(question: str, unknown: bool) -> None:
    held = {*terms("Harrow Sinback rent flat warranty mini")}
    assert names_nothing_known(question, lambda wanted: {one: int(one in held) for one in wanted}) is unknown
