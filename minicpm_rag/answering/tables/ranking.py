"""Which row or group has the most or the least: "the three most expensive", 哪个区域销售额最高."""

from __future__ import annotations

import re
from dataclasses import replace

from minicpm_rag.answering.tables import vocabulary as words
from minicpm_rag.answering.tables.counting import Counting
from minicpm_rag.answering.tables.heard import Heard
from minicpm_rag.answering.tables.mentions import folded, stem, table_words
from minicpm_rag.answering.tables.question_words import ROW_NOUNS
from minicpm_rag.library.ledger.table_queries import Aggregate, Field, TableQuery

_LARGEST = re.compile(
    r"\b(?:largest|biggest|smallest) (?P<nouns>[a-z]+(?: [a-z]+)?)|最[大小]的(?:一[笔个单])?(?P<nouns_zh>[一-鿿]{1,2})"
)


class Ranking(Counting):
    """The highest and the lowest."""

    def _superlative(self, top: re.Match[str] | None) -> tuple[bool, bool, str, int]:
        """Whether the most or least is asked for, whether the most, which column may be meant, and how many rows."""
        limit, descending, hint, found = 1, True, "", False
        if top is not None:
            limit = words.count_of(top["n"] or top["n2"])
            descending = (top["front"] or top["word"]) in ("前", "top", "first")
            found = True
        for pattern, direction, meant in words.SUPERLATIVES:
            match = self._take(pattern)
            if match is None:
                continue
            found, descending, hint = True, direction, meant
            for extra in (
                words.NUMBERED_BEFORE.search(self.text[: match.start()]),
                words.NUMBERED_AFTER.match(self.text, match.end()),
            ):
                if extra is not None and not any(self.taken[extra.start() : extra.end()]):
                    limit = words.count_of(extra["n"])
                    self._mark(extra.start(), extra.end())
            several = words.NUMBERED_ROWS.search(self.text[: match.start()])
            if limit == 1 and several is not None and not any(self.taken[several.start("n") : several.end("n")]):
                limit = words.count_of(several["n"])
                self._mark(several.start("n"), several.end("n"))
            break
        return found, descending, hint, limit

    def _highest(self, heard: Heard, measures: tuple[Field, ...]) -> TableQuery | None:
        """The row or group that has the most or the least."""
        if heard.hint == "age" and measures and self._column(measures[0]).kind != "number":
            heard = replace(heard, descending=not heard.descending)  # the oldest is of the earliest year
        target = heard.asked or heard.group
        if target is None and heard.who is not None and (target := self._name_field()) is None:
            return None
        if target is None and heard.counted is None:
            target = self._other_text(measures)
        if heard.counted is not None and measures:
            return None
        if heard.hint == "size" and not measures and target is not None and self._is_largest_row(target):
            return self._largest_row(heard, target)
        if heard.hint in ("extent", "weight") and measures and heard.total is None and heard.mean is None:
            return self._row_ranked(heard, target, measures)  # the longest trip, not all trips of one
        return self._ranked(heard, target, measures)

    def _ranked(self, heard: Heard, target: Field | None, measures: tuple[Field, ...]) -> TableQuery | None:
        """Which is highest: a row where the column has each value once, else a group of rows."""
        is_mean, is_sum = heard.mean is not None, heard.total is not None
        if target is not None and (target.part or self._column(target).distinct < self.tables[target.table].rows):
            if not measures:
                if not self._is_counting() and not (self.conditions and words.MOST.search(self.text)):
                    return None
                return self._of_groups("count", heard, target)
            adds = all(map(self._adds_up, measures))
            if is_mean or is_sum or adds:
                aggregate: Aggregate = "mean" if is_mean else "sum"
                if self._column(measures[0]).kind != "number":
                    return None
                return self._of_groups(aggregate, heard, target, measures)
        if not measures:
            if not heard.hint and self._is_most_of_a_thing():
                return None
            numeric = self._numeric()
            money = [field for field in numeric if self._is_money(field)]
            if len(numeric) != 1 and len(money) != 1:
                return None
            measures = (numeric[0] if len(numeric) == 1 else money[0],)
        if (is_mean or is_sum) and (target is None or self._column(target).distinct < self.tables[target.table].rows):
            return None
        return self._row_ranked(heard, target, measures)

    def _is_most_of_a_thing(self) -> bool:
        """Whether a thing is named of which there is most, and no column is called so: "the most places" is no fee."""
        said = words.MOST_OF.search(self.text)
        stems, _ = table_words(self.tables)
        return said is not None and stem(said["noun"]) not in stems and stem(said["noun"]) not in ROW_NOUNS

    def _of_groups(
        self, aggregate: Aggregate, heard: Heard, group: Field, measures: tuple[Field, ...] = ()
    ) -> TableQuery:
        return replace(self._of(aggregate, measures, group), descending=heard.descending, limit=heard.limit)

    def _row_ranked(self, heard: Heard, target: Field | None, measures: tuple[Field, ...]) -> TableQuery:
        label = target or self._label_field()
        shown = dict.fromkeys([*([label] if label is not None else []), *self._name_beside(label), *measures])
        return replace(
            self._of("rows", measures, None), descending=heard.descending, limit=heard.limit, shown=tuple(shown)
        )

    def _is_largest_row(self, target: Field) -> bool:
        """Whether the largest is a row, and another column of it is asked for: who placed the largest order."""
        found = _LARGEST.search(self.text)
        if found is None:
            return False
        asked = set(map(stem, re.findall(r"\w+", folded(self._column(target).name))))
        nouns = (found["nouns"] or found["nouns_zh"]).split()
        is_row = any(stem(noun) in ROW_NOUNS or words.ROW_NOUNS_ZH.match(noun) is not None for noun in nouns)
        return is_row and asked.isdisjoint(map(stem, nouns))

    def _largest_row(self, heard: Heard, target: Field) -> TableQuery | None:
        measures = tuple(filter(self._is_money, self._numeric()))
        return self._row_ranked(heard, target, measures) if len(measures) == 1 else None

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
