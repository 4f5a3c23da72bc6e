"""By how much one is more than the other, from the sentences that say both."""

from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.answering.difference import difference
from minicpm_rag.answering.extractive import Excerpt
from minicpm_rag.answering.quoting import quote
from minicpm_rag.records import Answer
from minicpm_rag.text.statements import statements


def found(question: str, *texts: str) -> tuple[str, str, str] | None:
    passages = [Document(text, metadata={"document_id": number}) for number, text in enumerate(texts)]
    chosen = [Excerpt(number, one, 1.0) for number, each in enumerate(passages, 1) for one in statements(each)]
    computed = difference(question, chosen, passages)
    return None if computed is None else computed.written


@pytest.mark.parametrize(
    ("question", "texts", "written"),
    [
        ("双人房比单人房贵多少？", ["单人房每晚380元，双人房每晚520元。"], ("140元", "520元", "380元")),
        (
            "支持票比反对票多多少？",
            ["方案以61票赞成、9票反对、3票弃权通过，支持票61票，反对票9票。"],
            ("52票", "61票", "9票"),
        ),
        ("支持票比反对票多多少？", ["方案通过：支持61票，反对9票。"], ("52票", "61票", "9票")),
        (
            "金奖比铜奖多多少钱？",
            ["金奖2名，奖金900元；银奖4名，奖金500元；铜奖8名，奖金200元。"],
            ("700元", "900元", "200元"),
        ),
        ("停车费涨了多少？", ["停车费从每月300元调整为360元。"], ("60元", "360元", "300元")),
        ("门票涨了多少？", ["票价从10元涨到12元。"], ("2元", "12元", "10元")),
        ("甲店比乙店贵多少？", ["甲店月租500元，乙店每月300元。"], ("200元", "500元", "300元")),
        (
            "How much did the rent go up in 2026?",
            ["In 2026 it went up from £500 to £600."],
            ("£100", "£600", "£500"),
        ),
        ("两份合同的押金相差多少？", ["押金为5000元。", "押金为8000元。"], ("3,000元", "8,000元", "5,000元")),
        (
            "How much more do adults pay than students?",
            ["Adults pay 18 euros a visit, students 11 euros, and pensioners 9 euros."],
            ("7 euros", "18 euros", "11 euros"),
        ),
        (
            "How much more was spent on the marquee for the regatta than for the flower show?",
            [
                "The regatta cost £4,100: marquee £1,900, band £700, permits £1,500.",
                "The flower show cost £2,050: marquee £1,200, judges £250, prizes £600.",
            ],
            ("£700", "£1,900", "£1,200"),
        ),
        (
            "庙会的保洁费比灯会多多少？",
            [
                "庙会共支出52,000元，其中保洁费9,000元，灯具12,000元。",
                "灯会共支出40,000元，其中保洁费6,500元，灯具20,000元。",
            ],
            ("2,500元", "9,000元", "6,500元"),
        ),
        (
            "How much cheaper was Harlow?",
            ["Two offers came in: Merton at 4,100 pounds and Harlow at 3,600 pounds."],
            ("500 pounds", "4,100 pounds", "3,600 pounds"),
        ),
        (
            "How much longer is the lender's notice than the borrower's?",
            ["The borrower's notice is four weeks.", "The lender's notice is ten weeks."],
            ("6 weeks", "10 weeks", "4 weeks"),
        ),
        (
            "By how much was the fee raised?",
            ["The fee was raised from 90 euros to 96 euros in May 2026."],
            ("6 euros", "96 euros", "90 euros"),
        ),
        (
            "How much cheaper was Ostrow than Kern?",
            ["The boiler is from Ostrow for 3,480 euros; the offer of Kern (3,910) was refused."],
            ("430 euros", "3,910 euros", "3,480 euros"),
        ),
        (
            "By how much does the rent rise?",
            ["Rent: from 2027 a plot costs 145 euros instead of 130."],
            ("15 euros", "145 euros", "130 euros"),
        ),
        (
            "What is the difference in penalty between the two agreements?",
            ["For each breach the party pays 5,000 euros.", "For each breach the party pays 8,000 euros."],
            ("3,000 euros", "8,000 euros", "5,000 euros"),
        ),
    ],
)
def test_what_two_sentences_say_is_subtracted(question: str, texts: list[str], written: tuple[str, str, str]) -> None:
    assert found(question, *texts) == written


@pytest.mark.parametrize(
    ("question", "texts"),
    [
        (
            "How much longer is the lender's notice?",
            ["The borrower's notice is four weeks, the lender's three months."],
        ),
        ("How much cheaper is the family ticket?", ["Orders above 400 pounds are paid in six instalments."]),
        ("By how much does the rent rise?", ["The hall is let at 145 euros instead of the shed."]),
        ("How much cheaper was Ostrow than Kern?", ["Ostrow costs 3,480 euros; the offer of Kern (2019) was refused."]),
        ("How much does Harlow cost?", ["Merton costs 4,100 pounds and Harlow 3,600 pounds."]),
        ("走廊长多少米？", ["走廊长12米，大厅长20米。"]),
        ("押金相差多少？", ["押金为5000元。", "押金为8000元。", "押金为9000元。"]),
        ("How much water is there?", ["There are 5 litres in A and 7 litres in B."]),
        ("甲店比乙店贵多少？", ["甲店每月租金420元，乙店每年租金2600元。"]),  # not for the same time
        ("甲房比乙房贵多少？", ["甲房租金3000元/月，乙房租金200元/天。"]),
        ("甲比乙多多少？", ["甲时薪50元，乙月薪5000元。"]),
        ("How much more does the hall cost than the room?", ["The hall costs £100 a day, the room £20 an hour."]),
        ("How much did the salary increase?", ["The salary increased from £30,000 annually to £3,000 monthly."]),
        ("甲班比乙班多几人？", ["甲班有30至35人，乙班有28人。"]),  # a range, bounds and about so much
        ("成人比儿童贵多少？", ["成人票100元起，儿童票50元。"]),
        ("How much more does an adult pay than a child?", ["An adult pays £10; a child pays at least £4."]),
        ("How much more does Lena earn than Tom?", ["Lena earns over £3,000, Tom earns about £2,000."]),
        ("张三比李四多花了多少？", ["张三没有花300元，李四花了200元。"]),  # denied
        ("How much did the rent rise?", ["The rent did not rise from 500 pounds to 700 pounds."]),
        ("租金上涨了多少？", ["押金从500元上调到700元。"]),  # of something else
        ("How much did the fee rise?", ["The deposit rose from 50 pounds to 70 pounds. The fee is 10 pounds."]),
        ("公司利润增加了多少？", ["员工从20人增加到35人。"]),
        ("How much was the delivery fee cut?", ["The trip goes from 20 pounds to 40 pounds."]),
        ("How much did the limit fall?", ["It runs from 3 days to 5 days."]),
        (
            "How much did sales increase in 2024?",
            ["Sales rose from 30 million pounds in 2021 to 50 million pounds in 2022."],
        ),
        (
            "How much cheaper is Westbank than Alder?",
            ["Alder: 2 offers at £300, Westbank: 3 offers at £200 and £250."],
        ),
    ],
)
def test_where_it_is_not_clear_which_two_are_meant_nothing_is_subtracted(question: str, texts: list[str]) -> None:
    assert found(question, *texts) is None


def test_the_difference_stands_above_its_quotes_and_has_their_marks() -> None:
    text = "单人房每晚380元，双人房每晚520元。早餐另付。"
    passage = Document(text, metadata={"document_id": 1, "page": 1, "start": 0, "title": "客房价目.docx"})
    *_, answer = quote(
        Answer(standalone_question="双人房比单人房贵多少？", documents=[passage]), page_text=None, similarity=None
    )
    assert isinstance(answer, Answer)
    assert answer.text == "相差 **140元**（520元 减 380元）[1]\n\n单人房每晚380元，双人房每晚520元。[1]"
    assert [answer.text[one.sentence_start : one.sentence_end] for one in answer.citations] == [
        "相差 **140元**（520元 减 380元）",
        "单人房每晚380元，双人房每晚520元。",
    ]


def test_of_two_items_with_one_name_none_is_subtracted() -> None:
    question = "How much more was spent on the marquee for the regatta than for the flower show?"
    texts = ["The regatta cost £3,000: marquee £1,900, marquee lights £80.", "The flower show: marquee £1,200."]
    assert found(question, *texts) is None
