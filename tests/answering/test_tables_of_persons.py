"""Rooms for so many persons, prices for kinds of persons, and what all have together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy
import pytest
from library_parts import asked_over

from minicpm_rag.answering import AnswerChain
from minicpm_rag.answering.tables.abroad import in_its_words
from minicpm_rag.answering.tables.understanding import understand
from minicpm_rag.records import Column, DataTable

FILES = {
    "套间.csv": "房型,可住人数,每晚价格（元）\n听松,2,330\n揽月,4,570\n小筑,1,250\n临溪,2,470\n",
    "cabins.csv": "Cabin,Sleeps,Price per night (EUR)\nBirk,4,95\nFuru,2,65\nGran,6,150\n",
    "门票.csv": "票种,成人（元）,儿童（元）\n全日,66,33\n下午,44,22\n夜游,28,14\n",
    "boats.csv": "Cruise,Adult (GBP),Child (GBP)\nHarbour,19,8\nSkerries,31,16\n",
    "tunnels.csv": "Tunnel,Vehicles per hour,Length (m)\nEstbo,900,310\nVik,1200,450\n",
    "旅客.csv": "姓名,入住人数,房号\n丁宁,2,501\n钱越,1,502\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("persons"), FILES) as chain:
        yield chain


def rows(chain: AnswerChain, question: str) -> tuple[tuple[str, ...], ...]:
    answer = chain.invoke(question)
    assert answer.mode == "computed", answer.text
    return answer.computations[0].rows


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("能住两个人的房型有哪些？", ["听松", "揽月", "临溪"]),
        ("哪些房间能住两个人？", ["听松", "揽月", "临溪"]),
        ("能住3人以上的房间有哪些？", ["揽月"]),
        ("最便宜的能住两个人的房型是哪个？", ["听松"]),
        ("Which cabins sleep four?", ["Birk", "Gran"]),
        ("Which cabins sleep at least six people?", ["Gran"]),
        ("Which is the cheapest cabin that sleeps four?", ["Birk"]),
    ],
)
def test_what_has_room_for_more_has_room_for_fewer(chain: AnswerChain, question: str, names: list[str]) -> None:
    assert [row[0] for row in rows(chain, question)] == names


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("能住四个人的房型多少钱？", ("揽月", "4", "570 元")),
        ("How much is the cabin that sleeps six?", ("Gran", "6", "150 EUR")),
    ],
)
def test_the_price_that_is_asked_for_is_shown_beside_the_room(
    chain: AnswerChain, question: str, row: tuple[str, ...]
) -> None:
    assert rows(chain, question) == (row,)


def test_who_stays_is_no_room(chain: AnswerChain) -> None:
    assert chain.invoke("谁住了两个人？").mode != "computed"


@pytest.mark.parametrize(
    ("question", "found"),
    [
        ("儿童票多少钱？", [("全日", "33 元"), ("下午", "22 元"), ("夜游", "14 元")]),
        ("成人票多少钱", [("全日", "66 元"), ("下午", "44 元"), ("夜游", "28 元")]),
        ("How much is a child ticket?", [("Harbour", "8 GBP"), ("Skerries", "16 GBP")]),
        ("How much do children pay?", [("Harbour", "8 GBP"), ("Skerries", "16 GBP")]),
    ],
)
def test_what_a_kind_of_person_pays_is_told_for_each_row(
    chain: AnswerChain, question: str, found: list[tuple[str, ...]]
) -> None:
    assert list(rows(chain, question)) == found


@pytest.mark.parametrize("question", ["学生票多少钱？", "How much is a family ticket?", "下午的儿童票多少钱？"])
def test_another_persons_price_and_a_named_row_are_no_list(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode != "computed"


def test_a_persons_price_is_asked_of_a_table_in_the_other_language() -> None:
    def near(texts: Sequence[str], others: Sequence[str]) -> tuple[numpy.ndarray, numpy.ndarray]:
        scores = numpy.array([[0.1 if (one, other) == ("票", "Ticket") else 0.0 for other in others] for one in texts])
        return scores + 0.8, scores

    prices = [Column(name, "number", "EUR", distinct=3) for name in ("Adult", "Child", "Senior")]
    tickets = Column("Ticket", "text", distinct=3, texts=("Day", "Half day", "Evening"))
    table = DataTable(1, 1, "prices.csv", 1, "", "", (tickets, *prices), 3)
    for asked, column in (("儿童票多少钱？", "Child"), ("老人票多少钱？", "Senior"), ("成人票多少钱？", "Adult")):
        (one,) = understand(in_its_words(asked, table, near).question, [table], lambda *_: ())
        assert [table.columns[field.column].name for field in one.query.shown] == ["Ticket", column]


@pytest.mark.parametrize(
    ("question", "total"),
    [("How long are all tunnels together?", "760 m"), ("Length of all tunnels together", "760 m")],
)
def test_a_number_for_an_hour_is_no_time(chain: AnswerChain, question: str, total: str) -> None:
    assert f"**{total}**" in chain.invoke(question).text
