"""Questions over tables as offices keep them: rosters, models, free entries, the time before, what is due next."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import asked_over

from minicpm_rag.answering import AnswerChain

FILES = {
    "门卫值班.csv": "姓名,岗亭,周一,周二,周六\n施南,北门,早,夜,休\n骆冰,南门,夜,休,早\n邵阳,北门,休,早,夜\n",
    "Wardens.csv": "Warden,Hut,Mon,Tue,Sat\nIda Moe,Upper,early,off,late\nTom Rye,Lower,off,late,early\n"
    "Una Fell,Upper,late,early,off\n",
    "电梯台账.csv": "编号,型号,启用日期,状态,运行小时,下次年检\nL-1,通力 E3,2019-04-01,在用,9120,2026-12-20\n"
    "L-2,通力 E3,2019-04-01,停用,10480,2026-12-08\nL-3,日立 HGP,2022-07-15,在用,6010,2027-03-02\n",
    "Pumps.csv": "Pump,Model,Bought,Hours,Next service\nP1,Grundle 40X,2017-03-01,8800,2026-12-18\n"
    "P2,Grundle 40X,2019-05-06,6400,2027-02-03\nP3,Tarno 7,2021-08-09,2100,2026-12-09\n",
    "公证收费.csv": "事项,公证费,副本费\n遗嘱公证申请,400,20\n委托书公证申请,120,20\n继承关系公证申请,260,30\n",
    "展览门票.csv": "场馆,门票（元）,开放天数\n市科技馆,45,300\n民俗馆,免费,280\n市自然馆,60,310\n",
    "Workshops.csv": "Workshop,Fee (EUR),Places\nKnots,free,20\nRope (beginners),18,12\nSails,35,10\n",
    "苗圃产量.csv": "苗木,本季出苗（株）,上季出苗（株）\n香樟,820,760\n银杏,410,530\n桂花,300,300\n",
    "Branch visits.csv": "Branch,Visits this year,Visits last year\nQuay,5200,4100\nMill,1900,2600\nTown,3000,3000\n",
    "Rides.csv": "Date,Pony,Length (km)\n2026-05-02,Moss,9\n2026-05-10,Moss,8\n2026-06-01,Flint,14\n",
    "Ski hire.csv": "Item,Adult (EUR),Child (EUR)\nSkis,28,16\nBoots,12,7\n",
    "渡轮.csv": "航线,单程票价(元),载客数\n东湾线,18,220\n西屿线,26,140\n北礁线,40,90\n",
    "舞蹈班.csv": "学员,老师,班级成绩,已缴(元),欠费(元)\n池欣,关老师,88,1200,0\n盛夏,关老师,94,800,400\n"
    "牧遥,焦老师,79,1000,200\n",
    "Berths.csv": "Skipper,Berth,Paid (EUR),Outstanding (EUR)\nNora Lind,B1,300,0\nOle Krag,B2,120,180\n"
    "Pia Voss,B3,0,300\n",
    "Donkeys.csv": "Name,Born,Next vet visit,Stall\nDusty,2012,2026-12-20,S1\nMolly,2008,2027-02-03,S2\n"
    "Percy,2019,2026-12-02,S3\n",
    "Boat hire.csv": 'Boat,Member (EUR),Guest (EUR),Note\n"Canoe, 2 h",14,20,\n"Rowing boat, 1 h",11,15,deposit\n'
    '"Raft, day",60,85,\n',
    "水箱.csv": "水箱,位置,容量（升）,造价\n甲箱,屋顶,900,3200\n乙箱,地下,2400,7100\n丙箱,屋顶,600,2500\n",
    "Invoices of the forge.csv": "Invoice,Customer,Invoice date,Amount (EUR)\nF-1,Reed,2026-05-03,90\n"
    "F-2,Alder,2026-05-20,120\nF-3,Reed,2026-06-02,75\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("kept"), FILES) as chain:
        yield chain


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("周六谁休息？", ["施南"]),
        ("周一谁上夜班？", ["骆冰"]),
        ("星期二谁上早班？", ["邵阳"]),
        ("Who is off on Tuesday?", ["Ida Moe"]),
        ("哪些苗木的出苗减少了？", ["银杏"]),
        ("哪种苗木的出苗增加了？", ["香樟"]),
        ("Which branches' visits went down?", ["Mill"]),
        ("Which branch has grown in visits?", ["Quay"]),
        ("谁还欠费？", ["盛夏", "牧遥"]),
        ("Who still owes money?", ["Ole Krag", "Pia Voss"]),
    ],
)
def test_the_rows_that_fit_are_listed_and_no_others(chain: AnswerChain, question: str, named: list[str]) -> None:
    answer = chain.invoke(question)
    assert answer.mode == "computed"
    rows = [line for line in answer.text.splitlines() if line.startswith("| ")][2:]
    assert len(rows) == len(named)
    assert all(any(name in row for row in rows) for name in named)


@pytest.mark.parametrize(
    ("question", "first_line"),
    [
        ("通力的电梯一共有几台？", "符合条件的有 **2** 行"),
        ("How many Grundle pumps do we have?", "**2** rows fit"),
        ("最近要年检的是哪部电梯？", "**L-2**（下次年检：2026-12-08）"),
        ("Which pump is due for its service first?", "**P3** (Next service: 2026-12-09)"),
        ("哪部电梯运行的小时最多？", "**L-2**（运行小时：10,480）"),
        ("遗嘱公证比委托书公证的公证费贵多少？", "公证费相差 **280**（遗嘱公证申请：400；委托书公证申请：120）"),
        ("自然馆的门票比科技馆贵多少？", "门票相差 **15 元**（市自然馆：60 元；市科技馆：45 元）"),
        ("哪个场馆的门票最便宜？", "**民俗馆**（门票：0 元）"),
        ("Which workshop is the cheapest?", "**Knots** (Fee: 0 EUR)"),
        (
            "How much more is sails than rope?",
            "Difference of Fee: **17 EUR** (Sails: 35 EUR; Rope (beginners): 18 EUR)",
        ),
        ("How much cheaper are skis for a child?", "Skis: a difference of **12 EUR** (Adult: 28 EUR; Child: 16 EUR)"),
        ("Which pony made the longest ride?", "**Flint** (Length: 14 km)"),
        ("How many kilometres did the rides cover in May?", "Total Length: **17 km** (2 rows)"),
        ("三条航线一共能载多少客？", "载客数合计：**450**（3 行）"),
        ("东湾线比北礁线多载多少客？", "载客数相差 **130**（东湾线：220；北礁线：90）"),
        ("关老师带几个学员？", "符合条件的有 **2** 行"),
        ("哪个老师带的学员最多？", "**关老师**（行数：2）"),
        ("班级成绩谁考得最好？", "**盛夏**（班级成绩：94）"),
        ("池欣比盛夏多缴了多少？", "已缴相差 **400 元**（池欣：1,200 元；盛夏：800 元）"),
        ("关老师的学员平均缴了多少？", "已缴平均值：**1,000 元**（2 行）"),
        ("Which is the oldest donkey?", "**Molly** (Born: 2008)"),
        (
            "How much cheaper is a canoe for members?",
            "Canoe, 2 h: a difference of **6 EUR** (Member: 14 EUR; Guest: 20 EUR)",
        ),
        ("三个水箱一共能装多少升？", "容量合计：**3,900 升**（3 行）"),
        ("所有水箱的造价加起来一共多少？", "造价合计：**12,800**（3 行）"),
        ("哪样的副本费最高？", "**继承关系公证申请**（副本费：30）"),
    ],
)
def test_a_number_is_computed(chain: AnswerChain, question: str, first_line: str) -> None:
    answer = chain.invoke(question)
    assert answer.text.split("\n")[0].split("[")[0].strip() == first_line


@pytest.mark.parametrize(
    "question",
    [
        "两条航线一共能载多少客？",  # there are three
        "How many invoices of the forge are due in May?",  # no column says when
        "周三谁休息？",  # the roster has no such day
        "银杏的出苗为什么减少了？",
        "谁负责催缴欠费？",
    ],
)
def test_nothing_is_computed_where_a_word_says_something_else(chain: AnswerChain, question: str) -> None:
    assert chain.invoke(question).mode != "computed"
