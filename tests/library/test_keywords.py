from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator

import pytest

from minicpm_rag.errors import LibraryError
from minicpm_rag.library.ledger import keywords
from minicpm_rag.text.terms import terms

ROWS = [
    (1, "乾隆皇帝喜歡收藏書畫，型號 RX-7800 的相機除外。"),
    (2, "The RX 7900 costs 3.14 dollars; universities buy it."),
    (3, "北京大学位于北京市海淀区。"),
    (4, "The camera manual explains the shutter."),
]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    keywords.create(connection, "kb_1")
    keywords.add(connection, "kb_1", ROWS)
    yield connection
    connection.close()


def best(connection: sqlite3.Connection, question: str) -> int | None:
    found = keywords.search(connection, "kb_1", question, 5)
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    return found[0][0] if found else None


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("乾隆喜欢收藏什么？", 1),
        ("rx7800", 1),
        ("RX-7800", 1),
        ("which university?", 2),
        ("3.14", 2),
        ("北京大學在哪裡", 3),
        ("shutters", 4),
    ],
)
def test_a_question_finds_the_row_that_shares_its_words(
    connection: sqlite3.Connection, question: str, row: int
) -> None:
    assert best(connection, question) == row


@pytest.mark.parametrize("question", ["", "  ", "，。", '" OR *', "NEAR(", "xylophone", "kb_1:terms"])
def test_a_question_without_shared_words_finds_nothing(connection: sqlite3.Connection, question: str) -> None:
    assert keywords.search(connection, "kb_1", question, 5) == []


def test_a_question_of_asking_words_alone_is_searched_as_it_stands(connection: sqlite3.Connection) -> None:
    keywords.add(connection, "kb_1", [(9, "“你是谁”是一首歌。")])
    assert best(connection, "你是谁") == 9


def test_a_removed_row_leaves_nothing_behind(connection: sqlite3.Connection) -> None:
    everything = [row for row, _ in ROWS]
    keywords.remove(connection, "kb_1", [*everything, 77])
    assert keywords.search(connection, "kb_1", "乾隆 camera", 5) == []
    assert keywords.statistics(connection, "kb_1", ["乾", "camera"]) == keywords.Statistics(0, {}, 0)
    connection.execute("INSERT INTO kb_1(kb_1) VALUES ('integrity-check')")


def test_a_row_can_be_replaced(connection: sqlite3.Connection) -> None:
    keywords.remove(connection, "kb_1", [1])
    keywords.add(connection, "kb_1", [(1, "康熙")])
    assert best(connection, "康熙") == 1
    assert best(connection, "乾隆") is None


def test_indexes_of_two_knowledge_bases_do_not_mix(connection: sqlite3.Connection) -> None:
    keywords.create(connection, "kb_2")
    assert keywords.search(connection, "kb_2", "乾隆", 5) == []
    keywords.drop(connection, "kb_2")
    assert best(connection, "乾隆") == 1
    keywords.drop(connection, "kb_1")
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone() == (0,)


def test_a_table_name_cannot_carry_sql(connection: sqlite3.Connection) -> None:
    with pytest.raises(LibraryError, match="not a usable name"):
        keywords.search(connection, "kb_1; DROP TABLE kb_1", "乾隆", 5)


def test_statistics_count_rows_not_mentions(connection: sqlite3.Connection) -> None:
    keywords.add(connection, "kb_1", [(10, "camera camera camera")])
    statistics = keywords.statistics(connection, "kb_1", ["camera", "nowhere"])
    assert statistics.rows == 5
    assert statistics.frequencies == {"camera": 2}
    assert statistics.weight("nowhere") > statistics.weight("camera") > 0


def test_frequent_terms_are_left_out_of_a_costly_question(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords.add(connection, "kb_1", [(100 + number, "the camera") for number in range(50)])
    keywords.add(connection, "kb_1", [(500, "the zebra camera")])
    monkeypatch.setattr(keywords, "ROWS_TOUCHED", 10)
    assert [row for row, _ in keywords.search(connection, "kb_1", "the zebra camera", 100)] == [500]
    assert len(keywords.search(connection, "kb_1", "the camera", 5)) == 5


def test_terms_left_out_of_the_search_still_order_what_it_finds(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords.add(connection, "kb_1", [(100 + number, "the camera of a house") for number in range(50)])
    keywords.add(connection, "kb_1", [(number, "zebra house of glass") for number in range(500, 503)])
    keywords.add(connection, "kb_1", [(503, "zebra camera of glass")])
    everything = keywords.search(connection, "kb_1", "zebra camera", 3)
    monkeypatch.setattr(keywords, "ROWS_TOUCHED", 10)
    pruned = keywords.search(connection, "kb_1", "zebra camera", 3)
    assert [row for row, _ in pruned] == [row for row, _ in everything] == [503, 500, 501]
    assert [score for _, score in pruned] == pytest.approx([score for _, score in everything], rel=0.1)


def test_a_question_longer_than_a_page_is_searched(connection: sqlite3.Connection) -> None:
    assert best(connection, "北京大学位于海淀区。" + "甲乙丙丁戊己庚辛壬癸 other words " * 300) == 3


def test_work_belongs_to_the_callers_transaction(connection: sqlite3.Connection) -> None:
    connection.commit()
    keywords.add(connection, "kb_1", [(20, "rollback")])
    connection.rollback()
    assert keywords.search(connection, "kb_1", "rollback", 5) == []
    assert keywords.statistics(connection, "kb_1", []).rows == len(ROWS)


def test_an_index_that_is_filled_at_once_is_the_one_that_grew(connection: sqlite3.Connection) -> None:
    keywords.fill(connection, "kb_2", ROWS)
    for question in ("乾隆", "camera", "北京大學在哪裡"):
        assert keywords.search(connection, "kb_2", question, 5) == keywords.search(connection, "kb_1", question, 5)
    terms = ["camera", "乾隆", "北京"]
    assert keywords.statistics(connection, "kb_2", terms) == keywords.statistics(connection, "kb_1", terms)


def test_a_term_inside_another_is_not_counted_for_it(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    keywords.add(connection, "kb_1", [(5, "cam cameras cam"), (6, "camera camera camera")])
    monkeypatch.setattr(keywords, "ROWS_TOUCHED", 1)  # so that rows are scored here
    found = dict(keywords.search(connection, "kb_1", "cam camera", 5))
    assert found[5] > found.get(6, 0.0)
    one = dict(keywords.search(connection, "kb_1", "cam", 5))
    assert set(one) == {5}


RUNS = [
    (1, "温室里的番茄每周浇水两次，番茄番茄。"),
    (2, "哈哈哈，笑声传遍了 RX-7800 的展台。哈！"),
    (3, "The greenhouse waters its tomatoes on Mondays."),
    (4, "每周一浇水：Greenhouse 温室 B2"),
    (5, ""),
]


@pytest.fixture
def of_before(connection: sqlite3.Connection) -> sqlite3.Connection:
    """An index as a program before schema 14 stored it: each row keeps its terms."""
    keywords.fill(connection, "kb_2", RUNS)
    connection.executemany(
        "UPDATE kb_2_rows SET terms = ? WHERE id = ?",
        [(zlib.compress(" ".join(terms(text)).encode(), 1), row) for row, text in RUNS],
    )
    return connection


@pytest.mark.parametrize("question", ["温室的番茄", "哈哈哈", "哈哈", "greenhouse 浇水", "rx7800", "tomatoes"])
def test_rows_score_as_they_did_when_they_kept_their_terms(
    of_before: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, question: str
) -> None:
    monkeypatch.setattr(keywords, "ROWS_TOUCHED", 1)  # so that rows are scored here
    keywords.fill(of_before, "kb_3", RUNS)
    stored = [dict(of_before.execute(f"SELECT id, terms FROM {name}_rows")) for name in ("kb_2", "kb_3")]
    assert stored[0] != stored[1]
    before, now = (keywords.search(of_before, name, question, 5) for name in ("kb_2", "kb_3"))
    assert now
    assert [row for row, _ in now] == [row for row, _ in before]
    assert [score for _, score in now] == pytest.approx([score for _, score in before])


@pytest.mark.parametrize("name", ["kb_2", "kb_3"])
def test_rows_of_before_and_new_ones_are_removed_wholly(of_before: sqlite3.Connection, name: str) -> None:
    keywords.fill(of_before, "kb_3", RUNS)
    keywords.remove(of_before, name, [row for row, _ in RUNS])
    assert keywords.statistics(of_before, name, terms("温室 哈哈 greenhouse")) == keywords.Statistics(0, {}, 0.0)
    of_before.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")
    of_before.execute(f"CREATE VIRTUAL TABLE {name}_vocabulary USING fts5vocab({name}, 'row')")
    assert of_before.execute(f"SELECT term FROM {name}_vocabulary").fetchall() == []
