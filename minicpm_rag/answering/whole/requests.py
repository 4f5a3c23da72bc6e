"""Tell a request about whole documents ("总结一下这份合同", "compare these two contracts") and which are meant.

Knows titles only, not what is in the documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

from minicpm_rag.answering.followups import carry_over, points_back, stands_alone
from minicpm_rag.answering.named import called, named, without_names
from minicpm_rag.answering.small_talk import small_talk
from minicpm_rag.answering.whole.versions import versions
from minicpm_rag.records import DocumentRow, Turn
from minicpm_rag.text.questions import content_terms, language_of
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
_DEADLINES = (
    re.compile(
        rf"^{_POLITE}(?:列出|列举|给出|找出|整理|有|都有)?(?:一下)?(?P<what>.*?)(?:里面?|中)?(?:都|共)?有?(?:哪些|所有|全部|各个)?的?"
        rf"(?:所有|全部)?的?(?:截止(?:日期|时间)|最后期限|到期日(?:期)?|时间节点|deadlines?)(?:有哪些|是什么|列表|清单)?{_END}"
    ),
    re.compile(
        rf"^{_POLITE}(?:list|show|give me|find|what are|which are)(?: me)?(?: all)?(?: of)?(?: the| my)?"
        rf"(?: important| key)? (?:deadlines?|due dates?)(?:\s+(?:are there|do we have))?"
        rf"(?:\s+(?:of|in|from)\s+(?P<what>.*?))?{_END}"
    ),
    re.compile(
        rf"^(?:what|which) (?:deadlines?|due dates?)(?: are there| do we have| apply)?"
        rf"(?:\s+(?:in|of)\s+(?P<what>.*?))?{_END}"
    ),
)
# Words for a document that do not say which.
_GENERAL = re.compile(
    r"(?:这|那|该|本|上面|上述|以上)?(?:两|2|几|一)?(?:份|个|篇|本|些|张)?(?:的)?(?:文档|文件|资料|报告|合同"
    r"|协议|手册|文章|论文|材料|表格|内容|全文|它)?"
    r"|(?:the |this |that |these |those |both |my |whole |entire |two )*(?:documents?|files?|reports?"
    r"|contracts?|agreements?|manuals?"
    r"|papers?|articles?|texts?|it|them|pdfs?)?"
)
# All documents: "all deadlines", "the deadlines in my documents"
_ALL = re.compile(
    r"(?:我的|这些|所有|全部|各个|知识库|资料库|的)*(?:文档|文件|资料|合同|协议|项目)?(?:的|里|中)*"
    r"|(?:all |the |my |these |our )*(?:documents?|files?|contracts?|agreements?|projects?|library)?"
)
# What may stand beside the names of whole documents that are compared.
_BESIDE = re.compile(
    r"和|与|跟|同|及|、|的|这|那|两|份|个|一下|主要|全部|内容|之间|有|区别|异同|差异|不同|分别|都|各自"
    r"|\b(?:and|with|to|vs|versus|against|between|the|both|two|main|differences?|whole|entire|full|content|contents)\b"
)
_BETWEEN = re.compile(r"\s*(?:和|与|跟|以及|、|\b(?:and|with|vs|versus|against)\b\.?)\s*(?:the\s+)?")
_PART_OF = re.compile(r"^\s*(?:里面?|中)?的\s*(?P<part>.+)$")
_OF = re.compile(r"^(?P<part>.+?)\s+(?:of|in|from)\s+")
_NO_PART = re.compile(
    r"(?:主要|全部|所有|核心|整个)*(?:内容|要点|重点|大意|全文)?|(?:the |all |main |key |whole )*(?:points?|contents?)?"
)


@dataclass(frozen=True)
class Following:
    """A question that follows a summary or a comparison.

    As it can be understood by itself, and the documents that it is likely about: () where it does not point back.
    """

    question: str
    documents: tuple[DocumentRow, ...]


@dataclass(frozen=True)
class Request:
    """What is wanted of which documents; no documents where it must be asked which are meant."""

    kind: Literal["summary", "comparison", "deadlines"]
    documents: tuple[DocumentRow, ...]


def requested(question: str, rows: Sequence[DocumentRow], *, is_held: bool) -> Request | None:
    """The request that a question is, None for any other question.

    `rows` are the documents it may mean; with `is_held` the question was held to them by its scope.
    """
    if len(question) > LONGEST:
        return None
    if pair := versions(question, rows):
        return Request("comparison", pair)
    plain = fold(question).strip()
    for kind, patterns in (("deadlines", _DEADLINES), ("comparison", _COMPARISON), ("summary", _SUMMARY)):
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
    if kind == "comparison" and (pair := _pair(what, rows)):
        return pair
    meant = tuple(row for row in rows if _names(what, row)) or named(what, rows)
    if len(meant) >= count and (kind != "comparison" or len(meant) == 2):
        return None if _is_of_a_part(what, meant, kind) else meant
    if kind == "deadlines" and not meant and _ALL.fullmatch(what) is not None:
        return tuple(rows) or None
    if kind == "summary" and (found := called(what, rows)):
        return found if len(found) == 1 else ()
    if _GENERAL.fullmatch(what) is None:
        return None
    if is_held and len(rows) >= count:
        return tuple(rows)
    if len(rows) == count:
        return tuple(rows)
    return () if len(rows) > count and what else None


def _pair(what: str, rows: Sequence[DocumentRow]) -> tuple[DocumentRow, ...]:
    """The two documents that are named with nothing beside them, each by its title or by words of one title only."""
    names = _BETWEEN.split(what.removeprefix("the "))
    if len(names) != 2:
        return ()
    found = [
        [row for row in rows if name in (fold(row.title), fold(PurePath(row.title).stem))] or list(called(name, rows))
        for name in names
    ]
    return tuple(rows[0] for rows in found) if all(len(rows) == 1 for rows in found) and found[0] != found[1] else ()


def following(question: str, history: Sequence[Turn], rows: Sequence[DocumentRow]) -> Following | None:
    """What is asked right after whole documents were summarized or compared; None after anything else."""
    turns = [turn for turn in history if small_talk(turn.question) is None]
    before = requested(turns[-1].question, rows, is_held=False) if turns else None
    if before is None:
        return None
    if stands_alone(question, turns) or not before.documents:
        return Following(question, ())
    if not points_back(question):
        return Following(question, before.documents)
    other = named(question, rows)
    if other and before.kind == "summary":
        verb = "总结一下" if language_of(question) == "zh" else "Summarize "
        return Following(f"{verb}{PurePath(other[0].title).stem}", other[:1])
    names = [PurePath(row.title).stem for row in before.documents]
    subject = "和".join(names) if language_of(question) == "zh" else f"What is {' and '.join(names)}?"
    return Following(carry_over(question, [Turn(subject, "")]), before.documents)


def _is_of_a_part(what: str, meant: Sequence[DocumentRow], kind: str) -> bool:
    """Whether something in the documents is asked about, not the whole of them: "the deposit of A and B"."""
    if kind == "comparison":
        return bool(content_terms(_BESIDE.sub(" ", without_names(what, meant))))
    behind = max(
        (what.rfind(stem) + len(stem) for row in meant if (stem := fold(PurePath(row.title).stem)) in what), default=0
    )
    found = _PART_OF.match(what[behind:]) if behind else None
    found = found or _OF.match(what)
    return found is not None and _NO_PART.fullmatch(found["part"]) is None


def _names(what: str, row: DocumentRow) -> bool:
    """Whether the words hold the document's title, with or without its ending."""
    title = fold(row.title)
    stem = fold(PurePath(row.title).stem)
    spaced = re.sub(r"[_\-\s]+", " ", stem)
    return bool(stem) and (
        title in what or stem in what or (len(spaced) > 2 and spaced in re.sub(r"[_\-\s]+", " ", what))
    )
