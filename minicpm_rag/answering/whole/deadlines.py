"""The deadlines in documents: sentences that name a time by which something must be done, ends or falls due.

By words alone; knows no question and no model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from minicpm_rag.answering.whole.sections import Section, told
from minicpm_rag.text.numerals import ENGLISH_NUMBER, MONTHS
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.table_rows import cells, is_row

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.text.statements import Statement

LONGEST = 600  # characters of a sentence that is looked at
_DIGITS = r"(?:\d+|[一二三四五六七八九十两百半]+)"
_TIME_ZH = re.compile(
    rf"{_DIGITS}\s*(?:年|个?月|日|号|天|周|个?星期|个?小时|个?工作日|点|个?季度)|月底|年底|季末|周[一二三四五六日]"
)
_DUE_ZH = re.compile(
    r"截止|截至|到期|期满|届满|不得晚于|不迟于|最迟|限期|(?:之|以)(?:前|内)|(?:日|号|月|天|周|时|点|年|底|期)前"
    r"|(?:天|日|月|年|周|时)内|提前|期限为|为止|结束|有效期"
)
_NUMBER_EN = rf"(?:\d+|{ENGLISH_NUMBER}|one)"
_MONTH = "|".join(sorted((month for month in MONTHS if month != "may"), key=len, reverse=True))
_TIME_EN = re.compile(
    rf"\b{_NUMBER_EN}[ -](?:working |business |calendar )?(?:days?|weeks?|months?|years?|hours?)\b"
    rf"|\b(?:{_MONTH})\b|\bmay \d|\b\d{{1,2}} may\b|\b\d{{4}}-\d\d(?:-\d\d)?\b|\b\d{{1,2}}(?::\d\d| ?[ap]m)"
    r"|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b|\b(?:first|second|third|fourth|fifth|tenth|last|\d+(?:st|nd|rd|th))"
    r" (?:working )?(?:day|of each|of every|of the)\b|\bend of\b",
    re.IGNORECASE,
)
_DUE_EN = re.compile(
    r"\b(?:deadlines?|due|no later than|at the latest|by|before|until|within|expires?|ends?|ending|closes?"
    r"|notice|in advance)\b",
    re.IGNORECASE,
)
# A period of which something is told is no deadline: "predict which subscribers leave within 30 days".
_TOLD_EN = re.compile(
    r"\bpredict(?:s|ed|ing)?\b|\b(?:forecast|estimat|detect|analy[sz]|measur|classif|identif|count)\w*\s+(?:\w+\s+){0,3}?"
    r"(?:which|who|whether|how|if|what)\b",
    re.IGNORECASE,
)
_TOLD_ZH = re.compile(r"(?:预测|识别|统计|分析)[^，。；]*?内")
_SURELY_DUE = re.compile(
    r"\b(?:deadlines?|due|no later than|at the latest)\b|截止|到期|不得晚于|不迟于|最迟|限期", re.IGNORECASE
)
_QUESTION_ENDS = ("?", "？")
# Columns of a table that say when a row is due.
_DUE_COLUMN = re.compile(
    r"\b(?:due|deadlines?|expir(?:es|y|ation)|valid (?:until|to|through)|end date|ends|until)\b"
    r"|截止|到期|限期|期限|有效期|最迟|最晚|计划完成|应[还交付]",
    re.IGNORECASE,
)
_DAY = re.compile(r"\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?")


def deadlines(parts: Sequence[Section]) -> Iterator[tuple[Document, Statement]]:
    """The statements of a document that set a deadline, in reading order, each with its passage."""
    for part in parts:
        for place, statement in told(part):
            if is_deadline(statement.text) or _is_row_due(statement):
                yield part.passages[place], statement


def is_deadline(sentence: str) -> bool:
    """Whether a sentence says by when something is due."""
    said = sentence[:LONGEST]
    if said.rstrip().endswith(_QUESTION_ENDS):
        return False
    if (_TOLD_EN.search(said) or _TOLD_ZH.search(said)) and not _SURELY_DUE.search(said):
        return False
    if has_han(said):
        return bool(_TIME_ZH.search(said) and _DUE_ZH.search(said))
    return bool(_TIME_EN.search(said) and _DUE_EN.search(said))


def _is_row_due(row: Statement) -> bool:
    """Whether a row of a table has a day in a column that says when it is due."""
    if not row.header or not is_row(row.text):
        return False
    pairs = zip(cells(row.header), cells(row.text), strict=False)
    due = [value for name, value in pairs if _DUE_COLUMN.search(name.replace("_", " "))]
    return any(_DAY.fullmatch(value) or _TIME_EN.search(value) or _TIME_ZH.search(value) for value in due)
