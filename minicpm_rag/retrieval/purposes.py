"""What a budget is for: who approved the budget of one thing does not answer for another.

Knows a question and how often the library has a word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import has_han
from minicpm_rag.text.terms import fold, terms

LONGEST = 300  # characters of a question that is read
_FOR_ZH = re.compile(r"(?P<of>[^的了谁哪，,。？?\s]{2,12}?)的?(?:总?预算|经费|拨款|补贴|津贴|补助)")
_FOR_EN = re.compile(
    r"\b(?:budget|funds?|funding|grant|subsidy|allowance) (?:for|of) (?:the |an? |our |this |that |new |all )*"
    r"(?P<of>[a-z-]+(?: [a-z-]+){0,2}?)"
    r"(?= (?:is|was|are|were|has|have|in|at|on|for|of|by|approved|decided|set|paid)\b|\W*$)"
)
# A time, or the whole of an organisation, is no purpose.
_NO_PURPOSE = re.compile(
    r"年(?!会|货|夜|礼|饭)|[月季期]|部门?$|公司|单位|全部|整个|总|合计|我们|本|该|这|那|每|\d"
    r"|\b(?:years?|months?|quarters?|seasons?|departments?|company|office|team|whole|each|every|projects?|it|them)\b"
)


def is_for_nothing_known(question: str, frequencies: Callable[[Sequence[str]], Mapping[str, int]]) -> bool:
    """Whether money is asked after that is for a thing of which the library, or one document, has no word."""
    plain = fold(question).strip()
    match = None if len(plain) > LONGEST else (_FOR_ZH if has_han(plain) else _FOR_EN).search(plain)
    if match is None or _NO_PURPOSE.search(match["of"]):
        return False
    asked = [term for term in terms(match["of"]) if len(term) > 1 and is_content(term)]
    counted = frequencies(asked) if asked else {}
    return bool(asked) and not any(counted.get(term) for term in asked)
