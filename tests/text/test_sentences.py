from __future__ import annotations

import itertools
import random

import pytest

from minicpm_rag.text.sentences import sentence_spans


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "第一句。第二句！“真的吗？”他问。还有……是的；完",
            ["第一句。", "第二句！", "“真的吗？”", "他问。", "还有……", "是的；", "完"],
            id="zh_marks",
        ),
        pytest.param(
            "电影《你好！李焕英》上映。票房高。",
            ["电影《你好！李焕英》上映。", "票房高。"],
            id="zh_mark_in_title",
        ),
        pytest.param(
            "好吗?好的.版本3.2发布了.然后呢",
            ["好吗?", "好的.", "版本3.2发布了.", "然后呢"],
            id="zh_ascii_marks",
        ),
        pytest.param(
            '他说："你好。"然后走。"再见。"她说。',
            ['他说："你好。"', "然后走。", '"再见。"', "她说。"],
            id="zh_straight_quotes",
        ),
        pytest.param(
            "It rained. We left! Did you? Yes; we did.",
            ["It rained.", "We left!", "Did you?", "Yes;", "we did."],
            id="en_marks",
        ),
        pytest.param(
            "Dr. Smith paid $3.14 on Jan. 5, e.g. for tea. He left.",
            ["Dr. Smith paid $3.14 on Jan. 5, e.g. for tea.", "He left."],
            id="en_abbreviations",
        ),
        pytest.param(
            "J. K. Rowling met No. 5 of the U.S. Army. See Fig. 3. Done.",
            ["J. K. Rowling met No. 5 of the U.S. Army.", "See Fig. 3.", "Done."],
            id="en_initials",
        ),
        pytest.param(
            '"Why?" he asked. (It was late.) End',
            ['"Why?" he asked.', "(It was late.)", "End"],
            id="en_quotes_and_brackets",
        ),
        pytest.param(
            "See https://a.example/b?c=d.e for v1.2.3. Next",
            ["See https://a.example/b?c=d.e for v1.2.3.", "Next"],
            id="address_and_version",
        ),
        pytest.param("1. First item. More\n2. Second", ["1. First item.", "More", "2. Second"], id="list_numbers"),
        pytest.param("标题\n正文。", ["标题", "正文。"], id="line_end"),
        pytest.param(
            "This is a long line of English that an editor wrapped\nin the middle. Next.",
            ["This is a long line of English that an editor wrapped\nin the middle.", "Next."],
            id="en_wrapped_line",
        ),
        pytest.param(
            "这是一行很长很长的中文文本，用来测试编辑器在句子中间换行的\n情况是否正确。完。",
            ["这是一行很长很长的中文文本，用来测试编辑器在句子中间换行的\n情况是否正确。", "完。"],
            id="zh_wrapped_line",
        ),
        pytest.param(" \n\u3000\n", [], id="blank"),
    ],
)
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_spans_are_in_order_and_cover_all_text_that_is_not_white_space() -> None:
    randomness = random.Random(7)
    alphabet = "ab 中文。！？；…“”\"'《》().!?;,，\n\t\u3000A1"
    for _ in range(500):
        text = "".join(randomness.choices(alphabet, k=randomness.randrange(60)))
        spans = sentence_spans(text)
        covered = "".join(text[start:end] for start, end in spans)
        between = [text[a:b] for (_, a), (b, _) in itertools.pairwise(spans)]
        assert "".join(covered.split()) == "".join(text.split())
        assert all(not gap.strip() for gap in between)
        assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)


def test_a_five_megabyte_line_of_false_ends_is_one_sentence() -> None:
    text = "v1.2 e.g. x " * 400_000
    assert sentence_spans(text) == [(0, len(text) - 1)]
