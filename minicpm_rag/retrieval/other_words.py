"""Read passages with the words that they have for a thing of working life: one's annual leave is another's paid leave.

A word is changed only where none of the passages has it and one has another word for the same thing, in its language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.terms import fold

LONGEST = 300  # characters of a question that is changed
# The words for one thing a line. What is taken for another thing elsewhere ("holidays") stands in none.
_WORDS_TEXT = """
    annual leave, paid leave, paid vacation, vacation days, vacation, days off, time off, paid holidays
    年假, 年休假, 带薪年假, 带薪年休假, 带薪休假, 带薪假期, 带薪假
    expense reports, expense report, expense claims, expense claim, travel expenses, expenses
    报销单, 报销凭证, 报销票据, 报销材料, 费用单据
    invoices, bills
    probation period, probationary period, probation, trial period
    试用期, 见习期, 试用期限, 试岗期
    remote work, telework, teleworking, home office, working from home, work from home
    居家办公, 远程办公, 在家办公, 线上办公
    salary, salaries, wages
    工资, 薪资, 薪水, 薪酬
    推广, 营销, 宣传
    marketing, promotion, advertising
    差旅, 出差
    装修, 翻新, 修缮, 改造
    renovation, refurbishment
    周一, 星期一, 礼拜一
    周二, 星期二, 礼拜二
    周三, 星期三, 礼拜三
    周四, 星期四, 礼拜四
    周五, 星期五, 礼拜五
    周六, 星期六, 礼拜六
    周日, 星期日, 星期天, 周天, 礼拜天, 礼拜日
"""
_LINES = [tuple(word.strip() for word in line.split(",")) for line in _WORDS_TEXT.strip().splitlines()]
_OTHERS: Mapping[str, tuple[str, ...]] = {
    word: tuple(other for other in line if other != word) for line in _LINES for word in line
}


def _pattern(word: str) -> str:
    return word if is_chinese(word) else rf"\b{word}\b"


_WORD = re.compile("|".join(map(_pattern, sorted(_OTHERS, key=len, reverse=True))))


def in_their_words(question: str, passages: Sequence[str]) -> str:
    """The question with each such word that no passage has replaced by the first of its line that one has."""
    plain = fold(question)
    if len(plain) > LONGEST or len(plain) != len(question) or _WORD.search(plain) is None:
        return question
    texts = list(map(fold, passages))

    def stands(word: str) -> bool:
        pattern = re.compile(_pattern(word))
        return any(pattern.search(text) for text in texts)

    def changed(match: re.Match[str]) -> str:
        asked = question[match.start() : match.end()]
        if stands(match.group()):
            return asked
        return next(filter(stands, _OTHERS[match.group()]), asked)

    written, position = "", 0
    for match in _WORD.finditer(plain):
        written += question[position : match.start()] + changed(match)
        position = match.end()
    return written + question[position:]
