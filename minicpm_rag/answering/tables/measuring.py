"""Which columns a question computes with: those that it names, or those that a verb, a unit or a fee means."""

from __future__ import annotations

import re

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.comparing import Comparing
from minicpm_rag.answering.tables.heard import Heard
from minicpm_rag.answering.tables.mentions import folded
from minicpm_rag.library.ledger.table_queries import Field

# Dates that make nothing older
_SINCE_WHEN = re.compile(
    r"入职|入会|加入|报名|到期|截止|下次|下一次|上次|检修|保养|年检|due|\bend|expir|join|hire|start|next|last|until|service|check|renew"
)
_BORN = re.compile(
    r"出生|生日|生于|建成|建造|始建|购置|购入|出厂|年份|\b(?:born|birth\w*|built|made|bought|purchased|year)\b"
)


class Measuring(Comparing):
    """The columns of numbers and dates that are meant."""

    def _measures_meant(self, heard: Heard) -> tuple[Field, ...] | None:
        """The columns to compute with, also where the question names none; None where it is not clear which."""
        hint, how_much = heard.hint, heard.how_much
        measures = self._measures(hint)
        if measures and how_much is not None:
            self._take_its_unit(how_much.end(), measures)
        if measures or measures is None or hint:
            return measures
        if how_much is not None and (measures := self._counted_next(how_much.end())):
            return measures
        is_amount = heard.total is not None or heard.is_superlative or self._is_of_a_period()
        is_amount = is_amount or (heard.mean is not None and heard.group is None)
        if heard.counted is None and heard.listed is None and is_amount:
            measures = self._money_of_a_fee(how_much)
        if not measures and (is_amount or heard.beside is not None) and words.TIME_ASKED.search(self._rest()):
            time_taken = self.hinted("hours") or (self.hinted("length") if words.LONG.search(self.text) else None)
            measures = (time_taken,) if time_taken is not None else ()
        return measures

    def _take_its_unit(self, end: int, measures: tuple[Field, ...]) -> None:
        """The unit of a column that is named, behind "how much": 用水多少吨 over 用水（吨）."""
        units = {self._column(field).unit for field in measures} - {""}
        unit = next((one for one in units if self.text.startswith(folded(one), end)), "")
        if unit and not any(self.taken[end : end + len(unit)]):
            self._mark(end, end + len(unit))

    def _measures(self, hint: str) -> tuple[Field, ...] | None:
        """The columns to compute with; None where it is not clear which is meant."""
        if self.measured_periods:
            self.columns = [mention for mention in self.columns if mention.end]
            return self.measured_periods
        numeric = []
        for mention in self.columns:
            fields = [field for field in mention.fields if self._column(field).kind == "number"]
            if len(fields) > 1:
                return None
            numeric += fields
        numeric = self._without_what_is_counted(list(dict.fromkeys(numeric)))
        if len(numeric) > 1 and not (self.crossed and len(numeric) == len(self.crossed)):
            return None
        if hint == "price" and not any(map(self._is_money, numeric)) and (price := self.hinted(hint)) is not None:
            return (price,)  # "the cheapest per unit" names no number of units
        if not numeric and (called := self._called_by_one_character()) is not None:
            return (called,)
        if not numeric and not hint and self._is_spent():
            hint = "spending"
        if (
            not numeric
            and not hint
            and self.asks_most
            and not self.counts
            and (added := self._added_noun()) is not None
        ):
            return (added,)
        if not numeric and hint:
            field = self.hinted(hint) if hint != "date" else self._date_named()
            if field is None and hint in ("date", "age"):  # the oldest building has no age, but a year
                field = self._first_date() if hint == "date" else self._born()
            if field is None and hint == "extent" and len(self._numeric()) == 1:
                field = self._numeric()[0]
            if field is None and hint == "size":
                areas = [one for one in self._numeric() if words.AREA_UNIT.fullmatch(self._column(one).unit)]
                return (areas[0],) if len(areas) == 1 else ()  # 房型 in which each cell says its ㎡
            return None if field is None else (field,)
        return tuple(numeric)

    def _called_by_one_character(self) -> Field | None:
        """The only column of numbers in whose name the one character before a superlative stands: 风最大, 最大风速."""
        said = words.ONE_CHARACTER_MOST.search(self.text)
        if said is None or self.taken[said.start()] or not all(self.taken[said.start() - 1 : said.start()]):
            return None
        fits = [field for field in self._numeric() if said["own"] in folded(self._column(field).name)]
        if len(fits) != 1:
            return None
        self._mark(said.start(), said.start() + 1)
        self.own += 1
        return fits[0]

    def _without_what_is_counted(self, numeric: list[Field]) -> list[Field]:
        """Of "how many bags were contaminated", "cracked pots" the column of those, where another counts all."""
        if len(numeric) != 2:
            return numeric
        first, second = sorted(
            (one for one in self.columns if set(one.fields) & set(numeric)), key=lambda one: one.start
        )
        before, between = self.text[: first.start], self.text[first.end : second.start]
        if words.HOW_MANY_BEFORE.search(before) and words.BECAME.fullmatch(between):
            thing, told = first, second
        elif between == " " and words.PARTICIPLE.fullmatch(self.text[first.start : first.end]):
            thing, told = second, first
        else:
            return numeric
        self.columns = [one for one in self.columns if one is not thing]
        self.says_what_became = True
        return [field for field in numeric if field in told.fields]

    def _born(self) -> Field | None:
        """The column that says since when the rows' things are there; who joined first need not be the oldest.

        Of several the one that says so by its name, or the only one of years.
        """
        fields = [
            field
            for field in self._fields()
            if self._column(field).kind in ("date", "year") and not _SINCE_WHEN.search(folded(self._column(field).name))
        ]
        told = [field for field in fields if _BORN.search(folded(self._column(field).name))]
        years = [field for field in fields if self._column(field).kind == "year"]
        return next((some[0] for some in (told, years, fields) if len(some) == 1), None)

    def _date_named(self) -> Field | None:
        """The column of dates that the question names: 保养 of 下次保养, beside the day on which it was bought."""
        named = [
            field
            for mention in self.columns
            for field in mention.fields
            if self._column(field).kind == "date" and not mention.values
        ]
        return named[0] if len(set(named)) == 1 else None

    def _is_spent(self) -> bool:
        """Whether the most is spent: "who spent the most"."""
        return re.search(r"花得?$|花[了费]?|\b(?:spent|spends?|costs?)\b", self._rest()) is not None and bool(
            self.asks_most
        )

    def _added_noun(self) -> Field | None:
        """The column that is added up where the question says "sold" or "spent" and names none."""
        rest = self._rest()
        return next((self.hinted(hint) for pattern, hint in words.ADDED_NOUNS if pattern.search(rest)), None)

    def _money_said(self) -> tuple[Field, ...]:
        spent = self._added_noun()
        return () if spent is None else (spent,)

    def _money_of_a_fee(self, how_much: re.Match[str] | None) -> tuple[Field, ...]:
        """The money column where the rows are of a fee, 电费: "how much" of it asks for money, but not for kWh."""
        unit_said = how_much is not None and words.MONEY_OR_END.match(self.text, how_much.end()) is None
        fees = [
            one
            for one in self.conditions
            if one.operator == "in" and all(words.FEE.search(folded(str(value))) for value in one.values)
        ]
        money = [field for field in self._numeric() if self._is_money(field) and self._adds_up(field)]
        return (money[0],) if fees and not unit_said and len(money) == 1 else ()

    def _is_of_a_period(self) -> bool:
        return any(self._column(one.field).kind in ("date", "month", "quarter", "year") for one in self.conditions)
