"""Split a question that asks for several things: "who leads X and what is its budget?", 甲合同和乙合同的保修和付款方式.

By rules on words and titles alone; a question that asks for one thing costs a few patterns. Knows no passages.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from minicpm_rag.answering.followups import carry_over, points_back, stands_alone
from minicpm_rag.answering.named import named, title_words, words_of_title
from minicpm_rag.messages import Language
from minicpm_rag.records import DocumentRow, Turn
from minicpm_rag.text.questions import CHINESE_QUESTION_WORDS, chinese_words, content_terms, language_of
from minicpm_rag.text.terms import fold

LONGEST = 300  # characters of a question that is split; the patterns are quadratic
_MOST_PARTS = 6
_MOST_WORDS = 6  # of an aspect ("payment terms") or a name

# Where one question ends and another begins in the same sentence
_ASKING_EN = (
    r"(?:who|whom|whose|what|when|where|which|why|how|is|are|was|were|does|do|did|can|could|must|should|may|will)\b"
)
_NEXT_EN = re.compile(rf"[?;]\s*(?:and\s+)?(?={_ASKING_EN})|,?\s+and\s+(?:also\s+)?(?={_ASKING_EN})", re.IGNORECASE)
_BEGINS_EN = re.compile(rf"\W*(?:please\s+)?{_ASKING_EN}", re.IGNORECASE)
_BETWEEN = re.compile(r"\b(?:between|both|difference)\b", re.IGNORECASE)
_NEXT_ZH = re.compile(r"[？?；;，,]\s*(?:以及|另外|还有|并且|同时|和|那么?)?|以及|(?<=[谁少久里么时])和")
_OWNER_ZH = re.compile(r"^(?:请问)?(?P<owner>[^的，,]{2,24})的[^的]{1,16}?(?:是|为|有|在|由|什么|多少|谁|几)")
_PLACE_ZH = re.compile(r"^(?:请问)?(?P<place>[^，,]{2,24}?(?:里面?|中))")
_SUBJECT_ZH = re.compile(r"^(?!一共|总共|共|分别|都|应|需|要|还)[^，,]{2,16}?(?:是|为|有)(?:什么|多少|多久|谁|几|哪)")
# 二月有几笔，合计多少: what is counted, and a total of which nothing else is said
_COUNTED_ZH = re.compile(
    r"^(?:请问)?(?P<of>.*?)(?:一共|总共|共)?有?(?:多少|几)(?:个|条|笔|名|位|家|种|款|件|项|次|台|张|份|单|人)?(?P<noun>[^，,]*)$"
)
_TOTAL_ZH = re.compile(
    r"^(?:合计|总计|一共|总共|共计|共|总|平均)[^，,的]{0,6}?(?:是|为|有|花了?)?多少(?:钱|元)?$"
    r"|^(?:金额|销售额|费用|支出|花了?)(?:合计|总计|一共|共)?(?:是|为|有)?多少(?:钱|元)?$"
)
_NAME_EN = re.compile(r"(?<=[a-z,] )(?:the |project )?(?P<name>[A-Z][\w-]*(?: (?:[A-Z][\w-]*|\d+))*)")
# What is done to, at the end: "Who leads the trial", "Which firm will lay the new floor"
_THING_EN = re.compile(
    r"^(?:who|(?:which|what) \w+)(?: (?:will|is|was|has|have|did|does|do|should|must|going|to)){0,3} [a-z]+ "
    r"(?P<thing>(?:the|our|this|a|an) "
    r"(?:(?!(?:the|our|a|an|and|or|of|in|on|at|for|with|to|by|from)\b)[\w'’-]+ ?){1,4})$",
    re.IGNORECASE,
)
_PRONOUN_EN = re.compile(r"\b(?:it|he|she|him|(?P<owns>its|his|her))\b", re.IGNORECASE)

# What asks and names nothing, and the words that a question begins with
_BARE_EN = re.compile(
    r"(?:how (?:often|long|much|many(?: times)?|far|soon|early|late)|(?:since |until |till |by |from )?when|where|why"
    r"|at what (?:time|price|cost)|(?:on|at|in|for|from|to) (?:which|what) [a-z]+)",
    re.IGNORECASE,
)
_ASKED_FIRST_EN = re.compile(r"(?:who|what|when|where|why|how (?:often|long|much|many))\s+(?=\S+ \S)", re.IGNORECASE)

# Several aspects of several things
_ASPECTS_EN = (
    re.compile(
        r"^(?P<verb>compare|contrast|what (?:is|are)|what's|tell me|list|give me|show me)\s+(?:the\s+)?"
        r"(?P<aspects>.+?)\s+(?:of|in|for|between|at)\s+(?:the\s+|both\s+)*(?P<names>[^?.!]+)$"
    ),
    re.compile(
        r"^(?P<verb>compare|contrast|how do|how does|do|what differs between)\s+(?:the\s+|both\s+)*(?P<names>.+?)\s+"
        r"(?:(?:differ|compare)\s+)?(?:on|in terms of|regarding|with (?:respect|regard) to|as to|by|in)\s+"
        r"(?:the(?:ir)?\s+)?(?P<aspects>[^?.!]+)$"
    ),
)
_ASPECTS_ZH = (
    re.compile(
        r"^(?P<verb>请?(?:帮我)?(?:比较|对比)(?:一下)?)?(?P<names>[^，,？?]+?)在(?P<aspects>[^，,？?]+?)(?:上|方面|这些方面)"
        r"(?:有什么|有何|的)?(?:区别|不同|差异|异同)?$"
    ),
    re.compile(
        r"^(?P<verb>请?(?:帮我)?(?:比较|对比|列出)(?:一下)?)?(?P<names>[^，,？?的]+?)的(?P<aspects>[^，,？?]+?)"
        r"(?:(?:分别|各自|各|都)?(?:是|为|有)?(?P<ask>什么|多少|多久|多长|怎么样|如何|怎样|谁|哪些)|(?:有什么|有何|的)?(?:区别|不同|差异|异同)(?:是什么)?)?$"
    ),
)
_AND = re.compile(r"\s*(?:,\s*and\s+|,|、|\band\b|&|\bor\b|以及|和|与|及|跟)\s*(?:the\s+|its\s+|their\s+)*")
_COMPARES = re.compile(r"compare|contrast|differ|比较|对比|区别|不同|差异|异同")


@dataclass(frozen=True)
class Part:
    """One of the things that are asked for: as a question of its own, and the documents it is asked of.

    `aspect` and `name` are of a part of a table: "warranty" of "contract A"; empty of a question among questions.
    `typed` is the question as it was asked, where what was put before it to search by does not read well.
    """

    question: str
    documents: tuple[DocumentRow, ...] = ()  # () for all
    aspect: str = ""
    name: str = ""
    typed: str = ""

    @property
    def shown(self) -> str:
        """The question as people see it."""
        return self.typed or self.question


def parts(question: str, rows: Sequence[DocumentRow]) -> tuple[Part, ...]:
    """The parts of a question; () where it asks for one thing."""
    if len(question) > LONGEST:
        return ()
    found = _aspects(question, rows) or tuple(_questions(question, rows))
    return found if 1 < len(found) <= _MOST_PARTS else ()


def _questions(question: str, rows: Sequence[DocumentRow]) -> Iterator[Part]:
    """The questions that are joined in one sentence, each with what it is about."""
    language = language_of(question)
    asked = _joined_zh(question) if language == "zh" else _joined_en(question)
    if len(asked) < 2 or any(map(_is_torn, asked)):
        return
    first = asked[0]
    about = named(question, rows)
    for number, one in enumerate(asked):
        said = one if number == 0 else _completed(one, first, rows, language)
        own = named(said, rows)
        mark = "？" if language == "zh" else "?"
        # 保温棉由负责换，花多少: words of the first question, with a comma behind them, are enough to search by.
        is_pieced = said.count("，") > one.count("，") if language == "zh" else _BARE_EN.fullmatch(one) is not None
        typed = f"{one[:1].upper()}{one[1:]}{mark}" if is_pieced else ""
        yield Part(f"{said[:1].upper()}{said[1:]}{mark}", own or (about if number else ()), typed=typed)


def _is_torn(piece: str) -> bool:
    """Whether brackets begin in one piece and end in another: what a follow-up takes from before it stands in them."""
    plain = fold(piece)
    return plain.count("(") != plain.count(")")


def _joined_en(question: str) -> list[str]:
    if _BETWEEN.search(question) or _BEGINS_EN.match(question) is None:
        return []
    pieces = [piece.strip(" ,?.!") for piece in _NEXT_EN.split(question)]
    return pieces if all(content_terms(piece) for piece in pieces) else []


def _joined_zh(question: str) -> list[str]:
    pieces = [piece.strip(" ，,？?。！") for piece in _NEXT_ZH.split(question)]
    pieces = [piece for piece in pieces if piece]
    asks = [CHINESE_QUESTION_WORDS.search(piece) is not None and bool(content_terms(piece)) for piece in pieces]
    return pieces if len(pieces) > 1 and all(asks) else []


def _completed(question: str, first: str, rows: Sequence[DocumentRow], language: Language) -> str:
    if language == "en":
        return _completed_en(question, first)
    place = _PLACE_ZH.match(first)
    is_full = _SUBJECT_ZH.match(question) is not None and not points_back(question)
    if is_full and place is not None and named(place["place"], rows):
        # 员工手册里病假工资怎么发？报销期限是多少？: all that the two share is the document that they are asked of.
        return question if named(question, rows) else f"{place['place']}{question}"
    return _completed_zh(question, first)


def _completed_zh(question: str, first: str) -> str:
    """The question with the owner of what was asked before it: 晨曦项目的负责人是谁，预算是多少."""
    counted = _COUNTED_ZH.match(first)
    if counted is not None and _TOTAL_ZH.match(question) and (counted["of"] or counted["noun"]):
        return f"{counted['of']}{counted['noun']}{question}"
    if points_back(question):
        return carry_over(question, [Turn(first, "")]).rstrip("？")
    owner = _OWNER_ZH.match(first)
    if owner is not None and "的" not in question and owner["owner"] not in question:
        # 逾期付款的违约金…，押金…: what somebody does owns nothing; the deposit is another clause's.
        return question if _is_done(owner["owner"]) else f"{owner['owner']}的{question}"
    turns = [Turn(first, "")]
    return question if stands_alone(question, turns) else carry_over(question, turns).rstrip("？")


def _is_done(owner: str) -> bool:
    words = chinese_words(owner)
    return bool(words) and (words[-1][1] == "v" or words[0][0] in ("逾期", "提前", "延期", "未"))


def _completed_en(question: str, first: str) -> str:
    if _BARE_EN.fullmatch(question) and (asked := _ASKED_FIRST_EN.match(first)) is not None:
        return f"{question} {first[asked.end() :]}"  # "Who tests the pumps and how often?": how often tests the pumps
    names = list(dict.fromkeys(match["name"] for match in _NAME_EN.finditer(first)))
    if len(names) == 1 and (pronoun := _PRONOUN_EN.search(question)) is not None:
        instead = f"{names[0]}'s" if pronoun["owns"] else names[0]
        return f"{question[: pronoun.start()]}{instead}{question[pronoun.end() :]}"
    thing, it = _THING_EN.search(first), _PRONOUN_EN.search(question)
    if thing is not None and it is not None and it.group().lower() in ("it", "its"):
        # "Who will lay the floor and what does it cost?": the floor
        instead = f"{thing['thing']}'s" if it["owns"] else thing["thing"]
        return f"{question[: it.start()]}{instead}{question[it.end() :]}"
    return carry_over(question, [Turn(first, "")]).rstrip("?") if points_back(question) else question


def _aspects(question: str, rows: Sequence[DocumentRow]) -> tuple[Part, ...]:
    """Each aspect of each thing: "compare the warranty and the payment terms of A and B"."""
    is_chinese = language_of(question) == "zh"
    plain = fold(question).strip(" 。.!！?？")
    for pattern in _ASPECTS_ZH if is_chinese else _ASPECTS_EN:
        match = pattern.match(plain)
        if match is None:
            continue
        aspects, names = _items(match["aspects"]), _items(match["names"])
        meant = [_meant(name, names, rows) for name in names]
        is_compared = _COMPARES.search(plain) is not None
        if not aspects or len(names) < 2 or not (all(meant) or (is_compared and len(names) == 2)):
            continue
        if any(CHINESE_QUESTION_WORDS.search(aspect) or _COMPARES.search(aspect) for aspect in aspects):
            continue
        ask = (match.groupdict().get("ask") or "什么") if is_chinese else ""
        return tuple(
            Part(_asked(aspect, "" if row else name, ask), row, aspect, _called(name, row))
            for aspect in aspects
            for name, row in zip(names, meant, strict=True)
        )
    return ()


def _asked(aspect: str, name: str, ask: str) -> str:
    """A question for one aspect, with the Chinese word that asks, or in English where there is none."""
    if ask:
        return f"{name}的{aspect}是{ask}？" if name else f"{aspect}是{ask}？"
    verb = "are" if aspect.endswith("s") and not aspect.endswith("ss") else "is"
    return f"What {verb} the {aspect} of {name}?" if name else f"What {verb} the {aspect}?"


def _items(joined: str) -> list[str]:
    """What is joined by commas and "and"; nothing where a piece is too long for a name."""
    pieces = [piece.strip() for piece in _AND.split(joined)]
    is_short = all(piece and len(piece.split()) <= _MOST_WORDS for piece in pieces)
    return list(dict.fromkeys(pieces)) if is_short else []


def _meant(name: str, names: Sequence[str], rows: Sequence[DocumentRow]) -> tuple[DocumentRow, ...]:
    """The one document that a name means among others: by its title, or by the words of it that others lack."""
    words = title_words(name)
    others = {word for other in names if other != name for word in title_words(other)}
    own = words - others or words
    found = [row for row in rows if own and own <= words_of_title(row.title)]
    return tuple(found) if len(found) == 1 else ()


def _called(name: str, row: tuple[DocumentRow, ...]) -> str:
    return PurePath(row[0].title).stem if row else name
