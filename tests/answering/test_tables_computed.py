"""Questions over tables are computed with the query beside the number, or left to the passages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import stores
from library_parts import KB, ingest, opened
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import AnswerChain, build_chain, tables
from minicpm_rag.errors import LibraryError
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import table_queries
from minicpm_rag.records import Answer, DataTable, Turn
from minicpm_rag.retrieval import HybridRetriever

ORDERS = """Order ID,Date,Region,Product,Customer,Quantity,Amount (USD)
1001,2024-01-05,North,Laptop,Acme,2,2400
1002,2024-01-17,South,Phone,Beta Ltd,5,3500
1003,2024-02-02,North,Phone,Acme,1,700
1004,2024-03-03,East,Laptop,Gamma,10,12000
1005,2024-03-13,East,Monitor,Acme,4,800
1006,2024-03-21,South,Laptop,Beta Ltd,9,10800
1007,2024-05-21,West,Chair,Delta,9,900
Total,,,,,,31000
"""
CUSTOMERS = """Customer,City,Since
Acme,Berlin,2019
Beta Ltd,Paris,2021
Gamma,Berlin,2020
Delta,Rome,2022
"""
SALES_ZH = """日期,区域,产品,销售员,数量,销售额（元）
2024-01-05,华东,笔记本,张三,2,"12,000"
2024-02-17,华北,手机,李四,5,"15,000"
2024-03-02,华东,手机,张三,1,"3,000"
2024-04-03,华南,显示器,王五,10,"10,000"
2024-05-13,华东,椅子,李四,4,800
合计,,,,22,"40,800"
"""
HANDBOOK = "Employees get fifteen vacation days a year. The laptop has a warranty of two years.\n"


@pytest.fixture(scope="module", params=["embedded", "postgres"])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("tables")
    files = {"orders.csv": ORDERS, "customers.csv": CUSTOMERS, "销售.csv": SALES_ZH, "handbook.md": HANDBOOK}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with ExitStack() as stack:
        with stores.chosen(request):
            library = stack.enter_context(opened(folder / "home"))
        ingest(library, *(folder / name for name in files))
        yield library


@pytest.fixture(scope="module")
def chain(library: Library) -> AnswerChain:
    retriever = HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB)
    return build_chain(retriever=retriever)


def ask(chain: AnswerChain, question: str) -> Answer:
    return chain.invoke({"question": question})


@pytest.mark.parametrize(
    ("question", "first_line"),
    [
        ("How many orders over 10,000 in March?", "**2** rows fit"),
        ("华东区第一季度的销售额合计", "销售额合计：**15,000 元**（2 行）"),
        ("total amount in the North region", "Total Amount: **3,100 USD** (2 rows)"),
        ("Which customer has the most orders?", "**Acme** (rows: 3)"),
        ("哪个区域的销售额最低？", "**华南**（销售额合计：10,000 元）"),
        ("谁的销售额最高", "**李四**（销售额合计：15,800 元）"),
        ("除华东以外的销售总额", "销售额合计：**25,000 元**（2 行）"),
        ("average quantity of phone orders", "Average Quantity: **3** (2 rows)"),
        ("total amount of laptops after February 2024", "Total Amount: **22,800 USD** (2 rows)"),
        ("销售额超过1万的有几笔？", "符合条件的有 **2** 行"),
        ("total amount of customers from Berlin", "Total Amount: **15,900 USD** (4 rows)"),
    ],
)
def test_a_question_over_a_table_is_computed(chain: AnswerChain, question: str, first_line: str) -> None:
    answer = ask(chain, question)
    assert answer.mode == "computed"
    assert answer.text.partition("\n")[0].partition("[1]")[0] == first_line


OVERTIME = """姓名,部门,月份,加班小时
张敏,研发部,2025-01,12
李强,研发部,2025-01,20.5
王芳,市场部,2025-01,8
张敏,研发部,2025-02,15
王芳,市场部,2025-02,11
"""
INVENTORY = """物品,数量,状况
中央空调,4,良好
办公桌,20,八成新
会议椅,12,新
"""
STAFF = """工号,姓名,部门,薪级
W-01,王伟,研发部,5
W-02,王伟,市场部,7
W-03,李娜,研发部,4
"""


@pytest.mark.parametrize(
    ("content", "question", "first_line"),
    [
        (OVERTIME, "加班超过10小时的有几人？", "不同的姓名有 **3** 个（4 行）"),
        (OVERTIME, "研发部有多少人？", "不同的姓名有 **2** 个（3 行）"),
        (STAFF, "薪级大于4的有几人？", "符合条件的有 **2** 行"),
        (ORDERS, "How many orders over 11,000?", "**1** row fits"),
        (INVENTORY, "办公桌有几张？", "数量合计：**20**（1 行）"),
        (INVENTORY, "会议椅一共有多少？", "数量合计：**12**（1 行）"),
        (
            "Item,Quantity,State\nDesk,20,used\nChair,12,new\n",
            "How many desks are there?",
            "Total Quantity: **20** (1 row)",
        ),
    ],
)
def test_persons_are_counted_once_things_by_their_quantity_and_one_row_is_no_rows(
    tmp_path: Path, content: str, question: str, first_line: str
) -> None:
    (tmp_path / "table.csv").write_text(content, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "table.csv")
        retriever = HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB)
        answer = ask(build_chain(retriever=retriever), question)
    assert answer.text.partition("[1]")[0] == first_line


STATES = """订单编号,日期,地区,商品,数量,金额(元),状态
A1,2026-01-05,华东,净化器,3,5400,已完成
A2,2026-01-18,华北,加湿器,10,3990,已取消
A3,2026-02-02,华东,加湿器,4,1596,已取消
A4,2026-02-20,华南,净化器,1,1800,已完成
A5,2026-03-03,华北,净化器,6,10800,已取消
"""
TICKETS = """Ticket,Opened,Team,Priority,Hours to resolve
T1,2026-02-01,Network,High,4
T2,2026-02-09,Billing,Low,30
T3,2026-03-11,Network,Low,9
T4,2026-04-02,Hardware,High,50
"""


@pytest.fixture(scope="module")
def other_chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("kinds")
    for name, content in {"订单.csv": STATES, "tickets.csv": TICKETS}.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, folder / "订单.csv", folder / "tickets.csv")
        yield build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("各地区的取消订单数量", [("华东", "1"), ("华北", "2")]),
        ("每月订单数", [("2026-01", "2"), ("2026-02", "2"), ("2026-03", "1")]),
        ("各状态的分布", [("已取消", "3"), ("已完成", "2")]),
        ("订单金额的中位数", [("3,990 元",)]),
        ("各地区金额的中位数", [("华东", "3,498 元"), ("华北", "7,395 元"), ("华南", "1,800 元")]),
        ("已取消的订单占比是多少", [("60%",)]),
        ("华东的金额占总金额的百分之几", [("29.6617%",)]),
        ("各状态订单的比例", [("已取消", "60%"), ("已完成", "40%")]),
        ("华东和华北的金额相差多少", [("7,794 元",)]),
        ("加湿器卖了多少台", [("14",)]),
        ("哪种商品取消最多", [("加湿器", "2")]),
        ("tickets per month", [("2026-02", "2"), ("2026-03", "1"), ("2026-04", "1")]),
        ("breakdown of tickets by priority", [("High", "2"), ("Low", "2")]),
        ("What is the median of the hours to resolve?", [("19.5",)]),
        ("What percentage of tickets are high priority?", [("50%",)]),
        ("What share of Network tickets are high priority?", [("50%",)]),
        ("difference between Network and Billing in hours to resolve", [("17",)]),
        ("Which team is slowest on average?", [("Hardware", "50")]),
    ],
)
def test_each_kind_of_computation_gives_its_rows(
    other_chain: AnswerChain, question: str, rows: list[tuple[str, ...]]
) -> None:
    answer = ask(other_chain, question)
    (computation,) = answer.computations
    assert sorted(computation.rows) == sorted(rows)
    assert computation.query and computation.sql in answer.text.replace("`", "")


@pytest.mark.parametrize(
    ("question", "header"),
    [("各地区的取消订单数量", "| 地区 | 行数 |"), ("tickets per month", "| Opened | rows |")],
)
def test_a_column_of_counts_is_called_so_in_the_questions_language(
    other_chain: AnswerChain, question: str, header: str
) -> None:
    assert header in ask(other_chain, question).text.splitlines()


@pytest.mark.parametrize(
    ("question", "labels"),
    [
        ("列出华北已取消的订单", ["A2", "A5"]),
        ("金额低于两千的有哪些订单", ["A3", "A4"]),
        ("list the high priority tickets", ["T1", "T4"]),
        ("tickets opened after February 2026", ["T3", "T4"]),
        ("Show me the two tickets that took longest", ["T4", "T2"]),
    ],
)
def test_rows_are_listed_and_cited(other_chain: AnswerChain, question: str, labels: list[str]) -> None:
    answer = ask(other_chain, question)
    assert answer.mode == "computed" and [row[0] for row in answer.computations[0].rows] == labels
    assert len(answer.citations) == len(labels)


@pytest.mark.parametrize(
    "question",
    [
        "How many days of annual leave are there?",  # days are no rows of these tables
        "How many days of leave?",
        "未取消的订单有多少",  # 取消 with 未 before it is another state
        "What is the total value of the stock?",  # pieces have no value
        "华东净化器的占比是多少",  # of the region's orders, or of all?
        "印刷费用占总费用的比例",
    ],
)
def test_what_may_mean_two_things_gets_no_number(other_chain: AnswerChain, question: str) -> None:
    assert ask(other_chain, question).mode != "computed"


def test_the_answer_shows_the_query_and_cites_each_row_that_counts(chain: AnswerChain, library: Library) -> None:
    answer = ask(chain, "华东区第一季度的销售额合计")
    (computation,) = answer.computations
    assert "区域为华东" in computation.query and computation.sql in answer.text.replace("`", "")
    assert [citation.document.metadata["row_start"] for citation in answer.citations] == [2, 4]
    for citation in answer.citations:
        page = library.page_text(citation.document.metadata["document_id"], 1)
        assert page[citation.quote_start : citation.quote_end] == citation.quote


def test_a_total_that_the_sheet_holds_is_compared(chain: AnswerChain) -> None:
    assert "一致（40,800）" in ask(chain, "销售额总计是多少").text
    differs = ask(chain, "total amount").text
    assert "31,100" in differs and "says 31,000, which differs" in differs


def test_places_that_are_shared_are_all_listed(chain: AnswerChain) -> None:
    text = ask(chain, "Which orders have the second highest quantity?").text
    assert "second" not in text  # not understood: nothing is counted from the top
    tied = ask(chain, "top 2 orders by quantity").text
    assert "| 1004 | 10 |" in tied and "| 1006 | 9 |" in tied and "| 1007 | 9 |" in tied and "shared" in tied


@pytest.mark.parametrize(
    "question",
    [
        "How many vacation days do employees get?",
        "What is the warranty of the laptop?",
        "How many vacation days does the North region get?",
        "total weight of the orders in March",
        "average amount of blue orders",
        "华东区的退货率平均是多少",
    ],
)
def test_what_is_not_understood_is_left_to_the_passages(chain: AnswerChain, question: str) -> None:
    assert ask(chain, question).mode != "computed"


def test_that_a_computation_was_not_understood_is_said(chain: AnswerChain) -> None:
    note = ask(chain, "total amount of blue orders").note
    assert note is not None and note.key == "answering.table_not_understood"
    assert ask(chain, "What is the warranty of the laptop?").note is None


def test_a_model_may_write_the_sql_which_is_checked_and_shown(library: Library) -> None:
    retriever = HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB)
    question = "total amount of orders on blue days"
    sql = """SELECT sum("Amount") FROM "orders" WHERE "Region" <> 'West'"""
    written = ScriptedLLM(answers=[f"```sql\n{sql};\n```"])
    answer = ask(build_chain(retriever=retriever, llm=written), question)
    assert answer.mode == "computed" and answer.text.startswith("30,200") and f"`{sql}`" in answer.text
    assert "written by the model" in answer.text
    for refused in ("DROP TABLE documents", "SELECT * FROM documents", "I cannot tell.", f"{sql}; {sql}"):
        llm = ScriptedLLM(answers=[refused, "The documents do not say."])
        assert ask(build_chain(retriever=retriever, llm=llm), question).mode != "computed"


def test_sql_sees_the_tables_it_was_given_and_only_reads(library: Library) -> None:
    tables = [table for table in library.tables(KB) if table.title == "orders.csv"]
    assert table_queries.run(library.ledger, tables, 'SELECT count(*) FROM "orders"').rows == ((7,),)
    for sql in (
        "SELECT * FROM documents", "SELECT * FROM sqlite_master", "DELETE FROM orders", "DROP TABLE documents",
        "SELECT load_extension('x')", "ATTACH 'x' AS y", "PRAGMA query_only = OFF", "SELECT 1; SELECT 2",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    ):  # fmt: skip
        with pytest.raises(LibraryError):
            table_queries.run(library.ledger, tables, sql)


def test_sql_that_takes_too_long_is_stopped(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_queries, "MOST_SECONDS", 0.2)
    tables = [table for table in library.tables(KB) if table.title == "orders.csv"]
    crossed = ", ".join(f'"orders" AS o{number}' for number in range(12))
    with pytest.raises(LibraryError, match="was stopped"):
        table_queries.run(library.ledger, tables, f"SELECT count(*) FROM {crossed}")


def test_a_number_of_several_tables_that_may_be_meant_names_each(tmp_path: Path) -> None:
    for year in (2023, 2024):
        (tmp_path / f"budget {year}.csv").write_text(f"Team,Budget\nRed,{year}\nBlue,100\n", encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        text = ask(chain, "What is the total budget?").text
        assert "**budget 2023.csv**\nTotal Budget: **2,123**" in text and "**budget 2024.csv**" in text
        assert "2024.csv" not in ask(chain, "What is the total budget in 2023?").text


def table_of(number: int, label: str) -> DataTable:
    return DataTable(number, 1, "book.xlsx", number, label, "", (), 1)


@pytest.mark.parametrize(
    "labels",
    [
        [f"Deliveries of the northern warehouse in the year {year}" for year in (2025, 2026)],
        [f"北方仓库二〇二五年度各类货物进出库登记与盘点差异明细汇总以及月末结转核对表之{month}月" for month in "一二"],
        ["Stock", "Stock", "Stock 3"],
        ["Stock 3", "stock", "Stock"],
        ["data_1", "data_2"],
    ],
)  # fmt: skip
def test_no_table_has_the_name_of_another(labels: list[str]) -> None:
    made = [table_of(number, label) for number, label in enumerate(labels, start=1)]
    together = table_queries.view_names(made)
    assert len({name.casefold() for name in together}) == len(labels)
    assert not {"data_1", "data_2"} & set(together)
    if len(labels[0]) > 40:
        alone = [table_queries.view_names([table])[0] for table in made]
        assert alone == together and all(len(name) < 50 for name in alone)


def test_sheets_that_begin_alike_are_each_computed_with(tmp_path: Path) -> None:
    names = [f"Register of everything that was ever lent to members {year}" for year in (2025, 2026)]
    for name, copies in zip(names, (3, 8), strict=True):
        (tmp_path / f"{name}.csv").write_text(f"Title,Copies\nHarbour,{copies}\nTides,20\n", encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        one, other = library.tables(KB)
        sql = 'SELECT sum("Copies") FROM "{}"'
        views = table_queries.view_names([one, other])
        found = [table_queries.run(library.ledger, [one, other], sql.format(view)).rows[0][0] for view in views]
        assert sorted(map(float, found)) == [23, 28]
        with pytest.raises(LibraryError):
            table_queries.run(library.ledger, [one], sql.format(views[1]))


def test_a_count_and_a_total_asked_together_are_both_given_over_the_same_rows(chain: AnswerChain) -> None:
    text = ask(chain, "华东区有几笔，总销售额是多少？").text
    assert "**3** 行" in text and "**15,800 元**" in text


def test_which_kind_means_the_column_of_kinds(tmp_path: Path) -> None:
    (tmp_path / "开支.csv").write_text(
        "类别,金额,备注\n住房,5000,一月\n住房,5000,二月\n购物,6000,手机\n", encoding="utf-8"
    )
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        assert "**住房**" in ask(chain, "哪一类花得最多？").text


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("哪个季度的销售额最高？", "**第三季度**（销售额：143.25）"),
        ("哪个月的电费最高？", "**3月**（电费：98）"),
        ("Which month had the highest rent?", "**March** (Rent: 1,450)"),
    ],
)
def test_quarters_and_months_are_said_by_their_names(tmp_path: Path, question: str, expected: str) -> None:
    files = {
        "销售.csv": "季度,销售额\n一季度,120.5\n二季度,98\n三季度,143.25\n",
        "电费.csv": "月份,电费\n1月,80\n2月,75\n3月,98\n",
        "flat.csv": "Month,Rent\nJanuary,1400\nFebruary,1410\nMarch,1450\n",
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        assert ask(chain, question).text.startswith(expected)


@pytest.fixture(scope="module")
def bills(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("bills")
    (folder / "账单.csv").write_text(
        "月份,项目,用量,单位,单价,金额\n2026-03,电费,180,度,0.5,90\n2026-03,水费,9,吨,3,27\n"
        "2026-04,电费,160,度,0.5,80\n2026-04,水费,8,吨,3,24\n",
        encoding="utf-8",
    )
    (folder / "household.csv").write_text(
        "Month,Item,Units,Amount\n2026-03,Rent,1,700\n2026-03,Gas bill,31,45\n"
        "2026-04,Rent,1,720\n2026-04,Gas bill,20,30\n",
        encoding="utf-8",
    )
    with opened(folder / "home") as library:
        ingest(library, *folder.glob("*.csv"))
        yield build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("三月到四月电费一共多少钱？", "**170**"),
        ("电费一共多少", "**170**"),
        ("4月的水费是多少", "**24**"),
        ("哪个月电费最高", "**2026-03**"),
        ("平均电费是多少", "**85**"),
        ("How much was the rent in total?", "**1,420**"),
        ("How much was the gas bill in April?", "**30**"),
        ("Which month had the highest rent?", "**2026-04**"),
    ],
)
def test_how_much_of_a_fee_asks_for_money_where_one_column_holds_it(
    bills: AnswerChain, question: str, told: str
) -> None:
    assert told in ask(bills, question).text


@pytest.mark.parametrize("question", ["电费一共多少度", "4月电费的单价是多少", "电费是多少", "水费谁出"])
def test_other_questions_of_a_fee_are_not_answered_by_its_money(bills: AnswerChain, question: str) -> None:
    assert ask(bills, question).mode != "computed"


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("clinic")
    (folder / "价目表.csv").write_text(
        "项目,单价（元）,医保,质检\n洗牙,280,否,合格\n补牙,450,是,不足\n拔牙,300,是,合格\n种植牙,8800,否,合格\n全瓷冠,3500,否,合格\n",
        encoding="utf-8",
    )
    with opened(folder / "home") as library:
        ingest(library, folder / "价目表.csv")
        yield build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("能用医保的项目有哪些", {"补牙", "拔牙"}),
        ("医保能报的项目有哪些？", {"补牙", "拔牙"}),
        ("可以走医保的项目有哪些", {"补牙", "拔牙"}),
        ("不能用医保的项目有哪些", {"洗牙", "种植牙", "全瓷冠"}),
        ("医保不能报销的项目有哪些", {"洗牙", "种植牙", "全瓷冠"}),
        ("不合格的项目有哪些", {"补牙"}),
        ("哪些项目质检不合格？", {"补牙"}),
        ("哪些项目不能用医保？", {"洗牙", "种植牙", "全瓷冠"}),
    ],
)
def test_what_can_be_used_and_what_is_not_so_are_conditions(clinic: AnswerChain, question: str, rows: set[str]) -> None:
    answer = ask(clinic, question)
    assert answer.mode == "computed"
    assert {name for name in ("洗牙", "补牙", "拔牙", "种植牙", "全瓷冠") if name in answer.text} == rows


@pytest.mark.parametrize("question", ["能不能用医保的项目有哪些", "合不合格的项目有哪些"])
def test_a_question_whether_is_no_denial(clinic: AnswerChain, question: str) -> None:
    assert "NOT IN" not in ask(clinic, question).text
    assert "'否'" not in ask(clinic, question).text


def test_an_amount_in_a_currency_is_compared_with_the_column_that_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("Product,Unit price (yuan)\nCup,39\nLamp,459\n", encoding="utf-8")
    (tmp_path / "orders.csv").write_text("Order,Product,Amount\nS1,Cup,4788\nS2,Vase,300\n", encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        text = ask(chain, "Which products cost more than 200 yuan?").text
        assert "in prices.csv" in text and "orders.csv" not in text


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("哪些产品的价格高于200元？", ["| 产品名称 | 价格 |", "| 台灯 | 459 元 |"]),
        ("哪些产品编号的价格高于200元？", ["| 产品编号 | 产品名称 | 价格 |", "| P-2 | 台灯 | 459 元 |"]),
        ("哪些产品的价格高于20元？", ["| 杯子 | 39 元 |", "| 台灯 | 459 元 |"]),
    ],
)
def test_a_listed_row_is_shown_though_it_is_the_only_one_and_by_the_name_of_its_thing(
    tmp_path: Path, question: str, shown: list[str]
) -> None:
    (tmp_path / "价目表.csv").write_text(
        "产品编号,产品名称,价格（元）\nP-1,杯子,39\nP-2,台灯,459\nP-3,笔,5\n", encoding="utf-8"
    )
    with opened(tmp_path / "home") as library:
        ingest(library, *tmp_path.glob("*.csv"))
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        assert set(shown) <= set(ask(chain, question).text.splitlines())


@pytest.mark.parametrize(
    ("content", "question", "said"),
    [
        ("项目,预算（万元）\n线上广告,120\n线下活动,80\n内容,30\n", "线上广告比线下活动多多少？", "**40 万元**"),
        ("项目,预算（万元）\n线上广告,120\n线下活动,80\n内容,30\n", "内容的预算比线下活动少多少", "**50 万元**"),
        ("Item,Budget (USD)\nAds,1200\nEvents,800\n", "How much more is Ads than Events?", "**400 USD**"),
    ],
)
def test_two_rows_are_compared_by_the_only_number_that_they_have(
    tmp_path: Path, content: str, question: str, said: str
) -> None:
    (tmp_path / "plan.csv").write_text(content, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "plan.csv")
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        answer = ask(chain, question)
    assert said in answer.text.partition("\n")[0] and len(answer.citations) == 2


TEAS = "品名,产地,零售价（元）,库存（盒）\n龙井,杭州,680,46\n大红袍,武夷山,460,0\n碧螺春,苏州,590,30\n白茶,福鼎,300,0\n"
PARTS_LIST = "Part,Price (EUR),Stock\nChain,27,12\nBattery,489,0\nTyre,38,4\n"


@pytest.mark.parametrize(
    ("content", "question", "rows"),
    [
        (TEAS, "哪些品名没有库存了？", {"大红袍", "白茶"}),
        (TEAS, "缺货的有哪些？", {"大红袍", "白茶"}),
        (PARTS_LIST, "Which parts are out of stock?", {"Battery"}),
    ],
)
def test_what_is_out_of_stock_has_nothing_left_in_its_column(
    tmp_path: Path, content: str, question: str, rows: set[str]
) -> None:
    (tmp_path / "stock.csv").write_text(content, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "stock.csv")
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        answer = ask(chain, question)
    assert answer.mode == "computed"
    names = {line.split(",")[0] for line in content.splitlines()[1:]}
    assert {name for name in names if name in answer.text} == rows


@pytest.mark.parametrize("question", ["What is the total of the invoice?", "发票的总额是多少？"])
def test_the_total_of_one_thing_is_no_number_of_rows(tmp_path: Path, question: str) -> None:
    (tmp_path / "invoice.md").write_text(
        "# Invoice 发票\n\n| Position | Amount |\n| --- | --- |\n| Translation | €1,428.00 |\n| Labels | €372.00 |\n"
        "\nTotal: €2,142.00\n",
        encoding="utf-8",
    )
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "invoice.md")
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        assert "count(*)" not in ask(chain, question).text


FEES = """会员,城市,加入日期,每月会费（元）
林晓,杭州,2021-03-02,52
何强,宁波,2022-01-10,35
吴桐,杭州,2024-09-15,28
"""
GOODS = """Item,Units,Unit price (EUR),Monthly sales
Desk,40,380,12
Lamp,3,45,70
Shelf,25,120,31
"""
BOUGHT = """Order,Customer,Product,Pieces,Amount (EUR)
B1,Hotel Krone,Croissant,120,132
B2,Cafe Linde,Baguette,60,108
B3,Hotel Krone,Rye bread,35,140
"""
STORE = """物品,库位,数量（件）
台钻,A1,6
焊机,B2,2
梯子,A3,4
"""


@pytest.fixture(scope="module")
def named_columns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("named")
    files = {"会员.csv": FEES, "goods.csv": GOODS, "bakery.csv": BOUGHT, "库房.csv": STORE}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in files))
        yield build_chain(
            retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB), library=library
        )


@pytest.mark.parametrize(
    ("question", "first_line"),
    [
        ("所有会员每月会费合计多少？", "每月会费合计：**115 元**（3 行）"),  # no groups of months
        ("Which item is the cheapest per unit?", "**Lamp** (Unit price: 45 EUR)"),  # not the fewest units
        ("物品一共有多少件？", "数量合计：**12 件**（3 行）"),  # not three rows
        ("Which item sells best?", "**Lamp** (Monthly sales: 70)"),
        ("How much was ordered by Hotel Krone in total?", "Total Amount: **272 EUR** (2 rows)"),  # no number of orders
    ],
)
def test_the_column_that_is_meant_is_computed_with(named_columns: AnswerChain, question: str, first_line: str) -> None:
    assert ask(named_columns, question).text.startswith(first_line)


DENTIST = """项目,科室,价格（元）,时长（分钟）
洗牙,牙周科,260,40
拔智齿,外科,800,60
补牙,牙体科,350,45
根管治疗,牙体科,1500,90
"""
FLEET = """Vehicle,Team,Year,Mileage (km),Monthly cost (EUR)
Kangoo,Sales,2021,64000,310
Sprinter,Logistics,2019,152000,540
Golf,Sales,2023,28000,350
Zoe,Office,2022,19000,260
"""
TEA_GRADES = """品名,等级,单价（元/千克）,产地
龙井,特级,1280,杭州
龙井,一级,860,杭州
普洱,一级,380,普洱
碧螺春,特级,1150,苏州
"""
MEMBERSHIP = """Kind,Fee (EUR),Joining fee (EUR)
Full members,60,20
Students,25,0
Families,95,20
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AnswerChain]:
    folder = tmp_path_factory.mktemp("compared")
    files = {"口腔价目.csv": DENTIST, "fleet.csv": FLEET, "茶叶.csv": TEA_GRADES, "membership.csv": MEMBERSHIP}
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")
    with opened(folder / "home") as library:
        ingest(library, *(folder / name for name in files))
        yield build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))


@pytest.mark.parametrize(
    ("question", "first_line"),
    [
        ("拔智齿比洗牙贵多少元？", "价格相差 **540 元**（拔智齿：800 元；洗牙：260 元）"),
        ("根管治疗比洗牙多花多少时间？", "时长相差 **50 分钟**（根管治疗：90 分钟；洗牙：40 分钟）"),
        ("根管治疗比补牙多花几分钟？", "时长相差 **45 分钟**（根管治疗：90 分钟；补牙：45 分钟）"),
        (
            "根管治疗的价格是补牙的几倍？",
            "价格：根管治疗是补牙的 **4.2857** 倍（根管治疗：1,500 元；补牙：350 元）",
        ),
        ("龙井特级比一级贵多少？", "单价相差 **420 元/千克**（特级：1,280 元/千克；一级：860 元/千克）"),
        ("碧螺春比普洱贵多少？", "单价相差 **770 元/千克**（碧螺春：1,150 元/千克；普洱：380 元/千克）"),
        (
            "How much more does the Sprinter cost a month than the Zoe?",
            "Difference of Monthly cost: **280 EUR** (Sprinter: 540 EUR; Zoe: 260 EUR)",
        ),
        (
            "How many times the mileage of the Golf does the Kangoo have?",
            "Mileage: **2.2857** times as much for Kangoo as for Golf (Kangoo: 64,000 km; Golf: 28,000 km)",
        ),
        (
            "How many times Zoe's monthly cost is Sprinter's?",
            "Monthly cost: **2.0769** times as much for Sprinter as for Zoe (Sprinter: 540 EUR; Zoe: 260 EUR)",
        ),
        (
            "How much more expensive is the Golf than the Kangoo?",
            "Difference of Monthly cost: **40 EUR** (Golf: 350 EUR; Kangoo: 310 EUR)",
        ),
        (
            "How many times as expensive is the Sprinter as the Zoe?",
            "Monthly cost: **2.0769** times as much for Sprinter as for Zoe (Sprinter: 540 EUR; Zoe: 260 EUR)",
        ),
    ],
)
def test_one_is_compared_with_another_in_the_number_that_is_meant(
    compared: AnswerChain, question: str, first_line: str
) -> None:
    answer = ask(compared, question)
    assert answer.text.partition("[1]")[0] == first_line
    assert len(answer.citations) == 2


@pytest.mark.parametrize(
    "question",
    [
        "拔智齿比洗牙多多少？",  # money or minutes
        "How much more is the Sprinter than the Zoe?",
        "根管治疗的价格是种植牙的几倍？",  # of which the table does not know
    ],
)
def test_where_it_is_not_clear_in_what_they_are_compared_nothing_is_computed(
    compared: AnswerChain, question: str
) -> None:
    assert ask(compared, question).mode != "computed"


def test_what_is_compared_is_not_added_up(compared: AnswerChain) -> None:
    text = ask(compared, "Compare the fees of full members and students").text
    assert "85" not in text and "60" in text and "25" in text


@pytest.mark.parametrize(
    ("before", "question", "first_line"),
    [
        ("外科的价格合计多少？", "牙周科呢？", "价格合计：**260 元**（1 行）"),
        ("What is the total monthly cost of Sales?", "And Logistics?", "Total Monthly cost: **540 EUR** (1 row)"),
        ("哪个项目的时长最长？", "最短的呢？", "**洗牙**（时长：40 分钟）"),
    ],
)
def test_a_follow_up_asks_the_same_of_another_value(
    compared: AnswerChain, before: str, question: str, first_line: str
) -> None:
    history = [Turn(before, ask(compared, before).text)]
    assert compared.invoke({"question": question, "history": history}).text.startswith(first_line)


def test_two_subjects_side_by_side_are_not_added_up(compared: AnswerChain) -> None:
    assert ask(compared, "洗牙的价格，拔智齿呢？").mode != "computed"


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("哪些项目比拔智齿便宜？", {"洗牙", "补牙"}),
        ("哪些项目的时长比补牙长？", {"拔智齿", "根管治疗"}),
        ("Which vehicles are more expensive than the Kangoo?", {"Sprinter", "Golf"}),
        ("Which vehicles have a lower mileage than the Kangoo?", {"Golf", "Zoe"}),
    ],
)
def test_rows_are_compared_with_a_named_one(compared: AnswerChain, question: str, names: set[str]) -> None:
    answer = ask(compared, question)
    known = {line.split(",")[0] for line in f"{DENTIST}{FLEET}".splitlines()}
    rows = [line for line in answer.text.splitlines() if line.startswith("|")]
    assert {name for name in known if any(row.startswith(f"| {name} |") for row in rows)} - {"项目", "Vehicle"} == names


@pytest.mark.parametrize("question", ["哪些项目比种植牙便宜？", "Which vehicles are more expensive than last year?"])
def test_a_row_that_the_table_lacks_compares_with_nothing(compared: AnswerChain, question: str) -> None:
    assert ask(compared, question).mode != "computed"


def test_what_takes_longest_to_deliver_is_told_by_the_lead_time(tmp_path: Path) -> None:
    (tmp_path / "parts.csv").write_text("Part,Price (EUR),Lead time (days)\nChain,27,2\nBattery,489,21\n")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "parts.csv")
        chain = build_chain(retriever=HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB))
        assert ask(chain, "Which part takes longest to deliver?").text.startswith("**Battery** (Lead time: 21 days)")


def test_a_thing_that_no_table_holds_is_not_taken_for_what_a_table_holds(named_columns: AnswerChain) -> None:
    assert ask(named_columns, "Which book is the cheapest?").mode != "computed"


def test_a_question_longer_than_is_read_asks_nothing_of_the_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vocabulary's patterns are quadratic: of 10,000 characters each table would take half a minute."""
    monkeypatch.setattr(tables, "_tables", lambda *_: pytest.fail("the tables were asked for"))
    long = f"最多 {'1' * 400}"
    assert tables.compute(long, Library.__new__(Library), KB) is None
    assert tables.complete("华瑞涂料呢？", [Turn(long, "")], Library.__new__(Library), KB) == ""


@pytest.mark.parametrize(
    ("question", "is_computed"),
    [
        ("How many days of leave?", False),  # "within 9 days" stands in the table's title, "leave" nowhere
        ("How many days is the delivery in total?", True),
        ("How many hours of lessons?", False),  # days are asked for by nobody
        ("How many lessons are there?", True),
    ],
)
def test_a_time_that_is_asked_for_is_no_number_of_rows_and_no_time_of_another_kind(
    tmp_path: Path, question: str, is_computed: bool
) -> None:
    table = ["| Lesson | Delivery (days) |", "|---|---|", "| Pottery | 3 |", "| Lute | 5 |", "| Glass | 9 |"]
    text = "\n".join(["# Lessons", "", "Lessons: hand in forms within 9 days.", "", *table, ""])
    (tmp_path / "lessons.md").write_text(text, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "lessons.md")
        retriever = HybridRetriever(library=library, embedder=library.embedder, knowledge_base=KB)
        answer = ask(build_chain(retriever=retriever), question)
    assert (answer.mode == "computed") == is_computed
