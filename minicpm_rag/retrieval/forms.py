"""Answers with a form of their own: a telephone number has digits, a weekday has a name, a place is no date.

A passage answers such a question only where a statement in which the answer may lie has that form.
"""

from __future__ import annotations

import re

from minicpm_rag.text.numerals import MONTHS
from minicpm_rag.text.terms import fold

_MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))
_WEEKDAY = (
    r"周[一二三四五六日末]|(?:星期|礼拜)[一二三四五六日天]|每[天日]|工作日"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b|\b(?:daily|every day|week(?:day|end)s?)\b"
)
# (what asks for it, what has its form)
_FORMS = tuple(
    (re.compile(asks), re.compile(has))
    for asks, has in (
        (r"[周星]期?几|礼拜几|\b(?:what|which) (?:day of the week|weekdays?|days of the week)\b", _WEEKDAY),
        (
            r"(?:电话|手机|座机|传真|热线|号码)[^，,。？?]{0,4}(?:多少|什么|几)|什么电话|哪个电话|(?:电话|手机|座机|传真)(?:号码)?[？?]*$"
            r"|\b(?:tele)?phone(?: number)?\b.{0,40}\?*$|\bwhat number (?:can|do|should) \w+ (?:call|dial|ring)",
            r"\d[\d\s()/+-]{4,}\d|\b(?:110|119|120|911|112|999)\b|\d{5}",
        ),
        (r"邮箱|电子邮件|\be-?mail\b", r"\S@\S|邮箱|e-?mail"),
        (r"网址|官网|\b(?:web ?site address|url|web address)\b", r"https?:|www\.|\w\.(?:com|org|net|cn|de|io|eu)\b"),
    )
)
_PLACE = re.compile(
    r"在哪(?!些|天|年|月|个?月|一?[天年])|哪[里儿]|什么地方|何处|^where\b|\bwhere (?:is|are|was|were|do|does|did|can)\b"
)
_ONLY_TIME = re.compile(
    rf"(?:\s|[\d.,:：/-]|[年月日号点时分周]|上午|下午|晚上|\b(?:{_MONTH}|[ap]\.?m|on|in|at|the|st|nd|rd|th|and|to|of"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|(?:year|month|week|day|hour|minute|euro|pound|dollar)s?)\b)+"
)


def has_form(question: str, statement: str, answer: str) -> bool:
    """Whether an answer, as a passage has it in a statement, has the form of what the question asks for."""
    asked, said = fold(question).strip(), fold(statement)
    if any(asks.search(asked) and not has.search(said) for asks, has in _FORMS):
        return False
    return not (_PLACE.search(asked) and _ONLY_TIME.fullmatch(fold(answer).strip()))
