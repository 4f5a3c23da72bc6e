"""From a question to a `TableQuery`, by rules over the table's headers and values.

Every word of the question must be accounted for: by a column, a value, a time, a comparison, a word that computes, or
one that says nothing. A question with a word left over is not understood, and gets no number.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.computing import Computing
from minicpm_rag.answering.tables.mentions import folded, is_table_in_chinese, may_name, table_words
from minicpm_rag.answering.tables.question_words import TextsWithin
from minicpm_rag.library.ledger.table_queries import TableQuery
from minicpm_rag.records import DataTable
from minicpm_rag.text.scripts import is_chinese
from minicpm_rag.text.simplified import to_simplified

LONGEST = 400  # characters of a question that is read; the vocabulary's patterns are quadratic
_KIND = re.compile(r"\w{0,4}(?:类别|类型|分类|品类|种类|大类)")
# 哪款酒, 酒是哪款: the thing and its counter, which together name a column
_WHICH_OF_A_THING = re.compile(
    r"哪一?(?P<counter>[一-鿿])(?P<thing>[一-鿿])|(?P<thing2>[一-鿿])是哪一?(?P<counter2>[一-鿿])(?![一-鿿])"
)
_COUNTERS = "款种块类辆间匹只条名艘栋"
_ENDS_OF_NAMES = "名程目品型"  # 课程, 书目, 菜品, 车型
_THINGS = re.compile(r"哪些(?P<thing>[一-鿿])(?=[超高低少多大小在是有没的单价库卖贵便]|[^一-鿿]|$)")
_WHICH_KIND = re.compile(r"(?:哪一?|什么)类(?![别型目])")
# What was asked before and a follow-up, put side by side: both subjects would be added up.
_TWO_SUBJECTS = re.compile(r"[，,][^，,]{1,20}呢[？?\s]*$")
_AND_ANOTHER = re.compile(
    r"(?: and| or| than|,) (?:the )?(?P<other>\w[\w.-]*(?: \w[\w.-]*)?)(?=[?.,\s]*$)", re.IGNORECASE
)
_MOST_CANDIDATES = 3  # tables that are equally meant and all answer


@dataclass(frozen=True)
class Understood:
    """A query, and how much of the question its table's own words account for."""

    query: TableQuery
    share: float
    in_unit: bool  # whether an amount of money is compared with a column in that currency
    exchanged: tuple[tuple[str, str], ...] = ()  # words of the question for words of the table


def understand(
    question: str, tables: Sequence[DataTable], texts_within: TextsWithin, *, looks_up: bool = False
) -> list[Understood]:
    """The queries that the question means: one, or one for each of several tables that it may mean equally.

    Empty where it is not understood. `looks_up` also reads one number of one row, which is quoted else.
    """
    if len(question) > LONGEST or not words.CUE.search(folded(question)) or _TWO_SUBJECTS.search(question):
        return []
    question = _with_whole_names(_without_particle(question, tables), tables)
    plain = folded(question)
    hinting = [words.USED_UP, words.OWED, *(pattern for pattern, _ in words.ADDED_NOUNS)]
    hinting += [pattern for pattern, _, hint in words.SUPERLATIVES if hint]
    if not any(pattern.search(plain) for pattern in hinting):
        known = {table.id for table in may_name(plain, tables)}
        tables = [table for table in tables if table.id in known or _with_its_kind(question, table) != question]
    found = [
        one
        for table in tables
        if (one := _Reading(_with_its_kind(question, table), (table,), None, texts_within).understood(looks_up))
    ]
    if not found:
        found = [
            one for pair, on in _joinable(tables) if (one := _Reading(question, pair, on, texts_within).understood())
        ]
    best = most_of(found)
    alike = [one for one in best if is_table_in_chinese(one.query.tables[0]) == is_chinese(question)]
    best = alike or best
    return best if len(best) <= _MOST_CANDIDATES else []


def most_of(found: list[Understood]) -> list[Understood]:
    """Those for which the question's words are accounted for best."""
    if not found:
        return []
    # "More than 200 yuan" is asked of prices in yuan, not of amounts of which nobody says in what they are.
    found = [one for one in found if one.in_unit] or found
    most = max(one.share for one in found)
    return [one for one in found if one.share >= most - 1e-9]


def _with_its_kind(question: str, table: DataTable) -> str:
    """The question with the name of the table's column for 哪一类, 哪款酒, 哪块地: 类别, 酒款, 地块."""
    kinds = [column.name for column in table.columns if _KIND.fullmatch(column.name.strip())]
    if len(kinds) == 1:
        question = _WHICH_KIND.sub(f"哪个{kinds[0].strip()}", question)
    names = {to_simplified(column.name.strip()) for column in table.columns}
    for name in names:
        if len(name) == 2 and name[1] == "名":  # 哪个池子 asks for the column 池名
            question = question.replace(f"{name[0]}子", name)
        if len(name) == 2 and name[1] in _ENDS_OF_NAMES and name not in question:  # 哪门课 asks for the column 课程
            others = "".join(other[1] for other in names if len(other) == 2 and other[0] == name[0])
            question = re.sub(rf"哪一?[^些\W]{name[0]}(?=[一-鿿])(?![{others}])", f"哪个{name}", question)

    def called(match: re.Match[str]) -> str:
        thing, counter = match["thing"] or match["thing2"], match["counter"] or match["counter2"]
        if f"{thing}{counter}" not in names:
            return match.group()
        return f"哪个{thing}{counter}" if match["thing"] else f"{thing}{counter}是哪个"

    named = {name[0]: name for name in names if len(name) == 2 and name[1] in _COUNTERS}
    question = _THINGS.sub(lambda match: f"哪些{named.get(match['thing'], match['thing'])}", question)
    return _WHICH_OF_A_THING.sub(called, question)


def _with_whole_names(question: str, tables: Sequence[DataTable]) -> str:
    """The question with the name that is cut where another one like it was said: "Vela Pro and the Mini"."""
    found = _AND_ANOTHER.search(question)
    if found is None:
        return question
    before, other = f" {question[: found.start()]}".casefold(), found["other"].casefold().split()
    names = {
        text
        for table in tables
        for column in table.columns
        if column.kind == "text"
        for text in column.texts
        if len(said := text.casefold().split()) > 1 and said[1:] == other
        for like in column.texts
        if like.casefold().split()[:1] == said[:1] and like != text and before.endswith(f" {like.casefold()}")
    }
    if len(names) != 1:
        return question
    return f"{question[: found.start('other')]}{names.pop()}{question[found.end('other') :]}"


def _without_particle(question: str, tables: Sequence[DataTable]) -> str:
    """The question without a 的 that stands in a text of a table but for it: 80岁以上的老人 for 80岁以上老人."""
    for place in (match.start() for match in re.finditer("的", question)):
        shorter = question[:place] + question[place + 1 :]
        columns = [column for table in may_name(folded(shorter), tables) for column in table.columns]
        for text in (text for column in columns if column.kind == "text" for text in column.texts):
            begin = shorter.find(text)
            if 0 <= begin < place < begin + len(text) and is_chinese(text):
                return shorter
    return question


def _joinable(tables: Sequence[DataTable]) -> list[tuple[tuple[DataTable, DataTable], tuple[int, int]]]:
    """Pairs of tables with a column of an equal name, whose values the second table has once each."""
    keys: dict[str, list[tuple[DataTable, int]]] = {}
    for other in tables:
        for place, key in enumerate(other.columns):
            if key.kind == "text" and key.distinct == other.rows and key.name.strip():
                keys.setdefault(folded(key.name), []).append((other, place))
    return [
        ((own, other), (position, place))
        for own in tables
        for position, column in enumerate(own.columns)
        if column.kind == "text"
        for other, place in keys.get(folded(column.name), ())
        if other.id != own.id
    ]


class _Reading(Computing):
    """One question read over one table, or two that are joined."""

    def understood(self, looks_up: bool = False) -> Understood | None:
        self.looks_up = looks_up
        self._room_for()
        self._has_so_many()
        self._free()
        comparisons = self._comparisons()
        top = self._take(words.TOP)
        counting = words.ROW_COUNT.search(self.text)  # unless there is a column of that name: "订单数"
        if counting is not None and not any(counting.group() in folded(column.name) for column in self._all_columns()):
            self.row_count = self._take(words.ROW_COUNT)
            noun = counting.group()[:2]
            _, runs = table_words(self.tables)
            if any(noun in name for name in (*runs, *(folded(column.name) for column in self._all_columns()))):
                self.own += len(noun)
        in_total = self._take(re.compile(r"(?:加起来|加在一起)?(?:总共|一共|共计)|加起来|加在一起|\bin total\b"))
        periods = self._spans()
        self._used_up()
        self._numbered()
        self._crossed()
        self._mentions()
        self._counted_things()
        self._beside_columns()
        self._changed()
        self._owed()
        self._all_of_them()
        if not self._place(comparisons) or not self._date(periods) or not self._value_conditions():
            return None
        query = self._query(top, in_total)
        if query is None or self._left_over() or not self._all_used(query):
            return None
        if self.times:
            if query.aggregate != "sum" or query.group is not None:
                return None
            query = replace(query, times=self.times)
        if (
            words.WORTH.search(self.text)
            and query.aggregate != "count"
            and not any(
                self._is_money(one) or words.WORTH.search(folded(self._column(one).name)) for one in query.measures
            )
        ):
            return None  # the value of what is in stock is no number of pieces
        if not self.own:
            return None
        if self.on is not None and not self._uses_both(query):
            return None
        return Understood(replace(query, conditions=tuple(dict.fromkeys(self.conditions))), self.own, self.in_unit)

    def _all_used(self, query: TableQuery) -> bool:
        """Whether each column that is named has its part in the query; one beside its own value has it there."""
        used = {replace(field, part="") for field in (*query.measures, *query.shown)}
        used |= {replace(condition.field, part="") for condition in (*self.conditions, *query.part)}
        used |= {condition.beside for condition in self.conditions if condition.beside is not None}
        used |= {replace(query.group, part="")} if query.group is not None else set()
        return all(
            set(mention.fields) & used or any(map(self._is_each_row, mention.fields)) or self._names_rows(mention)
            for mention in self.columns
            if mention.fields
        )

    def _uses_both(self, query: TableQuery) -> bool:
        fields = [*query.measures, *query.shown, *(condition.field for condition in self.conditions)]
        fields += [query.group] if query.group is not None else []
        return {field.table for field in fields} == {0, 1}
