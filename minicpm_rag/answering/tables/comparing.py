"""How one value of a column stands beside another: by how much it is more, or how many times the other it is."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.conditions import Conditions
from minicpm_rag.answering.tables.mentions import folded
from minicpm_rag.answering.tables.names import SYNONYMS
from minicpm_rag.library.ledger.table_queries import Condition, Field, TableQuery
from minicpm_rag.text.scripts import is_han

_PRICES = frozenset([*SYNONYMS["price"].split("|"), *SYNONYMS["fee"].split("|"), "fare", "ticket"])


class Comparing(Conditions):
    """Two rows, or the rows of two groups, in one number of each."""

    def _asked_beside(self) -> tuple[re.Match[str] | None, re.Match[str] | None]:
        """Where it is asked by how much one is more than the other, and where how many times the other it is."""
        times = self._take(words.TIMES)
        difference = None if times is not None else self._take(words.DIFFERENCE)
        if difference is None and times is None:  # without "than": of the two columns that a row has
            difference = self._take(words.MORE_THAN)
        if difference is not None:
            self._take(words.THAN)
        if difference is not None or times is not None:
            self._take(words.AS_WHAT)
        return difference, times

    def _beside(
        self, asked: re.Match[str], measures: tuple[Field, ...], group: Field | None, *, is_mean: bool, is_ratio: bool
    ) -> TableQuery | None:
        """The query; None where it is not clear what is compared, or in which number."""
        two = [one for one in self.conditions if one.operator == "in" and len(one.values) == 2]
        if group is not None or len(two) != 1 or not self._are_named_apart(two[0]):
            return None
        heads = words.HEADS.match(self.text, asked.end())
        if heads is not None and not measures and (persons := self.hinted("participants")) is not None:
            self._mark(heads.start(), heads.end())
            measures = (persons,)
        unit = words.UNIT_BESIDE.match(self.text, asked.end()) if heads is None else None
        if unit is not None:
            self._mark(unit.start(), unit.end())
        measures = measures or self._meant_beside(asked.group(), unit["unit"] if unit is not None else "")
        measures = measures or self._counted_next(asked.end()) or self._done_more(asked.group())
        if not measures and self._names_one_row(two[0]):
            # Two rows are compared, not how many there are: by the only number that they have.
            measures = tuple(self._numeric())
            if len(measures) != 1:
                return None
        if not measures and asked.group().startswith("how much"):  # of rows it would be "how many"
            measures = tuple(field for field in self._numeric() if self._is_money(field) and self._adds_up(field))
            if len(measures) != 1:
                return None
        if not measures and (is_mean or unit is not None or self._speaks_of_money()):
            return None
        self._take_into_name(measures)
        inner: Literal["count", "sum", "mean"] = "sum" if measures else "count"
        if is_mean or not all(map(self._adds_up, measures)):  # of prices there is no sum
            inner = "mean"
        values = two[0].values[::-1] if is_ratio and words.TIMES_OF.search(self.text) else two[0].values
        part = tuple(replace(two[0], values=(value,)) for value in values)
        aggregate: Literal["ratio", "difference"] = "ratio" if is_ratio else "difference"
        return TableQuery(self.tables, aggregate, measures, joined_on=self.on, part=part, inner=inner)

    def _columns_of_a_row(self) -> TableQuery | None:
        """Two columns of the one row that is named: what a day costs adults beside what it costs children."""
        rows = [one for one in self.conditions if len(one.values) == 1 and self._names_one_row(one)]
        numeric = [mention for mention in self.columns if set(mention.fields) & set(self._numeric())]
        measures = tuple(dict.fromkeys(field for mention in numeric for field in mention.fields))
        if len(rows) != 1 or len(self.conditions) != 1:
            return None
        if len(measures) == 1 and len(self._numeric()) == 2 and not words.THAN.search(self.text):
            measures = tuple(self._numeric())  # "how much cheaper is it for children": than for the others
        elif len(numeric) != 2 or len(measures) != 2:
            return None
        one, other = (self._column(field) for field in measures)
        if one.unit != other.unit or one.kind != other.kind:
            return None
        return TableQuery(self.tables, "difference", measures, joined_on=self.on)

    def _done_more(self, asked: str) -> tuple[Field, ...]:
        """The column that has the verb of a difference in its name: 多付了多少 in a column 已付."""
        verb = words.DONE_MORE.fullmatch(asked)
        fits = [
            field
            for field in self._numeric()
            if verb is not None and any(one in folded(self._column(field).name) for one in verb["verb"])
        ]
        return (fits[0],) if len(fits) == 1 else ()

    def _counted_next(self, end: int) -> tuple[Field, ...]:
        """The column that counts what is named next, by a character: 多少客 in 载客数, 多少船 in 船舶数."""
        thing = self.text[end : end + 1]
        if not thing or not is_han(thing) or self.taken[end]:
            return ()
        called = re.compile(rf"(?:[一-鿿]*{thing}|{thing}[一-鿿])数量?")
        fits = [
            field
            for field in self._numeric()
            if called.fullmatch(folded(self._column(field).name).strip()) or self._column(field).unit == thing
        ]
        if len(fits) != 1:
            return ()
        self._mark(end, end + 1)
        return (fits[0],)

    def _are_named_apart(self, condition: Condition) -> bool:
        """Whether the question names each of both values by itself: one word may fit two, a month is one only."""
        if condition.field.part == "month" or self._column(condition.field).kind in ("year", "quarter", "month"):
            return True
        named = [mention for mention in self.values if set(mention.values) <= set(condition.values)]
        return len(named) == 2 and set(named[0].values).isdisjoint(named[1].values)

    def _meant_beside(self, asked: str, unit: str) -> tuple[Field, ...]:
        """The column that 贵, "expensive" or a unit means."""
        if unit and unit not in words.MONEY_SAID:
            fields = [field for field in self._numeric() if self._counts_in(field, unit)]
            if len(fields) == 1:
                return (fields[0],)
        adjective = words.AS_WHAT.search(self.text)
        for said in filter(None, (unit, f"{asked} {adjective.group() if adjective else ''} {self._rest()}")):
            for pattern, hint in words.MEASURED_BESIDE:
                if pattern.search(said) and (field := self.hinted(hint)) is not None:
                    return (field,)
        if not unit and adjective is None and asked.startswith("how much"):  # "how much more is a crown than …"
            prices = [field for field in self._numeric() if folded(self._column(field).name) in _PRICES]
            return (prices[0],) if len(prices) == 1 else ()
        return ()

    def _names_one_row(self, condition: Condition) -> bool:
        """Whether a condition is on texts that no two rows share."""
        column = self._column(condition.field)
        return condition.operator == "in" and column.kind == "text" and column.distinct == self.tables[0].rows

    def _speaks_of_money(self) -> bool:
        """Whether more than rows is meant, though no column of it is named: 水电费用占总费用的比例."""
        return any(pattern.search(self.text) for pattern, _ in words.ADDED_NOUNS)
