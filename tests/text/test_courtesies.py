from __future__ import annotations

import pytest

from minicpm_rag.text.courtesies import without_courtesies


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ("麻烦帮我查一下，保修期是多久？急用", "保修期是多久？"),
        ("麻烦帮我查一下保修期是多久急用", "保修期是多久"),
        ("您好，请问可以帮我查一下住宿费的上限是多少吗？不胜感激", "住宿费的上限是多少吗？"),
        ("不好意思打扰了，谁负责清洗主镜？在线等，多谢", "谁负责清洗主镜？"),
        ("各位老师好！想请教一个问题：锅温多少度？辛苦了", "锅温多少度？"),
        ("请告诉我谁写了《感谢》", "谁写了《感谢》"),
        ("有没有人知道云溪水泵的额定扬程", "云溪水泵的额定扬程"),
        ("Could you please tell me who presents the noise measurements?", "who presents the noise measurements?"),
        ("Hi there! How much is the deposit? Thanks in advance!", "How much is the deposit?"),
        ("Sorry to bother you, but how long must the dough rest? Thank you so much!", "how long must the dough rest?"),
        ("I was wondering, when is the rent due? Any help would be appreciated.", "when is the rent due?"),
        ("Do you happen to know what E-4412 means", "what E-4412 means"),
    ],
)
def test_only_the_question_is_left(asked: str, question: str) -> None:
    assert without_courtesies(asked) == question


@pytest.mark.parametrize(
    "question",
    [
        "你好",
        "谢谢",
        "thanks",
        "Hello!",
        "帮我看看",
        "",
        "谢谢用法语怎么说？",
        "这笔款能不能急用？",
        "打扰的法律定义是什么",
        "上午好还是下午好？",
        "需要知道密码才能登录吗",
        "可以帮我报销打车费吗？",
        "急性肾炎的症状？",
        "How do I say thank you in French?",
        "Thanks to whom was the mill built?",
        "Can you help a burn with butter?",
        "What may members vote on as they please?",
        "Is the repair urgent",
    ],
)
def test_what_is_asked_about_is_kept(question: str) -> None:
    assert without_courtesies(question) == question
