from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator

import pytest

from minicpm_rag.library.ledger import instances, keywords
from minicpm_rag.text.terms import terms

WORDS = ["番茄", "温室", "浇水", "周一", "哈哈哈", "greenhouse", "tomatoes", "RX-7800", "C++", "3.14", "naïve", "der"]
ROWS = 300  # in two blocks, see `index`


def made_text(choose: random.Random) -> str:
    return "，".join(choose.choices(WORDS, [1 / rank for rank in range(1, len(WORDS) + 1)], k=choose.randint(0, 40)))


@pytest.fixture
def index() -> Iterator[sqlite3.Connection]:
    """Made rows, of which some were removed and some replaced by other texts."""
    connection = sqlite3.connect(":memory:")
    choose = random.Random(4)
    keywords.create(connection, "kb")
    first = instances._BLOCK - ROWS // 2
    for row in range(first, first + ROWS):
        keywords.add(connection, "kb", [(row, made_text(choose))])
    keywords.remove(connection, "kb", range(first, first + ROWS, 3))
    keywords.add(connection, "kb", [(row, made_text(choose)) for row in range(first, first + ROWS, 6)])
    yield connection
    connection.close()


def of_fts5(connection: sqlite3.Connection, wanted: list[str], limit: int, where: str = "") -> list[tuple[int, float]]:
    match = " OR ".join(f'"{term}"' for term in wanted)
    return connection.execute(
        f"SELECT rowid, -bm25(kb) AS score FROM kb WHERE kb MATCH ?{where} ORDER BY score DESC, rowid LIMIT ?",
        (match, limit),
    ).fetchall()


def ours(connection: sqlite3.Connection, wanted: list[str], limit: int, among: str = "") -> list[tuple[int, float]]:
    known = keywords.statistics(connection, "kb", wanted)
    weights = {term: known.fts5_weight(term) for term in wanted}
    return instances.best(connection, "kb", weights, known.terms_per_row, limit, among)


@pytest.mark.parametrize("limit", [3, 50, 1000])
@pytest.mark.parametrize(
    "question", ["温室的番茄", "哈哈哈 greenhouse", "rx7800 c++ 3.14", "naïve der 周一", "nowhere"]
)
def test_scores_are_those_of_fts5_to_the_last_bit(index: sqlite3.Connection, question: str, limit: int) -> None:
    wanted = list(dict.fromkeys(terms(question)))
    assert ours(index, wanted, limit) == of_fts5(index, wanted, limit)
    assert of_fts5(index, wanted, limit) or question == "nowhere"


def test_rows_named_by_a_query_are_scored_as_in_the_whole_index(index: sqlite3.Connection) -> None:
    index.execute("CREATE TABLE chosen AS SELECT id FROM kb_rows WHERE id % 2")
    wanted = terms("番茄 tomatoes")
    found = ours(index, wanted, 20, "SELECT id FROM chosen")
    assert found == of_fts5(index, wanted, 20, " AND rowid IN (SELECT id FROM chosen)")
    assert len(found) == 20


def test_lengths_of_an_older_index_are_those_that_were_noted(index: sqlite3.Connection) -> None:
    there = {row for (row,) in index.execute("SELECT id FROM kb_rows")}
    noted = index.execute("SELECT block, lengths FROM kb_lengths ORDER BY block").fetchall()
    instances.drop(index, "kb")
    instances.create(index, "kb")
    instances.note_all(index, "kb")
    again = index.execute("SELECT block, lengths FROM kb_lengths ORDER BY block").fetchall()
    assert len(noted) == len(again) == 2
    for (block, before), (_, now) in zip(noted, again, strict=True):
        places = [row % instances._BLOCK for row in there if row // instances._BLOCK == block]
        lengths = [memoryview(kept).cast("I") for kept in (before, now)]
        assert [lengths[0][place] for place in places] == [lengths[1][place] for place in places]


def test_an_index_that_is_dropped_leaves_no_table(index: sqlite3.Connection) -> None:
    keywords.drop(index, "kb")
    assert index.execute("SELECT name FROM sqlite_master").fetchall() == []
