"""Ask also by the abbreviation of a name: "warden on call (WOC)", 管理委员会（以下简称“管委会”）, AL-200.

A document that explains one writes only the abbreviation afterwards; a price list writes codes, AL-200 for the
"AirLeaf 200", that it never explains. Knows a question and passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from minicpm_rag.text.terms import fold

LONGEST = 300  # characters of a question that is changed
_MOST_WORDS = 8  # of a name that is abbreviated
_SMALL = 3  # letters of "of", "the", "and"
_LEAST_HAN = 3  # characters of one
_IN_BRACKETS = re.compile(
    r"[ \t]\(\s?(?:the |hereafter |hereinafter |\"|“|['’]){0,4}(?P<short>[A-Z][A-Za-z&]{1,7})[\"”'’]?\s?\)"
)
_CALLED_ZH = re.compile(
    r"(?P<long>[^，,。；;、（(\n]{3,24})[（(](?:以下|下文|下称|后文)?(?:均|统)?(?:简称为?|称为?|下称)[:：]?[“\"「]?(?P<short>[^”\"」）)，,。]{2,10})[”\"」]?[）)]"
)
# "AirLeaf 200", "Air Leaf 200", and a code as people type it: "AL 200"
_MODEL = re.compile(
    r"(?<![A-Za-z-])(?:(?P<code>[A-Z]{2,4})[ -]?|(?P<name>[A-Z][a-z]{1,20}(?: ?[A-Z][a-z]{1,20}){1,2})[ -])"
    r"(?P<number>\d{2,5}[A-Za-z]?)(?![A-Za-z0-9])"
)
_WORD = re.compile(r"[A-Za-z][\w'’-]*")


def with_abbreviations(question: str, passages: Sequence[str]) -> str:
    """The question with the abbreviation behind the first name that a passage abbreviates; most stay as they are."""
    plain = fold(question)
    if len(plain) > LONGEST or len(plain) != len(question):
        return question
    for short, names in _explained(passages):
        if fold(short) in plain:
            continue
        for name in names:
            place = plain.find(name)
            if place >= 0 and not _goes_on(plain, place, place + len(name)):
                end = place + len(name)
                return (
                    f"{question[:end]}（{short}）{question[end:]}"
                    if name[0] > "\u2fff"
                    else (f"{question[:end]} ({short}){question[end:]}")
                )
    return _with_codes(question, passages)


def _explained(passages: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each abbreviation with the names that it may stand for, the longest first, folded."""
    for passage in passages:
        for match in _IN_BRACKETS.finditer(passage):
            words = _WORD.findall(passage[max(0, match.start() - 100) : match.start()])[-_MOST_WORDS:]
            if name := _initials_of(words, match["short"]):
                yield match["short"], [name]
        for match in _CALLED_ZH.finditer(passage):
            long = fold(re.sub(r"[“”\"「」]", "", match["long"])).strip()
            if match["short"] != long:
                yield match["short"], [long[at:] for at in range(len(long) - _LEAST_HAN + 1)]


def _with_codes(question: str, passages: Sequence[str]) -> str:
    """The question with codes in the place of models that it names in full and the passages do not: AL-200.

    They stand in the place of the names, which no passage has a word of.
    """

    def code_of(match: re.Match[str]) -> str:
        name, letters = fold(match.group()), match["code"] or "".join(filter(str.isupper, match["name"]))
        if any(name in fold(passage) for passage in passages):
            return match.group()
        code = re.compile(rf"(?<![A-Za-z0-9-]){letters}[- ]?{match['number']}(?![A-Za-z0-9])")
        found = {said.group() for passage in passages for said in code.finditer(passage)}
        return found.pop() if len(found) == 1 else match.group()

    return _MODEL.sub(code_of, question)


def _initials_of(words: Sequence[str], short: str) -> str:
    """The last words that begin with the letters of an abbreviation; small words between them may have none in it."""
    letters = "".join(filter(str.isalpha, fold(short)))
    for first in range(len(words) - 1, -1, -1):
        if fold(words[first])[:1] == letters[0] and _fits(words[first:], letters):
            return fold(" ".join(words[first:]))
    return ""


def _fits(words: Sequence[str], letters: str) -> bool:
    if not words:
        return not letters
    is_initial = bool(letters) and fold(words[0])[:1] == letters[0] and _fits(words[1:], letters[1:])
    return is_initial or (len(words[0]) <= _SMALL and _fits(words[1:], letters))


def _goes_on(plain: str, start: int, end: int) -> bool:
    """Whether the name is a part of a longer word."""
    return plain[start].isascii() and f"{plain[start - 1 : start]}{plain[end : end + 1]}".strip().isalpha()
