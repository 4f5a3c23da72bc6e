from __future__ import annotations

import pytest

from minicpm_rag.retrieval.forms import has_form


@pytest.mark.parametrize(
    ("question", "statement", "answer", "has"),
    [
        ("书法班每周几上课？", "书法班每期 12 次课。", "12 次", False),
        ("书法班星期几上课？", "书法班周三晚上上课。", "周三", True),
        ("What day of the week is the rehearsal?", "The rehearsal is on 3 May.", "3 May", False),
        ("Which weekday is the rehearsal?", "Rehearsals are on Tuesdays.", "Tuesdays", True),
        ("罗丹的电话是多少？", "罗丹联系三家电梯公司。", "三家电梯公司", False),
        ("报修电话是多少？", "24 小时报修电话 6688-1200。", "6688-1200", True),
        ("What is the phone number of the office?", "The office is open from 9:00.", "9:00", False),
        ("What number should I call in an emergency?", "In an emergency dial 112.", "112", True),
        ("陆遥的邮箱是什么？", "项目经理：陆遥。", "陆遥", False),
        ("What is her e-mail address?", "Write to lind@alder.org.", "lind@alder.org", True),
        ("Where does the general meeting take place?", "It takes place in March.", "March", False),
        ("Where does the general meeting take place?", "It takes place in the town hall.", "in the town hall", True),
        ("会议在哪里开？", "会议于 3 月 12 日召开。", "3 月 12 日", False),
        ("会议在哪天开？", "会议于 3 月 12 日召开。", "3 月 12 日", True),
        ("How old is the chair?", "The chair was elected in March.", "March", True),
    ],
)
def test_an_answer_has_the_form_of_what_is_asked(question: str, statement: str, answer: str, has: bool) -> None:
    assert has_form(question, statement, answer) is has
