from __future__ import annotations

import random

import pytest

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders.encodings import clean, decode

TEXTS = {
    "short_zh": "你好，世界",
    "zh": "这是一个用于测试的文件，内容是中文。版本3.2。",
    "long_zh": "本公司员工每年享有十天带薪年假。" * 30,
    "short_hant": "臺灣的首都",
    "hant": "臺東市的東邊是太平洋，這是一個測試文件。",
    "csv": "姓名,年龄\n张三,25\n",
    "one_zh_word": "Hello 世 world",
    "en": "plain ascii",
    "fr": "Le café est très bon, ça va être là-bas.",
    "jp": "これは日本語のテキストです。文字コードの判定。" * 3,
}
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "gb18030", "gbk", "cp950"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_text_is_decoded_whatever_it_was_saved_in(name: str, encoding: str) -> None:
    try:
        data = TEXTS[name].encode(encoding)
    except UnicodeEncodeError:
        pytest.skip("the encoding has no such characters")
    if name == "fr" and encoding in ("gb18030", "gbk"):
        pytest.skip("nobody saves French so")
    assert decode(data).text == TEXTS[name]


@pytest.mark.parametrize("encoding", ["gb18030", "cp950", "utf-16", "utf-8-sig"])
def test_the_encoding_is_reported(encoding: str) -> None:
    assert decode(TEXTS["hant"].encode(encoding)).encoding == encoding


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "cp950"])
def test_a_character_cut_in_half_at_the_end_costs_only_that_character(encoding: str) -> None:
    assert decode(TEXTS["hant"].encode(encoding)[:-1]).text == TEXTS["hant"][:-1]


def test_a_declared_encoding_wins_over_guesses() -> None:
    assert decode("это".encode("windows-1251"), "windows-1251").text == "это"


def test_an_unknown_declared_encoding_does_no_harm() -> None:
    for declared in ("no-such", "hex", "base64"):
        assert decode(TEXTS["zh"].encode("gbk"), declared).text == TEXTS["zh"]


def test_random_bytes_are_refused() -> None:
    randomness = random.Random(3)
    for size in [64, 1000, 4096] * 30:
        with pytest.raises(DocumentError, match="readable text"):
            decode(randomness.randbytes(size))


def test_control_characters_and_line_ends_are_made_plain() -> None:
    assert clean("a\r\nb\rc\x00\x07\u200bd\u00a0e\ufeff\x0cf\ud800") == "a\nb\ncd e\nf\ufffd"


def test_radicals_become_the_characters_people_type() -> None:
    assert clean("⼈⺠⽇报") == "人民日报"


def test_zero_bytes_are_dropped_and_the_text_kept() -> None:
    assert decode("正文\x00中间\x00有空字节".encode()).text == "正文中间有空字节"
