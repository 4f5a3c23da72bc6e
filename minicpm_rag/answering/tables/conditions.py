"""The conditions that a question sets on a table's rows: comparisons, times, and values of columns."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cached_property

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.crossed import crossed
from minicpm_rag.answering.tables.mentions import Mention, column_mentions, folded, stem, value_mentions
from minicpm_rag.answering.tables.names import COUNTERS, NO, YES, unit_called
from minicpm_rag.answering.tables.question_words import QuestionWords
from minicpm_rag.library.ledger.table_queries import Condition, Field
from minicpm_rag.text.cells import CURRENCIES, Number, number, unit_scale
from minicpm_rag.text.dates import DateSpan, date_spans
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.scripts import is_chinese, is_han

_NEAR = 14  # characters between a comparison and the column that it means


class Conditions(QuestionWords):
    """What a question says of the rows that count."""

    def _comparisons(self) -> list[tuple[re.Match[str], str]]:
        found = []
        for pattern, operator in words.COMPARISONS:
            for match in pattern.finditer(self.text):
                if not any(self.taken[match.start() : match.end()]):
                    amount = next(filter(None, match.groupdict().values()))
                    if (
                        operator != "between"
                        and re.fullmatch(r"(?:19|20)\d\d\s*年?", amount.strip())
                        and self._dates_there(match)
                    ):
                        continue
                    if self._is_within_a_value(match.start(), match.end()):
                        continue
                    found.append((match, operator))
                    self._mark(match.start(), match.end())
        return sorted(found, key=lambda pair: pair[0].start())

    def _is_within_a_value(self, start: int, end: int) -> bool:
        """Whether this is part of a text of the table that the question says whole: 80岁以上老人, "over 65s"."""
        return any(
            one.start <= start and end <= one.end and self.text[one.start : one.end] in map(folded, one.values)
            for one in self._values_said
        )

    @cached_property
    def _values_said(self) -> list[Mention]:
        return value_mentions(self.text, self.original, self.tables, self.texts_within)

    def _dates_there(self, match: re.Match[str]) -> bool:
        """Whether "2000" in "before 2000" may be a year: the table knows dates, and the number has no unit."""
        said = match.group()
        return any(column.kind in ("date", "year") for column in self._all_columns()) and ("年" in said or "以" in said)

    def _spans(self) -> list[DateSpan]:
        """The spans of time, but for those inside a column's whole name: "1月" in "1月销售额"."""
        whole = [one for one in column_mentions(self.text, self.tables) if one.weight >= 1.0]
        spans = []
        for span in date_spans(self.text):
            inside = any(one.start <= span.start and span.end <= one.end for one in whole)
            if not inside and not any(self.taken[span.start : span.end]):
                self._mark(span.start, span.end)
                spans.append(span)
        return spans

    def _crossed(self) -> None:
        """Columns under a header of two rows: 周末儿童 is one of them, "adults at weekends" another."""
        names = [(field.column, folded(self._column(field).name)) for field in self._numeric() if field.table == 0]
        found = crossed(self.text, names)
        if found is None or any(any(self.taken[start:end]) for start, end in found.spans):
            return
        for start, end in found.spans:
            self._mark(start, end)
            self.own += end - start
        self.crossed = tuple(Mention(*span, (Field(column),)) for column, span in found.columns)

    def _mentions(self) -> None:
        columns = column_mentions(self.text, self.tables)
        ranked = sorted(
            [*self._values_said, *columns], key=lambda one: (-(one.end - one.start), -one.weight, not one.values)
        )
        chosen: list[Mention] = []
        for one in ranked:
            if any(self.taken[one.start : one.end]):
                continue
            same = [other for other in ranked if (other.start, other.end) == (one.start, one.end)]
            values_here = [other for other in same if other.values and other.weight == max(o.weight for o in same)]
            if one.values or (values_here and not self._is_asked_for(one)):
                fields = {other.fields[0]: other.values for other in values_here}
                first = values_here[0]
                chosen.append(replace(first, fields=tuple(fields)))
            else:
                chosen.append(one)
            self._mark(one.start, one.end)
            self.own += (one.end - one.start) * one.weight
        chosen.sort(key=lambda one: one.start)
        self.columns = [*self.crossed, *(one for one in chosen if not one.values)]
        self.values = [one for one in chosen if one.values]

    def _beside_columns(self) -> None:
        """Rows in which one column is over or under another: "over the estimate", 实际超过预算的.

        The other one is the number column that is named too, else the only other one that the table has.
        """
        for mention in list(self.columns):
            fields = [field for field in mention.fields if field in self._numeric()]
            before = self.text[: mention.start]
            said = words.OVER_A_COLUMN.search(before) or words.UNDER_A_COLUMN.search(before)
            if said is None or len(fields) != 1 or any(self.taken[said.start() : said.end()]):
                continue
            named = {field for one in self.columns if one is not mention for field in one.fields}
            unit = self._column(fields[0]).unit
            others = [one for one in self._numeric() if one != fields[0] and self._column(one).unit == unit]
            others = [field for field in others if field in named] or others
            if len(others) != 1:
                continue
            is_over = words.OVER_A_COLUMN.search(before) is not None
            self._mark(said.start(), said.end())
            self.own += said.end() - said.start()
            self.columns = [one for one in self.columns if one is not mention and others[0] not in one.fields]
            self.conditions.append(Condition(others[0], ">" if is_over else "<", (), fields[0]))

    def _owed(self) -> None:
        """Rows of those who owe something: 谁还欠费, "who still owes money"."""
        said = words.OWED.search(self.text)
        owed = [one for one in self._numeric() if words.OWED_COLUMN.search(folded(self._column(one).name))]
        if said is None or len(owed) != 1 or not words.WHO.search(self.text) or words.HOW_MUCH.search(self.text):
            return
        (field,) = owed
        self.columns = [one for one in self.columns if field not in one.fields]
        self._mark(said.start(), said.end())
        self.own += said.end() - said.start()
        self.conditions.append(Condition(field, ">", (0.0,)))

    def _changed(self) -> None:
        """Rows whose number is more or less than it was, by the column of the time before: 产量下降了的品种."""
        numbers = {field: folded(self._column(field).name) for field in self._numeric()}
        now = {" ".join(words.NOW.sub(" ", name).split()): field for field, name in numbers.items()}
        pairs = [
            (now[rest], before)
            for before, name in numbers.items()
            if words.EARLIER.search(name) and (rest := " ".join(words.EARLIER.sub(" ", name).split())) in now
        ]
        named = {field for mention in self.columns for field in mention.fields}
        pairs = [pair for pair in pairs if set(pair) & named] or (pairs if not named & numbers.keys() else [])
        said = words.FALLEN.search(self.text) or words.RISEN.search(self.text)
        if len(pairs) != 1 or said is None or any(self.taken[said.start() : said.end()]):
            return
        ((current, before),) = pairs
        self._mark(said.start(), said.end())
        self.own += said.end() - said.start()
        self.columns = [one for one in self.columns if not set(one.fields) & {current, before}]
        is_fallen = words.FALLEN.fullmatch(said.group()) is not None
        self.conditions.append(Condition(current, "<" if is_fallen else ">", (), before))

    def _all_of_them(self) -> None:
        """A number that says how many there are in all: "the four barrels together", 三个校区一共."""
        if not words.SUM.search(self.text) and not words.MEAN.search(self.text):
            return
        for mention in self.columns:
            counted = words.NUMBERED.search(self.text[: mention.start])
            if counted is None or any(self.taken[counted.start() : counted.end()]):
                continue
            number = words.count_of(counted["n"])
            if any(self._column(field).distinct == number for field in mention.fields):
                self._mark(counted.start(), counted.end())

    def _place(self, comparisons: list[tuple[re.Match[str], str]]) -> bool:
        """Give each comparison its column."""
        for match, operator in comparisons:
            said = [value for name, value in match.groupdict().items() if value]
            amounts = list(map(_amount, said))
            if any(one is None for one in amounts):
                return False
            mention, field = self._compared(match, said[0])
            if field is None:
                return False
            column = self._column(field)
            values = []
            for one in amounts:
                assert one is not None
                value = one.value
                scale, unit = unit_scale(column.unit)
                if scale != 1.0 and (one.scaled or one.unit == unit):
                    value /= scale
                if column.kind == "year" and not 1000 <= value <= 3000:
                    return False
                if one.unit == "%" and column.unit != "%":
                    return False
                if one.unit in ("元", "USD", "EUR", "GBP") and unit in ("元", "USD", "EUR", "GBP") and one.unit != unit:
                    return False
                self.in_unit = self.in_unit or (one.unit in CURRENCIES and one.unit == unit)
                values.append(value)
            if operator == "between":
                low, high = sorted(values)
                self.conditions += [Condition(field, ">=", (low,)), Condition(field, "<=", (high,))]
            else:
                self.conditions.append(Condition(field, operator, (values[0],)))  # type: ignore[arg-type]
            if mention is not None:
                self.columns = [one for one in self.columns if one is not mention or self._is_also_measured(one, match)]
        return True

    def _is_also_measured(self, mention: Mention, match: re.Match[str]) -> bool:
        """ "The total amount over 100": a column that a word that computes stands before is measured too."""
        before = self.text[: mention.start]
        return bool(re.search(r"(?:总|平均|最[高低大小])\s*$|\b(?:total|average|highest|lowest)\s+$", before))

    def _compared(self, match: re.Match[str], said: str) -> tuple[Mention | None, Field | None]:
        near = []
        for mention in self.columns:
            fields = [field for field in mention.fields if self._column(field).kind in ("number", "year")]
            if len(fields) == 1:
                gap = match.start() - mention.end if mention.end <= match.start() else mention.start - match.end() + 2
                if 0 <= gap <= _NEAR:
                    near.append((gap, mention, fields[0]))
        if near:
            _, nearest, meant = min(near, key=lambda entry: entry[0])
            return nearest, meant
        around = self.text[max(0, match.start() - 6) : match.end()]
        for pattern, hint in words.COMPARED:
            if pattern.search(around) and (field := self.hinted(hint)) is not None:
                return None, field
        unit = one.unit.removeprefix("个") if (one := _amount(said)) is not None else ""
        if unit:
            named = [field for field in self._numeric() if self._counts_in(field, unit)]
            if len(named) == 1:
                return None, named[0]
            if named or unit not in (*CURRENCIES, "%", *COUNTERS):
                return None, None
        numeric = self._numeric()
        if len(numeric) == 1:
            return None, numeric[0]
        money = [field for field in numeric if self._is_money(field)]
        return None, money[0] if len(money) == 1 else None

    def _counts_in(self, field: Field, unit: str) -> bool:
        """Whether a column's numbers are in that unit: its header says so, or it is called so ("nights")."""
        column = self._column(field)
        own = unit_scale(column.unit)[1].removeprefix("个")
        name = folded(column.name)
        called = unit in name if is_han(unit[0]) else stem(unit) in map(stem, re.findall(r"[a-z]+", name))
        if own and unit_called(unit) == unit_called(own.lower()):
            return True
        return own == unit or (called and len(unit) > 1) or stem(own.lower()) == stem(unit)

    def _date(self, spans: list[DateSpan]) -> bool:
        """Make conditions of the spans of time; False where the table has no time to hold them to."""
        if not spans:
            return True
        months = [span for span in spans if span.months and not span.lower]
        others = [span for span in spans if span not in months]
        if len(months) > 1:
            joined = tuple(sorted({month for span in months for month in span.months}))
            months = [replace(months[0], months=joined)]
        if len(others) > 1 or (len(spans) > 1 and any(span.day for span in spans)):
            return False
        for span in [*others, *months]:
            if not self._date_condition(span):
                return False
        self.own += sum(span.end - span.start for span in spans)
        return True

    def _date_condition(self, span: DateSpan) -> bool:
        fields = [field for field in self._fields() if self._column(field).kind == "date"]
        mentioned = [field for mention in self.columns for field in mention.fields if field in fields]
        if mentioned or fields:
            field = mentioned[0] if mentioned else fields[0]
            if span.lower:
                self.conditions.append(Condition(field, ">=", (span.lower,)))
            if span.upper:
                self.conditions.append(Condition(field, "<", (span.upper,)))
            if not span.lower and not span.upper:
                if not span.months:
                    return False
                if span.day:
                    day = f"{span.months[0]:02}-{span.day:02}"
                    self.conditions.append(Condition(replace(field, part="day"), "in", (day,)))
                    return True
                self.conditions.append(
                    Condition(replace(field, part="month"), "in", tuple(f"{month:02}" for month in span.months))
                )
            return True
        return self._named_period(span)

    def _named_period(self, span: DateSpan) -> bool:
        """Hold the span to columns of years, quarters and months, or find it in the table's own name."""
        kinds = {self._column(field).kind: field for field in self._fields()}
        lower, upper = span.lower, span.upper
        is_whole = len(lower) == len(upper) == 4 or (lower[:4] == upper[:4] and span.months) or bool(span.months)
        years: tuple[float, ...] = ()
        if lower and upper and len(lower) == len(upper) == 4:
            years = tuple(float(year) for year in range(int(lower), int(upper)))
        elif span.year is not None:
            years = (float(span.year),)
        if span.day or (not lower and not upper and not span.months):
            return False
        if not is_whole and not (lower or upper):
            return False
        if "year" in kinds and (lower or upper):
            if years:
                self.conditions.append(Condition(kinds["year"], "in", years))
            elif len(lower or upper) == 4:
                self.conditions.append(Condition(kinds["year"], ">=" if lower else "<", (float(lower or upper),)))
            else:
                return False
        elif (years and not self._named(years)) or ((lower or upper) and not years):
            return False
        if not span.months or (len(span.months) == 12 and years):
            return True
        if "month" in kinds:
            self.conditions.append(Condition(kinds["month"], "in", tuple(map(float, span.months))))
            return True
        quarters = {(month + 2) // 3 for month in span.months}
        if "quarter" in kinds and len(span.months) == 3 * len(quarters):
            self.conditions.append(Condition(kinds["quarter"], "in", tuple(map(float, sorted(quarters)))))
            return True
        return self._period_columns(span.months)

    def _period_columns(self, months: tuple[int, ...]) -> bool:
        """Measure the columns that are called after the months: "1月", "Q1", "Mar sales"."""
        found: dict[int, Field] = {}
        quarters: dict[int, Field] = {}
        for field in self._numeric():
            spans = [span for span in date_spans(folded(self._column(field).name)) if span.months and not span.day]
            if len(spans) == 1 and len(spans[0].months) == 1:
                found[spans[0].months[0]] = field
            elif len(spans) == 1 and len(spans[0].months) == 3:
                quarters[spans[0].months[0]] = field
        if all(month in found for month in months):
            fields = [found[month] for month in months]
        elif len(months) % 3 == 0 and all(month in quarters for month in months[::3]):
            fields = [quarters[month] for month in months[::3]]
        else:
            return False
        self.columns = [mention for mention in self.columns if not set(mention.fields) & set(self._numeric())]
        self.columns.append(Mention(0, 0, (), (), 1.0))
        self.measured_periods = tuple(fields)
        return True

    def _named(self, years: tuple[float, ...]) -> bool:
        said = " ".join(f"{table.title} {table.label} {table.caption}" for table in self.tables)
        return len(years) == 1 and str(int(years[0])) in said

    def _value_conditions(self) -> bool:
        """Make conditions of the values named: those of one column are alternatives."""
        self._yes_or_no()
        wanted: dict[tuple[Field, bool], list[str]] = {}
        for mention in self.values:
            field = self._field_of(mention)
            if field is None:
                return False
            before, after = self.text[: mention.start], self.text[mention.end :]
            denied = words.NOT_BEFORE.search(before)
            if denied is not None and before[-2:] == f"{self.text[mention.start]}不":
                denied = None  # 合不合格 asks whether
            if denied is not None:
                self._mark(denied.start(), denied.end())
                if (outside := words.NOT_AFTER.match(after)) is not None:
                    self._mark(mention.end, mention.end + outside.end())
            elif any(negative for known, negative in wanted if known == field) and re.search(
                r"(?:和|与|、|,|\band|\bor)\s*$", before
            ):
                denied = re.match("", "")
            wanted.setdefault((field, denied is not None), []).extend(mention.values)
        for (field, is_denied), values in wanted.items():
            self.conditions.append(Condition(field, "not in" if is_denied else "in", tuple(dict.fromkeys(values))))
        return True

    def _numbered(self) -> None:
        """Rows that are told by a number: 3号楼 in a column 楼号, "table 3" in a column "Table"."""
        for field in self._numeric():
            name = folded(self._column(field).name).strip()
            if is_chinese(name):
                called = re.escape(name.removesuffix("号"))
                pattern = rf"(?P<n>\d{{1,5}})号{called}|{called}号?(?P<n2>\d{{1,5}})(?![\d.])号?"
                if not name.endswith("号"):
                    continue
            elif self._adds_up(field) and not self._is_each_row(field):
                continue
            else:
                pattern = rf"\b{re.escape(name)} (?:no\.? ?|number |#)?(?P<n>\d{{1,5}})\b(?![.,%]\d|%)"
            match = self._take(re.compile(pattern))
            if match is not None:
                said = next(filter(None, match.groupdict().values()))
                self.conditions.append(Condition(field, "in", (float(said),)))
                self.own += match.end() - match.start()

    def _room_for(self) -> None:
        """What has room for so many persons has it for fewer too: 能住两个人, "sleeps four"."""
        fields = [one for one in self._numeric() if words.ROOM_COLUMN.search(folded(self._column(one).name))]
        match = self._take(words.ROOM_FOR) if len(fields) == 1 else None
        if match is not None:
            self.conditions.append(
                Condition(fields[0], ">=", (float(words.count_of(match["n"] or match["n2"] or match["n3"])),))
            )
            self.own += match.end() - match.start()

    def _has_so_many(self) -> None:
        """How many of a thing a row has: "gliders that have two seats", 有两个讲台的教室."""
        for field in self._numeric():
            name = folded(self._column(field).name).strip().removesuffix("数")
            called = re.escape(name) + (r"\b" if not is_han(name[-1:]) else "") if len(name) > 1 else ""
            if (
                called
                and (said := self._take(re.compile(words.HAS_BEFORE + called + words.NO_BOUND_AFTER))) is not None
            ):
                self.conditions.append(Condition(field, "in", (float(words.count_of(said["n"] or said["n2"])),)))
                self.own += len(name)

    def _free(self) -> None:
        """What costs nothing, where one column says what things cost: 哪门课不要钱, "which talks are free"."""
        money = [one for one in self._numeric() if self._is_money(one)]
        if len(money) == 1 and words.WHICH.search(self.text) and (said := self._take(words.FREE)) is not None:
            self.conditions.append(Condition(money[0], "in", (0.0,)))
            self.own += len(said.group())

    def _counted_things(self) -> None:
        """How many of the things that are named are to be paid for: "two adults and a child", 两个成人和一个儿童."""
        found = []
        for mention in self.values:
            said = words.SO_MANY_OF.search(self.text[: mention.start])
            if said is None or len(mention.values) != 1 or any(self.taken[said.start() : said.end()]):
                continue
            fields = [field for field in mention.fields if self._is_each_row(field)]
            if len(fields) == 1:
                number = words.count_of(said["n"] or said["n2"]) if said["n"] or said["n2"] else 1
                found.append((said, Condition(fields[0], "in", mention.values), float(number)))
        if any(number > 1 for _, _, number in found):
            for said, _, _ in found:
                self._mark(said.start(), said.end())
            self.times = tuple((rows, number) for _, rows, number in found)

    def _used_up(self) -> None:
        """What is out of stock has nothing left in the column that counts it."""
        if words.USED_UP.search(self.text) and (field := self.hinted("stock")) is not None:
            self._take(words.USED_UP)
            self.conditions.append(Condition(field, "<=", (0.0,)))

    def _yes_or_no(self) -> None:
        """A column of yes and no is a condition where it is named: "approved expenses", "not approved"."""
        for field in self._fields():
            column = self._column(field)
            no = tuple(text for text in column.texts if folded(text) in NO)
            if no and (found := self._take(re.compile(rf"\bun{re.escape(folded(column.name))}\b"))) is not None:
                self.conditions.append(Condition(field, "in", no))
                self.own += len(found.group())
        for mention in list(self.columns):
            if len(mention.fields) != 1:
                continue
            column = self._column(mention.fields[0])
            texts = {folded(text) for text in column.texts}
            if not texts or not texts <= YES | NO or self._is_asked_for(mention):
                continue
            used = words.USED_BEFORE.search(self.text[: mention.start])
            before = self.text[: used.start() if used is not None else mention.start]
            denied = re.search(r"(?:没有?|未|(?<![能会可])不|\bnot(?: yet)?(?: been)?|\bun)\s*$", before)
            after = words.USED_AFTER.match(self.text[mention.end :])
            if denied is None and after is not None and after["not"]:
                denied = after
            elif denied is not None:
                self._mark(denied.start(), denied.end())
            if used is not None:
                self._mark(used.start(), used.end())
            if after is not None:
                self._mark(mention.end, mention.end + after.end())
            wanted = NO if denied is not None else YES
            values = tuple(text for text in column.texts if folded(text) in wanted)
            if values:
                self.conditions.append(Condition(mention.fields[0], "in", values))
                self.columns.remove(mention)

    def _field_of(self, mention: Mention) -> Field | None:
        if len(mention.fields) == 1:
            return mention.fields[0]
        named = [field for other in self.columns for field in other.fields if field in mention.fields]
        if len(set(named)) == 1:
            return named[0]
        if any(pattern.search(self.text) for pattern in (words.THAN, words.TIMES, words.DIFFERENCE)):
            beside = {other.fields[0] for other in self.values if len(other.fields) == 1} & set(mention.fields)
            if len(beside) == 1:
                return beside.pop()  # 普洱 beside 碧螺春 is a tea, not where one comes from
        if self.on is not None:  # both tables have the joined column
            on = {Field(self.on[0], 0), Field(self.on[1], 1)}
            if set(mention.fields) == on:
                return Field(self.on[0], 0)
        return None


def _amount(said: str) -> Number | None:
    """The number that a comparison names: "10,000", "2万元", "一万"."""
    plain = said.strip().removesuffix("块钱").removesuffix("块")
    if (found := number(plain)) is not None or not is_chinese(plain):
        return found
    values = numbers(said)  # with its unit: without one 两百 may be a word
    unit = plain.lstrip("一二两三四五六七八九十百千万亿零")
    return Number(next(iter(values)), unit if unit else "", True) if len(values) == 1 else None
