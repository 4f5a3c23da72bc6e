"""What a question asks to know of its subject: the colour of the aprons, how many seats, 物业费, 有没有停车位.

A passage on the subject without that word seldom tells it. Knows words and their order only, no passages.
"""

from __future__ import annotations

import re

from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.terms import fold, terms

_VERB = r"(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should|must|may)"
_WORDS = r"(?:[a-z-]+ ){0,2}?"
# How adjectives that ask for a measure; "how long" and "how much" are answered in many words.
_HOW = r"(?:loud|old|heavy|tall|high|deep|wide|thick|fast|hot|cold|warm|bright|strong|steep|noisy|expensive)"
_ASKED_EN = tuple(
    map(
        re.compile,
        (
            rf"\b(?:what|which) {_WORDS}(?P<asked>[a-z-]+) {_VERB}\b",
            rf"\bwhat {_VERB} (?:the|an?|its|their) {_WORDS}(?P<asked>[a-z-]+) (?:of|for)\b",
            rf"\bwhat {_VERB} [^?]*?(?:'s|s') {_WORDS}(?P<asked>[a-z-]+)\W*$",
            r"\bhow many (?P<asked>[a-z-]+)",
            rf"\bhow (?P<asked>{_HOW}) {_VERB}\b",
            rf"^(?:{_VERB} there|(?:do|does|did) [^?]*? (?:have|offer|include|provide|get)) (?:an? |any |the )?"
            rf"{_WORDS}(?P<asked>[a-z-]+)(?: (?:in|at|on|for|of|with) [^?]*)?\W*$",
            r"^(?:can|may|could) (?:i|we|you|one|[a-z]+s) [a-z]+ (?:an? |any |my |our |your |the )?(?P<asked>[a-z-]+)",
        ),
    )
)
_ASKED_ZH = tuple(
    map(
        re.compile,
        (
            r"的(?P<asked>[^的，,。？?]{1,6}?)(?:由|是|为|有|在|被?叫做?|称|多半|一般|通常|大多|后来|最终)*(?:多少|什么|谁|哪|几|怎)",
            r"有没有(?P<asked>[^，,。？?的]{1,6}?)[？?吗\s]*$",
            r"有(?P<asked>[^，,。？?的没]{1,6}?)吗[？?\s]*$",
        ),
    )
)
_THAN_ZH = re.compile(r"比[^比例重率]+$")  # 报价 of 报价比安捷高多少
LONGEST = 300  # characters of a question that is read: some patterns are quadratic
# What says nothing of what is asked for.
_GENERAL_TEXT = """
    name kind type sort number amount time times date day days year years month months thing things way place person
    people size body event reason purpose exactly else result example part parts step steps
"""
_GENERAL = frozenset(terms(_GENERAL_TEXT))
_GENERAL_ZH_TEXT = "时候 时间 日期 地方 原因 名字 名称 数量 内容 情况 事情 问题 办法 方法 目的 作用 意思"
_GENERAL_ZH = frozenset(_GENERAL_ZH_TEXT.split())


def attribute(question: str) -> frozenset[str]:
    """The terms of which a passage that tells what is asked should hold one; empty where the question is not so plain.

    The last word counts: of 联系电话 the telephone, of "guarantee period" the period.
    """
    if len(question) > LONGEST:
        return frozenset()
    plain = to_simplified(fold(question)).strip()
    for pattern in _ASKED_ZH if has_han(plain) else _ASKED_EN:
        match = pattern.search(plain)
        if match is None:
            continue
        asked = _THAN_ZH.sub("", match["asked"])
        if has_han(asked):
            last = asked[-2:]
            return frozenset() if last in _GENERAL_ZH or len(last) < 2 else frozenset(terms(last)) & {last}
        found = frozenset(term for term in terms(asked) if is_content(term)) - _GENERAL
        if found:
            return found
    return frozenset()


def lacks_attribute(question: str, source: str) -> bool:
    """Whether the source, a passage in the question's language, does not have the word for what is asked."""
    asked = attribute(question)
    return bool(asked) and has_han(question) == has_han(source) and not asked & frozenset(terms(source))
