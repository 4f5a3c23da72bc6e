"""Questions over tables of what each row has, counts or costs: months, counters, how many of a thing, what is free."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import KB, asked_over

from minicpm_rag.answering import AnswerChain, tables

FILES = {
    "湖区监测.csv": "月份,平均水温（℃）,最大浪高（cm）,大雾（天）\n1月,3.1,22,6\n2月,4.4,41,9\n3月,8.2,35,4\n",
    "Reservoir log.csv": "Month,Outflow (m3),Foggy days\nJanuary,4100,3\nFebruary,3650,8\nMarch,5200,5\n",
    "皮影演出.csv": "剧团,地点,场次,票价（元）\n东街班,文庙,6,20\n东街班,码头,5,20\n西街班,文庙,9,30\n",
    "剧团账目.csv": "科目,东街班,西街班\n道具,300,420\n车费,150,90\n",
    "花轿租用.csv": "档位,花轿（顶）,马匹（匹）,租金（元）\n简礼,1,2,900\n全礼,2,6,2600\n",
    "夜校选课.csv": "课程,导师,学费（元）\n篆刻,邬先生,240\n手语,房女士,免费\n裱画,邬先生,310\n",
    "Tandem kayaks.csv": "Kayak,Seats,Rudders,Fee per day (EUR)\nTern,2,1,34\nGull,1,0,22\nHeron,2,2,41\n",
    "Evening talks.csv": "Talk,Speaker,Fee (EUR)\nPeat,Ivo Stern,6\nMoss,Ada Flint,free\nFern,Ivo Stern,8\n",
    "Dyes.csv": "Shade,Dye rate,Batch\nOchre,7,12\nUmber,,9\nSienna,4,15\n",
    "染料.csv": "色名,配比,批次\n赭石,7,12\n靛青,5,9\n",
    "Sheds.csv": "Shed,Day rate (EUR),Half day (EUR)\nNorth,80,50\nSouth,60,45\n",
    "渡口日志.csv": "日期,班次,渡船数,载客（人）\n2026-10-01,14,6,960\n2026-10-02,12,5,810\n2026-10-03,9,4,520\n",
    "水电.csv": "月份,用电（度）,用水（吨）\n1月,18200,410\n2月,16500,380\n3月,15100,395\n",
    "运费.csv": "目的地,首重1公斤（元）,续重每公斤（元）\n泉城,8,2\n雁荡,13,6\n雪山,22,15\n",
    "Staff.csv": "Name,Room,Since\nAda Voss,214,2018\nBen Okoro,108,2021\nDag Lunde,3,2023\n",
    "Exam.csv": "Pupil,Exam (%),Passed\nIris,82,yes\nTom,48,no\nUma,91,yes\n",
    "Season.csv": "Evening,Hall,Pieces,Tickets sold\n2026-03-14,Drill hall,9,142\n2026-05-23,Abbey,11,310\n",
    "客栈房型.csv": "房型,间数,可住人数\n溪景房,4,2\n家庭房,2,4\n",
    "Ringing log.csv": "Date,Nets,Birds ringed\n2026-09-12,6,140\n2026-09-13,4,75\n2026-09-14,7,190\n",
    "茶室收费.csv": "客人,上午（元）,下午（元）\n70岁以上老人,5,8\n12岁以下儿童,3,4\n其他客人,12,20\n",
    "Ferry fares.csv": "Passenger,Ferry (EUR)\nAdult,8\nChild (4-14),5.5\nDog,\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("counted"), FILES) as chain:
        yield chain


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("哪个月浪最大？", "**2月**（最大浪高：41 cm）"),
        ("二月的大雾比一月多几天？", "大雾相差 **3 天**（1月：6 天；2月：9 天）"),
        ("3月的平均水温比1月高多少？", "平均水温相差 **5.1 ℃**（1月：3.1 ℃；3月：8.2 ℃）"),
        ("How much higher was the outflow in March than in January?", "**1,100"),
        ("东街班一共演多少场？", "场次合计：**11**"),
        ("全礼有几匹马？", "马匹合计：**6 匹**"),
        ("How many kayaks have two seats?", "**2** rows fit"),
        ("What do two Terns and a Gull cost per day?", "**90 EUR**"),
        ("How much do 3 adults and one child pay for the ferry?", "**29.5 EUR**"),
        ("What do the North and the South cost together for a day?", "Total Day rate: **140 EUR**"),
        ("What do the North and the South cost together for half a day?", "Total Half day: **95 EUR**"),
        ("上半年一共用水多少吨？", "用水合计：**1,185 吨**"),
        ("平均每月用电多少度？", "用电平均值：**16,600 度**"),
        ("用电超过16000度的有哪几个月？", "| 2月 | 16,500 度 |"),
        ("哪里的首重最贵？", "**雪山**"),
        ("雁荡比泉城首重贵多少？", "5"),
        ("Who joined after 2020?", "Dag Lunde"),
        ("How many tickets were sold?", "Total Tickets sold: **452**"),
        ("How many tickets did they sell in the season?", "Total Tickets sold: **452**"),
        ("四个人住哪种房型？", "家庭房"),
        ("哪天班次最多？", "**2026-10-01**（班次：14）"),
        ("哪几天的载客超过800？", "| 2026-10-02 | 810 人 |"),
        ("平均每天多少班次？", "班次平均值：**11.6667**"),
        ("10月一共过了多少艘渡船？", "渡船数合计：**15**"),
        ("10月2日过了几艘渡船？", "日期为10月2日"),
        ("Which day had the most birds ringed?", "**2026-09-14** (Birds ringed: 190)"),
        ("How many nets were there on 13 September?", "Total Nets: **4**"),
        ("How many nets were there on September 13th?", "Date is 13 September"),
        ("How many nets were there on average each day?", "Average Nets: **5.6667**"),
        ("两份简礼和一份全礼一共多少钱？", "租金合计：**4,400 元**"),
        ("篆刻和裱画一共多少钱？", "学费合计：**550 元**"),
        ("简礼和全礼的租金加起来多少钱？", "租金合计：**3,500 元**"),
    ],
)
def test_what_is_counted_is_a_column_and_no_number_of_rows(chain: AnswerChain, question: str, said: str) -> None:
    answer = chain.invoke(question)
    assert (answer.mode, answer.text.startswith(said) or said in answer.text) == ("computed", True), answer.text


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("Which kayaks have two seats?", ["Tern", "Heron"]),
        ("哪门课不要钱？", ["手语"]),
        ("Which talks are free?", ["Moss"]),
    ],
)
def test_rows_are_told_by_how_many_they_have_and_by_what_is_free(
    chain: AnswerChain, question: str, named: list[str]
) -> None:
    answer = chain.invoke(question)
    assert answer.mode == "computed", answer.text
    assert [row[0] for row in answer.computations[0].rows] == named


@pytest.mark.parametrize("question", ["What do two adults and a dog pay for the ferry?", "两份简礼有几匹马？"])
def test_nothing_is_added_up_where_a_price_is_missing_and_no_count_is_passed_over(
    chain: AnswerChain, question: str
) -> None:
    answer = chain.invoke(question)
    assert "16" not in answer.text
    assert "**2 " not in answer.text


@pytest.mark.parametrize("question", ["简礼有几个轿夫？", "How many paddles does the Gull have?"])
def test_one_row_of_a_thing_is_no_answer_to_how_many_it_has(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode != "computed"


@pytest.mark.parametrize(
    ("question", "held", "not_held"),
    [
        ("邬先生教哪些课？", ["篆刻", "裱画"], ["手语"]),
        ("Which talks does Ivo Stern give?", ["Peat", "Fern"], ["Moss"]),
        ("二月的平均水温是多少？", ["4.4"], ["3.1", "8.2"]),
        ("What was the outflow in February?", ["3650"], ["4100", "5200"]),
    ],
)
def test_all_rows_that_are_named_alike_are_quoted_and_no_others(
    chain: AnswerChain, question: str, held: list[str], not_held: list[str]
) -> None:
    text = chain.invoke(question).text.replace(",", "")
    assert all(one in text for one in held), text
    assert not any(one in text for one in not_held), text


@pytest.mark.parametrize(
    ("question", "row"),
    [
        ("What is the dye rate of the Ochre?", ("Ochre", 7)),
        ("赭石的配比是多少？", ("赭石", 7)),
        ("70岁以上的老人上午多少钱？", ("70岁以上老人", 5)),
        ("12岁以下儿童下午多少钱？", ("12岁以下儿童", 4)),
        ("What is the dye rate of the Umber?", None),  # no number stands there
        ("What is the dye rate of the Ochre for guests?", None),
        ("赭石的色牢度是多少？", None),
    ],
)
def test_one_number_of_one_row_is_looked_up_where_every_word_is_of_the_table(
    chain: AnswerChain, question: str, row: tuple[str, float] | None
) -> None:
    assert chain.library is not None
    assert tables.compute(question, chain.library, KB) is None
    found = tables.compute(question, chain.library, KB, looks_up=True)
    assert (None if found is None else found.computed[0].result.rows[0]) == row


@pytest.mark.parametrize(
    "question",
    ["How many members are there in the season?", "How many people came in the season?", "渡口日志里有多少人？"],
)
def test_persons_are_not_counted_by_the_rows_of_other_things(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode != "computed"


@pytest.mark.parametrize(
    "question",
    [
        "What percentage is needed to pass the exam?",
        "Which kayak has the most cushions?",
        "Which talk has the most listeners?",
    ],
)
def test_nothing_is_ranked_by_another_column_than_the_one_that_is_asked_for(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode != "computed"
