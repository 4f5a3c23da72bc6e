"""Questions over tables in the words of people who have not seen them: persons, packs, numbered rows, rules."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from library_parts import asked_over

from minicpm_rag.answering import AnswerChain

FILES = {
    "夏令营分组.csv": "营组,辅导员,人数,宿舍\n海豚组,江楠,18,东一\n雪豹组,柯雨,21,东二\n云雀组,江楠,16,西一\n",
    "油坊库存.csv": "油种,产地,单价,库存瓶数,仓位\n山茶油,常山,128,340,甲仓\n核桃油,漾濞,96,520,乙仓\n"
    "橄榄油,陇南,88,210,甲仓\n",
    "油坊用具.csv": "品名,单价,库存\n油壶,35,900\n漏斗,12,260\n",
    "楼栋维修.csv": "日期,楼号,事项,金额,经手人\n2026-01-08,3号楼,换灯,420,蒋平\n2026-02-11,5号楼,补漏,1800,蒋平\n"
    "2026-03-02,3号楼,修门,650,龚丽\n",
    "Kiln log.csv": "Date,Piece,Kind,Potter,Minutes,Fired\n2026-04-02,Jug,stoneware,Ada Brook,95,yes\n"
    "2026-04-03,Bowl,stoneware,Finn Osei,70,no\n2026-04-09,Tile,porcelain,Ada Brook,60,yes\n",
    "Fleet of canoes.csv": "Canoe,Builder,Year,Value\nOtter,Wren & Sons,2014,1900\nPike,Marlow,2006,800\n"
    "Tern,Marlow,2021,2600\n",
    "Book purchases.csv": "Date,Title,Copies,Price (EUR)\n2026-01-04,Tidal Flats,12,9\n2026-02-10,Lanterns,30,14\n"
    "2026-03-21,Tidal Flats,8,9\n",
    "Seating.csv": "Table,Guests,Vegan\n1,8,2\n2,10,0\n3,6,4\n",
    "Hall costs.csv": "Job,Estimate,Actual,Done\nRoof,4000,4350,yes\nFloor,1500,1320,no\nPaint,600,640,yes\n",
    "药柜.csv": "药品,现存,最低存量,存放\n碘伏,3,5,上层\n纱布,40,20,上层\n退热贴,6,10,下层\n",
    "Trips.csv": "Date,Boat,Distance (km)\n2026-05-02,Merlin,14\n2026-05-09,Merlin,17\n2026-05-10,Swift,9\n",
    "铺位.csv": "铺位,租户,月租,到期日\n一号铺,江楠,900,2027-01-31\n二号铺,柯雨,1200,2027-06-30\n",
    "船屋价目.csv": "船屋,平日价(元/晚),周末价(元/晚)\n苇声,300,420\n鹭影,500,750\n",
    "Chalet rates.csv": "Chalet,Weekday rate,Weekend rate\nLarch,90,140\nRowan,70,105\n",
    "演出安排.csv": "日期,剧目,剧场\n2026-03-01,《茶馆》,人艺\n2026-03-05,《雷雨》,首都\n2026-03-09,《茶馆》,天桥\n",
    "Ferry fares.csv": "Ticket,Adult,Child (4-14)\nSingle,12,7\nReturn,21,12\nWeek,60,33\n",
    "Lighthouses.csv": "Lighthouse,Built,Height (m)\nGannet Rock,1832,31\nHollow Point,1958,24\nSkerry,1974,19\n",
    "温室.csv": "温室,作物,面积(平方米),租金\n一号温室,番茄,320,900\n二号温室,草莓,540,700\n",
    "Kettles.csv": "Model,Price (EUR),Volume (l)\nVela Pro,79,1.7\nVela Mini,45,0.8\nOrca Mini,52,1.0\n",
    "Jam orders.csv": "Order,Buyer,Amount (EUR),Date\nJ-1,Birch,120,2026-01-02\nJ-2,Elm,430,2026-01-05\n"
    "J-3,Birch,90,2026-02-02\n",
    "茶园.csv": "茶款,产地,单价\n云针,黟县,320\n露芽,建德,180\n",
    "茶具.csv": "品名,产地,单价\n盖碗,德化,260\n茶针,建德,30\n",
    "Bakery prices.csv": "Cake,Price,Weight (g)\nOpera,38,900\nSacher,31,1200\n",
}


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    with asked_over(tmp_path_factory.mktemp("plainly"), FILES) as chain:
        yield chain


@pytest.mark.parametrize(
    ("question", "first_line"),
    [
        ("夏令营一共有多少个孩子？", "人数合计：**55**"),
        ("甲仓一共有多少瓶油？", "库存瓶数合计：**550**"),
        ("哪种油最贵？", "**山茶油**（单价：128）"),
        ("最便宜的油是哪种？", "**橄榄油**（单价：88）"),
        ("哪种油库存最多？", "**核桃油**（库存瓶数：520）"),
        ("3号楼一共花了多少钱？", "金额合计：**1,070**"),
        ("蒋平经手的支出一共多少？", "金额合计：**2,220**"),
        ("Who fired the most pieces?", "**Ada Brook** (rows: 2)"),
        ("What is the average kiln time?", "Average Minutes: **75**"),
        ("Which pieces have not been fired?", "The result has 1 row:"),
        ("What is our oldest canoe?", "**Pike** (Year: 2006)"),
        ("What is our newest canoe?", "**Tern** (Year: 2021)"),
        ("How much are all the canoes worth together?", "Total Value: **5,300**"),
        ("How many books did we buy in total?", "Total Copies: **50**"),
        ("How many guests sit at table 3?", "Total Guests: **6**"),
        ("海豚组比云雀组多几个孩子？", "人数相差 **2**"),
        ("How many kilometres did the Merlin cover?", "Total Distance: **31 km**"),
        ("What is the most valuable canoe?", "**Tern** (Value: 2,600)"),
        ("How many times did Ada Brook fire a piece?", "**2** rows fit"),
        ("鹭影周末比平日贵多少？", "鹭影：相差 **250 元/晚**（周末价：750 元/晚；平日价：500 元/晚）"),
        (
            "How much more does a return ticket cost for adults than for children?",
            "Return: a difference of **9** (Adult: 21; Child (4-14): 12)",
        ),
        ("What is the difference between the price of the Vela Pro and the Mini?", "Difference of Price: **34 EUR**"),
        ("How much more expensive is the Vela Pro than the Mini?", "Difference of Price: **34 EUR**"),
        ("Which buyer placed the largest jam order?", "**Elm** (Amount: 430 EUR)"),
        ("How much more did Elm order than Birch?", "Difference of total Amount: **220 EUR**"),
        ("哪个温室最大？", "**二号温室**（面积：540 平方米）"),
        ("Which lighthouse was built first?", "**Gannet Rock** (Built: 1832)"),
        ("鹭影比苇声平日贵多少？", "平日价相差 **200 元/晚**"),
        ("周末鹭影比苇声贵多少？", "周末价相差 **330 元/晚**"),
        ("How much more expensive is Larch than Rowan at the weekend?", "Difference of Weekend rate: **35**"),
        ("How much more is an Opera than a Sacher?", "Difference of Price: **7**"),
    ],
)
def test_tables_answer_in_the_words_of_who_has_not_seen_them(
    chain: AnswerChain, question: str, first_line: str
) -> None:
    answer = chain.invoke({"question": question})
    assert answer.mode == "computed"
    assert answer.text.startswith(first_line)


@pytest.mark.parametrize(
    ("question", "shown", "said"),
    [
        ("Which jobs went over the estimate?", {"Roof", "Paint"}, "Actual over Estimate"),
        ("Which jobs stayed below the estimate?", {"Floor"}, "Actual below Estimate"),
        ("哪些药品低于最低存量？", {"碘伏", "退热贴"}, "现存小于 最低存量"),
    ],
)
def test_one_column_is_held_to_another(chain: AnswerChain, question: str, shown: set[str], said: str) -> None:
    answer = chain.invoke({"question": question})
    assert answer.mode == "computed"
    assert {row[0] for row in answer.computations[0].rows} == shown
    assert said in answer.text


def test_a_column_of_years_need_not_be_called_year(chain: AnswerChain) -> None:
    answer = chain.invoke({"question": "Which lighthouses were built after 1950?"})
    assert answer.mode == "computed"
    assert {row[0] for row in answer.computations[0].rows} == {"Hollow Point", "Skerry"}


@pytest.mark.parametrize("question", ["哪几个剧场演《茶馆》？", "《茶馆》在哪几个剧场演出？", "哪些剧场演出《茶馆》？"])
def test_which_several_asks_for_the_rows_and_not_for_their_number(chain: AnswerChain, question: str) -> None:
    answer = chain.invoke({"question": question})
    assert answer.mode == "computed"
    assert {row[0] for row in answer.computations[0].rows} == {"人艺", "天桥"}


def test_the_thing_and_its_counter_name_a_column_also_of_several(chain: AnswerChain) -> None:
    answer = chain.invoke({"question": "哪些茶超过两百块？"})
    assert [{row[0] for row in one.rows} for one in answer.computations] == [{"云针"}]


def test_that_nothing_was_found_is_not_said_of_a_table_that_has_only_the_time_in_common(chain: AnswerChain) -> None:
    assert chain.invoke({"question": "2019年5月是谁经手的？"}).mode != "computed"


@pytest.mark.parametrize(
    "question",
    [
        "How many pieces can I bring?",  # a rule, which no list of pieces tells
        "How many guests may I invite?",
        "江楠的铺位每月多少钱？",  # the rent, and no number of rows a month
        "一个孩子可以带几件行李？",
        "Which potters have never failed?",  # no word of the table is denied
    ],
)
def test_what_is_allowed_or_denied_is_not_counted(chain: AnswerChain, question: str) -> None:
    assert chain.invoke({"question": question}).mode != "computed"


def test_a_word_that_a_table_in_the_questions_language_has_is_no_word_of_another(chain: AnswerChain) -> None:
    answer = chain.invoke({"question": "Which canoes have no builder?"})
    assert not any("were taken for" in line for line in answer.text.splitlines())
