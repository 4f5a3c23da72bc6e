from __future__ import annotations

import json
import random
from typing import Any

import pytest
from conftest import SHARED
from langchain_core.documents import Document

from minicpm_rag.answering.extractive import excerpts
from minicpm_rag.records import Reading

ZH = Document(
    "公司成立于2012年，总部设在杭州。创始人兼总经理是沈听澜女士，技术总监是陈嘉树先生。现有员工一百三十六人。",
    metadata={"title": "员工手册.pdf", "document_id": 1, "page": 1, "start": 0, "score": 1.0},
)
EN = Document(
    "Full-time colleagues have 27 days of paid leave a year. Report sickness before 9:30. "
    "New parents receive 18 weeks of parental leave.",
    metadata={"title": "handbook.docx", "document_id": 2, "page": 1, "start": 0, "score": 0.9},
)
PRICES = Document(
    "| 型号 | 单价（元） |\n| AL-200 | 1299 |\n| AL-200P | 1899 |\n| AL-500 | 5680 |",
    metadata={"title": "价格表.csv", "document_id": 3, "page": 1, "start": 0, "score": 0.8},
)
ALL = [ZH, EN, PRICES]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("公司是哪一年成立的？", "2012年"),
        ("技术总监是谁？", "陈嘉树"),
        ("公司有多少员工？", "一百三十六人"),
        ("How many days of paid leave are there?", "27 days"),
        ("How long is parental leave?", "18 weeks"),
        ("AL-500 的单价是多少？", "5680"),
    ],
)
def test_the_answer_is_among_one_to_three_literal_excerpts(question: str, answer: str) -> None:
    found = excerpts(question, ALL)
    assert 1 <= len(found) <= 3
    assert any(answer in one.statement.text for one in found)
    for one in found:
        text = ALL[one.number - 1].page_content
        assert text[one.statement.start : one.statement.end] == one.statement.text


def test_a_neighbouring_code_does_not_answer_for_the_one_asked_for() -> None:
    assert [one.statement.text for one in excerpts("AL-200 多少钱？", ALL)] == ["| AL-200 | 1299 |"]


def test_excerpts_come_in_reading_order_file_by_file() -> None:
    later = Document(ZH.page_content, metadata={**ZH.metadata, "page": 2})
    found = excerpts("公司的总经理和技术总监是谁？公司成立于哪一年？", [later, EN, ZH], most=4)
    keys = [(one.number != 3, one.statement.start) for one in found if one.number in (1, 3)]
    assert keys == sorted(keys)


def test_the_sheet_that_answers_best_comes_first() -> None:
    of_sheet = {"title": "码头.xlsx", "document_id": 9, "page_kind": "sheet", "start": 0}
    first = Document("吊机每天8:00开工，维修除外。", metadata={**of_sheet, "page": 1, "score": 0.9})
    second = Document("吊机由老谭负责，维修找老谭。", metadata={**of_sheet, "page": 3, "score": 0.9})
    unsure, sure = Reading(2, 9, 0.6, 0.9, ((2, 9, 0.9),)), Reading(3, 5, 0.99, 0.99, ((3, 5, 0.99),))
    found = excerpts("吊机维修由谁负责？", [first, second], [unsure, sure])
    assert [one.number for one in found] == [2, 1]


def test_a_sentence_that_two_overlapping_passages_share_is_shown_once() -> None:
    overlap = Document(ZH.page_content[19:], metadata={**ZH.metadata, "start": 19, "score": 0.5})
    found = excerpts("技术总监是谁？", [ZH, overlap], most=3)
    assert len({one.statement.text for one in found}) == len(found)


def test_a_heading_is_no_answer() -> None:
    passage = Document("年假规定\n满十年的员工有十五天年假。", metadata={"headings": "手册 > 年假规定"})
    assert [one.statement.text for one in excerpts("年假规定是什么？", [passage])] == ["满十年的员工有十五天年假。"]


@pytest.mark.parametrize(
    ("question", "text", "correction"),
    [
        (
            "供暖什么时候开始？",
            "供暖定于11月15日开始，为期四个月。请提前打开阀门。更正：供暖不是11月15日，是11月10日。",
            "11月10日",
        ),
        (
            "When does the regatta begin?",
            "The regatta begins on 4 June at the old pier. Bring a raincoat. The regatta moved from 4 June to 11 June.",
            "11 June",
        ),
    ],
)
def test_what_takes_back_the_answer_is_quoted_with_it(question: str, text: str, correction: str) -> None:
    found = excerpts(question, [Document(text, metadata={"document_id": 4, "page": 1, "start": 0})], most=1)
    assert any(correction in one.statement.text for one in found)


def test_what_takes_back_another_thing_is_not_quoted() -> None:
    text = "供暖定于11月15日开始，为期四个月。更正：合唱排练不是11月15日，是11月10日。"
    (found,) = excerpts("供暖什么时候开始？", [Document(text, metadata={"document_id": 4, "page": 1, "start": 0})])
    assert found.statement.text.startswith("供暖")


@pytest.mark.parametrize(
    ("question", "amount"),
    [("灯会的预算是多少？", "31,000元"), ("庙会的预算是多少？", "47,500元")],
)
def test_of_what_several_headings_have_the_one_asked_about_is_quoted(question: str, amount: str) -> None:
    text = "一、灯会\n时间：正月十五。\n预算：合计31,000元。\n\n二、庙会\n时间：五月初五。\n预算：合计47,500元。\n\n"
    text += "三、其他\n请各组报名。\n"
    passage = Document(text, metadata={"document_id": 6, "page": 1, "start": 0})
    budgets = [one.statement.text for one in excerpts(question, [passage]) if "预算" in one.statement.text]
    assert budgets == [f"预算：合计{amount}。"]


def test_several_sentences_of_one_item_ask_for_no_list() -> None:
    text = "1. Tickets are £9 at the gate.\n2. The gate opens at 8:30. The gate has a ramp.\n3. Dogs stay outside."
    found = excerpts("When does the gate open?", [Document(text, metadata={"document_id": 8, "page": 1})])
    assert not any("Dogs" in one.statement.text for one in found)


def test_numbered_minutes_are_no_list() -> None:
    text = (
        "1. Roof. The tiles cost £900. Ann asks for a second quote.\n"
        "2. Summer fair. The stalls cost £300. It is on 5 July.\n"
        "3. Piano. The tuning costs £80. Rex lets the tuner in."
    )
    found = excerpts("What are the costs of the stalls?", [Document(text, metadata={"document_id": 5, "page": 1})])
    assert len(found) <= 3 and any("£300" in one.statement.text for one in found)


def test_a_question_in_a_chat_does_not_answer() -> None:
    passage = Document("王敏\n瓷砖什么时候到货？\n\n李师傅\n瓷砖 3 月 12 日到，进场贴砖大概要 6 天\n")
    told = passage.page_content.index("瓷砖 3")
    reading = Reading(told + 3, told + 9, 0.9, 0.9)
    found = [one.statement.text for one in excerpts("瓷砖什么时候到", [passage], [reading])]
    assert found == ["瓷砖 3 月 12 日到，进场贴砖大概要 6 天"]


def test_the_title_of_the_front_matter_is_no_answer() -> None:
    above = '---\ntitle: "Postmortem: checkout outage"\nauthor: Priya\n---\n\n# Postmortem: checkout outage\n\n'
    passage = Document(f"{above}## Root cause\n\nA config change lowered the pool from 200 to 20.\n")
    found = [one.statement.text for one in excerpts("What was the root cause of the checkout outage?", [passage])]
    assert found and not any("title" in one for one in found)


def test_a_list_begins_under_its_own_heading() -> None:
    code = "```python\ndef send(address: str) -> None:\n    ...\n```\n\n"
    listed = "- `retries`: how often a job is tried again (default 3).\n- `timeout`: after how long.\n"
    passage = Document(f"{code}## Configuration\n\n{listed}")
    found = [one.statement.text for one in excerpts("How often are jobs tried again, as a list?", [passage])]
    assert found and not any("def send" in one for one in found)


def test_similarity_decides_where_no_word_is_shared() -> None:
    passage = Document("公司在2012年成立。经常下雨。办公室在三楼。", metadata={"score": 1.0})

    def similarity(question: str, texts: Any) -> list[float]:
        return [1.0 if "成立" in text else 0.0 for text in texts]

    (best,) = excerpts("When was it founded?", [passage], similarity=similarity)
    assert best.statement.text == "公司在2012年成立。"


def test_similarity_is_not_asked_where_words_are_shared() -> None:
    def similarity(question: str, texts: Any) -> list[float]:
        raise AssertionError("embedding costs time")

    assert excerpts("How long is parental leave?", ALL, similarity=similarity)


@pytest.mark.parametrize("passages", [[], [Document("")], [Document("---")]], ids=["none", "empty", "marks"])
def test_no_statement_gives_no_excerpt(passages: list[Document]) -> None:
    assert excerpts("公司是哪一年成立的？", passages) == []


def rows(name: str, kind: str) -> list[dict[str, Any]]:
    lines = (SHARED / "eval" / name / f"{kind}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("《手册》里关于“保修期限”是怎么说的？", "整机两年。"),
        ("What does the handbook say about leave?", "Colleagues have 27 days."),
    ],
)
def test_asked_for_a_section_its_sentences_answer_and_not_its_heading(question: str, expected: str) -> None:
    chinese = "云杉手册\n\n自今年起执行。\n\n一、保修期限\n整机两年。\n\n二、退货\n七日内可退，运费由客户承担。"
    english = "Handbook, Europe\n\nWelcome to us.\n\nHours\n\nOpen from 7:30.\n\nLeave\n\nColleagues have 27 days."
    passages = [Document(text, metadata={"document_id": number}) for number, text in enumerate([chinese, english])]
    found = [one.statement.text for one in excerpts(question, passages)]
    assert expected in found
    assert not {"一、保修期限", "云杉手册", "Leave", "Hours", "Handbook, Europe"} & set(found)


@pytest.mark.skipif(not (SHARED / "eval").is_dir(), reason="the public question sets are not here")
@pytest.mark.parametrize(("name", "least"), [("cmrc_zh", 0.88), ("squad2_en", 0.90)])
def test_in_the_right_passage_the_answer_is_shown(name: str, least: float) -> None:
    passages = {row["id"]: row for row in rows(name, "passages")}
    questions = random.Random(4).sample(rows(name, "questions"), 300)
    shown = 0
    for question in questions:
        passage = passages[question["passage_id"]]
        document = Document(passage["text"], metadata={"title": passage["title"], "score": 1.0})
        found = excerpts(question["question"], [document])
        shown += any(answer in one.statement.text for answer in question["answers"] for one in found)
    assert shown / len(questions) >= least


@pytest.mark.parametrize(
    ("question", "right", "wrong", "foreign"),
    [
        (
            "加湿器的滤芯多久换一次？",
            "加湿器的滤芯每三个月换一次。",
            "门禁密码每半年换一次。",
            "Change the cartridge each quarter.",
        ),
        (
            "How often is the humidifier filter replaced?",
            "The humidifier filter is replaced every three months.",
            "Every badge is replaced once a year.",
            "滤芯每三个月更换。",
        ),
    ],
)
def test_what_is_said_of_another_thing_stands_beside_only_where_the_reader_is_sure(
    question: str, right: str, wrong: str, foreign: str
) -> None:
    passages = [
        Document(text, metadata={"title": f"{number}", "document_id": number, "page": 1, "start": 0, "score": 0.9})
        for number, text in enumerate([right, wrong], 1)
    ]
    well, unsure, surely = (Reading(0, len(wrong), answers, 0.9) for answers in (0.95, 0.5, 0.95))
    assert [one.number for one in excerpts(question, passages, [well, unsure])] == [1]
    assert [one.number for one in excerpts(question, passages, [well, surely])] == [1, 2]
    passages[1] = Document(foreign, metadata=passages[1].metadata)
    found = excerpts(question, passages, [well, Reading(0, len(foreign), 0.6, 0.9)])
    assert [one.number for one in found] == [1, 2], "in another language no words are shared"


def test_a_passage_in_which_the_reader_sees_no_answer_is_left_out_beside_one_that_answers() -> None:
    question = "Wer leitet das Lager?"  # no word of it stands in either passage
    right = Document(
        "Mr Okoro runs the depot.", metadata={"title": "a", "document_id": 1, "page": 1, "start": 0, "score": 0.9}
    )
    wrong = Document(
        "Ms Lind runs the canteen.", metadata={"title": "b", "document_id": 2, "page": 1, "start": 0, "score": 0.9}
    )
    answers, silent, unsure = Reading(0, 8, 0.95, 0.9), Reading(0, 7, 0.002, 0.3), Reading(0, 7, 0.3, 0.3)
    assert [one.number for one in excerpts(question, [right, wrong], [answers, silent])] == [1]
    assert [one.number for one in excerpts(question, [right, wrong], [answers, unsure])] == [1, 2], "it may be there"
    assert [one.number for one in excerpts(question, [right, wrong], [silent, answers])] == [2]


LEASE = Document(
    "甲方（出租方）：王建国\n乙方（承租方）：星河文化有限公司\n月租金为32,000元，按季度支付。\n押金为两个月租金，即64,000元。\n"
    "免租期为一个月。但装修期间的物业费由乙方承担。",
    metadata={"title": "租赁合同", "document_id": 1, "page": 1, "start": 0, "score": 1.0, "evidence": 0.97},
)


def reading_of(place: str, answers: float, passage: Document = LEASE) -> Reading:
    start = passage.page_content.index(place)
    end = start + len(place)
    return Reading(start, end, answers, 0.9, ((start, end, 0.95),))


def texts(question: str, *passages: Document, readings: Any = (), **more: Any) -> list[str]:
    return [one.statement.text for one in excerpts(question, passages, readings, **more)]


def test_where_the_reader_is_sure_what_only_shares_words_is_left_out() -> None:
    assert "押金为两个月租金，即64,000元。" in texts("月租金是多少？", LEASE)
    sure = reading_of("32,000元", 0.98)
    assert texts("月租金是多少？", LEASE, readings=[sure]) == ["月租金为32,000元，按季度支付。"]


def test_each_place_that_the_reader_takes_for_the_answer_is_shown() -> None:
    passage = Document("The fee is 40 euros. Offices close at six. Members pay 30 euros.", metadata={"score": 1.0})
    places = tuple((passage.page_content.index(one), passage.page_content.index(one) + 8, 0.4) for one in ("40", "30"))
    found = texts("How many euros is it?", passage, readings=[Reading(*places[0][:2], 0.9, 0.4, places)])
    assert found == ["The fee is 40 euros.", "Members pay 30 euros."]


def test_an_exception_behind_the_answer_belongs_to_it() -> None:
    found = texts("免租期有多久？", LEASE, readings=[reading_of("一个月。", 0.98)])
    assert found == ["免租期为一个月。", "但装修期间的物业费由乙方承担。"]


def test_what_stands_under_the_name_that_is_asked_for_is_the_answer() -> None:
    assert texts("出租方是谁？", LEASE) == ["甲方（出租方）：王建国"]
    english = Document("Landlord: Ann Lee\nTenant: Bo Chan\nThe landlord repairs the roof.", metadata={"score": 1.0})
    assert texts("Who is the landlord?", english) == ["Landlord: Ann Lee"]


def test_a_passage_with_little_evidence_answers_only_where_the_reader_finds_it_there() -> None:
    other = Document(
        "创始人是沈听澜女士，采购负责人是何敏女士。",
        metadata={"title": "手册", "document_id": 2, "page": 1, "start": 0, "score": 1.0, "evidence": 0.14},
    )
    question = "负责人是谁？"
    assert other.page_content in texts(question, LEASE, other), "without a threshold it is heard"
    assert other.page_content not in texts(question, LEASE, other, threshold=0.35)
    found = reading_of("何敏女士", 0.6, other)
    assert other.page_content in texts(question, LEASE, other, readings=[None, found], threshold=0.35)


def test_in_a_passage_that_was_found_to_answer_the_readers_place_counts_though_it_sees_no_answer() -> None:
    passage = Document(
        "The lessee pays a deposit. It comes back within ten working days. Deposits of dogs are another matter.",
        metadata={"title": "flat", "document_id": 1, "page": 1, "start": 0, "score": 1.0, "evidence": 0.9},
    )
    question = "How quickly is the deposit returned?"
    assert "It comes back within ten working days." in texts(
        question, passage, readings=[reading_of("ten working days", 0.02, passage)]
    )


def test_two_words_in_common_are_no_answer_where_another_document_has_all() -> None:
    other = Document(
        "Every lessee pays for the keys.",
        metadata={"title": "keys", "document_id": 2, "page": 1, "start": 0, "score": 1.0, "evidence": 0.9},
    )
    own = Document(
        "The lessee pays a deposit of 900 euros in advance.",
        metadata={"title": "flat", "document_id": 1, "page": 1, "start": 0, "score": 1.0, "evidence": 0.9},
    )
    assert texts("What deposit does the lessee pay in advance?", own, other) == [own.page_content]


def _mail(text: str) -> Document:
    return Document(text, metadata={"title": "mail.eml", "document_id": 9, "page": 1, "start": 0, "score": 1.0})


@pytest.mark.parametrize(
    ("question", "request_line", "answer"),
    [
        (
            "Is the oil finish food safe?",
            "Please also confirm that the oil finish is food safe.",
            "The oil finish of the shelves is safe for food once it has dried.",
        ),
        ("油漆是否环保？", "请确认油漆是否环保，谢谢。", "油漆为水性环保漆。"),
    ],
)
def test_a_request_to_confirm_something_is_not_quoted_beside_the_answer(
    question: str, request_line: str, answer: str
) -> None:
    found = excerpts(question, [_mail(f"{request_line}\n\n{answer}")])
    assert [one.statement.text for one in found] == [answer]


def test_of_a_list_of_steps_a_question_whether_gets_its_step_and_not_all() -> None:
    steps = [
        "1. Spin the cells of the culture for three minutes.",
        "2. Add the buffer to the cells and invert the tube.",
        "3. Do not vortex the tube after the buffer.",
        "4. Spin the tube at full speed.",
        "5. Wash the column with ethanol.",
    ]
    found = excerpts("May I vortex the tube after the buffer?", [_mail("\n".join(steps))])
    assert any("Do not vortex" in one.statement.text for one in found)
    assert not any("Wash the column" in one.statement.text for one in found)


def test_a_row_whose_range_leaves_the_amount_out_is_not_quoted() -> None:
    rows = (
        "| 假别 | 天数 | 审批人 |\n| 事假 | 1天以内 | 直属主管 |\n"
        "| 事假 | 1天以上3天以内 | 部门总监 |\n| 事假 | 3天以上 | 人力总监 |"
    )
    text = " ".join(one.statement.text for one in excerpts("两天事假谁批？", [_mail(rows)]))
    assert "部门总监" in text
    assert "直属主管" not in text and "人力总监" not in text


def test_across_languages_only_what_the_reader_takes_for_the_answer_is_quoted() -> None:
    text = "The device stands upright. Clean the air filter every two weeks. Weight: 14 kg."
    begin = text.index("every")
    reading = Reading(begin, begin + 15, 0.7, 0.9, ((begin, begin + 15, 0.9),))
    found = excerpts(
        "滤网多久清洗一次？", [_mail(text)], [reading], similarity=lambda question, texts: [0.8 for _ in texts]
    )
    assert [one.statement.text for one in found] == ["Clean the air filter every two weeks."]
