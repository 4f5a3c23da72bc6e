"""How many there are: rows, different values, persons, or a column that counts already."""

from __future__ import annotations

import re
from dataclasses import replace

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.measuring import Measuring
from minicpm_rag.answering.tables.mentions import folded, stem, table_words
from minicpm_rag.answering.tables.names import unit_called, unit_of_time
from minicpm_rag.answering.tables.question_words import ROW_NOUNS
from minicpm_rag.library.ledger.table_queries import Aggregate, Field, TableQuery
from minicpm_rag.text.cells import unit_scale
from minicpm_rag.text.questions import is_content
from minicpm_rag.text.scripts import is_chinese, is_han

_ROWS_ONLY = frozenset(map(stem, words.ROWS_ONLY))

_SELLING = frozenset(map(stem, ("sell", "sells", "sold")))


def _is_sale(one: str, other: str) -> bool:
    """Whether both words say that a thing was sold: "sell", "sold"."""
    return one in _SELLING and other in _SELLING


class Counting(Measuring):
    """What "how many" counts."""

    def _count(self, counted: re.Match[str], group: Field | None) -> TableQuery | None:
        """How many there are of what is asked for: a column that tells is added up, else names or rows are counted."""
        added = self._counter_column(counted) or self._counted_in(counted) or self._counted_as_done(counted)
        if added is None and counted.group()[-1:] in words.PACKS:
            added = self.hinted("quantity") or self.hinted("stock")
            return None if added is None else self._of("sum", (added,), group)
        added = added or self._sold(counted)
        if added is not None:
            return self._of("sum", (added,), group)
        noun = self._counted_field(counted) or self._counted_persons(counted)
        if noun is not None and group != noun and self._column(noun).distinct < self.tables[noun.table].rows:
            return self._of("distinct", (noun,), group)
        if any(len(one.values) == 1 and self._names_one_row(one) for one in self.conditions):
            return None  # that there is one row of a thing says nothing of how many it has
        return self._of("count", (), group) if self._counts_rows(counted) else None

    def _of(self, aggregate: Aggregate, measures: tuple[Field, ...], group: Field | None) -> TableQuery:
        return TableQuery(self.tables, aggregate, measures, group=group, joined_on=self.on)

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
        if not self._asks_for_persons(counted):
            return None
        texts = [field for field in self._fields() if self._column(field).kind == "text"]
        if any(self._column(field).distinct == self.tables[field.table].rows for field in texts):
            return None
        return self._name_field()

    def _asks_for_persons(self, counted: re.Match[str]) -> bool:
        said = words.PERSONS.search(counted.group()) or words.PERSONS_EN.match(self.text, counted.end())
        return said is not None

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

    def _counted_as_done(self, counted: re.Match[str]) -> Field | None:
        """The column that is called by a thing and what was done with it: "tickets were sold" of "Tickets sold"."""
        said = [(stem(word.group()), word) for word in re.finditer(r"[a-z]+", self.text[counted.end() :])]
        fits = []
        for field in self._numeric():
            name = [stem(word) for word in re.findall(r"[a-z]+", folded(self._column(field).name))]
            things, done = name[:-1], "".join(name[-1:])
            later = [word for other, word in said[len(things) :] if other == done or _is_sale(other, done)]
            if things and later and [other for other, _ in said[: len(things)]] == things:
                fits.append((field, [word for _, word in said[: len(things)]] + later[:1]))
        if len(fits) != 1:
            return None
        field, found = fits[0]
        for word in found:
            self._mark(counted.end() + word.start(), counted.end() + word.end())
        self.own += sum(len(word.group()) for word in found)
        return field

    def _is_of_persons(self) -> bool:
        """Whether rows may be persons: a column or the table is called so."""
        names = [column.name for column in self._all_columns() if column.kind == "text"]
        names += [f"{table.title} {table.label} {table.caption}" for table in self.tables]
        return self._name_field() is not None or any(words.OF_PERSONS.search(folded(name)) for name in names)

    def _counts_rows(self, counted: re.Match[str]) -> bool:
        """Whether what is counted are rows: "how many days" over rows that are no days is something else."""
        if self._asks_for_persons(counted) and not self._is_of_persons():
            return False
        said = re.match(r"\s*(?:of |the |different |more |such )*([a-z]+)", self.text[counted.end() :])
        if said is None or self.conditions:
            return True
        noun = stem(said[1])
        own = {stem(word) for column in self._all_columns() for word in re.findall(r"[a-z]+", folded(column.name))}
        if (unit := unit_of_time(said[1])) and noun not in own:
            return unit == "day" and any(column.kind == "date" for column in self._all_columns())
        if self._is_counting():
            return True
        title, _ = table_words([replace(table, caption="") for table in self.tables])
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
        named = (rf"{counter}[数次]", rf".*{counter}[数次]")  # 件数, 场次
        thing = words.THING_COUNTED.match(self.text, counted.end())
        for fits in (
            *([one for one in self._numeric() if re.match(name, self._column(one).name)] for name in named),
            [one for one in self._numeric() if self._is_counted_by(one, counter, thing.group() if thing else "")],
        ):
            if len(fits) == 1:
                self.own += 1
                return fits[0]
        return None

    def _is_counted_by(self, field: Field, counter: str, thing: str) -> bool:
        """Whether a column counts in that counter what is asked for: 几辆车 over 车队（辆）, 几艘船 over 船舶数."""
        column = self._column(field)
        name = folded(column.name)
        is_number_of = not column.unit and re.search(r"[一-鿿]数量?\s*$", name) is not None
        return (column.unit == counter or is_number_of) and bool(set(thing) & set(name.removesuffix("量")) - {"数"})

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
        if self.measured_periods or self.says_what_became or self._counted_as_done(counted) in measures:
            return True
        unit = words.UNIT_BESIDE.match(self.text, counted.end())
        asked = unit_of_time(unit["unit"]) if unit is not None else ""
        own = {unit_of_time(unit_scale(self._column(field).unit)[1].lower()) for field in measures} - {""}
        if asked and own and asked not in own:
            return False  # hours of training are not the days in which it is delivered
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
        units = {unit_called(self._column(field).unit) for field in measures}
        _, runs = table_words(self.tables)
        said = re.findall(r"[a-z]+", gap)
        return (
            any(unit_called(word) in units for word in said)
            and all(word in words.FILLER_WORDS or unit_called(word) in units for word in said)
            and all(any(run in name for name in runs) for run in re.findall(r"[一-鿿]+", gap))
        )
