"""What a sentence takes back: "the fee is £9, not £8", 不是11月28日，是12月1日, 由45元改为50元.

Reads one sentence. Only amounts and times are looked for, as they are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from minicpm_rag.text.scripts import is_han
from minicpm_rag.text.terms import fold

_LONGEST = 300  # characters of a sentence that is read
_VALUE = r"(?P<value>(?<!\d)\d[\d,.:/]*(?:[^\W\d的]{1,3}\d{1,2}[日号时点分]?|[%℃]|[^\W\d的]{0,3}?))的?"
_VALUE_EN = r"(?P<value>[£$€]?\d[\d.,:/]*(?: ?(?:%|(?!(?:but|and|or|as|so)\b)[a-z]+|°c))?(?: \d{4})?)"
_TAKEN_BACK = tuple(
    map(
        re.compile,
        (
            rf"(?:不是|并非|而非|不再是|取消原定?的?|代替|替代原?){_VALUE}(?=[，,。;；、]|而是|$)",
            rf"(?:由|从|将|把|原定?于?|原为|原来是?){_VALUE}(?:的)?[，,]?(?:现|统一|均|一律)*"
            r"(?:更正|改|变更|调整|修正|修改|上调|下调|提高|降低|增加|减少|延长|延期|延|推迟|顺延|提前|缩短)(?:为|成|至|到|在|于)",
            rf"{_VALUE}(?:有误|写错|作废|不再适用)",
            rf"\b(?:not|instead of|rather than|no longer|replac(?:es|ing)|and not)(?: the)? {_VALUE_EN}(?=[\s,.;)!]|$)",
            r"\b(?:changed|moved|raised|lowered|corrected|postponed|brought forward|cut|increased|reduced|put off)"
            rf" from {_VALUE_EN}(?= to\b)",
            rf"\b(?:was|were) {_VALUE_EN} (?:until|before|by mistake)\b",
        ),
    )
)


def taken_back(sentence: str) -> frozenset[str]:
    """The amounts and times that the sentence takes back, folded; empty for most sentences."""
    plain = fold(sentence)
    return frozenset(_values(plain)) if len(plain) <= _LONGEST else frozenset()


def stands_in(value: str, text: str) -> bool:
    """Whether a text says a value that was taken back: 90 stands in "90 %", and not in "1907"."""
    plain = fold(text)
    place = plain.find(value)
    while place >= 0:
        before, after = plain[place - 1 : place], plain[place + len(value) : place + len(value) + 1]
        is_cut = (value[0].isdigit() and before.isdigit()) or (value[-1].isdigit() and after.isdigit())
        is_word = value[-1].isalpha() and not is_han(value[-1]) and after.isalpha()
        if not is_cut and not is_word:
            return True
        place = plain.find(value, place + 1)
    return False


def _values(plain: str) -> Iterator[str]:
    for pattern in _TAKEN_BACK:
        for match in pattern.finditer(plain):
            yield match["value"].strip(" .,")
