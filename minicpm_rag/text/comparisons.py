"""The two sides of a question that compares ("Which is heavier, A or B?", "甲和乙哪个更贵？"), and questions for lists.

Plain rules on words; knows no documents.
"""

from __future__ import annotations

import re

from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.terms import fold, terms

LONGEST = 400  # characters of a question in which two sides are looked for; the patterns are quadratic
_LEADING_ZH = re.compile(r"^(?:请|麻烦|帮我)?(?:比较|对比|问|说说|一下)*(?:一下)?|^(?:在|从|对于)")
_SIDES_ZH = re.compile(
    r"^(?P<one>[^，,。；？?]{1,24}?)\s*(?:和|与|跟|(?<![合相不共一])同(?![样时意一事])|比|还是|以及|、)\s*(?P<other>[^，,。；？?]{1,24}?)\s*"
    r"(?=的|哪|谁|有|相|都|各|分别|在|之间|更|早|晚|多|少|高|低|长|短|贵|便宜|重|轻|大|小|快|慢|是|一样|差|，|,|？|\?|$)"
)
_ARTICLE = r"(?:(?:that|those) (?:of|for|in) )?(?:the |a |an |our |its )?"
_SIDES_EN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\bhow (?:much|many) (?:\w+er|more|less)(?: \w+)?? (?:is|are|was|were|does|do|did|has|have|can|will) "
        rf"{_ARTICLE}(?P<one>[^,?]+?) (?:(?:pay|cost|weigh|take|earn|have|hold|use|last)s? (?:(?:a|per) \w+ )?)?than "
        rf"{_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\bbetween {_ARTICLE}(?P<one>[^,?]+?) and {_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\b(?:compare|comparing) (?P<what>[^,?]*? of )?{_ARTICLE}(?P<one>[^,?]+?) (?:and|with|to) {_ARTICLE}"
        r"(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"[,:] (?:is it |for |in |at |by |of |with )?{_ARTICLE}(?P<one>[^,?]+?),? or (?:for |in |at |by |of |with )?"
        rf"{_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\b(?:is|are|was|were|does|do|did|has|have|can|will) {_ARTICLE}(?P<one>[^,?]+?) (?:\w+ )?"
        rf"(?:\w+er|more \w+|less \w+)\b[^,?]*? than {_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\b(?:how|where|do|does|did|in what way) (?:do |does |did )?{_ARTICLE}(?P<one>[^,?]+?) and {_ARTICLE}"
        r"(?P<other>[^,?]+?) (?:differ|compare|both|each|have the same|cost the same)",
        rf"\bfor (?:both )?{_ARTICLE}(?P<one>[^,?]+?) and (?:for )?{_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\bof {_ARTICLE}(?P<one>[^,?]+?) and (?:of )?{_ARTICLE}(?P<other>[^,?]+?)(?=[,?.]|$)",
        rf"\b(?:do|does|did|are|is|can) (?:both )?{_ARTICLE}(?P<one>[^,?]+?) and {_ARTICLE}(?P<other>\w+(?: \d+)?)\b",
    )
)
# Names on both sides of "and" or "or": "Who leads Kestrel and who leads Osprey?"
_NAME = r"(?:[A-Z][\w-]*|\d+)(?: (?:[A-Z][\w-]*|\d+))*"
_NAMES_EN = re.compile(rf"(?<=[a-z,] )(?P<one>{_NAME})(?: [a-z]+)?,? (?:and|or) (?:[a-z]+ ){{0,3}}(?P<other>{_NAME})")
_ASKS_FOR_LIST = re.compile(
    r"哪些|哪几|有什么|有何|包括|包含|分别|列出|列举|所有|全部|都有|什么东西|几[种个项类样条步]"
    r"|[哪有]几点(?!开|关|下|上班|钟)|几点(?:要求|内容|注意|理由|原因|建议|意见|规定)"
    r"|\b(?:list|all|every|each|steps?)\b|\b(?:what|which|who) are\b|\bname the\b"
    r"|\b(?:what|which)(?: \w+){0,2} \w+s (?:are|were|do|does|did|can|must|should|need|have)\b"
    r"|\bwhat (?:do|must|should|can|does|is) .*\b(?:include[sd]?|contain|need|bring|cover)",
    re.IGNORECASE,
)


def sides(question: str) -> tuple[str, str] | None:
    """What is compared; None where nothing is."""
    text = question.strip()[:LONGEST]
    if has_han(text):
        found = _SIDES_ZH.search(_LEADING_ZH.sub("", text))
        return _sides(found, _common_end(found, text)) if found else None
    for pattern in (_NAMES_EN, *_SIDES_EN):
        found = pattern.search(text)
        if found and (both := _sides(found)):
            return both
    return None


def own_terms(one: str, other: str) -> frozenset[str]:
    """The terms by which one side is told from the other."""
    return frozenset(terms(one)) - frozenset(terms(other))


def asks_for_list(question: str) -> bool:
    """Tell whether more than one thing is asked for."""
    return bool(_ASKS_FOR_LIST.search(fold(question)))


def _sides(found: re.Match[str], other: str = "") -> tuple[str, str] | None:
    one, other = found["one"].strip(), other or found["other"].strip()
    return (one, other) if own_terms(one, other) and own_terms(other, one) else None


def _common_end(found: re.Match[str], text: str) -> str:
    """The other side up to the word that both sides end with: 海拓合同 of 云岭合同和海拓合同解除时."""
    end = found["one"].strip()[-2:]
    rest = text[text.index(found["other"]) :]
    place = rest.find(end, 1)
    return rest[: place + 2] if 0 < place <= len(found["one"]) + 2 else ""
