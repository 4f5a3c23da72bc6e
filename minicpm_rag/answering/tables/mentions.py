"""Where a question names a table's columns and values, however it spells them.

A column is named by its name, a part of it, or another word for the same thing; a value by its text with or without
its general last word ("华东" for "华东区", "North" for "North region").
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from minicpm_rag.answering.tables.names import SYNONYMS
from minicpm_rag.answering.tables.vocabulary import WHOLE_WORDS_ONLY
from minicpm_rag.library.ledger.table_queries import Field
from minicpm_rag.records import DataTable
from minicpm_rag.text.dates import date_spans
from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.simplified import to_simplified
from minicpm_rag.text.terms import terms

_WORD = re.compile(r"[^\W_]+(?:['’][a-z]+)?")
_WORD_WITH_SIGNS = re.compile(r"[a-z0-9à-ÿ]+(?:[.&+#-][a-z0-9]+)*")  # "r&d", "usb-c"
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[_\-/.]+")
_HAN_RUN = re.compile(r"[一-鿿]+")
# Parts of names that name nothing alone.
_GENERAL_PARTS_TEXT = """
    total average sum count number no of the name id code in per and avg max min date_ value % list
"""
_GENERAL_PARTS = frozenset(_GENERAL_PARTS_TEXT.split())
_GENERAL_PARTS_ZH_TEXT = """
    名称 编号 总计 合计 平均 总数 情况 备注 信息 数据 日期 时间 单位 类型 所属 所在 本月 本年 公司 产品 客户
"""
_GENERAL_PARTS_ZH = frozenset(_GENERAL_PARTS_ZH_TEXT.split())
_VALUE_ENDS = re.compile(
    r"(?:大区|地区|区域|事业部|部门|小组|分店|门店|分公司|有限公司|公司|项目|区|省|市|部|组|店|类|县)$"
    r"|\s+(?:region|area|department|dept\.?|team|group|branch|store|office|division|category|inc\.?|ltd\.?"
    r"|llc|co\.?|corp\.?|city)$"
)
_VALUE_GOES_ON = re.compile(
    r"大区|地区|区域|部门|事业部|小组|门店|分店|公司|区|省|市|部|组|店|类(?!型)|县|性|生(?!产)|士"
)
# What may be left out behind the name of a number.
_SAYS_LITTLE = re.compile(
    r"额|量|成绩|分数|得分|[瓶件箱台本册个只袋盒桶罐套]?数|值|费|数量|小时|小时数|天数|次数|人数|(?:to|in|amount|total|valu|number|count|level|per|day|unit"
    r"|km2?|usd|eur)+\w*"
)
# How much of a thing a price is for: "Hack, 2 h", 竹炭 of 竹炭，5公斤
_FOR_SO_MUCH = re.compile(
    r"(?<=[一-鿿]{2})\s*\d[\d.]*\s*(?:公斤|千克|kg|克|吨|公里|km|米|升|小时|分钟|天|个月|年|件|个|次)$"
)  # 首重1公斤
_ITS_AMOUNT = re.compile(r"\s*[,，]\s*(?:(?:per|an?|each|one|half) )?\d*[\d.]*\s*\w{1,9}$")
# Before what a place is called: 文化馆 of 市文化馆
_VALUE_BEGINS = re.compile(r"^[市省县区](?=[一-鿿]{3})")
# What is hired: 租雪服 of 雪服租赁
_HIRED = re.compile(r"^([一-鿿]{2,6}?)的?(?:租赁|出租|租用|租借)费?$")
# A maker's name before a model: 贝朗 of "贝朗 Dialog+", "Fresenius" of "Fresenius 4008S"
_OF_A_MODEL = re.compile(r"(?P<maker>[一-鿿]{2,6}) ?[a-z0-9].*|(?P<maker_en>[a-zà-ÿ]{3,}) (?=\S*\d)\S+")
# What a letter of a roster stands for
_SHIFTS: dict[str, tuple[str, ...]] = {one: (f"{one}班", f"上{one}班", f"值{one}班") for one in "早中晚夜白"}
_SHIFTS |= {"休": ("休息", "休班"), "班": ("上班", "当班", "值班")}
_LEAST_SHORTENED = 3  # characters of a value without the ending that it shares with others
_LONGEST_ENDING = 4
_LEAST_ALIKE = 3  # values of a column that end alike
_IN_BRACKETS = re.compile(r"\s*[(（\[][^()（）\[\]]*[)）\]]\s*$")  # "Youth (16-18)" is called "Youth"
# What tells the prices of one thing apart, and names such a price alone: 平日 of 平日价, "weekend" of "Weekend rate"
_PRICED_AT = re.compile(
    r"(?P<when>平日|周末|工作日|节假日|假日|[旺淡平]季|白天|日间|夜间|早鸟|全天|半天)(?:价|价格|票价|房价|租金|费用?)"
    r"|(?P<when_en>week ?day|week ?end|(?:off )?peak|(?:high|low) season|early bird|holiday|half day|full day"
    r"|day|daily) (?:price|rate|fee|charge|fare)"
)
_PRICED_WEIGHT = 0.75  # more than that of one of two words: "a day" is of "Day rate", not of "Half day"
_DONE_WEIGHT = 0.65
_SHORTENED_WEIGHT = 0.6
_NOT_DONE = "未没不待可已"  # characters before "取消" that make something else of it
_PERIOD = " period"  # stands for a column called after a time, and for a time in the question
_MOST_PART = 5  # words or characters of a name that are looked for alone


@dataclass(frozen=True)
class Mention:
    """A span of the question that names columns, or values of them.

    Several fields mean that it could be any of them: what it is used for may tell.
    """

    start: int
    end: int
    fields: tuple[Field, ...]
    values: tuple[str, ...] = ()  # of a value: the texts as the table writes them
    weight: float = 1.0  # how much of the name is said


@dataclass(frozen=True)
class _Form:
    words: tuple[str, ...]  # stems, or one run of Han
    weight: float


@lru_cache(maxsize=20_000)
def folded(question: str) -> str:
    """The question in lower case and Simplified characters; offsets stay as they are."""
    text = "".join(
        one if len(one := unicodedata.normalize("NFKC", character).lower()) == 1 else character
        for character in question
    )
    return to_simplified(text)


def column_mentions(question: str, tables: Sequence[DataTable]) -> list[Mention]:
    """All spans that may name columns of the tables; they may overlap."""
    words = _words(question)
    found: dict[tuple[int, int], dict[Field, float]] = {}
    for number, table in enumerate(tables):
        for position, column in enumerate(table.columns):
            for form in _forms(column.name, column.kind == "number"):
                for start, end in _occurrences(question, words, form):
                    best = found.setdefault((start, end), {})
                    field = Field(position, number)
                    exact = 0.06 if folded(column.name) == question[start:end] else 0.0
                    best[field] = max(best.get(field, 0.0), form.weight + exact)
    mentions = []
    for (start, end), fields in found.items():
        most = max(fields.values())
        mentions.append(
            Mention(start, end, tuple(field for field, weight in fields.items() if weight == most), (), most)
        )
    return mentions


def value_mentions(
    question: str, original: str, tables: Sequence[DataTable], texts_within: Callable[[DataTable, int], Sequence[str]]
) -> list[Mention]:
    """All spans that may name texts in the tables' columns; `texts_within` looks in columns of too many to be kept."""
    words = _words(question)
    found: dict[tuple[int, int], dict[Field, tuple[float, tuple[str, ...]]]] = {}
    for number, table in enumerate(tables):
        for position, column in enumerate(table.columns):
            if column.kind != "text":
                continue
            texts = column.texts or texts_within(table, position)
            shortened = _without_shared_endings(column.texts)
            for text in texts:
                for form in (*_value_forms(text), *shortened.get(text, ())):
                    for start, end in _occurrences(question, words, form):
                        if not _is_meant(text, column.name, question, start, end, original[start:end]):
                            continue
                        if form.weight == _DONE_WEIGHT and question[start - 1 : start] in tuple(_NOT_DONE):
                            continue
                        after = _VALUE_GOES_ON.match(question, end) if is_chinese(question[start:end]) else None
                        end = after.end() if after else end
                        said = 0.05 if folded(text) == question[start:end] else 0.0
                        fields = found.setdefault((start, end), {})
                        field = Field(position, number)
                        weight, known = fields.get(field, (0.0, ()))
                        if form.weight + said > weight:
                            fields[field] = (form.weight + said, (text,))
                        elif form.weight + said == weight and text not in known:
                            fields[field] = (weight, (*known, text))
    mentions = []
    for (start, end), fields in found.items():
        most = max(weight for weight, _ in fields.values())
        for field, (weight, values) in fields.items():
            if weight == most:
                mentions.append(Mention(start, end, (field,), values, most))
    return mentions


def may_name(question: str, tables: Sequence[DataTable]) -> list[DataTable]:
    """Those of the tables that the question may name a column, a value or the file of: the others need not be read."""
    said = {word for word, *_ in _words(question)}
    for run in _HAN_RUN.findall(question):
        said.update(run)
        said.update(map("".join, pairwise(run)))
    if date_spans(question):
        said.add(_PERIOD)
    return [table for table in tables if not said.isdisjoint(_beginnings(table))]


@lru_cache(maxsize=2_000)
def _beginnings(table: DataTable) -> frozenset[str]:
    """How the names in a table begin: with a stem, or with one or two characters of Han."""
    forms = [form for column in table.columns for form in _forms(column.name, column.kind == "number")]
    forms += [form for column in table.columns for text in column.texts for form in _value_forms(text)]
    stems, runs = table_words([table])
    counting = [folded(column.name) for column in table.columns if column.kind == "number"]
    things = {thing for name in counting if name.endswith("数") for thing in name[:-1]}  # 船 of 船舶数
    begins = things | {form.words[0][:2] if is_chinese(form.words[0]) else form.words[0] for form in forms}
    begins.update(stems, *(map("".join, pairwise(run)) for run in runs))
    if any(date_spans(folded(column.name)) for column in table.columns if column.kind == "number"):
        begins.add(_PERIOD)
    return frozenset(begins)


def is_table_in_chinese(table: DataTable) -> bool:
    """Whether a table's columns have Chinese names."""
    return is_chinese(" ".join(column.name for column in table.columns))


def table_words(tables: Sequence[DataTable]) -> tuple[frozenset[str], tuple[str, ...]]:
    """The stems and the runs of Han that name the tables: in file name, sheet and caption."""
    said = " ".join(f"{table.title.rpartition('.')[0]} {table.label} {table.caption}" for table in tables)
    text = _CAMEL.sub(" ", to_simplified(said)).lower()
    return frozenset(stem(word) for word in _WORD.findall(text)), tuple(_HAN_RUN.findall(text))


@lru_cache(maxsize=10_000)
def stem(word: str) -> str:
    """The stem of one word in lower case."""
    found = terms(word)
    return found[-1] if found else word


def _words(question: str) -> list[tuple[str, int, int]]:
    """The stems of the question's words outside of Han, with where they are."""
    return [(stem(match.group()), match.start(), match.end()) for match in _WORD_WITH_SIGNS.finditer(question)]


def _occurrences(question: str, words: list[tuple[str, int, int]], form: _Form) -> Iterator[tuple[int, int]]:
    if is_chinese(form.words[0]):
        start = question.find(form.words[0])
        while start >= 0:
            yield start, start + len(form.words[0])
            start = question.find(form.words[0], start + 1)
        return
    length = len(form.words)
    for first in range(len(words) - length + 1):
        if all(words[first + step][0] == form.words[step] for step in range(length)):
            yield words[first][1], words[first + length - 1][2]


@lru_cache(maxsize=10_000)
def _forms(name: str, is_number: bool) -> tuple[_Form, ...]:
    """The ways to name a column: whole, in part, by another word; each with the most weight that it has in any way."""
    plain = folded(_CAMEL.sub(" ", name)).strip()
    ways = list((_parts_zh if is_chinese(plain) else _parts_en)(plain, is_number))
    shortened = _IN_BRACKETS.sub("", folded(name)).strip()
    if is_number and (so_much := _FOR_SO_MUCH.search(shortened)):
        ways.append(((shortened[: so_much.start()],), 0.9))
    if shortened != folded(name).strip():
        stems = tuple(stem(word) for word in _WORD.findall(shortened))
        ways.append(((shortened,) if is_chinese(shortened) else stems, 0.9))
        plain = shortened
    if is_number and (priced := _PRICED_AT.match(plain)):
        ways.append((_stems((priced["when"] or priced["when_en"]).replace("daily", "day")), _PRICED_WEIGHT))
    ways += _by_other_words(plain, is_number)
    found: dict[tuple[str, ...], float] = {}
    for words, weight in ways:
        if words and all(words):
            found[words] = max(found.get(words, 0.0), weight)
    return tuple(_Form(words, weight) for words, weight in found.items())


def _parts_zh(plain: str, is_number: bool) -> Iterator[tuple[tuple[str, ...], float]]:
    """The name and its ends and beginnings.

    What stands first in the name of a number says what it belongs to: 合同 does not mean 合同金额.
    """
    whole = re.sub(r"\s+", "", plain)
    yield (whole,), 1.0
    for size in range(len(whole) - 1, 1, -1):
        begin = not is_number or _SAYS_LITTLE.fullmatch(whole[size:]) is not None
        for part in {whole[-size:], *([whole[:size]] if begin else [])} - _GENERAL_PARTS_ZH:
            yield (part,), 0.5 + 0.4 * size / len(whole)
    if whole[:2] in ("产品", "客户") and len(whole) > 2:
        yield (whole[:2],), 0.6
    if whole[-2:] in ("日期", "时间") and len(whole) > 2:
        yield (whole[-2:],), 0.6


def _parts_en(plain: str, is_number: bool) -> Iterator[tuple[tuple[str, ...], float]]:
    """The name and all runs of its words; of a number's name only those after which little is said, as in Chinese."""
    stems = tuple(stem(word) for word in _WORD.findall(plain))
    yield stems, 1.0
    general = {stem(word) for word in _GENERAL_PARTS}
    for size in range(min(len(stems) - 1, _MOST_PART), 0, -1):
        for first in range(len(stems) - size + 1):
            some = stems[first : first + size]
            if set(some) <= general or not all(len(word) > 1 for word in some):
                continue
            ends = first + size == len(stems)
            if is_number and not ends and _SAYS_LITTLE.fullmatch("".join(stems[first + size :])) is None:
                continue
            yield some, 0.5 + 0.4 * size / len(stems) + (0.02 if ends else 0.0)


def _by_other_words(plain: str, is_number: bool) -> Iterator[tuple[tuple[str, ...], float]]:
    """The other words for the same thing, or for a thing of which the name is a kind."""
    for row in SYNONYMS.values():
        names = row.split("|")
        if any(_same(plain, other) for other in names):
            for other in names:
                if not is_number and re.fullmatch(r"[一-鿿]{2,}人", other):
                    yield (other[:-1],), 0.5  # 顾长林经手的支出
                yield _stems(other), 0.55
        elif any(_ends_with(plain, other) for other in names):
            for other in names:
                yield _stems(other), 0.45


def _stems(words: str) -> tuple[str, ...]:
    """The words as a `_Form` has them."""
    return (words,) if is_chinese(words) else tuple(stem(word) for word in words.split())


def _same(name: str, other: str) -> bool:
    return name == other or (
        not is_chinese(other) and [stem(word) for word in name.split()] == [stem(word) for word in other.split()]
    )


def _ends_with(name: str, other: str) -> bool:
    """Whether the name is a kind of the other: "order date" a date, "客户名称" a customer, "月销售额" sales."""
    if is_chinese(other):
        return len(other) > 1 and (
            name.endswith(other) or (name.startswith(other) and re.search(r"(?:名称?|编?号|id)$", name) is not None)
        )
    own, theirs = [stem(word) for word in name.split()], [stem(word) for word in other.split()]
    if own[-1:] in (["name"], ["id"], ["no"], ["number"], ["code"]) and len(own) > len(theirs):
        return own[: len(theirs)] == theirs
    return len(own) > len(theirs) and own[-len(theirs) :] == theirs


@lru_cache(maxsize=2_000)
def _without_shared_endings(texts: tuple[str, ...]) -> dict[str, tuple[_Form, ...]]:
    """Values without the ending that several of a column have: 实用新型 of 实用新型申请 beside 外观设计申请."""
    plain = {text: folded(text).strip() for text in texts if _HAN_RUN.fullmatch(folded(text).strip())}
    ends = Counter(
        said[-size:]
        for said in plain.values()
        for size in range(2, _LONGEST_ENDING + 1)
        if len(said) - size >= _LEAST_SHORTENED - 1
    )
    lasts = {said[-1] for said in plain.values()}
    found: dict[str, tuple[_Form, ...]] = {}
    for text, said in plain.items():
        sizes = range(2, min(_LONGEST_ENDING, len(said) - _LEAST_SHORTENED) + 1)
        shared = [size for size in sizes if ends[said[-size:]] > 1]
        short = [said[:-size] for size in shared]
        # 夜场票 of 夜场滑雪票 beside 日场滑雪票
        middles = [size for size in range(3, min(_LONGEST_ENDING, len(said) - 2) + 1) if ends[said[-size:]] > 1]
        short += [f"{said[:-size]}{said[-1]}" for size in middles]
        if len(lasts) == 1 and len(plain) == len(texts) >= _LEAST_ALIKE and len(said) >= _LEAST_SHORTENED:
            short.append(said[:-1])  # 夜漂 of 夜漂段, where all are called so
        found[text] = tuple(_Form((one,), _SHORTENED_WEIGHT) for one in short)
    return found


@lru_cache(maxsize=50_000)
def _value_forms(text: str) -> tuple[_Form, ...]:
    plain = " ".join(folded(text).split())
    found = []
    short = _VALUE_ENDS.sub("", plain)
    done = plain[1:] if plain[:1] == "已" and len(plain) > 2 else ""  # "取消的订单" for "已取消"
    bare = _IN_BRACKETS.sub("", plain).strip()
    model = _OF_A_MODEL.fullmatch(plain)
    maker = (model["maker"] or model["maker_en"]) if model is not None else ""
    forms = [
        (plain, 1.0),
        (short, 0.7),
        (done, _DONE_WEIGHT),
        (bare, 0.9),
        (_ITS_AMOUNT.sub("", plain), 0.85),
        (_VALUE_BEGINS.sub("", plain), 0.7),
        (_HIRED.sub(r"租\1", plain), 0.8),
    ]
    forms += [(maker, _SHORTENED_WEIGHT), *((said, 1.0) for said in _SHIFTS.get(plain, ()))]
    for words, weight in forms:
        if not words or (weight < 1 and (words == plain or len(words) < 2)):
            continue
        if is_chinese(words):
            if len(words) > 1 or words in "男女":
                found.append(_Form((words,), weight))
        else:
            stems = tuple(word for word, *_ in _words(words))
            if stems:
                found.append(_Form(stems, weight))
    return tuple(found)


def _is_meant(value: str, column: str, question: str, start: int, end: int, original: str) -> bool:
    """Whether a word of the question means a value.

    A short or very common one only where it is written alike, or beside its column's name ("high priority").
    """
    said = question[start:end]
    if is_chinese(said) or (len(said) >= WHOLE_WORDS_ONLY and said not in _COMMON):
        return True
    name = re.escape(folded(column))
    if re.match(rf"\s+{name}\b", question[end:]) or re.search(rf"\b{name}\s+(?:is\s+|of\s+|=\s*)?$", question[:start]):
        return True
    return original == value or (len(original) > 1 and original.isupper() and value.upper() == original)


_COMMON_TEXT = """
    all any are and for the not was who how had has have one two new per top max min sum high low total
    other none first last most least average count number list show which what each more less over under
"""
_COMMON = frozenset(_COMMON_TEXT.split())
