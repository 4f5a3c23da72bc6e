"""Strips the polite words around a question: "麻烦帮我查一下，保修期多久？急用" asks "保修期多久？".

They would weigh as much as what is asked: a search would look for documents that are urgent and grateful.
Knows neither documents nor answers.
"""

from __future__ import annotations

import re

from minicpm_rag.text.scripts import has_han

_YOU = "(?:你们|您|你|大家|各位|哪位)?"
_ONCE = "(?:一查|一看|一下子?|下)?"
_CHINESE_BEFORE = (
    r"(?:(?:你|您|大家|老师|同学)们?好[啊呀]?|各位[^，,。！!？?]{0,6}好|(?:早上|上午|中午|下午|晚上)好|哈喽)(?=[\s,，.。!！:：~～])",
    rf"(?:不好意思|对不起|抱歉|打扰|打搅|劳驾|辛苦){_YOU}(?:打扰|打搅)?{_YOU}了?(?:请?问)?{_ONCE}(?=[\s,，.。!！:：~～])",
    "求助|求教|急急*(?=[!！,，:：])",
    f"我?(?:很|非常|就|只)?想要?(?:向?{_YOU})?(?:请教|请问|咨询|问|知道|了解){_YOU}{_ONCE}(?:一?个(?:小)?问题)?",
    f"请[教问]{_YOU}{_ONCE}(?:一?个(?:小)?问题)?",
    # A request names whom it is for: "帮我查一下", "能告诉我".
    f"(?:请|麻烦|劳烦|烦请|恳请)?{_YOU}(?:能不能|可不可以|可以|能否|可否|能)?(?:请|麻烦)?{_YOU}"
    f"(?:帮(?:我们?|忙|个忙)|替我|给我)(?:看看|查查|问问|[查看问找搜说]|确认|解答|回答|查询){_ONCE}",
    f"(?:请|麻烦|劳烦|烦请)?{_YOU}(?:能不能|可不可以|可以|能否|可否|能)?(?:告知|告诉){_ONCE}(?:我们?)?{_ONCE}",
    f"(?:麻烦|劳烦|烦请){_YOU}(?:看看|查查|问问|[查看问找说])?{_ONCE}",
    "(?:有没有人|有谁|有人|谁|你们?|您|大家)(?:知不知道|知道)(?![吗嘛么?？这那])",
)
_ENGLISH_BEFORE = (
    r"(?:hi|hello|hey|greetings|good (?:morning|afternoon|evening))(?: (?:there|all|everyone|team|folks))?"
    r"(?=[\s,.!:;])",
    r"dear [a-z]+(?=[,:])",
    r"(?:so |very )?(?:sorry|apologies)(?: (?:to|for) (?:bother|disturb|trouble)(?:ing)? you)?(?=[\s,.!:;])"
    r"(?:[\s,.]*but\b)?",
    r"(?:excuse|pardon) me(?:[\s,.]*but\b)?",
    r"(?:please |kindly )?(?:could|can|would|will) (?:you|someone|anyone|somebody|anybody) (?:please |kindly )?"
    r"(?:tell|show|help|let|give) (?:me|us)(?: know)?(?: with (?:this|a|my)(?: question)?)?(?: please)?(?=[\s,.:;])",
    r"(?:could|can|would) you (?:please |kindly )?(?:look up|find out|check)(?: for me)?(?=[\s,.:;])",
    r"(?:please|kindly) (?:tell|show|help|let) (?:me|us)(?: know)?(?=[\s,.:;])",
    r"i(?: was| am|'m) (?:just )?(?:wondering|curious)(?: if (?:you|anyone) (?:could|can) (?:please )?tell me)?",
    r"i(?: would|'d) (?:really )?(?:like|love) to (?:know|ask|find out)",
    r"i (?:just |really |urgently )?(?:want|need) to (?:know|ask|find out)",
    r"(?:just )?(?:a )?quick question(?=[\s,.:;-])",
    r"(?:do|does|would) (?:you|anyone|anybody|someone) (?:happen to )?know(?: this)?(?=[\s?:,])\??",
    r"any (?:idea|clue)(?=\s)|please(?=[\s,:])",
)
_CHINESE_AFTER = (
    f"(?:非常|十分|万分|先)?(?:谢谢|感谢|多谢|谢)(?:{_YOU}|老师)[了啦啊]?|感激不尽|不胜感激",
    f"(?:先)?(?:拜托|麻烦|辛苦|有劳|打扰){_YOU}[了啦啊]",
    "(?:挺|很|比较|非常|十分|有点)?(?:急用|着急|紧急|急)[的啊呀]?|在线等(?:回复|答案)?|十万火急|急急+|跪求|求(?:解答|告知|回复)",
)
_ENGLISH_AFTER = (
    r"(?:many )?(?:thank you|thanks|thx|cheers)(?: (?:so|very) much| a (?:lot|bunch|million))?"
    r"(?: in advance| for [a-z ]{0,20}help)?",
    r"(?:any|your) help (?:would be|is|will be) (?:much |greatly |really |highly )?appreciated|much appreciated",
    r"(?:please )?(?:answer|reply|respond) (?:soon|quickly|asap|fast)|asap",
    r"(?:(?:it is|it's|this is) )?(?:very |really |quite )?urgent",
    r"i(?:'d| would) (?:really )?appreciate (?:it|your help|any help)|please",
)
_BETWEEN = r"\s,，.。!！:：;；~～…、-"
_BEFORE = re.compile(rf"[{_BETWEEN}]*(?:{'|'.join((*_CHINESE_BEFORE, *_ENGLISH_BEFORE))})[{_BETWEEN}]*", re.IGNORECASE)
_AFTER = re.compile(rf"(?:{'|'.join((*_CHINESE_AFTER, *_ENGLISH_AFTER))})[?？{_BETWEEN}]*\Z", re.IGNORECASE)
_SEPARATED = re.compile(r"(?:[,，.。!！?？;；~～…]\s*|[\u3400-\u9fff]\s+)\Z")
_LONGEST_AFTER = 60  # characters
_ENDS = " \t\n,，;；:：~～…、"
_NO_SUBJECT = re.compile(r"[\W_]*[吗呢嘛么]?[\W_]*")


def without_courtesies(question: str) -> str:
    """The question without greetings, requests and thanks around it; as it stands where nothing else is in it."""
    text = question
    while match := _BEFORE.match(text):
        text = text[match.end() :]
    is_polite = len(text) < len(question)
    while match := _AFTER.search(text, max(0, len(text) - _LONGEST_AFTER)):
        rest = text[: match.start()]
        # "能不能急用" asks for it: without a separator it is a courtesy only after a polite beginning.
        if not (is_polite and has_han(rest[-1:])) and not _SEPARATED.search(rest):
            break
        text = rest.rstrip(_ENDS)
    text = text.strip(_ENDS)
    return question if _NO_SUBJECT.fullmatch(text) else text
