"""Tell sentences that state something from courtesies, lead-ins and "I do not know".

Knows no passages.
"""

from __future__ import annotations

import re

from minicpm_rag.text.numerals import numbers

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
