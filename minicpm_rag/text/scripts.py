"""Which script a text is written in. The only place that knows Unicode's ranges of Han and its neighbours.

Knows no words. The constants are ranges for the brackets of a regular expression: `rf"[{HAN}]{{2}}"`.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

# Unified ideographs with extension A, compatibility ideographs, extensions B and later
HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
KANA = "\u3041-\u30ff"
HANGUL = "\uac00-\ud7a3"
# Written without spaces between words: the above with 々〆〇, Thai, Lao, Burmese and Khmer
UNSPACED = f"\u3005-\u3007{HAN}{KANA}{HANGUL}\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
# As wide as a Han character: East Asian scripts with their punctuation, radicals and full-width forms
WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
# Nearly every Han character in print; `code in COMMON_HAN` is the quickest test.
COMMON_HAN = range(0x4E00, 0xA000)

_HAN = re.compile(f"[{HAN}]")
_HAN_RUN = re.compile(f"[{HAN}]+")
_JAPANESE_OR_KOREAN = re.compile(f"[{KANA}{HANGUL}]")
_WIDE = re.compile(f"[{WIDE}]")


def is_han(character: str) -> bool:
    """Whether this is a Han character; of a longer text, whether its first character is one."""
    return _HAN.match(character) is not None


def has_han(text: str) -> bool:
    """Whether a text has a Han character."""
    return _HAN.search(text) is not None


def count_han(text: str) -> int:
    """How many of a text's characters are Han characters."""
    return sum(map(len, _HAN_RUN.findall(text)))


def is_chinese(text: str) -> bool:
    """Whether a text is written in Han characters without kana or Hangul, which tell Japanese and Korean."""
    return has_han(text) and not _JAPANESE_OR_KOREAN.search(text)


def is_wide(character: str) -> bool:
    """Whether a character is as wide as a Han character; of a longer text, whether its first one is."""
    return _WIDE.match(character) is not None


def has_wide(text: str) -> bool:
    """Whether a text has a character as wide as a Han character: Chinese punctuation goes with it."""
    return _WIDE.search(text) is not None


def letters_by_script(text: str) -> Counter[str]:
    """How many letters of each script a text has: {"LATIN": 12, "CJK": 3}."""
    letters: Counter[str] = Counter()
    for character, number in Counter(filter(str.isalpha, text)).items():
        letters[script_of(character)] += number
    return letters


@lru_cache(maxsize=10_000)
def script_of(character: str) -> str:
    """The first word of the character's Unicode name, which names its script: "CJK", "LATIN", "HIRAGANA"."""
    return unicodedata.name(character, "UNKNOWN").split(" ")[0].split("-")[0]
