"""The words of a question over one table, or two that are joined: which columns they mean, and which are unexplained.

Every word must be explained: by a column, a value, a time, a comparison, a computation, or as a word that says
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.mentions import Mention, folded, stem, table_words
from minicpm_rag.answering.tables.names import HINTED, SYNONYMS, UNIT_WORDS
from minicpm_rag.library.ledger.table_queries import Condition, Field
from minicpm_rag.records import Column, DataTable
from minicpm_rag.text.cells import unit_scale
from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import is_han

# Looks for texts of a column that are too many to be kept beside its name.
TextsWithin = Callable[[DataTable, int], Sequence[str]]

ROW_NOUNS = frozenset(map(stem, words.ROW_NOUNS))
_FILLER_STEMS = {stem(filler) for filler in words.FILLER_WORDS - words.VERBS_ONLY} | {"up"}  # "taken up"
_CODE = re.compile(r"编号|编码|代码|货号|款号|单号|工号|学号|(?<![a-z])(?:id|code|sku|no|number)\b")
_PERSON = re.compile(r"[A-Z][a-zà-ÿ]+(?: [A-Z]\.)?(?: [A-Z][a-zà-ÿ'’-]+){1,2}")  # "Bea Novak"
_DENIES = re.compile(r"\b(?:not|never|no|without|cannot)\b|n['’]t\b")
_HALF_A = re.compile(r"\bhalf an? (?=day|hour|year)")  # "half a day" is called "Half day"
_AKIN = 6  # letters that two words of one family begin with


class QuestionWords:
    """The words of one question beside one table, or two that are joined."""

    measured_periods: tuple[Field, ...] = ()
    crossed: tuple[Mention, ...] = ()  # columns under a header of two rows, named by both parts
    says_what_became = False  # "how many bags were contaminated"
    asks_most = False
    row_count: re.Match[str] | None = None
    counts = False
    looks_up = False  # one number of one row is asked for too
    times: tuple[tuple[Condition, float], ...] = ()  # how many of a thing are asked for: "two adults and a child"

    def __init__(
        self, question: str, tables: tuple[DataTable, ...], on: tuple[int, int] | None, texts_within: TextsWithin
    ) -> None:
        self.original = question
        self.text = _HALF_A.sub(lambda half: half.group()[:4].ljust(len(half.group())), folded(question))
        self.tables = tables
        self.on = on
        self.texts_within = texts_within
        self.taken = [False] * len(question)
        self.own = 0.0  # characters that the table's own words account for
        self.in_unit = False  # whether an amount of money is compared with a column in that currency
        self.columns: list[Mention] = []
        self.values: list[Mention] = []
        self.conditions: list[Condition] = []

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """The first match over text that nothing accounts for yet, which it then does."""
        match = pattern.search(self.text)
        while match is not None:
            if match.group().strip() and not any(self.taken[match.start() : match.end()]):
                self._mark(match.start(), match.end())
                return match
            match = pattern.search(self.text, match.start() + 1)  # a shorter one may begin within this one
        return None

    def _mark(self, start: int, end: int) -> None:
        self.taken[start:end] = [True] * (end - start)

    def _rest(self) -> str:
        return "".join(" " if taken else character for character, taken in zip(self.text, self.taken, strict=True))

    def _plain_rest(self) -> str:
        """What nothing accounts for but the words that say nothing."""
        rest = words.FILLERS.sub(" ", self._rest())
        return re.sub(r"[a-z]+", lambda word: "" if word.group() in words.FILLER_WORDS else word.group(), rest)

    def _left_over(self) -> str:
        """The words that nothing accounts for."""
        rest = re.sub(r"(?<=\s)['’]s\b", "  ", self._rest())
        stems, runs = table_words(self.tables)
        for run in re.findall(r"[一-鿿]{2,}", rest):
            part = next(
                (
                    run[first:last]
                    for size in range(len(run), 1, -1)
                    for first in range(len(run) - size + 1)
                    for last in [first + size]
                    if any(run[first:last] in known for known in runs)
                ),
                "",
            )
            if part:
                rest = rest.replace(part, " ", 1)
                self.own += len(part)
        rest = words.FILLERS.sub(" ", words.ROW_NOUNS_ZH.sub(" ", rest))
        self.own += sum(len(word) for word in re.findall(r"[a-z]{3,}", rest) if stem(word) in stems)
        known = "".join([*runs, *(column.name for column in self._all_columns())])
        left = [run for run in re.findall(r"[一-鿿]+", rest) if len(run) > 1 or run not in known]
        left += [word for word in words.OF_A_THING.findall(rest) if stem(word) not in stems]
        left += _DENIES.findall(rest)  # what is denied is never what the rest asks for
        left += [
            word
            for word in re.findall(r"[a-z0-9]+", rest)
            if word not in words.FILLER_WORDS
            and stem(word) not in _FILLER_STEMS
            and is_content(stem(word))
            and stem(word) not in stems
            and stem(word) not in ROW_NOUNS
            and not self._is_like_a_column(word)
        ]
        return " ".join(left)

    def _is_like_a_column(self, word: str) -> bool:
        """Whether a word is of the family of a column's name ("departed" of "Departure"), or its unit."""
        names = [part for column in self._all_columns() for part in re.findall(r"[a-z]+", folded(column.name))]
        units = [folded(column.unit) for column in self._all_columns() if column.unit]
        dates = [folded(column.name) for column in self._all_columns() if column.kind == "date"]
        if word == "due" and any(map(words.DUE.search, dates)):
            return True
        if word in ("time", "times", "long", "duration") and any(
            words.DURATION.search(one) for one in (*names, *units)
        ):
            return True
        is_akin = len(word) >= _AKIN and any(name[:_AKIN] == word[:_AKIN] for name in names)
        called = UNIT_WORDS.get(word)
        is_unit = called is not None and called in (UNIT_WORDS.get(unit) for unit in units)
        return is_akin or is_unit or stem(word) in map(stem, units)

    def _names_rows(self, mention: Mention) -> bool:
        """Whether a column's name only says what the rows are: "orders", "employees"."""
        said = self.text[mention.start : mention.end]
        stems, runs = table_words(self.tables)
        is_row_noun = stem(said) in ROW_NOUNS or words.ROW_NOUNS_ZH.fullmatch(said) is not None
        # "Repairs" are the rows of a log of repairs, whoever is its "Repairer".
        is_name = mention.weight >= 1 and any(folded(self._column(field).name) in said for field in mention.fields)
        return is_row_noun or (not is_name and (stem(said) in stems or any(said in run for run in runs)))

    def _take_into_name(self, fields: Sequence[Field]) -> None:
        """Take 每月 of 每月会费 where the column itself is called so, "Monthly fee": it asks for no groups."""
        named = [folded(self._column(field).name) for field in fields]
        for match in words.A_PERIOD.finditer(self.text):
            called = next(name for name, said in match.groupdict().items() if said)
            if any(words.CALLED_AFTER[called].search(name) for name in named) and not any(
                self.taken[match.start() : match.end()]
            ):
                self._mark(match.start(), match.end())

    def _is_asked_for(self, mention: Mention) -> bool:
        before = self.text[: mention.start]
        return bool(words.EACH_BEFORE.search(before) or words.ASKED_BEFORE.search(before))

    def _is_each_row(self, field: Field) -> bool:
        """Whether a column has another value in each row."""
        return not field.part and self._column(field).distinct == self.tables[field.table].rows

    def hinted(self, hint: str) -> Field | None:
        """The number column that a word like "expensive" means; the further its name is from it, the less it says."""
        for distance, name in enumerate(HINTED.get(hint, (hint,))):
            row = SYNONYMS.get(name, name).split("|")
            for field in self._numeric():
                plain = words.FOR_ONE.sub(" ", folded(self._column(field).name)).strip()
                if any(
                    plain == one or (one in plain if is_han(one[0]) else stem(one) in map(stem, plain.split()))
                    for one in row
                ):
                    self.own += max(1, len(hint) - distance)
                    return field
        return None

    def _name_field(self) -> Field | None:
        """The column of persons' names: one that is called so, else the only one in which all texts are such names."""
        for field in self._fields():
            column = self._column(field)
            if column.kind == "text" and re.search(
                r"姓名|名字|员工|人员|学生|学员|销售员|业务员|负责人|客户|顾客|客人|[旅乘住访游]客|[会队成]员|\b(?:name|employee|student|salesperson|rep"
                r"|person|player|member|guest|customer|client|agent|author|user|owner|manager)\b",
                folded(column.name),
            ):
                return field
        named = [
            field
            for field in self._fields()
            if (texts := self._column(field).texts) and all(map(_PERSON.fullmatch, texts))
        ]
        return named[0] if len(named) == 1 else None

    def _label_field(self) -> Field | None:
        """The column that says best which row it is: the first whose texts differ, else the first of texts."""
        texts = [field for field in self._fields() if self._column(field).kind == "text" and field.table == 0]
        unique = [field for field in texts if self._is_each_row(field)]
        return self._name_among(unique or texts[:1])

    def _name_among(self, fields: Sequence[Field]) -> Field | None:
        """The first of the columns that holds names and no codes, where there is one; else the first."""
        return min(fields, key=lambda field: (self._is_called_code(field), self._is_code(field)), default=None)

    def _name_beside(self, label: Field | None) -> list[Field]:
        """The column of names that says what a code stands for, where codes would be shown alone."""
        name = self._label_field()
        if label is None or name is None or label.table or not self._is_called_code(label):
            return []
        return [name] if self._is_each_row(name) and not self._is_called_code(name) else []

    def _is_called_code(self, field: Field) -> bool:
        return _CODE.search(folded(self._column(field).name)) is not None

    def _is_code(self, field: Field) -> bool:
        """Whether a column's texts are codes, most with digits: "SO-1001"."""
        texts = self._column(field).texts
        return bool(texts) and sum(any(map(str.isdecimal, text)) for text in texts) * 2 >= len(texts)

    def _first_date(self) -> Field | None:
        fields = self._fields()
        return next((field for kind in ("date", "year") for field in fields if self._column(field).kind == kind), None)

    def _fields(self) -> list[Field]:
        return [Field(column, table) for table, each in enumerate(self.tables) for column in range(len(each.columns))]

    def _all_columns(self) -> list[Column]:
        return [self._column(field) for field in self._fields()]

    def _column(self, field: Field) -> Column:
        return self.tables[field.table].columns[field.column]

    def _numeric(self) -> list[Field]:
        return [field for field in self._fields() if self._column(field).kind == "number"]

    def _is_money(self, field: Field) -> bool:
        column = self._column(field)
        return (
            unit_scale(column.unit)[1] in ("元", "USD", "EUR", "GBP")
            or re.search(r"金额|销售额|价|费|款|\b(?:amount|price|cost|revenue|sales|total)\b", folded(column.name))
            is not None
        )

    def _adds_up(self, field: Field) -> bool:
        column = self._column(field)
        return not (column.unit == "%" or "/" in column.unit or words.NOT_ADDED.search(folded(column.name)))
