from __future__ import annotations

import pytest
from fake_workspace import page_of

from minicpm_rag.text.asked import answered_by, of_page


@pytest.mark.parametrize(
    ("sentence", "question"),
    [
        ("员工结婚享有十三天婚假。", "员工结婚享有多少天婚假？"),
        ("报销单应在出差结束后 10 天内提交，附上发票原件。", "报销单应在出差结束后多少天内提交？"),
        ("连续病假三天以上的，应当提交医院证明。", "连续病假多少天以上的，应当提交医院证明？"),
        ("校准证书由实验室出具，有效期为一年。", "校准证书由实验室出具，有效期为多少年？"),
        ("研发费用为1,460,000元，占费用的大部分。", "研发费用为多少元？"),
        ("New parents receive 18 weeks of paid parental leave, to be taken early.",
         "How many weeks of paid parental leave do new parents receive?"),
        ("The device weighs 310 grams.", "How many grams does the device weigh?"),
        ("You may work from home two days a week.", "How many days a week may I work from home?"),
        ("Lost equipment must be reported within 24 hours.", "Within how many hours must lost equipment be reported?"),
        ("The monthly rent is 2,450 euros, due on the first working day.", "What is the monthly rent?"),
        ("Delivery takes about 5 days.", "How many days does delivery take?"),
    ],
)  # fmt: skip
def test_a_number_is_asked_for(sentence: str, question: str) -> None:
    assert answered_by(sentence) == question


@pytest.mark.parametrize(
    "sentence",
    ["工龄满一年的为十天，满十年的为十五天。", "公司成立于 2012 年，总部在杭州。", "须提前三天向主管申请。",
     "It weighs 310 grams.", "They have 27 days of leave.", "The office is open from 7:30 to 19:00.",
     "Hand it in within 30 days.",
     "乙方免费提供两次操作培训。", "超过两万元的，由总经理签字。", "华东区最多，为423,708元。",
     "第三条的规定自公布之日起施行。", "公司成立于二〇一二年三月。", "The agreement began on 1 February 2025.",
     "恢复供水后，请放水三至五分钟再使用。", "", "。", "5."],
)  # fmt: skip
def test_what_leans_on_other_sentences_or_holds_dates_or_several_numbers_gives_none(sentence: str) -> None:
    assert answered_by(sentence) == ""


def test_the_number_of_a_list_s_item_is_not_asked_with() -> None:
    page = page_of("1. 通风柜的柜门开启高度不得超过四十厘米。\n2. The device weighs 310 grams.\n")
    assert list(of_page(page)) == ["通风柜的柜门开启高度不得超过多少厘米？", "How many grams does the device weigh?"]


@pytest.mark.parametrize("sentence", ["报名截止~~3天~~前须缴纳押金。", "The library has ~~nine rooms~~ in total."])
def test_nothing_is_asked_after_what_is_struck_out(sentence: str) -> None:
    assert answered_by(sentence) == ""
