"""What a sentence claims and its source must contain too: names and codes, and what it denies.

Courtesies, lead-ins and "I do not know" claim nothing. Knows no passages; numbers are read by `numerals`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from minicpm_rag.text.numerals import MONTHS, numbers
from minicpm_rag.text.questions import chinese_words
from minicpm_rag.text.scripts import HAN, has_han
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.terms import fold

_QUOTED = re.compile(r"《([^》]{1,40})》|「([^」]{1,30})」|『([^』]{1,30})』")
_LETTER = r"A-Za-z\u00c0-\u024f"
_LATIN_NAME = re.compile(
    rf"[{_LETTER}][{_LETTER}\d.+#&'’/-]*[{_LETTER}\d+#]|[A-Z](?![{_LETTER}])|(?<!\d)\d+[{_LETTER}][{_LETTER}\d-]*"
)
_OF_A_SERIES = re.compile(r"\b([A-Z][A-Za-z]*[A-Za-z])[ -]?(\d+)\b")
_POSSESSIVE = re.compile(r"['’]s?$")
_DOT = re.compile("[·・•]")
_SENTENCE_OPENERS = re.compile(r"(?:^|[.!?:：。！？\n\"“(（]\s*)$")
_OPENER = 20  # characters in which a sentence may begin before its first word
_PERSON_PLACE_ORGANISATION = frozenset(["nr", "nrt", "nrfg", "ns", "nt"])
_PLACE_ENDINGS = re.compile(r"(?<=..)[省市县区镇乡村州国]$")

_NEGATOR = re.compile(
    r"(?:不(?![仅但只过同断久论管少满足超多低高小大及如等])|没有|没|无(?!论|线)|未(?!来)|非(?!常|洲)|勿|禁止)(?:能|可以|可|得|会|应|要|需)?"
    r"|\b(?:not|no|never|cannot|without|[a-z]+n't)\b(?:\s+(?:be|been|being))?\s*",
    re.IGNORECASE,
)
_MOST_DENIED = 50  # in one text; each is looked for in another
_NEXT_TERM = re.compile(rf"[{HAN}]{{2}}|[a-z]+")
_GREETING = re.compile(
    r"^\W*(?:(?:你好|您好|好的|(?:很|非常)?抱歉|对不起|(?:很高兴|感谢|谢谢)[^，,。！!]*)[，,。！!\s]*"
    r"|(?:hello|hi|sure|certainly|of course|sorry|i'm sorry|i am sorry|i apologi[sz]e|thank[^,.!]*)"
    r"\b[,.!\s]*)",
    re.IGNORECASE,
)
_COURTESY = re.compile(
    r"^\W*(?:希望.{0,12}帮助|如(?:果|需|有).{0,20}(?:告诉|联系|提问|请)|还有(?:什么|其他)"
    r"|i hope|hope this|let me know|feel free|please let)",
    re.IGNORECASE,
)
_DOES_NOT_KNOW = re.compile(
    r"(?:资料|文档|文中|上文|上述|提供|原文|段落|内容|信息).{0,12}(?:没有|未|并未|无法|不能|不足)"
    r"|(?:没有|未|并未|不曾)(?:明确)?(?:提及|提到|说明|给出|找到)"
    r"|无法(?:回答|确定|得知|判断|找到)|(?:我|本人)?不(?:知道|清楚|确定)"
    r"|\b(?:passages?|documents?|text|context|sources?|information)\b.{0,40}\b(?:not|no)\b"
    r"|\b(?:do|does|did)(?: not|n't) (?:know|say|mention|contain|state|specify)"
    r"|\bnot (?:mentioned|stated|specified|provided|found)"
    r"|\b(?:cannot|can't|could not|couldn't|unable to) (?:answer|find|determine|tell|say)",
    re.IGNORECASE,
)
_LEAD_IN = re.compile(
    r"^\W*(?:根据|按照|依据|从)(?:以上|上述|所给|给出|提供|这些|相关)?的?(?:参考)?(?:资料|文档|文件|内容|信息|段落|上文)"
    r"(?:可知|中?所述|显示|来看|中)?[，,：:]?"
    r"|^\W*(?:according to|based on|as stated in|per) (?:the )?"
    r"(?:passages?|documents?|text|context|sources?|information)(?: (?:above|below|provided))?,?",
    re.IGNORECASE,
)


def claim_of(sentence: str) -> str | None:
    """Return what a sentence states, without greeting and lead-in; None for a courtesy or a question."""
    text = _LEAD_IN.sub("", _GREETING.sub("", sentence.strip()))
    if not text or text.endswith(("?", "？")) or _COURTESY.match(text):
        return None
    announces = text.endswith((":", "：")) and not numbers(text)
    return None if announces else text


def says_not_known(sentence: str) -> bool:
    """Tell whether a sentence only says that the answer is not there."""
    return bool(_DOES_NOT_KNOW.search(sentence))


def names(text: str) -> frozenset[str]:
    """Names, codes and titles in a text, folded: Chinese people, places and organisations; Latin names."""
    found = {next(group for group in match.groups() if group) for match in _QUOTED.finditer(text)}
    found.update(_latin_names(text))
    if has_han(text):
        found.update(_chinese_names(to_simplified(text)))
    return frozenset(fold(name).strip() for name in found)


def differs_in_series(claim: str, folded_source: str) -> bool:
    """Tell whether the claim names another of a series, "AirLeaf 500" where the source has "AirLeaf 200" only."""
    for match in _OF_A_SERIES.finditer(claim):
        name, number = fold(match[1]), match[2]
        there = set(re.findall(rf"\b{re.escape(name)}[ -]?(\d+)", folded_source))
        if there and number not in there:
            return True
    return False


def codes(text: str) -> frozenset[str]:
    """The names that are codes (AL-200, E-23): one of a series is easily mistaken for another."""
    return frozenset(name for name in map(fold, _latin_names(text)) if is_code(name))


def holds_name(folded_text: str, name: str) -> bool:
    """Tell whether a folded text holds a name: a Latin one as a word, a Chinese one anywhere.

    杭州市 is held as 杭州, 威尔特·张伯伦 as 张伯伦.
    """
    if name.isascii():
        return bool(re.search(rf"(?<![a-z0-9]){re.escape(name)}(?:'?s)?(?![a-z0-9])", folded_text))
    parts = [part for part in _DOT.split(name) if len(part) > 1]
    return any(part in folded_text for part in (_PLACE_ENDINGS.sub("", name), *parts))


def is_code(name: str) -> bool:
    """Tell whether a name is a code: Latin, with a digit in it."""
    return name.isascii() and any(character.isdigit() for character in name)


def denied(text: str) -> frozenset[str]:
    """What stands right after a negation: the pair of characters or the word that is denied."""
    folded = fold(text)
    found = set()
    for negator in islice(_NEGATOR.finditer(folded), _MOST_DENIED):
        following = _NEXT_TERM.match(folded, negator.end())
        if following:
            found.add(following.group())
    return frozenset(found)


def contradicts(sentence: str, source: str) -> bool:
    """Tell whether one of the two denies what the other says in the same words."""
    (sentence, in_sentence), (source, in_source) = _folded_with_denied(sentence), _folded_with_denied(source)
    return any(_says(source, term) for term in in_sentence - in_source) or any(
        _says(sentence, term) for term in in_source - in_sentence
    )


@lru_cache(maxsize=500)  # each claim of an answer is laid beside each statement of its passages
def _folded_with_denied(text: str) -> tuple[str, frozenset[str]]:
    folded = fold(text)
    return folded, denied(folded)


def _says(folded: str, term: str) -> bool:
    return bool(re.search(rf"\b{term}\b", folded)) if term.isascii() else term in folded


def _latin_names(text: str) -> Iterator[str]:
    for match in _LATIN_NAME.finditer(text):
        word = _POSSESSIVE.sub("", match.group())
        capital = any(character.isupper() or character.isdigit() for character in word[1:]) or (
            word[0].isupper() and not _SENTENCE_OPENERS.search(text[max(0, match.start() - _OPENER) : match.start()])
        )
        if capital and word.lower() not in MONTHS and word not in {"I", "A"}:
            yield word


def _chinese_names(simplified: str) -> Iterator[str]:
    name, joins = "", False  # 威尔特·张伯伦 is one name, though not one word
    for word, kind in [*chinese_words(simplified), ("", "x")]:
        if _DOT.fullmatch(word):
            name, joins = name + word, True
            continue
        if name and not joins:
            yield name
            name = ""
        if joins or (kind in _PERSON_PLACE_ORGANISATION and len(word) > 1):
            name += word
        joins = False
