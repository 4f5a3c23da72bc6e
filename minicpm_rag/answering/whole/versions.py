"""Two versions of one document that are to be compared: 章程新旧版本有哪些变化？ "What changed in the lease?".

Knows titles only: versions have the same title but for a year, a number or a word such as 终稿 or "draft".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from minicpm_rag.answering.named import called
from minicpm_rag.records import DocumentRow
from minicpm_rag.text.dates import years_in
from minicpm_rag.text.terms import fold

_OF_TITLE = re.compile(
    r"(?:19|20)\d\d年?(?:修订|修正)?(?:版本?|稿)?|第[一二三四五六七八九十\d]+版|[新旧老]版本?|(?:修订|修正|修改)[版稿本]?"
    r"|[初终定草]稿|草案|最终版?|副本|版本?|\b(?:v|ver|version|rev|revision|edition)[\s._-]*\d*\b"
    r"|\b(?:draft|final|old|new|revised|updated|copy|signed)\b|\d+"
)
_SEPARATORS = re.compile(r"[\W_]+")
# What has changed, where nothing else is said of it
_CHANGED = re.compile(
    r"(?:都|具体|主要){0,3}(?:有什么|有哪些|有何|有没有|有|的|做了(?:什么|哪些)|作了(?:什么|哪些))(?:主要|具体)?的?"
    r"(?:不同|区别|差异|差别|变化|变动|改动|修改|更新|调整|异同)(?:之处|的地方)?(?:是什么|有哪些|在哪里?)?$"
    r"|(?:都|具体|主要){0,3}(?:修改|改动|更新|调整|变|改|多|少|增加|新增|删除?)了?(?:什么|哪些|哪里|哪儿)"
    r"(?:地方|内容|条款|规定|东西)?$"
    r"|哪里(?:不同|不一样|变了|改了)$|(?:有什么|哪里)不一样$"
    r"|\b(?:what(?:'s| is| are| has| have| was| were)? (?:the |all the )?(?:been )?(?:main |key )?"
    r"(?:changed|changes?|new|different|differences?|updated|revised|amended)"
    r"|how (?:do|does|did|has|have)|what did|compare|contrast)\b|\b(?:differs?|changed?)\b"
)
_SPOKEN_OF_VERSIONS = re.compile(
    r"版|稿|草案|修[订改正]|[改变]了|(?:19|20)\d\d"
    r"|\b(?:versions?|editions?|revisions?|changed|changes|drafts?|amended|revised|updated)\b"
)
# What may stand between the document's name and the versions
_BESIDE = re.compile(
    r"请问|请|帮我|比较|对比|一下|两个|两版|[新旧老]+版?本?|版本?|修订|[初终定草]稿|草案|之间|不同|相比|比起"
    r"|[和与跟同比的这那份]|(?:19|20)\d\d年?"
    r"|\b(?:please|can you|tell me|in|of|the|two|both|between|from|and|to|with|its|our|this|these|than|is|are|has|have"
    r"|been|versions?|editions?|revisions?|old|older|new|newer|previous|current|latest|last|first|second|draft|final"
    r"|since|compared|other|each|one)\b"
    r"|(?<![a-z])v\d+|\b\d{1,2}\b"
)


def versions(question: str, rows: Sequence[DocumentRow]) -> tuple[DocumentRow, ...]:
    """The older and the newer of the two versions whose differences are asked for; () where it is another question."""
    plain = fold(question).strip(" 。.!！?？吗呢")
    if _CHANGED.search(plain) is None or _SPOKEN_OF_VERSIONS.search(plain) is None:
        return ()
    name = _SEPARATORS.sub(" ", _BESIDE.sub(" ", _CHANGED.sub(" ", plain))).strip()
    years = years_in(plain)
    found = []
    for family in _families(rows):
        if len(years) > 1:
            family = [row for row in family if years & years_in(row.title)]
        if len(family) == 2 and (not name or len(_called(name, family)) == 2):
            found.append(family)
    return tuple(found[0]) if len(found) == 1 else ()


def _called(name: str, family: Sequence[DocumentRow]) -> Sequence[DocumentRow]:
    """Those of a family whose titles hold the name, which may be written without their separators."""
    joined = _SEPARATORS.sub("", name)
    return [row for row in family if joined in _SEPARATORS.sub("", fold(row.title))] or called(name, family)


def _families(rows: Sequence[DocumentRow]) -> list[list[DocumentRow]]:
    """Documents with the same title but for what tells versions apart, the oldest first."""
    families: dict[str, list[DocumentRow]] = {}
    for row in sorted(rows, key=lambda row: fold(row.title)):
        stem = fold(PurePath(row.title).stem).replace("_", " ")
        if key := _SEPARATORS.sub("", _OF_TITLE.sub(" ", stem)):
            families.setdefault(key, []).append(row)
    return [sorted(family, key=_age) for family in families.values() if len(family) > 1]


def _age(row: DocumentRow) -> tuple[int, ...]:
    """The numbers of the title, by which versions follow each other; an old one or a draft comes first."""
    stem = fold(PurePath(row.title).stem)
    is_early = re.search(r"旧|老版|草|初稿|\b(?:old|draft)\b", stem.replace("_", " ")) is not None
    return (0 if is_early else 1, *map(int, re.findall(r"\d+", stem)[:4]))
