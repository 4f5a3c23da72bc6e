"""Documents that a question names in passing: "harbor合同什么时候到期？", "the deposit of lease_alpha".

A document is named by its whole title, or by the title's own words beside a word for a document of its kind. Knows
titles only, not what is in the documents.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from minicpm_rag.records import DocumentRow
from minicpm_rag.text.comparisons import sides
from minicpm_rag.text.scripts import HAN, is_chinese
from minicpm_rag.text.terms import fold

# Words for documents, one kind a line.
_KINDS_TEXT = """
    合同 契约 contract lease 租约 协议 agreement 协定
    手册 manual handbook 守则 说明书 指南 guide 说明 instructions
    报告 report 年报 白皮书 paper 论文 article 文章 study
    制度 规定 规范 政策 policy 条例 办法 章程 细则 rules guidelines terms
    纪要 minutes 记录 notes
    项目 project 方案 计划 plan proposal 提案 标书
    通知 notice 公告 letter memo 函
    清单 list 目录 catalogue catalog brochure 价目表
    简历 resume cv
    规格书 specification spec datasheet
    文档 文件 资料 document file
"""
# What a document is called in the other language, where its title says it in one: one thing a line.
_TRANSLATED_TEXT = """
    lease 租赁 租约 租房
    minutes 纪要 会议记录
    handbook 手册 守则
    manual 说明书 手册
    price_list 价目 价格 报价
    contract 合同
    agreement 协议 合同
    policy 政策 制度 规定 保单
    report 报告
    invoice 发票
    complaint 投诉
    overtime 加班
    marketing 市场 营销
    insurance 保险
    budget 预算
    recipe 食谱 菜谱
    syllabus 教学大纲 课程大纲
    tender 招标 投标
    resume 简历
"""
_TRANSLATED: dict[str, tuple[str, ...]] = {}
for _line in _TRANSLATED_TEXT.strip().splitlines():
    _english, *_chinese = _line.split()
    _TRANSLATED[_english.replace("_", " ")] = tuple(_chinese)
    for _one in _chinese:
        _TRANSLATED[_one] = (*_TRANSLATED.get(_one, ()), _english.replace("_", " "))
_KIND_OF = {word: number for number, line in enumerate(_KINDS_TEXT.split("\n")) for word in line.split()}
_BEHIND = sorted(filter(is_chinese, _KIND_OF), key=len, reverse=True)
_KIND = re.compile(rf"{'|'.join(_BEHIND)}|\b(?:{'|'.join(word for word in _KIND_OF if word.isascii())})(?=s?\b)")
_PIECE = re.compile(rf"[{HAN}]+|[^\W\d_{HAN}]+|\d+")
# What tells versions of a document apart, and names none.
_VERSION = re.compile(
    r"(?:19|20)\d\d|v\d*|\d{1,2}|年|月|日|年度|季度|版|最终版?|终稿|定稿|初稿|草稿|副本|扫描件?|新版?|旧版?"
    r"|final|draft|copy|scan|new|old|version|ver|rev|signed|the|of|and|a|for|en|zh|cn|jan|feb|mar|apr|may|jun|jul"
    r"|aug|sep|oct|nov|dec"
)
_GAP = 6  # characters between a title's own words and the word for its kind: "the contract with Harbor"
_LONG_GAP = 24  # with another title's between: "the Harbor and Meridian contracts"
_ARTICLE = re.compile(r"^(?:the|our|my|this|that)\s+")
_SEPARATORS = re.compile(r"[_\-.\s]+")
_AND = re.compile(r"[和与及跟、,&]|\b(?:and|or|with|to)\b")
_MOST = 8  # documents; more are no names, but a word that many titles share
_LEAST_LATIN, _LEAST_HAN = 3, 2  # letters and characters of what may name a document
LONGEST = 400  # characters of a question that is looked at


@dataclass(frozen=True)
class _Title:
    pieces: tuple[str, ...]  # of the whole, without its ending
    whole: str  # these together
    is_special: bool  # the whole cannot be a word of the language
    own: tuple[str, ...]
    kinds: frozenset[int]


def named(question: str, rows: Sequence[DocumentRow]) -> tuple[DocumentRow, ...]:
    """The documents that a question names; none where it compares what it names with something else."""
    if len(question) > LONGEST:
        return ()
    plain = fold(question)
    joined = _without_separators(plain)
    found = tuple(row for row in rows if _is_named(_title(row.title), plain, joined))
    found = _of_the_kind_said(found, plain)
    if not 0 < len(found) <= _MOST or (len(found) == 1 and sides(question) is not None):
        return ()
    return found


def called(name: str, rows: Sequence[DocumentRow]) -> tuple[DocumentRow, ...]:
    """The documents whose titles hold all words of a name ("the minutes"), in its own language or in the other."""
    pieces = _PIECE.findall(_ARTICLE.sub("", fold(name)))
    if not pieces or not all(map(_is_long_enough, pieces)):
        return ()
    plain = {row.id: _SEPARATORS.sub(" ", fold(PurePath(row.title).stem)) for row in rows}
    found = tuple(row for row in rows if all(_stands_as_word(piece, plain[row.id]) for piece in pieces))
    others = _TRANSLATED.get(" ".join(pieces), ())
    return found or tuple(row for row in rows if any(_stands_as_word(other, plain[row.id]) for other in others))


def _stands_as_word(piece: str, plain: str) -> bool:
    return bool(_places(piece, plain) or (piece.isascii() and _places(f"{piece}s", plain)))


def are_of_one_kind(first: str, second: str) -> bool:
    """Whether two titles name a document of the same kind: two minutes, a contract and a lease."""
    return bool(_title(first).kinds & _title(second).kinds)


def title_words(text: str) -> frozenset[str]:
    """The pieces of a title or a name by which it is compared with others, folded, words for documents apart."""
    title = _title(f"{text}.txt")
    return frozenset([*title.own, *(piece for piece in title.pieces if not title.own)])


@lru_cache(maxsize=20_000)
def words_of_title(title: str) -> frozenset[str]:
    """The `title_words` of a document's title, without its ending."""
    return title_words(PurePath(title).stem)


def without_names(text: str, rows: Sequence[DocumentRow]) -> str:
    """The text without the words of these documents' titles and without words for documents, folded."""
    plain = fold(text)
    for piece in sorted({piece for row in rows for piece in _title(row.title).pieces}, key=len, reverse=True):
        for start in reversed(_places(piece, plain)):
            plain = f"{plain[:start]} {plain[start + len(piece) :]}"
    return _KIND.sub(" ", plain)


@lru_cache(maxsize=20_000)
def _title(title: str) -> _Title:
    stem = fold(PurePath(title).stem if "://" not in title else title)
    own: list[str] = []
    kinds: set[int] = set()
    pieces = _PIECE.findall(stem)
    for piece in pieces:
        if is_chinese(piece):
            behind = next((word for word in _BEHIND if piece.endswith(word)), "")
            if behind:
                kinds.add(_KIND_OF[behind])
                piece = piece.removesuffix(behind)
        elif (kind := _KIND_OF.get(piece, _KIND_OF.get(piece.removesuffix("s")))) is not None:
            kinds.add(kind)
            continue
        if piece and not _VERSION.fullmatch(piece) and _is_long_enough(piece):
            own.append(piece)
    whole = "".join(pieces)
    is_special = _is_long_enough(whole) and (bool(kinds and own) or len(pieces) > 1)
    return _Title(tuple(pieces), whole, is_special, tuple(dict.fromkeys(own)), frozenset(kinds))


def _is_named(title: _Title, plain: str, joined: str) -> bool:
    # Of ten thousand titles nearly all are ruled out by the first words of these two lines.
    if title.whole in joined and title.is_special and _stand_in(title.pieces, plain):
        return True
    return (
        bool(title.own) and title.own[0] in plain and _stand_in(title.own, plain) and bool(_kinds_beside(title, plain))
    )


def _of_the_kind_said(found: Sequence[DocumentRow], plain: str) -> tuple[DocumentRow, ...]:
    """Of documents with the same own words those of the kind that is said: Harbor's contract, not its report."""
    fitting = [row for row in found if _title(row.title).kinds & _kinds_beside(_title(row.title), plain)]
    same = {_title(row.title).own for row in fitting}
    return tuple(row for row in found if row in fitting or _title(row.title).own not in same)


def _kinds_beside(title: _Title, plain: str) -> frozenset[int]:
    """The kinds of document that are said beside the title's own words."""
    found = set()
    for match in _KIND.finditer(plain):
        for piece in title.own:
            for start in _places(piece, plain):
                between = plain[match.end() : start] or plain[start + len(piece) : match.start()]
                if len(between) <= (_LONG_GAP if _AND.search(between) else _GAP):
                    found.add(_KIND_OF[match.group()])
    return frozenset(found)


def _places(piece: str, plain: str) -> list[int]:
    """Where a piece of a title stands in the question: a Latin one as a word."""
    if piece not in plain:
        return []
    edges = ("", "") if is_chinese(piece) else (r"(?<![^\W_" + HAN + "])", r"(?![^\W_" + HAN + "])")
    return [match.start() for match in re.finditer(re.escape(piece).join(edges), plain)]


def _stand_in(pieces: Sequence[str], plain: str) -> bool:
    """Whether pieces of a title stand in the question, none as a part of a longer word."""
    return all(_places(piece, plain) for piece in pieces)


def _is_long_enough(piece: str) -> bool:
    return len(piece) >= (_LEAST_HAN if is_chinese(piece) else _LEAST_LATIN)


def _without_separators(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)
