"""Keyword search: segmented text and BM25 over it, one table for each index.

SQLite finds rows with FTS5, PostgreSQL with a GIN index over the terms; both keep the terms of each row and how many
rows hold each term. Knows row numbers and text, not documents or embeddings.
"""

from __future__ import annotations

import itertools
import math
import re
import sqlite3
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import instances
from minicpm_rag.library.ledger.connection import Connection, is_sqlite
from minicpm_rag.text.terms import RUN, of_pieces, pieces, question_terms, stands_in_runs, terms

# Rows a question may touch in the index: frequent terms beyond it cost most and weigh least. They are left
# out of the search and count again when its best rows are scored.
ROWS_TOUCHED = 10_000
RESCORED = 200  # rows, at least
NEARLY_BEST = 2  # rows scored for each that is wanted, where PostgreSQL chooses them
_TOTAL = ""  # the frequency row that holds the number of all rows
_LENGTH = " "  # and the one that holds the number of all their terms
_VARIABLES = 500  # well under the 999 that old SQLite builds allow in one statement
_FILLED = 500  # rows taken at once while an index is filled
_TERMS = "string_to_array(terms, ' ')"
# After a term in PostgreSQL, which is there for the first, second, and third or later time in its row: the GIN index,
# which does not count, has these as terms of their own. Characters that no term has.
_NTH = ("", "\x02", "\x03")
_SCANS = "SELECT set_config('enable_seqscan', ?, true), set_config('enable_indexscan', ?, true)"
_LONGEST_KEY = 200  # characters of a term in PostgreSQL, whose index refuses keys of more than some 2,700 bytes


@dataclass(frozen=True)
class Statistics:
    """How many rows there are, and in how many of them each asked term occurs."""

    rows: int
    frequencies: dict[str, int]
    terms_per_row: float = 0.0

    def weight(self, term: str) -> float:
        """Inverse document frequency, as BM25 has it, never below zero.

        A term that is nowhere weighs as much as one that is somewhere once: else a library of a dozen
        documents would hold every unknown word against the question.
        """
        frequency = max(1, self.frequencies.get(term, 0))
        return math.log(1 + (self.rows - frequency + 0.5) / (frequency + 0.5))

    def fts5_weight(self, term: str) -> float:
        """The same as SQLite's FTS5 has it: hardly anything for a term that is in more than half of the rows."""
        frequency = self.frequencies.get(term, 0)
        return max(1e-6, math.log((self.rows - frequency + 0.5) / (frequency + 0.5)))


@contextmanager
def in_memory(texts: Iterable[str]) -> Iterator[Connection]:
    """A database of its own whose table "texts" holds the texts by their position, for a measurement."""
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, "texts")
        add(connection, "texts", enumerate(texts))
        yield connection


def create(connection: Connection, table: str) -> None:
    """Make the tables of one keyword index, unless they are there."""
    _create_tables(connection, _name(table))
    _create_terms_index(connection, _name(table))


def fill(connection: Connection, table: str, rows: Iterable[tuple[int, str]]) -> None:
    """Make one keyword index anew of all its rows: many times as quick as adding them to an empty one."""
    name = _name(table)
    drop(connection, table)
    _create_tables(connection, name)
    counts: Counter[str] = Counter()
    remaining = iter(rows)
    while group := list(itertools.islice(remaining, _FILLED)):
        counts.update(_add_rows(connection, name, group))
    _count(connection, name, counts, +1)
    _create_terms_index(connection, name)


def _create_tables(connection: Connection, name: str) -> None:
    connection.execute(
        f"CREATE TABLE IF NOT EXISTS {name}_frequency (term TEXT PRIMARY KEY, in_rows INTEGER NOT NULL) WITHOUT ROWID"
    )
    if not is_sqlite(connection):
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {name}_rows "
            "(id BIGINT PRIMARY KEY, length INTEGER NOT NULL, terms TEXT NOT NULL) "
            "WITH (toast_tuple_target = 128)"  # long terms lie apart: a search reads the lengths of thousands of rows
        )
        return
    # The tokenizer "ascii" takes every non-ASCII character for a letter, so only our own blanks separate terms.
    # A contentless table keeps no copy of the terms; ours is compressed (docs/decisions.md), and has runs of Han as
    # they stand. Rows of before schema 14 have their terms instead.
    connection.execute(
        f"CREATE VIRTUAL TABLE IF NOT EXISTS {name} USING fts5(terms, content='', tokenize=\"ascii tokenchars '_+#'\")"
    )
    connection.execute(f"CREATE TABLE IF NOT EXISTS {name}_rows (id INTEGER PRIMARY KEY, terms BLOB NOT NULL)")
    instances.create(connection, name)


def _create_terms_index(connection: Connection, name: str) -> None:
    if not is_sqlite(connection):
        connection.execute(f"CREATE INDEX IF NOT EXISTS {name}_terms ON {name}_rows USING gin ({_TERMS})")


def exists(connection: Connection, table: str) -> bool:
    """Whether there is a keyword index of that name."""
    if is_sqlite(connection):
        listed = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    else:
        listed = "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = ? || '_rows'"
    return connection.execute(listed, (table,)).fetchone() is not None


def drop(connection: Connection, table: str) -> None:
    """Remove a keyword index with all its rows.

    In the order in which a search reads the tables: in PostgreSQL each waits for the transactions that have read it,
    and in another order these would wait for the next one, a deadlock.
    """
    if is_sqlite(connection):
        instances.drop(connection, _name(table))
    for suffix in ("", "_frequency", "_rows"):
        connection.execute(f"DROP TABLE IF EXISTS {_name(table)}{suffix}")


def add(connection: Connection, table: str, rows: Iterable[tuple[int, str]]) -> None:
    """Index the text of new rows. A row number already there is refused by SQLite (IntegrityError)."""
    name = _name(table)
    _count(connection, name, _add_rows(connection, name, rows), +1)


def _add_rows(connection: Connection, name: str, rows: Iterable[tuple[int, str]]) -> Counter[str]:
    """Add rows without counting them in; returns what is to be counted."""
    cut = [(row, pieces(text)) for row, text in rows]
    segmented = [(row, _keys(connection, of_pieces(found))) for row, found in cut]
    if is_sqlite(connection):
        connection.executemany(
            f"INSERT INTO {name}_rows(id, terms) VALUES (?, ?)",
            ((row, zlib.compress(" ".join(found).encode(), 1)) for row, found in cut),
        )
        connection.executemany(
            f"INSERT INTO {name}(rowid, terms) VALUES (?, ?)", ((row, " ".join(found)) for row, found in segmented)
        )
        instances.note(connection, name, {row: len(found) for row, found in segmented})
    else:
        connection.executemany(
            f"INSERT INTO {name}_rows(id, length, terms) VALUES (?, ?, ?)",
            [(row, len(found), " ".join(_marked(found))) for row, found in segmented],
        )
    return _counted(found for _, found in segmented)


def remove(connection: Connection, table: str, rowids: Iterable[int]) -> None:
    """Forget rows; numbers that are not there are ignored."""
    name = _name(table)
    known = list(_terms_of(connection, name, list(rowids)))
    if is_sqlite(connection):
        # A contentless table must be told the very terms that were added.
        packed = [(row, " ".join(found)) for row, found in known]
        connection.executemany(f"INSERT INTO {name}({name}, rowid, terms) VALUES ('delete', ?, ?)", packed)
    connection.executemany(f"DELETE FROM {name}_rows WHERE id = ?", [(row,) for row, _ in known])
    _count(connection, name, _counted(found for _, found in known), -1)


def search(
    connection: Connection, table: str, question: str, limit: int, *, among: str = ""
) -> list[tuple[int, float]]:
    """Rows that share terms with the question, best first, with their BM25 score (higher is better).

    `among` is SQL that gives the rows to search, where these are too many for `scoped`.
    """
    name = _name(table)
    wanted = question_terms(question) or list(dict.fromkeys(terms(question)))
    known = statistics(connection, table, _keys(connection, wanted))
    chosen = _affordable(known)
    if not chosen:
        return []
    pruned = len(chosen) < len(known.frequencies)
    if not is_sqlite(connection):
        weight = known.weight if pruned else known.fts5_weight  # whose scores SQLite has for these
        rows = _nearly_best(connection, name, {term: weight(term) for term in chosen}, known, limit, among)
        return _rescored(connection, name, rows, known, weight)[:limit]
    weights = {term: known.fts5_weight(term) for term in chosen}
    found = instances.best(
        connection, name, weights, known.terms_per_row, max(limit, RESCORED) if pruned else limit, among
    )
    if pruned:
        found = _rescored(connection, name, [row for row, _ in found], known)
    return found[:limit]


@dataclass(frozen=True)
class Scoped:
    """The terms of some rows, searched as if the index held these rows only."""

    rows: dict[int, list[str]]

    def search(self, question: str, limit: int) -> list[tuple[int, float]]:
        """Those of the rows that share terms with the question, best first, with their BM25 score."""
        wanted = set(question_terms(question) or terms(question))
        known = self.statistics(list(wanted))
        weights = {term: known.weight(term) for term in known.frequencies}
        scored = [
            (row, _bm25(Counter(filter(weights.__contains__, found)), len(found), weights, known.terms_per_row))
            for row, found in self.rows.items()
            if wanted.intersection(found)
        ]
        return sorted(scored, key=lambda item: (-item[1], item[0]))[:limit]

    def statistics(self, wanted: Sequence[str]) -> Statistics:
        """Count the rows, and those that hold each of the terms."""
        asked = set(wanted)
        counts = Counter(term for found in self.rows.values() for term in asked.intersection(found))
        length = sum(map(len, self.rows.values()))
        return Statistics(len(self.rows), dict(counts), length / max(1, len(self.rows)))


def scoped(connection: Connection, table: str, rows: list[int]) -> Scoped:
    """The rows with their terms, to be searched apart from all others."""
    return Scoped(dict(_terms_of(connection, _name(table), rows)))


def statistics(connection: Connection, table: str, wanted: Sequence[str]) -> Statistics:
    """Count the rows of the index, and those that hold each of the terms."""
    counts: dict[str, int] = {}
    for group in _groups([_TOTAL, _LENGTH, *wanted]):
        query = f"SELECT term, in_rows FROM {_name(table)}_frequency WHERE term IN ({','.join('?' * len(group))})"
        counts.update(connection.execute(query, group))
    rows, length = counts.pop(_TOTAL, 0), counts.pop(_LENGTH, 0)
    return Statistics(rows=rows, frequencies=counts, terms_per_row=length / max(1, rows))


def _affordable(known: Statistics) -> list[str]:
    """The rarest terms that together touch few enough rows, at least one."""
    chosen: list[str] = []
    touched = 0
    for term, frequency in sorted(known.frequencies.items(), key=lambda item: item[1]):
        touched += frequency
        if chosen and touched > ROWS_TOUCHED:
            break
        chosen.append(term)
    return chosen


def _nearly_best(
    connection: Connection, name: str, weights: dict[str, float], known: Statistics, limit: int, among: str
) -> list[int]:
    """The rows that score best, as PostgreSQL can count it: as if no term were in a row more than three times."""
    if among:
        among = f" AND id IN ({among})"
    keys = [(term + mark, weight, nth) for term, weight in weights.items() for nth, mark in enumerate(_NTH, start=1)]
    norm = f"{instances.K1} * ({1 - instances.B} + {instances.B} * length / ?::float8)"
    # The planner takes splitting the terms of every row for cheap; it is seconds for some thousands of rows. The index
    # of terms is read by a bitmap: what is ruled out is to go through the table, in its own order or in its key's.
    connection.execute(_SCANS, ("off", "off"))
    found = connection.execute(
        "SELECT id FROM unnest(?::text[], ?::float8[], ?::float8[]) AS wanted(key, weight, nth) CROSS JOIN LATERAL "
        f"(SELECT id, {norm} AS norm FROM {name}_rows WHERE {_TERMS} @> ARRAY[key]{among}) AS found "
        "GROUP BY id ORDER BY sum(weight * (nth / (nth + norm) - (nth - 1) / (nth - 1 + norm))) DESC, id LIMIT ?",
        (*map(list, zip(*keys, strict=True)), max(1.0, known.terms_per_row), max(NEARLY_BEST * limit, RESCORED)),
    ).fetchall()
    connection.execute(_SCANS, ("on", "on"))
    return [row[0] for row in found]


def _rescored(
    connection: Connection,
    name: str,
    rows: list[int],
    known: Statistics,
    weight: Callable[[str], float] | None = None,
) -> list[tuple[int, float]]:
    """Score rows by all terms of the question, those left out of the search too."""
    weights = {term: (weight or known.weight)(term) for term in known.frequencies}
    counted = _Counted(weights)
    scores = [
        (row, _bm25(*counted.of(text), weights, known.terms_per_row)) for row, text in _texts_of(connection, name, rows)
    ]
    return sorted(scores, key=lambda item: (-item[1], item[0]))


class _Counted:
    """How often some terms stand in rows as these are kept: their terms or pieces, separated by blanks."""

    def __init__(self, wanted: Collection[str]) -> None:
        in_runs = [term for term in wanted if stands_in_runs(term)]
        twins = [term for term in in_runs if len(term) == 2 and term[0] == term[1]]
        words = [term for term in wanted if term not in in_runs]
        self._once = [term for term in in_runs if term not in twins]
        # A run of three times one character holds two such pairs, of which `str.count` would find one.
        self._twins = [(term, re.compile(f"{term[0]}(?={term[1]})")) for term in twins]
        self._word = _standing_alone(words) if words else None
        self._any = _standing_alone(wanted)

    def of(self, text: str) -> tuple[dict[str, int], int]:
        """The counts of those that the row holds, and the number of all its terms."""
        if RUN not in text:  # without Han, or stored before runs were kept as they stand
            return _tally(self._any.findall(f" {text} ")), text.count(" ") + 1
        counts = {term: count for term in self._once if (count := text.count(term))}
        for term, pattern in self._twins:
            if count := len(pattern.findall(text)):
                counts[term] = count
        if self._word is not None:
            counts.update(_tally(self._word.findall(f" {text} ")))
        # A run of three characters, which has a mark before it, has three terms and two pairs.
        return counts, sum(2 * len(piece) - 3 if piece[0] == RUN else 1 for piece in text.split(" "))


def _tally(terms: Iterable[str]) -> dict[str, int]:
    """A quarter of a `Counter`'s time, for the few terms of a row."""
    counts: dict[str, int] = {}
    for term in terms:
        counts[term] = counts.get(term, 0) + 1
    return counts


def _standing_alone(terms: Collection[str]) -> re.Pattern[str]:
    """A pattern of the terms between blanks."""
    # Less than half the time of cutting each row into its terms; the first letters rule most terms out at once.
    first = re.escape("".join({term[0] for term in terms}))
    longest_first = "|".join(map(re.escape, sorted(terms, key=len, reverse=True)))
    return re.compile(rf" (?=[{first}])({longest_first})(?= )")


def _bm25(counts: Mapping[str, int], length: int, weights: Mapping[str, float], terms_per_row: float) -> float:
    """The BM25 score of a row of so many terms, which holds each weighted term so many times."""
    norm = instances.K1 * (1 - instances.B + instances.B * length / max(1.0, terms_per_row))
    return sum(weights[term] * count * (instances.K1 + 1) / (count + norm) for term, count in counts.items())


def _terms_of(connection: Connection, name: str, rows: list[int]) -> Iterator[tuple[int, list[str]]]:
    return ((row, of_pieces(text.split())) for row, text in _texts_of(connection, name, rows))


def _texts_of(connection: Connection, name: str, rows: list[int]) -> Iterator[tuple[int, str]]:
    """Rows with their terms, or pieces that stand for them, separated by blanks."""
    for group in _groups(rows):
        query = f"SELECT id, terms FROM {name}_rows WHERE id IN ({','.join('?' * len(group))})"
        for row, stored in connection.execute(query, group):
            yield int(row), _unmarked(stored) if isinstance(stored, str) else zlib.decompress(stored).decode()


def _marked(found: Iterable[str]) -> Iterator[str]:
    times: dict[str, int] = {}
    for term in found:
        nth = times[term] = times.get(term, 0) + 1
        yield term + _NTH[min(nth, len(_NTH)) - 1]


def _unmarked(text: str) -> str:
    for mark in filter(None, _NTH):
        text = text.replace(mark, "")
    return text


def _counted(rows: Iterable[list[str]]) -> Counter[str]:
    """In how many rows each term is, and how many rows and terms there are."""
    counts: Counter[str] = Counter()
    for found in rows:
        counts.update(set(found))
        counts[_TOTAL] += 1
        counts[_LENGTH] += len(found)
    return counts


def _count(connection: Connection, name: str, counts: Mapping[str, int], step: int) -> None:
    changed = [(term, step * count) for term, count in sorted(counts.items())]
    added = f"ON CONFLICT(term) DO UPDATE SET in_rows = {name}_frequency.in_rows + excluded.in_rows"
    if is_sqlite(connection):
        connection.executemany(f"INSERT INTO {name}_frequency(term, in_rows) VALUES (?, ?) {added}", changed)
    elif changed:  # thousands of terms of one document in one statement
        connection.execute(
            f"INSERT INTO {name}_frequency(term, in_rows) SELECT * FROM unnest(?::text[], ?::bigint[]) {added}",
            [list(column) for column in zip(*changed, strict=True)],
        )
    if step < 0:
        connection.executemany(
            f"DELETE FROM {name}_frequency WHERE term = ? AND in_rows <= 0",
            ((term,) for term in counts if term not in {_TOTAL, _LENGTH}),
        )


def _keys(connection: Connection, found: list[str]) -> list[str]:
    """Terms as the index takes them: in PostgreSQL only the beginning of very long ones."""
    return found if is_sqlite(connection) else [term[:_LONGEST_KEY] for term in found]


def _groups(values: list[int] | list[str]) -> Iterable[list[int] | list[str]]:
    return (values[first : first + _VARIABLES] for first in range(0, len(values), _VARIABLES))


def _name(table: str) -> str:
    """SQLite has no placeholders for table names, so only plain words may pass."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", table):
        raise LibraryError("library.unusable_table", table=table)
    return table
