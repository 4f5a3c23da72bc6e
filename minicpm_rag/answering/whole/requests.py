"""Tell a request about whole documents ("总结一下这份合同", "compare these two contracts") and which are meant.

Knows titles only, not what is in the documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from minicpm_rag.records import DocumentRow
from minicpm_rag.text.terms import fold

_POLITE = r"(?:请|麻烦|帮我|帮忙|能不能|可以|你能|请你|给我|please|can you|could you|kindly)*\s*"
_END = r"[\s。.!！?？吗呢]*$"
LONGEST = 400  # characters of a question that may ask for whole documents; the patterns are quadratic
_SUMMARY = (
    re.compile(
        rf"^{_POLITE}(?:总结|概括|归纳|概述|简述|摘要|梳理)(?:一下|下)?(?P<what>.*?)(?:的)?(?:主要)?(?:内容"
        rf"|要点|重点|大意)?{_END}"
    ),
    re.compile(
        rf"^{_POLITE}(?P<what>.*?)(?:的)?(?:主要内容|内容概要|核心内容|要点|重点|大意|摘要|概要|总结)(?:是什么"
        rf"|有哪些|是啥)?{_END}"
    ),
    re.compile(rf"^(?P<what>.*?)(?:主要)?(?:讲|说|写|介绍)了?(?:些)?(?:什么|啥|哪些内容){_END}"),
    re.compile(
        rf"^{_POLITE}(?:summari[sz]e|sum up|outline|(?:give|write)(?: me)? (?:an? )?(?:brief |short |quick )?"
        rf"(?:summary|overview|outline) of)\s+(?P<what>.*?){_END}"
    ),
    re.compile(
        r"^what (?:are|is) the (?:main|key|most important) (?:points?|ideas?|contents?|takeaways?)"
        rf"(?:\s+(?:of|in|from)\s+(?P<what>.*?))?{_END}"
    ),
    re.compile(rf"^what (?:is|does) (?P<what>.*?) (?:about|say){_END}"),
)
_COMPARISON = (
    re.compile(rf"^{_POLITE}(?:比较|对比)(?:一下)?(?P<what>.*?)(?:的)?(?:区别|异同|差异|不同|内容)?{_END}"),
    re.compile(rf"^(?P<what>.*?)(?:有什么|有哪些|的)(?:区别|异同|差异|不同)(?:是什么|有哪些|在哪)?{_END}"),
    re.compile(rf"^{_POLITE}compare\s+(?P<what>.*?){_END}"),
    re.compile(rf"^what (?:is|are) the differences? between\s+(?P<what>.*?){_END}"),
)
# Words for a document that do not say which.
_GENERAL = re.compile(
    r"(?:这|那|该|本|上面|上述|以上)?(?:两|2|几|一)?(?:份|个|篇|本|些|张)?(?:的)?(?:文档|文件|资料|报告|合同"
    r"|协议|手册|文章|论文|材料|表格|内容|全文|它)?"
    r"|(?:the |this |that |these |those |both |my |whole |entire |two )*(?:documents?|files?|reports?"
    r"|contracts?|agreements?|manuals?"
    r"|papers?|articles?|texts?|it|them|pdfs?)?"
)


@dataclass(frozen=True)
class Request:
    """What is wanted of which documents; no documents where it must be asked which are meant."""

    kind: Literal["summary", "comparison"]
    documents: tuple[DocumentRow, ...]


def requested(question: str, rows: Sequence[DocumentRow], *, is_held: bool) -> Request | None:
    """The request that a question is, None for any other question.

    `rows` are the documents it may mean; with `is_held` the question was held to them by its scope.
    """
    if len(question) > LONGEST:
        return None
    plain = fold(question).strip()
    for kind, patterns in (("comparison", _COMPARISON), ("summary", _SUMMARY)):
        for pattern in patterns:
            match = pattern.match(plain)
            if match is None:
                continue
            what = (match["what"] or "").strip(" 《》\"'“”「」,，")
            meant = _meant(what, rows, is_held=is_held, kind=kind)
            if meant is not None:
                return Request(kind, meant)  # type: ignore[arg-type]
    return None


def _meant(what: str, rows: Sequence[DocumentRow], *, is_held: bool, kind: str) -> tuple[DocumentRow, ...] | None:
    """The documents that are meant: () where it must be asked; None where no document is."""
    count = 2 if kind == "comparison" else 1
    named = tuple(row for row in rows if _names(what, row))
    if len(named) >= count and (kind == "summary" or len(named) == 2):
        return named[:1] if kind == "summary" and len(named) == 1 else named
    if _GENERAL.fullmatch(what) is None:
        return None
    if is_held and len(rows) >= count:
        return tuple(rows)
    if len(rows) == count:
        return tuple(rows)
    return () if len(rows) > count and what else None


def _names(what: str, row: DocumentRow) -> bool:
    """Whether the words hold the document's title, with or without its ending."""
    title = fold(row.title)
    stem = fold(PurePath(row.title).stem)
    spaced = re.sub(r"[_\-\s]+", " ", stem)
    return bool(stem) and (
        title in what or stem in what or (len(spaced) > 2 and spaced in re.sub(r"[_\-\s]+", " ", what))
    )
