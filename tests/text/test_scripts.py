from __future__ import annotations

import pytest

from minicpm_rag.text.scripts import COMMON_HAN, count_han, has_han, has_wide, is_chinese, is_han, is_wide


@pytest.mark.parametrize("character", ["一", "鿿", "㐀", "豈", "𠮷", "𰻞"])
def test_han_is_known_outside_the_common_block_too(character: str) -> None:
    assert is_han(character) and has_han(f"a{character}") and is_wide(character)


@pytest.mark.parametrize("character", ["a", "é", "я", "か", "カ", "한", "ก", "。", "〇", "1", "A", ""])
def test_other_scripts_and_punctuation_are_no_han(character: str) -> None:
    assert not is_han(character) and not has_han(character) and count_han(character) == 0


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("员工手册", True),
        ("RX-7800 保修", True),
        ("富士山の高さ", False),
        ("서울市", False),
        ("Handbook", False),
        ("", False),
    ],
)
def test_chinese_is_han_without_kana_or_hangul(text: str, chinese: bool) -> None:
    assert is_chinese(text) is chinese


def test_chinese_punctuation_is_wide_and_latin_letters_are_not() -> None:
    assert all(map(is_wide, "。，、（１Ａ")) and has_wide("price：3")
    assert not has_wide("naïve café, 3 €")


def test_the_range_of_common_characters_holds_only_han() -> None:
    assert all(is_han(chr(code)) for code in COMMON_HAN)
