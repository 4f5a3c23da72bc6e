"""From a question to a `TableQuery`, by rules over the table's headers and values.

Every word of the question must be accounted for: by a column, a value, a time, a comparison, a word that computes, or
one that says nothing. A question with a word left over is not understood, and gets no number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.mentions import (
    Mention,
    column_mentions,
    folded,
    may_name,
    stem,
    table_words,
    value_mentions,
)
from minicpm_rag.library.ledger.table_queries import Aggregate, Condition, Field, Part, TableQuery
from minicpm_rag.records import Column, DataTable
from minicpm_rag.text.cells import CURRENCIES, Number, number, unit_scale
from minicpm_rag.text.dates import DateSpan, date_spans
from minicpm_rag.text.numerals import numbers
from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import is_chinese, is_han

# Looks for texts of a column that are too many to be kept beside its name.
TextsWithin = Callable[[DataTable, int], Sequence[str]]

_ROW_NOUNS = frozenset(map(stem, words.ROW_NOUNS))
_AKIN = 6  # letters that two words of one family begin with
LONGEST = 400  # characters of a question that is read; the vocabulary's patterns are quadratic
_NEAR = 14  # characters between a comparison and the column that it means
_MOST_SHOWN = 8  # columns of rows that are listed
_MOST_CANDIDATES = 3  # tables that are equally meant and all answer


@dataclass(frozen=True)
class Understood:
    """A query, and how much of the question its table's own words account for."""

    query: TableQuery
    share: float


def understand(question: str, tables: Sequence[DataTable], texts_within: TextsWithin) -> list[Understood]:
    """The queries that the question means: one, or one for each of several tables that it may mean equally.

    Empty where it is not understood.
    """
    if len(question) > LONGEST or not words.CUE.search(folded(question)):
        return []
    plain = folded(question)
    hinting = [pattern for pattern, _ in words.ADDED_NOUNS]
    hinting += [pattern for pattern, _, hint in words.SUPERLATIVES if hint]
    if not any(pattern.search(plain) for pattern in hinting):
        tables = may_name(plain, tables)
    found = [one for table in tables if (one := _Reading(question, (table,), None, texts_within).understood())]
    if not found:
        found = [
            one for pair, on in _joinable(tables) if (one := _Reading(question, pair, on, texts_within).understood())
        ]
    if not found:
        return []
    most = max(one.share for one in found)
    best = [one for one in found if one.share >= most - 1e-9]
    alike = [one for one in best if _is_chinese(one.query.tables[0]) == is_chinese(question)]
    best = alike or best
    return best if len(best) <= _MOST_CANDIDATES else []


def _is_chinese(table: DataTable) -> bool:
    return is_chinese(" ".join(column.name for column in table.columns))


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


def _amount(said: str) -> Number | None:
    """The number that a comparison names: "10,000", "2万元", "一万"."""
    plain = said.strip().removesuffix("块钱").removesuffix("块")
    if (found := number(plain)) is not None or not is_chinese(plain):
        return found
    values = numbers(plain)
    unit = plain.lstrip("一二两三四五六七八九十百千万亿零")
    return Number(next(iter(values)), unit if unit else "", True) if len(values) == 1 else None


class _Reading:
    """One question read over one table, or two that are joined."""

    def __init__(
        self, question: str, tables: tuple[DataTable, ...], on: tuple[int, int] | None, texts_within: TextsWithin
    ) -> None:
        self.original = question
        self.text = folded(question)
        self.tables = tables
        self.on = on
        self.texts_within = texts_within
        self.taken = [False] * len(question)
        self.own = 0.0  # characters that the table's own words account for
        self.columns: list[Mention] = []
        self.values: list[Mention] = []
        self.conditions: list[Condition] = []

    def understood(self) -> Understood | None:
        comparisons = self._comparisons()
        top = self._take(words.TOP)
        counting = words.ROW_COUNT.search(self.text)  # unless there is a column of that name: "订单数"
        if counting is not None and not any(counting.group() in folded(column.name) for column in self._all_columns()):
            self.row_count = self._take(words.ROW_COUNT)
            noun = counting.group()[:2]
            _, runs = table_words(self.tables)
            if any(noun in name for name in (*runs, *(folded(column.name) for column in self._all_columns()))):
                self.own += len(noun)
        in_total = self._take(re.compile(r"总共|一共|共计|\bin total\b"))
        periods = self._spans()
        self._mentions()
        if not self._place(comparisons) or not self._date(periods) or not self._value_conditions():
            return None
        query = self._query(top, in_total)
        if query is None or self._left_over() or not self._all_used(query):
            return None
        if (
            words.WORTH.search(self.text)
            and query.aggregate != "count"
            and not any(map(self._is_money, query.measures))
        ):
            return None  # the value of what is in stock is no number of pieces
        if not self.own:
            return None
        if self.on is not None and not self._uses_both(query):
            return None
        return Understood(replace(query, conditions=tuple(dict.fromkeys(self.conditions))), self.own)

    # What the question says
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
                    found.append((match, operator))
                    self._mark(match.start(), match.end())
        return sorted(found, key=lambda pair: pair[0].start())

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

    def _mentions(self) -> None:
        values = value_mentions(self.text, self.original, self.tables, self.texts_within)
        columns = column_mentions(self.text, self.tables)
        ranked = sorted([*values, *columns], key=lambda one: (-(one.end - one.start), -one.weight, not one.values))
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
        self.columns = [one for one in chosen if not one.values]
        self.values = [one for one in chosen if one.values]

    def _is_asked_for(self, mention: Mention) -> bool:
        before = self.text[: mention.start]
        return bool(words.EACH_BEFORE.search(before) or words.ASKED_BEFORE.search(before))

    # Conditions
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
            if pattern.search(around) and (field := self._hinted(hint)) is not None:
                return None, field
        unit = one.unit.removeprefix("个") if (one := _amount(said)) is not None else ""
        if unit:
            named = [field for field in self._numeric() if self._counts_in(field, unit)]
            if len(named) == 1:
                return None, named[0]
            if named or unit not in (*CURRENCIES, "%", *words.COUNTERS):
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
        if own and words.UNIT_WORDS.get(unit, unit) == words.UNIT_WORDS.get(own.lower(), own.lower()):
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
        if len(others) > 1:
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
        if not lower and not upper and not span.months:
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
            spans = [span for span in date_spans(folded(self._column(field).name)) if span.months]
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

    measured_periods: tuple[Field, ...] = ()
    asks_most = False
    row_count: re.Match[str] | None = None
    counts = False

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

    def _yes_or_no(self) -> None:
        """A column of yes and no is a condition where it is named: "approved expenses", "not approved"."""
        for field in self._fields():
            column = self._column(field)
            no = tuple(text for text in column.texts if folded(text) in words.NO)
            if no and (found := self._take(re.compile(rf"\bun{re.escape(folded(column.name))}\b"))) is not None:
                self.conditions.append(Condition(field, "in", no))
                self.own += len(found.group())
        for mention in list(self.columns):
            if len(mention.fields) != 1:
                continue
            column = self._column(mention.fields[0])
            texts = {folded(text) for text in column.texts}
            if not texts or not texts <= words.YES | words.NO or self._is_asked_for(mention):
                continue
            denied = re.search(r"(?:没有?|未|不|\bnot(?: yet)?(?: been)?|\bun)\s*$", self.text[: mention.start])
            if denied is not None:
                self._mark(denied.start(), denied.end())
            wanted = words.NO if denied is not None else words.YES
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
        if self.on is not None:  # both tables have the joined column
            on = {Field(self.on[0], 0), Field(self.on[1], 1)}
            if set(mention.fields) == on:
                return Field(self.on[0], 0)
        return None

    # The query
    def _query(self, top: re.Match[str] | None, in_total: re.Match[str] | None) -> TableQuery | None:
        superlative, descending, hint, limit = self._superlative(top)
        group, asked = self._groups()
        share, difference = self._take(words.SHARE), self._take(words.DIFFERENCE)
        if share is not None:
            self._take(words.OF_ALL)
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
        measures = self._measures(hint)
        if measures is None:
            return None
        if share is not None or difference is not None:
            if superlative or median is not None or (share is not None and difference is not None):
                return None
            of = self._part_of_all if share is not None else self._difference
            return of(measures, group, is_mean=mean is not None)
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
            return self._ranked(
                target,
                measures,
                descending,
                limit,
                mean is not None,
                total is not None,
            )
        if counted is not None and not measures and (own := self._counter_column(counted)) is not None:
            return self._of("sum", (own,), group)
        if counted is not None and not measures and (sold := self._sold(counted)) is not None:
            return self._of("sum", (sold,), group)
        if counted is not None and not measures:
            noun = self._counted_field(counted)
            if noun is not None and group != noun and self._column(noun).distinct < self.tables[noun.table].rows:
                return self._of("distinct", (noun,), group)
            return self._of("count", (), group) if self._counts_rows(counted) else None
        if counted is not None and measures and not self._is_counted(counted, measures):
            return None
        if mean is not None:
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
            return self._of("count", (), group) if self._is_row_noun_last() and group is None else None
        if group is not None and not measures:  # "tickets per month": the rows of each are counted
            is_counted = mean is None and (spread is not None or self._is_counting())
            return self._of("count", (), group) if is_counted else None
        asks = how_much is not None or not re.search(r"[a-z]", self.text)  # in Chinese its name alone asks for a sum
        if measures and asks and self.conditions and all(map(self._adds_up, measures)) and self._is_of_many():
            return self._of("sum", measures, group)
        if measures or mean is not None or total is not None or counted is not None:
            return None
        return self._listed(asked, measures, is_listed=listed is not None, is_who=who is not None)

    def _listed(
        self, asked: Field | None, measures: tuple[Field, ...], *, is_listed: bool, is_who: bool
    ) -> TableQuery | None:
        """The rows themselves: "orders over 500", 列出华东已取消的订单."""
        is_compared = any(
            condition.operator not in ("in", "not in") and self._column(condition.field).kind == "number"
            for condition in self.conditions
        )
        names_rows = self._is_counting() and (is_listed or not words.HOW_MUCH.search(self.text))
        if not self.conditions or not (is_compared or names_rows):
            return None
        held = {replace(condition.field, part="") for condition in self.conditions}
        other = self._other_text((*measures, *held))
        label = asked or other or (self._name_field() if is_who else None) or self._label_field()
        own = [replace(condition.field, part="") for condition in self.conditions]
        shown = dict.fromkeys([*([label] if label else []), *own, *measures])
        if not is_compared:
            shown |= dict.fromkeys(field for field in self._fields() if field.table == 0)
        return TableQuery(self.tables, "rows", (), (), None, None, None, tuple(shown)[:_MOST_SHOWN], self.on)

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

    def _difference(self, measures: tuple[Field, ...], group: Field | None, *, is_mean: bool) -> TableQuery | None:
        """How far two values of one column are apart in a sum, a mean or a number of rows."""
        measures = measures or self._money_said()
        two = [one for one in self.conditions if one.operator == "in" and len(one.values) == 2]
        if group is not None or len(two) != 1 or (is_mean and not measures):
            return None
        if (not is_mean and not all(map(self._adds_up, measures))) or (not measures and self._speaks_of_money()):
            return None
        inner: Literal["count", "sum", "mean"] = "mean" if is_mean else "sum" if measures else "count"
        part = tuple(replace(two[0], values=(value,)) for value in two[0].values)
        return TableQuery(self.tables, "difference", measures, joined_on=self.on, part=part, inner=inner)

    def _money_said(self) -> tuple[Field, ...]:
        spent = self._added_noun()
        return () if spent is None else (spent,)

    def _speaks_of_money(self) -> bool:
        """Whether more than rows is meant, though no column of it is named: 水电费用占总费用的比例."""
        return any(pattern.search(self.text) for pattern, _ in words.ADDED_NOUNS)

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
        return next((self._hinted(hint) for pattern, hint in words.ADDED_NOUNS if pattern.search(rest)), None)

    def _is_each_row(self, field: Field) -> bool:
        """Whether a column has another value in each row."""
        return not field.part and self._column(field).distinct == self.tables[field.table].rows

    def _is_of_many(self) -> bool:
        """Whether the conditions leave more than one row: none of them is on a column of different values."""
        return bool(self.measured_periods) or not any(
            condition.operator == "in" and self._is_each_row(replace(condition.field, part=""))
            for condition in self.conditions
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
                group = fields[0]
                self._mark(each.start(), each.end())
                if later is not None:
                    self._mark(mention.end, mention.end + later.end())
            elif mention.end and which is not None and fields and asked is None and not self._is_number_asked(mention):
                asked = fields[0]
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
        numeric = list(dict.fromkeys(numeric))
        if len(numeric) > 1:
            return None
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
            field = self._hinted(hint) if hint != "date" else None
            if field is None and hint in ("date", "age"):  # the oldest building has no age, but a year
                field = self._first_date()
            return None if field is None else (field,)
        return tuple(numeric)

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
        label = target or self._label_field()
        shown = dict.fromkeys([*([label] if label is not None else []), *measures])
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
        rest = self._rest()
        stems, _ = table_words(self.tables)
        nouns = [word for word in re.findall(r"[a-z]+", rest) if is_content(stem(word))]
        han = "".join(filter(is_han, rest))
        return bool(nouns or words.ROW_NOUNS_ZH.search(han)) and all(
            stem(word) in _ROW_NOUNS or stem(word) in stems or word in words.FILLER_WORDS for word in nouns
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

    def _sold(self, counted: re.Match[str]) -> Field | None:
        """The column of pieces where it is asked how many of a thing were sold, not how many orders there were."""
        said = counted.group()
        is_of_rows = said[-1:] not in words.PIECES if is_chinese(said) else self._is_counting()
        return None if is_of_rows or words.SOLD.search(self.text) is None else self._hinted("quantity")

    def _counts_rows(self, counted: re.Match[str]) -> bool:
        """Whether what is counted are rows: "how many days" over rows that are no days is something else."""
        said = re.match(r"\s*(?:of |the |different |more |such )*([a-z]+)", self.text[counted.end() :])
        if said is None or self.conditions or self._is_counting():
            return True
        noun = stem(said[1])
        title, _ = table_words([replace(table, caption="") for table in self.tables])
        own = {stem(word) for column in self._all_columns() for word in re.findall(r"[a-z]+", folded(column.name))}
        return noun in title | own | _ROW_NOUNS

    def _counter_column(self, counted: re.Match[str]) -> Field | None:
        """The column that counts in the question's own counter: "多少件" where there is a column 件数."""
        counter = counted.group()[-1:]
        if not is_han(counter) or counter in "个种数量少":
            return None
        fits = [field for field in self._numeric() if self._column(field).name.startswith(f"{counter}数")]
        return fits[0] if len(fits) == 1 else None

    def _is_counted(self, counted: re.Match[str], measures: tuple[Field, ...]) -> bool:
        """Whether the measure is what "how many" asks for: it stands beside it."""
        if self.measured_periods:
            return True
        for mention in self.columns:
            if set(mention.fields) & set(measures):
                gap = (
                    self.text[counted.end() : mention.start]
                    if mention.start >= counted.end()
                    else self.text[mention.end : counted.start()]
                )
                return len(gap.strip()) <= 4
        return False

    def _is_row_noun_last(self) -> bool:
        return self._is_counting()

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
                return fields[0]
        return None

    def _name_field(self) -> Field | None:
        """The column of persons' names."""
        for field in self._fields():
            column = self._column(field)
            if column.kind == "text" and re.search(
                r"姓名|名字|员工|人员|学生|销售员|业务员|负责人|客户|顾客|\b(?:name|employee|student|salesperson|rep"
                r"|person|player|member|guest|customer|client|agent|author|user|owner|manager)\b",
                folded(column.name),
            ):
                return field
        return None

    def _label_field(self) -> Field | None:
        """The column that says best which row it is: the first whose texts differ, else the first of texts."""
        texts = [field for field in self._fields() if self._column(field).kind == "text" and field.table == 0]
        unique = [field for field in texts if self._is_each_row(field)]
        names = [field for field in unique if not self._is_code(field)]
        return next(iter(names or unique or texts), None)

    def _is_code(self, field: Field) -> bool:
        """Whether a column's texts are codes, most with digits: "SO-1001"."""
        texts = self._column(field).texts
        return sum(any(map(str.isdecimal, text)) for text in texts) * 2 >= len(texts)

    def _hinted(self, hint: str) -> Field | None:
        """The number column that a word like "expensive" means."""
        for name in words.HINTED.get(hint, (hint,)):
            row = words.SYNONYMS.get(name, name).split("|")
            for field in self._numeric():
                plain = folded(self._column(field).name)
                if any(
                    plain == one or (one in plain if is_han(one[0]) else stem(one) in map(stem, plain.split()))
                    for one in row
                ):
                    self.own += len(hint)
                    return field
        return None

    def _first_date(self) -> Field | None:
        fields = self._fields()
        return next((field for kind in ("date", "year") for field in fields if self._column(field).kind == kind), None)

    # What is left
    def _all_used(self, query: TableQuery) -> bool:
        """Whether each column that is named has its part in the query; one beside its own value has it there."""
        used = {replace(field, part="") for field in (*query.measures, *query.shown)}
        used |= {replace(condition.field, part="") for condition in (*self.conditions, *query.part)}
        used |= {replace(query.group, part="")} if query.group is not None else set()
        return all(
            set(mention.fields) & used or any(map(self._is_each_row, mention.fields)) or self._names_rows(mention)
            for mention in self.columns
            if mention.fields
        )

    def _names_rows(self, mention: Mention) -> bool:
        """Whether a column's name only says what the rows are: "orders", "employees"."""
        said = self.text[mention.start : mention.end]
        stems, runs = table_words(self.tables)
        is_row_noun = stem(said) in _ROW_NOUNS or words.ROW_NOUNS_ZH.fullmatch(said) is not None
        return is_row_noun or (mention.weight < 1 and (stem(said) in stems or any(said in run for run in runs)))

    def _left_over(self) -> str:
        """The words that nothing accounts for."""
        rest = self._rest()
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
        left += [
            word
            for word in re.findall(r"[a-z0-9]+", rest)
            if word not in words.FILLER_WORDS
            and stem(word) not in {stem(filler) for filler in words.FILLER_WORDS}
            and is_content(stem(word))
            and stem(word) not in stems
            and stem(word) not in _ROW_NOUNS
            and not self._is_like_a_column(word)
        ]
        return " ".join(left)

    def _is_like_a_column(self, word: str) -> bool:
        """Whether a word is of the family of a column's name ("departed" of "Departure"), or its unit."""
        names = [part for column in self._all_columns() for part in re.findall(r"[a-z]+", folded(column.name))]
        units = [folded(column.unit) for column in self._all_columns() if column.unit]
        if word in ("time", "times", "long", "duration") and any(
            words.DURATION.search(one) for one in (*names, *units)
        ):
            return True
        is_akin = len(word) >= _AKIN and any(name[:_AKIN] == word[:_AKIN] for name in names)
        return is_akin or stem(word) in map(stem, units)

    def _rest(self) -> str:
        return "".join(" " if taken else character for character, taken in zip(self.text, self.taken, strict=True))

    def _uses_both(self, query: TableQuery) -> bool:
        fields = [*query.measures, *query.shown, *(condition.field for condition in self.conditions)]
        fields += [query.group] if query.group is not None else []
        return {field.table for field in fields} == {0, 1}

    # Small things
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
