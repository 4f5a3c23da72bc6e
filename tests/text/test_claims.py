from __future__ import annotations

import pytest

from minicpm_rag.text.claims import codes, contradicts, denied, holds_name, is_code, names
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.terms import fold


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("十五天", "15 天"),
        ("二〇一二年", "2012年"),
        ("一千二百九十九元", "1,299 元"),
        ("3万人", "30000 人"),
        ("twenty-five days", "25 days"),
        ("1.2 million", "1,200,000"),
        ("14 March 2026", "2026年3月14日"),
        ("１２．５％", "12.5%"),
        ("两个月", "2个月"),
    ],
)
def test_the_same_number_written_otherwise_is_the_same(one: str, other: str) -> None:
    assert numbers(one) == numbers(other) != frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "统一安排",
        "万一断电",
        "一般情况",
        "一个人",
        "AL-200 型",
        "第3页",
        "see page 12",
        "It may rain",
        "（2）注意安全",
    ],
)
def test_a_word_with_a_numeral_in_it_claims_no_number(text: str) -> None:
    assert numbers(text) == frozenset()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("技术总监是王小明。", "王小明"),
        ("总部位于上海。", "上海"),
        ("他著有《高阳集》。", "高阳集"),
        ("型号为 AL-200P。", "al-200p"),
        ("It was founded by Astrid Lindqvist.", "lindqvist"),
        ("The Taliban's leader fled.", "taliban"),
        ("他在威尔特·张伯伦之后。", "威尔特·张伯伦"),
    ],
)
def test_names_are_found_in_both_languages(text: str, name: str) -> None:
    assert name in names(text)


@pytest.mark.parametrize(
    "text", ["The device is ready.", "What follows? It works.", "In March it rains.", "工作时间为八小时。"]
)
def test_ordinary_words_are_no_names(text: str) -> None:
    assert names(text) == frozenset()


def test_a_name_is_held_as_a_whole_word_or_in_a_shorter_form() -> None:
    assert holds_name(fold("总部设在杭州"), "杭州市")
    assert holds_name(fold("张伯伦退役了"), "威尔特·张伯伦")
    assert holds_name(fold("The AL-200's fan"), "al-200")
    assert not holds_name(fold("The AL-200P fan"), "al-200")


def test_a_code_is_one_of_a_series() -> None:
    assert codes("AL-200 和 Astrid 的 E-23，2012年") == {"al-200", "e-23"}
    assert is_code("al-200") and not is_code("astrid") and not is_code("杭州")


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("滤芯在保修范围内。", "滤芯不在保修范围内。"),
        ("员工不可以携带宠物。", "员工可以携带宠物。"),
        ("Filters are covered.", "Filters are not covered by the warranty."),
        ("You cannot return it.", "You may return it within 14 days."),
    ],
)
def test_a_denial_of_what_the_source_says_is_a_contradiction(sentence: str, source: str) -> None:
    assert contradicts(sentence, source)
    assert contradicts(source, sentence)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("滤芯不在保修范围内。", "滤芯不在保修范围内。"),
        ("不仅保修，而且免费。", "保修，免费。"),
        ("The tapestry is embroidery.", "The work is not a tapestry but embroidery."),
    ],
)
def test_agreeing_sentences_do_not_contradict(sentence: str, source: str) -> None:
    assert not contradicts(sentence, source)


def test_words_that_look_like_negations_deny_nothing() -> None:
    assert denied("不仅如此，无论何时，非常重要，未来可期。") == frozenset()
