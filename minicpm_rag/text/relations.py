"""Who does what to whom: claims that reverse a relation of their source ("A supplies B", "B supplies A").

Also aims that are told as findings. Plain rules on words; Chinese is cut into words by jieba.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from minicpm_rag.text.questions import chinese_words, is_content
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.terms import fold, terms

_WORD = re.compile(r"[^\W_]+")
_REACH = 3  # words on either side of a relation that may name who stands in it
_LONGEST = 60  # words of a text that are compared
_BOTH_WAYS = frozenset(["marri", "equal", "same", "partner", "border", "near"]).union(
    ["结婚", "等于", "相同", "相等", "合作", "相邻", "接壤", "毗邻"]
)
_JOINS = frozenset(["是", "为", "向", "对", "比", "给", "is", "are", "was", "were"])
_PASSIVE = frozenset(["被", "由", "by"])
_AIM = re.compile(
    r"旨在|目的是|目的在于|目标是|(?:探讨|研究|评估|考察|检验).{0,20}是否|拟(?:于|在|开展|进行)"
    r"|\b(?:aims?|aimed|objectives?|purpose|goal)\b|\b(?:whether|hypothesi[sz]e[ds]?)\b"
    r"|\bto (?:determine|investigate|evaluate|examine|assess|test|explore|find out)\b",
    re.IGNORECASE,
)


def says_an_aim(text: str) -> bool:
    """Tell whether a sentence says what is to be found out, not what was found."""
    return bool(_AIM.search(text))


def turns_round(claim: str, source: str) -> bool:
    """Tell whether both say the same of the same two, but with their places exchanged.

    "A is B" says what "B is A" says, but "A is the supplier of B" does not; nor is the passive taken for the active.
    """
    ours, theirs = _words(claim), _words(source)
    if bool(_PASSIVE & set(ours)) != bool(_PASSIVE & set(theirs)):
        return False
    for start, other, length in _shared(ours, theirs):
        left, right = _beside(ours, start, length)
        other_left, other_right = _beside(theirs, other, length)
        stays = _tells(ours[start : start + length]) or right & other_right
        if stays and (left - right) & (other_right - other_left) and (right - left) & (other_left - other_right):
            return True
    return False


@lru_cache(maxsize=1000)
def _words(text: str) -> list[str]:
    folded = fold(to_simplified(text))
    if has_han(folded):
        return [word for word, _ in chinese_words(folded) if _WORD.search(word)][:_LONGEST]
    return [(terms(word) or [word])[0] for word in _WORD.findall(folded)][:_LONGEST]


def _shared(ours: list[str], theirs: list[str]) -> Iterator[tuple[int, int, int]]:
    """The longest runs of words in both that can be a relation: (place in ours, in theirs, length)."""
    for start in range(len(ours)):
        for other in range(len(theirs)):
            if start and other and ours[start - 1] == theirs[other - 1]:
                continue  # the middle of a longer run
            length = 0
            while (
                start + length < len(ours)
                and other + length < len(theirs)
                and ours[start + length] == theirs[other + length]
            ):
                length += 1
            run = ours[start : start + length]
            if _tells(run) or _JOINS & set(run):
                yield start, other, length


def _tells(words: list[str]) -> bool:
    """Whether they name a relation that has a direction."""
    return any(is_content(word) for word in words) and not _BOTH_WAYS & set(words)


def _beside(words: list[str], start: int, length: int) -> tuple[set[str], set[str]]:
    left = words[max(0, start - _REACH) : start]
    right = words[start + length : start + length + _REACH]
    return {word for word in left if is_content(word)}, {word for word in right if is_content(word)}
