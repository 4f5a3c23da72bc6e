"""Tables under a header of two rows, names that begin with a number, and words of who has not seen the table."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import asked_over

from minicpm_rag.answering import AnswerChain
from minicpm_rag.answering.tables.crossed import crossed

FILES = {
    "冰场.csv": (
        "服务,工作日,,双休日及假日,\n,大人,小孩,大人,小孩\n上午场入场券,45,30,70,50\n夜间场入场券,35,25,55,40\n冰鞋租赁,15,10,20,15\n"
    ),
    "皮艇.csv": "航段,淡季,,旺季,\n,大人,孩子,大人,孩子\n上游段,50,30,60,40\n中游段,40,25,55,35\n下游段,35,20,45,28\n",
    "canoes.csv": "Craft,Low season,,High season,\n,Adult,Child,Adult,Child\nKayak,12,7,18,10\nRaft,20,11,31,17\n",
    "水库.csv": (
        "清溪县水库11月水情\n站名,经办,11月来水量,30天雨量,水温（℃）\n石门,高原,340,12,9\n龙潭,白桦,610,25,13\n沙河,高原,95,8,7\n"
    ),
    "排练厅.csv": "排练厅,厅型,每周租金（元）,每次租金\n听雨,36㎡,900,150\n流云,80㎡,1600,260\n小满,24㎡,700,110\n",
    "moorings.csv": "Berth,Weekly fee (GBP),Nightly fee (GBP)\nQuay,96,18\nPontoon,70,13\n",
    "kilns.csv": "Kiln,Pots,Cracked,Temperature (°C)\nNorth,60,4,1180\nYard,45,0,1240\nBarn,80,9,1060\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("crossed"), FILES) as chain:
        yield chain


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("双休日小孩的夜间场入场券多少钱？", ("夜间场入场券", "40")),
        ("周末小孩夜间券多少钱？", ("夜间场入场券", "40")),
        ("旺季大人上游多少钱？", ("上游段", "60")),
        ("平时大人租冰鞋多少钱？", ("冰鞋租赁", "15")),
        ("假日儿童租冰鞋多少钱？", ("冰鞋租赁", "15")),
        ("How much is the raft for a child in the high season?", ("Raft", "17")),
        ("How much does an adult pay for a kayak in low season?", ("Kayak", "12")),
    ],
)
def test_a_column_is_named_by_both_rows_of_its_header(chain: AnswerChain, question: str, row: tuple[str, ...]) -> None:
    answer = chain.invoke(question)
    assert answer.mode == "computed", answer.text
    assert answer.computations[0].rows == (row,)


@pytest.mark.parametrize(
    ("question", "difference"),
    [
        ("大人上午场入场券双休日比工作日贵多少？", "25"),
        ("How much more is a kayak for adults in high season than in low season?", "6"),
    ],
)
def test_two_columns_of_a_row_are_subtracted_where_one_row_of_the_header_tells_them_apart(
    chain: AnswerChain, question: str, difference: str
) -> None:
    assert f"**{difference}" in chain.invoke(question).text


def test_a_row_is_quoted_under_both_rows_of_its_header(chain: AnswerChain) -> None:
    assert "工作日 小孩：30" in chain.invoke("上午场入场券什么价？").text


@pytest.mark.parametrize("question", ["小孩的夜间场入场券多少钱？", "大人和小孩双休日、工作日的冰鞋多少钱？"])
def test_no_column_is_taken_where_one_part_is_missing_or_all_are_named(question: str) -> None:
    names = list(enumerate(["工作日 大人", "工作日 小孩", "双休日 大人", "双休日 小孩"]))
    assert crossed(question, names) is None


def test_names_that_begin_with_a_number_name_columns(chain: AnswerChain) -> None:
    assert chain.invoke("哪个站11月来水量最多？").computations[0].rows == (("龙潭", "610"),)


def test_all_rows_of_who_is_named_are_listed(chain: AnswerChain) -> None:
    assert [row[0] for row in chain.invoke("高原经办哪几个站？").computations[0].rows] == ["石门", "沙河"]


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("水最凉的是哪个站？", "沙河"),
        ("哪个站水温最高？", "龙潭"),
        ("Which kiln is the hottest?", "Yard"),
        ("Which kiln gave the most cracked pots?", "Barn"),
    ],
)
def test_the_warmest_is_told_by_its_temperature(chain: AnswerChain, question: str, name: str) -> None:
    assert chain.invoke(question).computations[0].rows[0][0] == name


def test_how_many_became_so_is_the_column_of_those(chain: AnswerChain) -> None:
    assert "13" in chain.invoke("How many pots were cracked altogether?").text.split("\n")[0]


def test_the_largest_is_told_by_a_column_whose_cells_are_areas(chain: AnswerChain) -> None:
    assert chain.invoke("哪个排练厅最大？").computations[0].rows == (("流云", "80 m²"),)


@pytest.mark.parametrize(
    ("question", "difference"),
    [
        ("How much more does Quay cost a week than Pontoon?", "26"),
        ("流云每周租金比听雨贵多少？", "700"),
    ],
)
def test_a_week_is_a_part_of_the_name_of_a_weekly_fee(chain: AnswerChain, question: str, difference: str) -> None:
    assert f"**{difference}" in chain.invoke(question).text
