"""What a question computes over the rows that count: a number, one for each group, the highest, a share, the rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.comparing import Comparing
from minicpm_rag.answering.tables.mentions import Mention, folded, stem, table_words
from minicpm_rag.answering.tables.question_words import ROW_NOUNS
from minicpm_rag.library.ledger.table_queries import Aggregate, Condition, Field, Part, TableQuery
from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import is_chinese, is_han

_ROWS_ONLY = frozenset(map(stem, words.ROWS_ONLY))
# Dates that make nothing older
_SINCE_WHEN = re.compile(
    r"入职|入会|加入|报名|到期|截止|下次|下一次|上次|检修|保养|年检|due|\bend|expir|join|hire|start|next|last|until|service|check|renew"
)
_BORN = re.compile(
    r"出生|生日|生于|建成|建造|始建|购置|购入|出厂|年份|\b(?:born|birth\w*|built|made|bought|purchased|year)\b"
)
_LARGEST = re.compile(
    r"\b(?:largest|biggest|smallest) (?P<nouns>[a-z]+(?: [a-z]+)?)|最[大小]的(?:一[笔个单])?(?P<nouns_zh>[一-鿿]{1,2})"
)
_MOST_SHOWN = 8  # columns of rows that are listed
_MOST_PRICES = 12  # rows of a list of prices that is shown as it is


class Computing(Comparing):
    """What is asked for, as a query."""

    def _query(self, top: re.Match[str] | None, in_total: re.Match[str] | None) -> TableQuery | None:
        superlative, descending, hint, limit = self._superlative(top)
        group, asked = self._groups()
        share = self._take(words.SHARE)
        if share is not None:
            self._take(words.OF_ALL)
        difference, times = self._asked_beside()
        beside = difference or times
        median, spread = self._take(words.MEDIAN), self._take(words.SPREAD)
        if words.MEAN.search(self._rest()):
            self._take(words.EACH_ROW)
        mean, total = self._take(words.MEAN), self._take(words.SUM) or in_total
        counted = self.row_count or self._take(words.COUNT)
        distinct = counted is not None and words.DISTINCT.search(self.text) is not None
        if distinct:
            self._take(words.DISTINCT)
        how_much = self._take(words.HOW_MUCH) if counted is None else None
        listed = self._take(words.LIST)
        who = self._take(words.WHO)
        if self._take(words.RESPECTIVELY) is not None and group is None:
            group = self._compared_values()
        self.asks_most, self.counts = superlative, counted is not None
        if difference is not None and group is None and (two := self._columns_of_a_row()) is not None:
            return two
        measures = self._measures(hint)
        if measures is None:
            return None
        if not measures and how_much is not None and not hint:
            measures = self._counted_next(how_much.end())
        if hint == "age" and measures and self._column(measures[0]).kind != "number":
            descending = not descending  # the oldest is of the earliest year
        is_amount = total is not None or superlative or (mean is not None and group is None) or self._is_of_a_period()
        if measures == () and not hint and counted is None and listed is None and is_amount:
            measures = self._money_of_a_fee(how_much)
        if measures == () and not hint and (is_amount or beside is not None) and words.TIME_ASKED.search(self._rest()):
            time_taken = self.hinted("hours") or (self.hinted("length") if words.LONG.search(self.text) else None)
            measures = (time_taken,) if time_taken is not None else ()
        if share is not None or beside is not None:
            if superlative or median is not None or (share is not None and beside is not None):
                return None
            if beside is None:
                return self._part_of_all(measures, group, is_mean=mean is not None)
            return self._beside(beside, measures, group, is_mean=mean is not None, is_ratio=times is not None)
        if median is not None:
            return self._of("median", measures, group) if measures and not superlative and mean is None else None
        if superlative:
            target = asked or group
            if target is None and who is not None and (target := self._name_field()) is None:
                return None
            if target is None and counted is None:
                target = self._other_text(measures)
            if counted is not None and measures:
                return None
            if hint == "size" and not measures and target is not None and self._is_largest_row(target):
                return self._largest_row(target, descending, limit)
            if hint in ("extent", "weight") and measures and total is None and mean is None:
                return self._row_ranked(target, measures, descending, limit)  # the longest trip, not all trips of one
            return self._ranked(
                target,
                measures,
                descending,
                limit,
                mean is not None,
                total is not None,
            )
        if counted is not None and not self.conditions and words.PERMITTED.search(self.text):
            return None
        if counted is not None and not measures:
            return self._count(counted, group)
        if counted is not None and not self._is_counted(counted, measures):
            return None
        if mean is not None:
            measures = measures or self._money_said()
            if group is not None and self._column(group).kind == "date" and not group.part:
                return None  # "on average per day": of the days' sums, or of the rows?
            if group is not None and self._is_each_row(group):
                group = None  # "per order", where each row is one
            return self._of("mean", measures, group) if measures else None
        if measures and (total is not None or counted is not None or group is not None):
            if total is None and group is not None and not all(map(self._adds_up, measures)):
                return None
            return self._of("sum", measures, group)
        spent = self._added_noun() if not measures and counted is None else None
        if spent is not None and (total is not None or (how_much is not None and self.conditions) or group is not None):
            return self._of("sum", (spent,), group)
        if total is not None and not measures and counted is None:
            if how_much is not None and words.MONEY_ASKED.fullmatch(how_much.group()):
                money = [field for field in self._numeric() if self._is_money(field) and self._adds_up(field)]
                return self._of("sum", (money[0],), group) if len(money) == 1 else None
            if words.LONG.search(self._rest()):
                return None  # how long they are together is no number of rows
            return self._of("count", (), group) if self._totals_rows(total) and group is None else None
        if group is not None and not measures:  # "tickets per month": the rows of each are counted
            if how_much is not None and words.MONEY_ASKED.fullmatch(how_much.group()):
                return None  # 车位每月多少钱 asks for no number of rows
            is_counted = mean is None and (spread is not None or self._is_counting())
            return self._of("count", (), group) if is_counted else None
        if self.crossed and how_much is not None and (row := self._row_that_is_named()) is not None:
            return TableQuery(self.tables, "rows", (), (), None, None, None, (row, *measures), self.on)
        asks = how_much is not None or not re.search(r"[a-z]", self.text)  # in Chinese its name alone asks for a sum
        if measures and asks and self.conditions and all(map(self._adds_up, measures)) and self._is_of_many():
            return self._of("sum", measures, group)
        if how_much is not None and group is None and mean is None and total is None and counted is None:
            prices = self._prices_of_a_person(measures, how_much)
            if prices is not None:
                return prices
        if measures or mean is not None or total is not None or counted is not None:
            return None
        return self._listed(asked, measures, is_listed=listed is not None, is_who=who is not None)

    def _row_that_is_named(self) -> Field | None:
        """The column whose text names one row; None where nothing or more is said of the rows."""
        if len(self.conditions) != 1 or len(self.conditions[0].values) != 1:
            return None
        return self.conditions[0].field if self._names_one_row(self.conditions[0]) else None

    def _count(self, counted: re.Match[str], group: Field | None) -> TableQuery | None:
        """How many there are of what is asked for: a column that tells is added up, else names or rows are counted."""
        added = self._counter_column(counted) or self._counted_in(counted)
        if added is None and counted.group()[-1:] in words.PACKS:
            added = self.hinted("quantity") or self.hinted("stock")
            return None if added is None else self._of("sum", (added,), group)
        added = added or self._sold(counted)
        if added is not None:
            return self._of("sum", (added,), group)
        noun = self._counted_field(counted) or self._counted_persons(counted)
        if noun is not None and group != noun and self._column(noun).distinct < self.tables[noun.table].rows:
            return self._of("distinct", (noun,), group)
        return self._of("count", (), group) if self._counts_rows(counted) else None

    def _listed(
        self, asked: Field | None, measures: tuple[Field, ...], *, is_listed: bool, is_who: bool
    ) -> TableQuery | None:
        """The rows themselves: "orders over 500", 列出华东已取消的订单."""
        is_compared = any(
            condition.operator not in ("in", "not in") and self._column(condition.field).kind == "number"
            for condition in self.conditions
        )
        is_named = asked is not None and self._is_each_row(asked) and re.search(r"\w", self._plain_rest()) is None
        # 周三谁休息: names are asked for, and every word is of the table
        is_named = is_named or (is_who and self._name_field() is not None and not self._left_over())
        names_rows = (is_named or self._is_counting()) and (is_listed or not words.HOW_MUCH.search(self.text))
        if not self.conditions or not (is_compared or names_rows):
            return None
        held = {replace(condition.field, part="") for condition in self.conditions}
        other = self._other_text((*measures, *held))
        label = asked or other or (self._name_field() if is_who else None) or self._label_field()
        own = [replace(condition.field, part="") for condition in self.conditions]
        own += [condition.beside for condition in self.conditions if condition.beside is not None]
        money = [field for field in self._numeric() if self._is_money(field)]
        if words.MONEY_ASKED.search(self.text) and len(money) == 1:
            own += money
        shown = dict.fromkeys([*([label] if label else []), *self._name_beside(label), *own, *measures])
        if not is_compared:
            shown |= dict.fromkeys(field for field in self._fields() if field.table == 0)
        return TableQuery(self.tables, "rows", (), (), None, None, None, tuple(shown)[:_MOST_SHOWN], self.on)

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
        return TableQuery(self.tables, "rows", (), (), None, None, None, (label, *measures), self.on)

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

    def _is_spent(self) -> bool:
        """Whether the most is spent: "who spent the most"."""
        return re.search(r"花得?$|花[了费]?|\b(?:spent|spends?|costs?)\b", self._rest()) is not None and bool(
            self.asks_most
        )

    def _added_noun(self) -> Field | None:
        """The column that is added up where the question says "sold" or "spent" and names none."""
        rest = self._rest()
        return next((self.hinted(hint) for pattern, hint in words.ADDED_NOUNS if pattern.search(rest)), None)

    def _is_of_many(self) -> bool:
        """Whether the conditions leave more than one row: none of them is on a column of different values."""
        return bool(self.measured_periods) or not any(
            condition.operator == "in" and self._is_each_row(condition.field) for condition in self.conditions
        )

    def _of(self, aggregate: Aggregate, measures: tuple[Field, ...], group: Field | None) -> TableQuery:
        return TableQuery(self.tables, aggregate, measures, (), group, None, None, (), self.on)

    def _superlative(self, top: re.Match[str] | None) -> tuple[bool, bool, str, int]:
        limit, descending, hint, found = 1, True, "", False
        if top is not None:
            limit = words.count_of(top["n"] or top["n2"])
            descending = (top["front"] or top["word"]) in ("前", "top", "first")
            found = True
        for pattern, direction, meant in words.SUPERLATIVES:
            match = self._take(pattern)
            if match is None:
                continue
            descending = direction if not (top is not None and not found) else descending
            hint = hint or meant
            found = True
            for extra, count in (
                (words.NUMBERED_BEFORE.search(self.text[: match.start()]), 1),
                (words.NUMBERED_AFTER.match(self.text, match.end()), 1),
            ):
                if extra is not None and count and not any(self.taken[extra.start() : extra.end()]):
                    limit = words.count_of(extra["n"])
                    self._mark(extra.start(), extra.end())
            several = words.NUMBERED_ROWS.search(self.text[: match.start()])
            if limit == 1 and several is not None and not any(self.taken[several.start("n") : several.end("n")]):
                limit = words.count_of(several["n"])
                self._mark(several.start("n"), several.end("n"))
            break
        return found, descending, hint, limit

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
                return ()
            return None if field is None else (field,)
        return tuple(numeric)

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

    def _ranked(
        self,
        target: Field | None,
        measures: tuple[Field, ...],
        descending: bool,
        limit: int,
        is_mean: bool,
        is_sum: bool,
    ) -> TableQuery | None:
        """Which is highest: a row where the column has each value once, else a group of rows."""
        if target is not None and (target.part or self._column(target).distinct < self.tables[target.table].rows):
            if not measures:
                if not self._is_counting() and not (self.conditions and words.MOST.search(self.text)):
                    return None
                return TableQuery(self.tables, "count", (), (), target, descending, limit, (), self.on)
            adds = all(map(self._adds_up, measures))
            if is_mean or is_sum or adds:
                aggregate: Aggregate = "mean" if is_mean else "sum"
                if self._column(measures[0]).kind != "number":
                    return None
                return TableQuery(self.tables, aggregate, measures, (), target, descending, limit, (), self.on)
        if not measures:
            numeric = self._numeric()
            money = [field for field in numeric if self._is_money(field)]
            if len(numeric) != 1 and len(money) != 1:
                return None
            measures = (numeric[0] if len(numeric) == 1 else money[0],)
        if (is_mean or is_sum) and (target is None or self._column(target).distinct < self.tables[target.table].rows):
            return None
        return self._row_ranked(target, measures, descending, limit)

    def _row_ranked(
        self, target: Field | None, measures: tuple[Field, ...], descending: bool, limit: int
    ) -> TableQuery:
        label = target or self._label_field()
        shown = dict.fromkeys([*([label] if label is not None else []), *self._name_beside(label), *measures])
        return TableQuery(self.tables, "rows", measures, (), None, descending, limit, tuple(shown), self.on)

    def _is_largest_row(self, target: Field) -> bool:
        """Whether the largest is a row, and another column of it is asked for: who placed the largest order."""
        found = _LARGEST.search(self.text)
        if found is None:
            return False
        asked = set(map(stem, re.findall(r"\w+", folded(self._column(target).name))))
        nouns = (found["nouns"] or found["nouns_zh"]).split()
        is_row = any(stem(noun) in ROW_NOUNS or words.ROW_NOUNS_ZH.match(noun) is not None for noun in nouns)
        return is_row and asked.isdisjoint(map(stem, nouns))

    def _largest_row(self, target: Field, descending: bool, limit: int) -> TableQuery | None:
        measures = tuple(filter(self._is_money, self._numeric()))
        if len(measures) != 1:
            return None
        shown = dict.fromkeys([target, *self._name_beside(target), *measures])
        return TableQuery(self.tables, "rows", measures, (), None, descending, limit, tuple(shown), self.on)

    def _is_counting(self) -> bool:
        """Whether "the most" counts rows: what is left names them, and nothing else."""
        if self.counts:
            return True
        held = {condition.field for condition in self.conditions}
        texts = [
            mention
            for mention in self.columns
            if mention.fields and self._column(mention.fields[0]).kind == "text" and not held & set(mention.fields)
        ]
        if len(texts) == 1 and self._column(texts[0].fields[0]).distinct == self.tables[0].rows:
            return True  # "the most orders", where each row has an order's number
        if (
            len(texts) == 1
            and self.asks_most
            and self._names_rows(texts[0])
            and not re.search(r"\w", self._plain_rest())
        ):
            return True
        rest = self._rest()
        stems, _ = table_words(self.tables)
        nouns = [word for word in re.findall(r"[a-z]+", rest) if is_content(stem(word))]
        han = "".join(filter(is_han, rest))
        return bool(nouns or words.ROW_NOUNS_ZH.search(han)) and all(
            stem(word) in ROW_NOUNS or stem(word) in stems or word in words.FILLER_WORDS for word in nouns
        )

    def _counted_field(self, counted: re.Match[str]) -> Field | None:
        """The column whose values are counted: the one named just after "how many"."""
        for mention in self.columns:
            between = self.text[counted.end() : mention.start]
            if mention.start >= counted.end() and not between.replace("different", "").replace("不同的", "").strip(
                " 的"
            ):
                fields = [field for field in mention.fields if self._column(field).kind == "text"]
                if fields:
                    return fields[0]
            if mention.end <= counted.start() and "数" in counted.group() and mention.end == counted.start():
                fields = [field for field in mention.fields if self._column(field).kind == "text"]
                if fields:
                    return fields[0]
        return None

    def _counted_persons(self, counted: re.Match[str]) -> Field | None:
        """The column of names where persons are counted: one with several rows is one person.

        None where each row has a text of its own, such as a staff number: two rows of one name may be two persons.
        """
        if not words.PERSONS.search(counted.group()) and not words.PERSONS_EN.match(self.text, counted.end()):
            return None
        texts = [field for field in self._fields() if self._column(field).kind == "text"]
        if any(self._column(field).distinct == self.tables[field.table].rows for field in texts):
            return None
        return self._name_field()

    def _sold(self, counted: re.Match[str]) -> Field | None:
        """The column of pieces where it is asked how many of a thing were sold, not how many orders there were.

        Also where each thing has one row, as in an inventory: that there is one row of desks says nothing of desks.
        """
        if len(self.tables) == 1 and any(map(self._names_one_row, self.conditions)):
            return self.hinted("quantity")
        said = counted.group()
        label = self._label_field()
        is_of_things = label is not None and self._is_each_row(label) and not self._is_called_code(label)
        if is_chinese(said) and said[-1:] in words.PIECES.replace("个", "") and is_of_things and not self.conditions:
            return self.hinted("quantity")  # 工具一共有多少件: a row is a kind of tool
        is_of_rows = said[-1:] not in words.PIECES if is_chinese(said) else self._is_counting()
        noun = re.match(r"\s*(?:[a-z]+ )?([a-z]+)", self.text[counted.end() :])
        if not is_chinese(said) and noun is not None and stem(noun[1]) not in _ROWS_ONLY:
            is_of_rows = False  # books that were bought are copies, not lines of the list
        return None if is_of_rows or words.SOLD.search(self.text) is None else self.hinted("quantity")

    def _counts_rows(self, counted: re.Match[str]) -> bool:
        """Whether what is counted are rows: "how many days" over rows that are no days is something else."""
        said = re.match(r"\s*(?:of |the |different |more |such )*([a-z]+)", self.text[counted.end() :])
        if said is None or self.conditions or self._is_counting():
            return True
        noun = stem(said[1])
        title, _ = table_words([replace(table, caption="") for table in self.tables])
        own = {stem(word) for column in self._all_columns() for word in re.findall(r"[a-z]+", folded(column.name))}
        return noun in title | own | ROW_NOUNS

    def _counter_column(self, counted: re.Match[str]) -> Field | None:
        """The column that counts in the question's own counter: "多少件" where there is a column 件数."""
        counter = counted.group()[-1:]
        heads = words.HEADS.match(self.text, counted.end() - (counter in "人名位个"))
        if heads is not None and self._name_field() is None and (field := self.hinted("participants")) is not None:
            self._mark(heads.start(), heads.end())
            return field
        if not is_han(counter) or counter in "个种数量少":
            return None
        fits = [field for field in self._numeric() if self._column(field).name.startswith(f"{counter}数")]
        fits = fits or [field for field in self._numeric() if self._column(field).name.endswith(f"{counter}数")]
        return fits[0] if len(fits) == 1 else None

    def _counted_in(self, counted: re.Match[str]) -> Field | None:
        """The column in whose unit is counted: "how many kilometres", 多少公里."""
        unit = words.UNIT_BESIDE.match(self.text, counted.end())
        if unit is None or unit["unit"] in words.MONEY_SAID:
            return None
        fits = [one for one in self._numeric() if self._counts_in(one, unit["unit"]) and self._adds_up(one)]
        if len(fits) != 1:
            return None
        self._mark(unit.start(), unit.end())
        return fits[0]

    def _is_counted(self, counted: re.Match[str], measures: tuple[Field, ...]) -> bool:
        """Whether the measure is what "how many" asks for: it stands beside it."""
        if self.measured_periods or self.says_what_became:
            return True
        for mention in self.columns:
            if set(mention.fields) & set(measures):
                gap = (
                    self.text[counted.end() : mention.start]
                    if mention.start >= counted.end()
                    else self.text[mention.end : counted.start()]
                )
                return len(gap.strip()) <= 4 or self._says_only_in_what(gap, measures)
        return False

    def _totals_rows(self, total: re.Match[str]) -> bool:
        """Whether a total counts the rows: "total orders", not "the total of the invoice" or 发票的总额."""
        if not is_chinese(self.text):
            nouns = [word for word in re.findall(r"[a-z]+", self._rest()) if is_content(stem(word))]
            is_several = any(re.fullmatch(r".*[^su]s|people|staff", word) for word in nouns)
            return is_several and self._is_counting()
        return not re.search(r"[额和]$", total.group()) and self._is_counting()

    def _says_only_in_what(self, gap: str, measures: tuple[Field, ...]) -> bool:
        """Whether words between "how many" and its column are only its unit and what the rows are."""
        units = {words.UNIT_WORDS.get(self._column(field).unit, self._column(field).unit) for field in measures}
        _, runs = table_words(self.tables)
        said = re.findall(r"[a-z]+", gap)
        return (
            any(words.UNIT_WORDS.get(word, word) in units for word in said)
            and all(word in words.FILLER_WORDS or words.UNIT_WORDS.get(word, word) in units for word in said)
            and all(any(run in name for name in runs) for run in re.findall(r"[一-鿿]+", gap))
        )

    def _compared_values(self) -> Field | None:
        fields = [
            condition.field for condition in self.conditions if condition.operator == "in" and len(condition.values) > 1
        ]
        return fields[0] if len(fields) == 1 and self._column(fields[0]).kind == "text" else None

    def _other_text(self, measures: tuple[Field, ...]) -> Field | None:
        """A text column named beside the measure: "the three products with the highest price"."""
        for mention in self.columns:
            fields = [
                field
                for field in mention.fields
                if self._column(field).kind in ("text", "date", "month", "quarter", "year")
            ]
            if fields and not set(mention.fields) & set(measures):
                self.columns = [one for one in self.columns if one is not mention]
                return self._name_among(fields)
        return None
