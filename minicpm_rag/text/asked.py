"""Makes of a sentence the question that it answers, by asking for its number. By rule, in Chinese and English.

"员工结婚享有十三天婚假。" gives 员工结婚享有多少天婚假？, and "Parents receive 18 weeks of leave." gives "How many
weeks of leave do parents receive?". A sentence that holds two numbers, or leans on another one, gives none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from minicpm_rag.text import subjects
from minicpm_rag.text.numerals import ENGLISH_NUMBER
from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.struck import is_struck_in
from minicpm_rag.text.table_rows import is_row

if TYPE_CHECKING:
    from minicpm_rag.records import Page

_ITEM = re.compile(r"^(?:[-*•·\s]+|\d{1,2}[.、)）](?!\d)\s*|[（(]\d{1,2}[)）]\s*)+")
LONGEST_CHINESE, LONGEST_ENGLISH = 42, 130  # characters
CHARACTERS_READ = 8_000

_CHINESE_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+(?:\.\d+)?|[一二两三四五六七八九十百千万]+)"
_CHINESE_UNIT = (
    "个工作日|工作日|个月|个小时|小时|分钟|天|周|万元|元|人|次|份|公里|公斤|千克|克|平方米|米|厘米|家|台|件|年"
)
_COUNTED = re.compile(
    rf"(?<![第至到~～\d.,一二两三四五六七八九十百千万A-Za-z-])({_CHINESE_NUMBER})\s*({_CHINESE_UNIT})(?![月初底末度级代份])"
)
_ANY_NUMBER = re.compile(
    r"\d+(?:[.,:：]\d+)*|[一二两三四五六七八九十百千万]{1,6}(?=[个天年月日周次份元人条章号点分小厘毫公平米克升吨台件家])"
)
_PARTY = re.compile("[甲乙丙双买卖]方|出租方|承租方")  # who that is, only the contract says
# A sentence that begins so says of something named before.
_CHINESE_LEANS = re.compile(
    "不?超过|[高低多少]于|[须应可并但且其该此它这那如若则]|以[上下]|同时|另外|因此|所以|如果|例如|其中|否则|还|也|或|他|她|本|上述|前款"
)
_NUMBER = rf"(?:\d+(?:\.\d+)?|{ENGLISH_NUMBER})"
_ENGLISH_LEANS = re.compile(
    r"(?:it|they|this|these|that|those|he|she|we|its|their|there|such|both|each|if|when|for|in|on|at|to|from|by|with|"
    r"as|but|and|or|also|however|then|otherwise|after|before|during|please|note|see|all|one)\b",
    re.IGNORECASE,
)
_QUALITY = r"(?:about |around |up to |at least |at most |only |a maximum of )?"
_UNIT = r"(?P<unit>[a-z]+(?: (?!(?:and|or|but|to|from|if|when|which|that|by|with|is|are)\b)[a-z-]+){0,6})"
_SUBJECT = r"(?P<subject>[A-Z][^,;:()\d]{1,60}?)"
_HAVE = re.compile(
    rf"{_SUBJECT} (?P<verb>have|has|receives?|gets?|needs?|takes?|lasts?|weighs?|holds?|covers?|includes?) "
    rf"{_QUALITY}{_NUMBER} {_UNIT}(?=[.,;]| and | to | from | or | but |$)"
)
_MAY = re.compile(
    rf"{_SUBJECT} (?P<verb>may|can|must|should|will) (?P<does>[a-z][a-z ]{{1,50}}?) "
    rf"{_QUALITY}{_NUMBER} {_UNIT}(?=[.,;]|$)"
)
_IS = re.compile(rf"{_SUBJECT} (?P<verb>is|was) (?:set at |limited to )?{_QUALITY}\d[\d,.]*(?: ?%| [a-z])")
_WITHIN = re.compile(
    rf"{_SUBJECT} (?P<verb>is|are|may|can|must|should|will) (?P<does>[a-z][a-z ]{{1,60}}?) within {_NUMBER} "
    r"(?P<unit>[a-z]+(?: days)?)\b"
)
_ENGLISH_NUMBERS = re.compile(rf"\d+(?:[.,:]\d+)*|{ENGLISH_NUMBER}", re.IGNORECASE)


def of_page(page: Page) -> Iterator[str]:
    """The questions that sentences of the page answer, in their order."""
    lines = [line for line in page.text[:CHARACTERS_READ].split("\n") if not is_row(line) and not line.startswith("#")]
    for line in lines:
        for start, end in sentence_spans(line):
            question = answered_by(_ITEM.sub("", line[start:end].strip()))
            if question:
                yield question


def answered_by(sentence: str) -> str:
    """The question after the one number of a sentence; empty where none can be made."""
    if is_struck_in(sentence):
        return ""  # one that offers a withdrawn number to be asked for
    return _chinese(sentence) if is_chinese(sentence) else _english(sentence)


def _chinese(sentence: str) -> str:
    told = sentence.rstrip("。；; ")
    if not 8 <= len(told) <= LONGEST_CHINESE:
        return ""
    found = list(_COUNTED.finditer(sentence))
    if len(found) != 1 or len(_ANY_NUMBER.findall(sentence)) != 1:
        return ""
    if sentence[-1:] != "。" or _CHINESE_LEANS.match(sentence) or _PARTY.search(sentence):
        return ""
    if re.search("[？?“”：:]", sentence):
        return ""
    start, end = found[0].span(1)
    if re.search("[，；](?:合计|共计)?为$", told[:start].rstrip()):
        return ""  # of what, the clause before says
    if found[0][2] == "年" and sentence[start:end].isdecimal() and int(sentence[start:end]) > 99:
        return ""  # a date
    clause = re.split("[，；;]", told[end:], maxsplit=1)[0]
    if clause.endswith("的"):  # else what follows says more than is asked
        clause = told[end:]
    return told[:start].rstrip() + "多少" + clause.strip() + "？"


def _english(sentence: str) -> str:
    if not 15 <= len(sentence) <= LONGEST_ENGLISH or len(_ENGLISH_NUMBERS.findall(sentence)) != 1:
        return ""
    if sentence[-1:] != "." or _ENGLISH_LEANS.match(sentence):
        return ""
    if (found := _WITHIN.match(sentence)) is not None:
        return f"Within how many {found['unit']} {found['verb']} {_named(found['subject'])} {found['does']}?"
    if (found := _MAY.match(sentence)) is not None:
        return f"How many {found['unit']} {found['verb']} {_named(found['subject'])} {found['does']}?"
    if (found := _IS.match(sentence)) is not None and found["subject"] != "You":
        return f"What {found['verb']} {_named(found['subject'])}?"
    if (found := _HAVE.match(sentence)) is not None:
        verb, helper = found["verb"], "do"
        if verb == "has" or verb.endswith("s"):
            verb, helper = "have" if verb == "has" else verb[:-1], "does"
        return f"How many {found['unit']} {helper} {_named(found['subject'])} {verb}?"
    return ""


def _named(subject: str) -> str:
    if subject == "You":
        return "I"
    if re.match("(?:The|An?|Our|Every|Most) ", subject):
        return subject[0].lower() + subject[1:]
    return subjects.in_a_sentence(subject).strip("“”")
