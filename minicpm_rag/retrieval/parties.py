"""Ask for parties of a contract and a meeting by the names that the library has: one's lessor is another's landlord.

A name is changed only where the library does not hold it and holds another one for the same party, in either language.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from minicpm_rag.retrieval.spelling import Count
from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.terms import fold, terms

# The names of one party a line.
_PARTIES_TEXT = """
    出租人 出租方 房东 landlord lessor
    承租人 承租方 租客 租户 房客 tenant lessee renter
    买方 买受人 购买方 采购方 需方 buyer purchaser
    卖方 出卖人 销售方 供方 供货方 供应方 seller
    委托人 委托方 principal
    受托人 受托方
    发包人 发包方
    承包人 承包方 contractor
    借款人 借款方 borrower
    出借人 贷款人 贷款方 出借方 lender
    雇主 用人单位 employer
    雇员 劳动者
    投保人 policyholder
    被保险人 insured
    保险人 保险公司 insurer underwriter
    许可人 许可方 licensor
    被许可人 被许可方 licensee
    采购人 招标人 采购单位 招标单位 招标方
    投标人 投标方 投标单位 bidder tenderer
    缺席 未出席 没出席 没有出席 未到会 没到会 没来开会 没来 没有来 absent absentee apologies
"""
_NAMES = [tuple(line.split()) for line in _PARTIES_TEXT.strip().splitlines()]
_OTHERS: Mapping[str, tuple[str, ...]] = {
    name: tuple(other for other in names if other != name) for names in _NAMES for name in names if len(names) > 1
}
_LONGEST_FIRST = sorted(_OTHERS, key=len, reverse=True)
_CHINESE = "|".join(filter(is_chinese, _LONGEST_FIRST))
_ENGLISH = "|".join(name for name in _LONGEST_FIRST if not is_chinese(name))
_NAME = re.compile(rf"{_CHINESE}|\b(?:{_ENGLISH})(?=s?\b|')")


def in_its_words(question: str, count: Count) -> str:
    """The question with each party's name that the library does not hold replaced by one that it does."""
    plain = fold(question)
    if len(plain) != len(question) or _NAME.search(plain) is None:
        return question

    def known(name: str) -> int:
        """In how many texts all of the name's pairs of characters stand, or the word."""
        pieces = [term for term in terms(name) if not is_chinese(name) or len(term) > 1]
        found = count(pieces)
        return min(found.get(piece, 0) for piece in pieces)

    written = ""
    position = 0
    for match in _NAME.finditer(plain):
        name = match.group()
        if known(name):
            continue
        best = max(_OTHERS[name], key=lambda one: (known(one) > 0, is_chinese(one) == is_chinese(name), known(one)))
        if known(best):
            written += question[position : match.start()] + best
            position = match.end()
    return written + question[position:]
