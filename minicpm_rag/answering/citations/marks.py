"""The citation marks that models write: what one looks like, also half written, and the numbers in it.

Knows no passages.
"""

from __future__ import annotations

import re

_OPEN, _CLOSE = r"[\[【〔［]", r"[\]】〕］]"
_WORD = r"资料|文档|文献|来源|参考|引用|段落|编号|第|passages?|sources?|doc(?:ument)?s?|refs?|no\.?|n|id"
# [1], [1][2], [1, 2], 【1】, 〔1〕, ［１］, [1-3], [资料1], [[1]], [^1], and the template's own [编号].
MARK = re.compile(
    rf"[ \t\u3000]*{_OPEN}{{1,2}}\s*\^?(?:{_WORD})?\s*[:：]?\s*"
    rf"(?P<numbers>\d{{0,4}}(?:\s*[,，、;；\-–—~]\s*\d{{1,4}})*)\s*(?:页|条)?{_CLOSE}{{1,2}}",
    re.IGNORECASE,
)
# What may still become a mark when more text comes; spaces in front of a mark go with it.
UNFINISHED = re.compile(
    rf"\s*(?:{_OPEN}{{1,2}}[\s\d,，、;；:：\-–—~^.a-z资料文档献来源参考引用段落编号第页条]{{0,24}}{_CLOSE}?)?$",
    re.IGNORECASE,
)
HALF_MARK = re.compile(rf"\s*{_OPEN}{{1,2}}\s*\^?(?:{_WORD})?[\s\d,，、;；:：\-–—~]*$", re.IGNORECASE)
_RANGE = re.compile(r"(\d+)\s*[-–—~]\s*(\d+)|\d+")
_LONGEST_RANGE = 20


def numbers_in(text: str) -> frozenset[int]:
    """The passage numbers in a mark: "1-3, 5" holds four."""
    found: set[int] = set()
    for match in _RANGE.finditer(text):
        if match.group(1):
            first, last = int(match.group(1)), int(match.group(2))
            found.update(range(first, min(last, first + _LONGEST_RANGE) + 1))
        else:
            found.add(int(match.group()))
    return frozenset(found)
