"""What a question computes over the rows that count: a number, one for each group, the highest, a share, the rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.heard import Heard
from minicpm_rag.answering.tables.mentions import Mention, folded
from minicpm_rag.answering.tables.ranking import Ranking
from minicpm_rag.library.ledger.table_queries import Condition, Field, Part, TableQuery
from minicpm_rag.text.scripts import is_chinese

_MOST_SHOWN = 8  # columns of rows that are listed
_MOST_PRICES = 12  # rows of a list of prices that is shown as it is


class Computing(Ranking):
    """What is asked for, as a query."""

    def _query(self, top: re.Match[str] | None, in_total: re.Match[str] | None) -> TableQuery | None:
        heard = self._heard(top, in_total)
        group, counted = heard.group, heard.counted
        if heard.difference is not None and group is None and (two := self._columns_of_a_row()) is not None:
            return two
        measures = self._measures_meant(heard)
        if measures is None:
            return None
        if heard.share is not None and words.MUST_BE.search(self.text):
            return None
        if heard.share is not None or heard.beside is not None:
            return self._part_or_beside(heard, measures)
        if heard.median is not None:
            is_alone = not heard.is_superlative and heard.mean is None
            return self._of("median", measures, group) if measures and is_alone else None
        if heard.is_superlative:
            return self._highest(heard, measures)
        if counted is not None:
            if not self.conditions and words.PERMITTED.search(self.text):
                return None
            if not measures:
                return self._count(counted, group)
            if not self._is_counted(counted, measures):
                return None
        if heard.mean is not None:
            return self._mean(heard, measures)
        return self._sum(heard, measures) if measures else self._without_a_measure(heard)

    def _part_or_beside(self, heard: Heard, measures: tuple[Field, ...]) -> TableQuery | None:
        """A share, or how one value stands beside another."""
        if heard.is_superlative or heard.median is not None or (heard.share is not None and heard.beside is not None):
            return None
        is_mean = heard.mean is not None
        if heard.beside is None:
            return self._part_of_all(measures, heard.group, is_mean=is_mean)
        return self._beside(heard.beside, measures, heard.group, is_mean=is_mean, is_ratio=heard.times is not None)

    def _mean(self, heard: Heard, measures: tuple[Field, ...]) -> TableQuery | None:
        group, measures = heard.group, measures or self._money_said()
        is_of_days = group is not None and self._column(group).kind == "date" and not group.part
        if group is not None and is_of_days and not self._is_each_row(group):
            return None  # "on average per day": of the days' sums, or of the rows?
        if group is not None and self._is_each_row(group):
            group = None  # "per order", where each row is one
        return self._of("mean", measures, group) if measures else None

    def _sum(self, heard: Heard, measures: tuple[Field, ...]) -> TableQuery | None:
        """The column that is named, added up, or its value in the row that is named."""
        group, how_much = heard.group, heard.how_much
        adds_up = all(map(self._adds_up, measures))
        if heard.total is not None or heard.counted is not None or group is not None:
            return (
                None if heard.total is None and group is not None and not adds_up else self._of("sum", measures, group)
            )
        if how_much is not None and (row := self._row_asked_by_both()) is not None:
            return self._shown((row, *measures))
        if self.times and how_much is not None and len(measures) == 1:
            return self._of("sum", measures, None)
        if self.looks_up and how_much is not None and (row := self._row_named()) is not None:
            return self._shown((row, *measures))
        asks = how_much is not None or not re.search(r"[a-z]", self.text)  # in Chinese its name alone asks for a sum
        if asks and self.conditions and adds_up and self._is_of_many():
            return self._of("sum", measures, None)
        return None if how_much is None else self._prices_of_a_person(measures, how_much)

    def _without_a_measure(self, heard: Heard) -> TableQuery | None:
        """A sum of what a verb or "money" means, a number of rows, or the rows themselves."""
        group, total, how_much = heard.group, heard.total, heard.how_much
        asks_for_money = how_much is not None and words.MONEY_ASKED.fullmatch(how_much.group()) is not None
        spent = self._added_noun()
        if spent is not None and (total is not None or (how_much is not None and self.conditions) or group is not None):
            return self._of("sum", (spent,), group)
        if self.times or (total is not None and asks_for_money):
            # Prices of things that are named add up: 青禾和锦书一共多少钱
            of_named = bool(self.times) or self._are_rows_named()
            money = [one for one in self._numeric() if self._is_money(one) and (of_named or self._adds_up(one))]
            is_asked = total is not None or how_much is not None
            return self._of("sum", (money[0],), group) if is_asked and len(money) == 1 else None
        if total is not None:
            if words.LONG.search(self._rest()):
                return None  # how long they are together is no number of rows
            return self._of("count", (), None) if self._totals_rows(total) and group is None else None
        if group is not None:  # "tickets per month": the rows of each are counted
            if asks_for_money:
                return None  # 车位每月多少钱 asks for no number of rows
            return self._of("count", (), group) if heard.spread is not None or self._is_counting() else None
        if how_much is not None and (row := self._row_asked_by_both()) is not None:
            return self._shown((row,))
        return self._listed(heard)

    def _shown(self, fields: tuple[Field, ...]) -> TableQuery:
        """The rows that count, with these columns."""
        return TableQuery(self.tables, "rows", shown=fields, joined_on=self.on)

    def _row_asked_by_both(self) -> Field | None:
        """The column whose text names the one row of which a column under a header of two rows is asked."""
        return self._row_named() if self.crossed else None

    def _listed(self, heard: Heard) -> TableQuery | None:
        """The rows themselves: "orders over 500", 列出华东已取消的订单."""
        asked, is_who = heard.asked, heard.who is not None
        is_compared = any(
            condition.operator not in ("in", "not in") and self._column(condition.field).kind == "number"
            for condition in self.conditions
        )
        is_named = asked is not None and self._is_each_row(asked) and re.search(r"\w", self._plain_rest()) is None
        # 周三谁休息: names are asked for, and every word is of the table
        is_named = is_named or (is_who and self._name_field() is not None and not self._left_over())
        names_rows = (is_named or self._is_counting()) and (
            heard.listed is not None or not words.HOW_MUCH.search(self.text)
        )
        if not self.conditions or not (is_compared or names_rows):
            return None
        held = {replace(condition.field, part="") for condition in self.conditions}
        other = self._other_text(tuple(held))
        label = asked or other or (self._name_field() if is_who else None) or self._label_field()
        own = [replace(condition.field, part="") for condition in self.conditions]
        own += [condition.beside for condition in self.conditions if condition.beside is not None]
        money = [field for field in self._numeric() if self._is_money(field)]
        if words.MONEY_ASKED.search(self.text) and len(money) == 1:
            own += money
        shown = dict.fromkeys([*([label] if label else []), *self._name_beside(label), *own])
        if not is_compared:
            shown |= dict.fromkeys(field for field in self._fields() if field.table == 0)
        return self._shown(tuple(shown)[:_MOST_SHOWN])

    def _prices_of_a_person(self, measures: tuple[Field, ...], how_much: re.Match[str]) -> TableQuery | None:
        """What one kind of person pays for each thing: 儿童票多少钱, where 成人 and 儿童 are columns."""
        paid = [field for field in self._numeric() if words.PAYS.search(folded(self._column(field).name))]
        label = self._label_field()
        is_asked = words.MONEY_ASKED.fullmatch(how_much.group()) is not None and len(paid) > 1
        if not is_asked or label is None or len(measures) != 1 or measures[0] not in paid:
            return None
        if self.conditions or self.tables[0].rows > _MOST_PRICES:
            return None
        self._take(words.ADMISSION)
        return self._shown((label, *measures))

    def _part_of_all(self, measures: tuple[Field, ...], group: Field | None, *, is_mean: bool) -> TableQuery | None:
        """A share: of each group, or of the rows that fit the last condition among those that fit the others."""
        measures = measures or self._money_said()
        if is_mean or not all(map(self._adds_up, measures)):
            return None
        if not measures and self._speaks_of_money():
            return None
        inner: Literal["count", "sum"] = "sum" if measures else "count"
        whole = TableQuery(self.tables, "share", measures, joined_on=self.on, inner=inner)
        if group is not None:
            return replace(whole, group=group)
        parts = [one for one in self.conditions if self._column(one.field).kind in ("text", "number")]
        if not parts or (len(parts) == 2 and not self._is_between(parts)) or len(parts) > 2:
            return None
        part = self._said_last(parts) if is_chinese(self.text) or len(parts) > 1 else parts[0]
        self.conditions = [one for one in self.conditions if one is not part]
        return replace(whole, part=(part,))

    def _is_between(self, parts: list[Condition]) -> bool:
        """Whether a word parts the whole from its part: "of Network tickets are high priority", 华东订单中."""
        places = sorted(self._place_of(part) for part in parts)
        return words.PART_BETWEEN.search(self.text[places[0] : places[1]]) is not None

    def _said_last(self, parts: list[Condition]) -> Condition:
        return max(parts, key=self._place_of)

    def _place_of(self, condition: Condition) -> int:
        """Where the question names a condition's value; at its end where it is a number."""
        places = [mention.start for mention in self.values if set(mention.values) & set(condition.values)]
        return places[0] if places else len(self.text)

    def _row_named(self) -> Field | None:
        """The column whose text names the only row that is meant."""
        if len(self.conditions) != 1 or len(self.conditions[0].values) != 1:
            return None
        return self.conditions[0].field if self._names_one_row(self.conditions[0]) else None

    def _are_rows_named(self) -> bool:
        """Whether several rows are named, each by its own text."""
        return (
            len(self.conditions) == 1 and len(self.conditions[0].values) > 1 and self._names_one_row(self.conditions[0])
        )

    def _is_of_many(self) -> bool:
        """Whether the conditions leave more than one row: none of them is on a column of different values."""
        return bool(self.measured_periods) or not any(
            condition.operator == "in" and self._is_each_row(condition.field) for condition in self.conditions
        )

    # What the words ask for
    def _heard(self, top: re.Match[str] | None, in_total: re.Match[str] | None) -> Heard:
        """What the question's words ask for. The order counts: a word is taken by the first that knows it."""
        superlative, descending, hint, limit = self._superlative(top)
        group, asked = self._groups()
        share = self._take(words.SHARE)
        if share is not None:
            self._take(words.OF_ALL)
        difference, times = self._asked_beside()
        median, spread = self._take(words.MEDIAN), self._take(words.SPREAD)
        if words.MEAN.search(self._rest()):
            self._take(words.EACH_ROW)
        mean, total = self._take(words.MEAN), self._take(words.SUM) or in_total
        counted = self.row_count or self._take(words.COUNT)
        if counted is not None:
            self._take(words.DISTINCT)
        how_much = self._take(words.HOW_MUCH) if counted is None else None
        listed = self._take(words.LIST)
        who = self._take(words.WHO)
        if self._take(words.RESPECTIVELY) is not None and group is None:
            group = self._compared_values()
        self.asks_most, self.counts = superlative, counted is not None
        return Heard(
            is_superlative=superlative,
            descending=descending,
            hint=hint,
            limit=limit,
            group=group,
            asked=asked,
            share=share,
            difference=difference,
            times=times,
            median=median,
            spread=spread,
            mean=mean,
            total=total,
            counted=counted,
            how_much=how_much,
            listed=listed,
            who=who,
        )

    def _groups(self) -> tuple[Field | None, Field | None]:
        """What results are grouped by, and which column is asked for ("which region")."""
        group = asked = None
        self._take_into_name([field for mention in self.columns for field in mention.fields])
        for part, pattern in words.PERIODS:
            if self._take(pattern) is not None:
                group = self._period(part)  # type: ignore[arg-type]
        for part, pattern in words.ASKED_PERIODS:
            if self._take(pattern) is not None:
                asked = self._period(part)  # type: ignore[arg-type]
        if (day := self._day()) is not None:
            group = day if group is None and self._take(words.EACH_DAY) is not None else group
            asked = day if asked is None and self._take(words.ASKED_DAY) is not None else asked
        kept = []
        for mention in self.columns:
            before, after = self.text[: mention.start], self.text[mention.end :]
            each, which = words.EACH_BEFORE.search(before), words.ASKED_BEFORE.search(before)
            later = words.EACH_AFTER.match(after)
            fields = [field for field in mention.fields if self._column(field).kind != "number"]
            if mention.end and each is not None and fields and group is None:
                group = self._name_among(fields)
                self._mark(each.start(), each.end())
                if later is not None:
                    self._mark(mention.end, mention.end + later.end())
            elif mention.end and which is not None and fields and asked is None and not self._is_number_asked(mention):
                asked = self._name_among(fields)
                self._mark(which.start(), which.end())
            else:
                kept.append(mention)
        self.columns = kept
        return group, asked

    def _is_number_asked(self, mention: Mention) -> bool:
        """ "What is the price": the column is asked for as a value, not as what has the value."""
        return all(self._column(field).kind == "number" for field in mention.fields)

    def _period(self, part: Part) -> Field | None:
        for field in self._fields():
            if self._column(field).kind == part:
                return field
        return next((replace(field, part=part) for field in self._fields() if self._column(field).kind == "date"), None)

    def _day(self) -> Field | None:
        """The column of days that the rows are of: the first of the table, or one that is called so."""
        for field in self._fields():
            column = self._column(field)
            if column.kind == "date" and (field.column == 0 or words.DAY_COLUMN.fullmatch(folded(column.name).strip())):
                return field
        return None

    def _compared_values(self) -> Field | None:
        fields = [
            condition.field for condition in self.conditions if condition.operator == "in" and len(condition.values) > 1
        ]
        return fields[0] if len(fields) == 1 and self._column(fields[0]).kind == "text" else None
