"""What can be said of a question by its words alone: its language, what it asks for, which words carry content.

Knows no documents, no history and no model.
"""

from __future__ import annotations

import importlib
import io
import marshal
import re
import sys
import threading
from contextlib import suppress
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, Literal

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Language
from minicpm_rag.text.numerals import NUMBER_WORDS
from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.terms import terms

LONGEST_QUESTION = 10_000  # characters; the oddest takes two seconds of a processor to search

_LOADING = threading.Lock()

Kind = Literal["time", "number", "person", "place", "reason", "definition"]

# Words of a question or a sentence that say nothing about its subject.
_ENGLISH_FUNCTION_WORDS = """
    a an the of in on at to for from by with without and or but nor is are was were be been being am
    do does did doing done has have had having what which who whom whose when where why how many
    much long that this these those it its as than then there here they them their theirs he him his
    she her hers you your yours we us our ours i me my mine can could will would shall should may
    might must not no if so into onto about over under between up down out off also too very just
    only any some all each both more most other such own same please tell explain give what's who's
    it's let get got
"""
CHINESE_FUNCTION_CHARACTERS = frozenset(
    "的地得了着过是在有和与及或并且而但也都就还又再很最更吗呢吧啊呀么什谁哪几多少怎如何为啥请问个些把被"
    "给对以于由从到向往这那其它他她您你我们之所将会能可要让"
)
CHINESE_QUESTION_WORDS = re.compile(
    r"什么时候|什么时间|什么地方|什么样|什么|为什么|为何|为啥|怎么样|怎么办|怎么|怎样|如何|多少|多久|多大|多长|多高|多远"
    r"|哪里|哪儿|哪个|哪些|哪位|哪年|哪一年|哪一|哪|谁|几|何时|何处|何人|何|吗|呢|请问|是不是|有没有|能不能|可不可以|是否"
)
_CHINESE_MARKERS = re.compile(r"[的是吗呢什么哪谁多少几怎如何为有在了个请]")
_ENGLISH_MARKERS = re.compile(
    r"\b(?:wh(?:at|ich|om?|ose|en|ere|y)|how|is|are|was|were|do|does|did|can|could|will|would|should|may|the|of|tell"
    r"|explain|describe|list|give|name)\b",
    re.IGNORECASE,
)

_CHINESE_REQUEST = re.compile(r"\s*(?:请|麻烦|帮我|列出|列举|介绍|说明|解释|比较|总结|告诉)")
_ENGLISH_ASKING = re.compile(
    r"\W*(?:(?:and|but|so|then|please)\b[,\s]*)*(?:wh(?:at|ich|om?|ose|en|ere|y)|how|is|are|was|were|do|does|did|can"
    r"|could|will|would|shall|should|may|has|have|had|tell|explain|describe|list|give|name|compare|summari[sz]e)\b",
    re.IGNORECASE,
)

_ASKS_FOR: dict[Kind, re.Pattern[str]] = {
    "time": re.compile(
        r"何时|什么时候|什么时间|哪[一]?[年天月日]|几[时点月号]|年份|时间|日期|什么时期|哪个?(?:世纪|年代|时期|朝代)"
        r"|\bwhen\b|\b(?:what|which) (?:year|date|day|month|time|century|decade|period)",
        re.IGNORECASE,
    ),
    "number": re.compile(
        r"多少|几|多[大长高久远重快厚深宽]|比例|频率|数量|价格|面积|人口"
        r"|\bhow (?:many|much|long|far|old|tall|high|often|large|big|fast|deep|heavy|wide)"
        r"|percent|number|price|cost",
        re.IGNORECASE,
    ),
    "person": re.compile(r"谁|何人|哪[一]?[位人]|\bwho(?:m|se)?\b", re.IGNORECASE),
    "place": re.compile(
        r"哪里|哪儿|何处|哪[一]?个?(?:国家|城市|地方|地区|省|市|县|岛)|什么地方|位于哪|\bwhere\b"
        r"|\b(?:what|which) (?:country|city|state|place|region|island|continent)",
        re.IGNORECASE,
    ),
    "reason": re.compile(r"为什么|为何|为啥|原因|\bwhy\b|\breason", re.IGNORECASE),
    "definition": re.compile(
        r"^什么是|^何谓|是什么[？?]?$|是谁[？?]?$|指(?:的是)?什么|什么意思|定义"
        r"|^(?:what|who) (?:is|are|was|were) ",
        re.IGNORECASE,
    ),
}

# What an answer of that kind holds.
_NUMERAL = r"\d|[〇零一二三四五六七八九十百千万亿两半]+(?:[^\W\d_]|%)"
_CUES: dict[Kind, re.Pattern[str]] = {
    "time": re.compile(
        r"\d{3,4}|\d[月日号点]|[〇一二三四五六七八九十][年月日点]|世纪|年代|时期|century|\b(?:19|20)\d\ds"
        r"|\b(?:January|February|March|April|May|June|July|August|September|October|November|December)\b"
        r"|\b\d{1,2}(?::\d\d)? ?[ap]\.?m",
        re.IGNORECASE,
    ),
    "number": re.compile(
        rf"{_NUMERAL}|\b(?:{NUMBER_WORDS}|one|hundred|thousand|million|billion|half|third|quarter|twice|several)\b",
        re.IGNORECASE,
    ),
    "person": re.compile(
        r"·|[王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎]"
        r"|(?<=[a-z,] )[A-Z][a-z]+"
    ),
    "place": re.compile(r"[省市县区国州岛镇村乡山路街港湾]|位于|\b(?:in|at|near|from|of) (?:the )?[A-Z]"),
    "reason": re.compile(
        r"因|由于|所以|导致|为了|使得|because|since|due to|therefore|so that|in order|cause|result",
        re.IGNORECASE,
    ),
    "definition": re.compile(r"是|为|指|\b(?:is|are|was|were|means?|refers?)\b", re.IGNORECASE),
}
_MOST_TAGGED = 2000  # characters; jieba takes up to half a millisecond for each that is no part of a word
_OVER_AND_OVER = re.compile(r"([^\W\d_]{1,2}?)\1{19,}")


def check_question(text: str) -> None:
    """Raise RAGError where a question is too long, or holds bytes that are no text (half of a surrogate pair)."""
    if len(text) > LONGEST_QUESTION:
        raise RAGError("answering.question_too_long", length=len(text), most=LONGEST_QUESTION)
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        raise RAGError("answering.question_no_text") from exc


def language_of(question: str) -> Language:
    """The language to answer in: Chinese where the question is written in it, English for everything else."""
    if not is_chinese(question):
        return "en"
    in_english = bool(_ENGLISH_MARKERS.search(question))
    if _CHINESE_MARKERS.search(question):
        # "Who wrote 《海的女儿》?" holds a 的, but only inside a name.
        outside = re.sub(r"[《「『“\"].{0,100}?[》」』”\"]", "", question)
        if _CHINESE_MARKERS.search(outside) or not in_english:
            return "zh"
    return "en" if in_english else "zh"


def is_question(text: str) -> bool:
    """Tell whether a sentence asks: by its mark, a question word, or as a request ("List the ...", "请介绍…")."""
    text = text.strip()
    if text.endswith(("?", "？")):
        return any(character.isalnum() for character in text)
    if language_of(text) == "zh":
        return bool(CHINESE_QUESTION_WORDS.search(text) or _CHINESE_REQUEST.match(text))
    return bool(_ENGLISH_ASKING.match(text))


def asks_for(question: str) -> frozenset[Kind]:
    """The kinds of thing the question wants, by its question words; empty where it does not say."""
    return frozenset(kind for kind, pattern in _ASKS_FOR.items() if pattern.search(question))


def holds(kind: Kind, text: str) -> bool:
    """Tell whether a text may hold such a thing: a date for "time", a name for "person"."""
    return bool(_CUES[kind].search(text))


def is_content(term: str) -> bool:
    """Tell whether a term says something about the subject."""
    if term in _function_terms():
        return False
    return not all(character in CHINESE_FUNCTION_CHARACTERS for character in term)


def content_terms(text: str) -> list[str]:
    """The terms of a text without question words and function words, in reading order, with repeats."""
    return [term for term in terms(text) if is_content(term)]


@cache
def _function_terms() -> frozenset[str]:
    """The function words as `terms` leaves them: stemmed."""
    return frozenset(terms(_ENGLISH_FUNCTION_WORDS))


def chinese_words(text: str) -> list[tuple[str, str]]:
    """The words of a sentence with jieba's names for their kinds: n noun, nr person, ns place, v verb.

    What lies beyond _MOST_TAGGED characters is left out. A run of one or two characters over and over is no words, and
    one word of kind x: jieba would try every kind for each of them.
    """
    found: list[tuple[str, str]] = []
    position, text = 0, text[:_MOST_TAGGED]
    for run in _OVER_AND_OVER.finditer(text):
        found += [*_tagged(text[position : run.start()]), (run.group(), "x")]
        position = run.end()
    return [*found, *_tagged(text[position:])]


@lru_cache(maxsize=1_000)
def _tagged(text: str) -> tuple[tuple[str, str], ...]:
    """What was cut before is kept: one question is looked at from many sides, and each of them has its words cut."""
    return tuple((word.word, word.flag) for word in _tagger().cut(text))


@cache
def _tagger() -> Any:
    import logging

    import jieba
    import platformdirs

    # Otherwise it writes to stderr that it loads its dictionary, or that the cache of it cannot be written.
    jieba.setLogLevel(logging.CRITICAL)
    # Its own place for that cache is the shared folder for temporary files, where another user's file may lie.
    cache = platformdirs.user_cache_path("minicpm-rag", appauthor=False)
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
    jieba.dt.tmp_dir = str(cache)
    with _LOADING:
        _load_quickly(jieba)
        return importlib.import_module("jieba.posseg")


def _load_quickly(jieba: Any) -> None:
    """Load jieba's words and their kinds, each file read at once: jieba reads them piece by piece, a second long."""
    jieba.marshal = SimpleNamespace(load=lambda file: marshal.loads(file.read()), dump=marshal.dump)
    try:
        jieba.dt.initialize()
    finally:
        jieba.marshal = marshal
    if "jieba.posseg" in sys.modules:
        return
    jieba.dt.get_dict_file = io.BytesIO  # the kinds are read as this is imported: no line
    try:
        tagger = importlib.import_module("jieba.posseg")
    finally:
        del jieba.dt.get_dict_file
    with jieba.dt.get_dict_file() as file:
        fields = file.read().decode().split()
    tagger.dt.word_tag_tab = dict(zip(fields[::3], fields[2::3], strict=True))  # word, frequency, kind
