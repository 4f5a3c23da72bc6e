"""Tables of documents are stored as typed values beside their pages, and leave with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from library_parts import KB, ingest, opened, remove
from stores import embedded_only

from minicpm_rag.library import Library
from minicpm_rag.library.ledger import tables
from minicpm_rag.records import Heading, Page, Table

pytestmark = pytest.mark.usefixtures("store")

ORDERS = """订单号,日期,区域,金额（元）,折扣
1001,2024-03-05,华东,"1,200.50",5%
1002,2024-03-17,华北,800,0%
1003,2024-04-02,华东,—,10%
合计,,,"2,000.50",
"""


def sql_tables(library: Library) -> list[str]:
    with library.ledger.reading() as connection:
        rows = connection.execute("SELECT name FROM sqlite_master WHERE name GLOB 'data_[0-9]*'")
        return [row[0] for row in rows]


def test_a_csv_file_becomes_a_typed_table_whose_rows_know_their_lines(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "orders.csv")
        (table,) = library.tables(KB)
        assert [(column.name, column.kind, column.unit) for column in table.columns] == [
            ("订单号", "text", ""), ("日期", "date", ""), ("区域", "text", ""), ("金额", "number", "元"),
            ("折扣", "number", "%"),
        ]  # fmt: skip
        assert table.rows == 3 and table.columns[2].texts == ("华东", "华北")
        with library.ledger.reading() as connection:
            rows = [tuple(row) for row in tables.read_rows(connection, table.id)[1]]
        assert [row[5:] for row in rows] == [
            ("1001", "2024-03-05", "华东", 1200.5, 5), ("1002", "2024-03-17", "华北", 800, 0),
            ("1003", "2024-04-02", "华东", None, 10), ("合计", None, None, 2000.5, None),
        ]  # fmt: skip
        assert [row[4] for row in rows] == [None, None, None, "合计"]
        text = library.page_text(table.document_id, 1)
        assert text[rows[0][3] :].startswith("| 1001 | 2024-03-05 | 华东 | 1,200.50 |")


@embedded_only
def test_a_removed_document_leaves_no_table(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "orders.csv")
        assert len(sql_tables(library)) == 1
        remove(library, str(tmp_path / "orders.csv"))
        assert sql_tables(library) == [] and library.tables(KB) == []


@embedded_only
def test_tables_of_an_older_ledger_are_read_from_its_pages(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(ORDERS, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "orders.csv")
        with library.ledger.writing() as connection:
            document_id = library.documents(KB)[0].id
            tables.remove(connection, document_id)
            connection.execute("UPDATE documents SET tables_read = 0")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "orders.csv")  # this process has become the owner
        assert [table.rows for table in library.tables(KB)] == [3]


def page(number: int, header: str, *lines: str, title: str = "") -> Page:
    above = f"{title}\n\n" if title else ""
    text, rows = f"{above}| {header} |", []
    for line, cells in enumerate(lines, start=2):
        rows.append((len(text) + 1, line))
        text += f"\n| {cells} |"
    return Page(number, text, "page", tables=(Table(len(above), len(text), f"| {header} |", tuple(rows)),))


def test_a_table_that_goes_on_on_the_next_page_is_one(tmp_path: Path) -> None:
    pages = [page(1, "Item | Price", "a | 1", "b | 2", title="Price list"), page(2, "Item | Price", "c | 3")]
    (found,) = tables._joined(pages)
    assert [(number, cells) for number, *_, cells in found.rows] == [(1, ["a", "1"]), (1, ["b", "2"]), (2, ["c", "3"])]
    assert found.caption == "Price list"


def test_a_heading_of_markdown_names_its_table_once_and_without_its_signs() -> None:
    found = page(1, "Task | Owner", "Write | Ann", "Test | Bo", title="## Action items")
    (marked,) = tables._joined([replace(found, headings=(Heading(0, 2, "Action items"),))])
    assert marked.caption == "Action items"


@pytest.mark.parametrize(
    ("before", "caption"),
    [("附件清单：", "附件清单："), ("房屋主体结构由甲方负责维修。", ""), ("The list is attached.", "")],
)
def test_a_sentence_above_a_table_is_not_its_name(before: str, caption: str) -> None:
    (found,) = tables._joined([page(1, "Item | Price", "a | 1", "b | 2", title=before)])
    assert found.caption == caption


def test_a_table_without_names_for_its_columns_keeps_its_first_row(tmp_path: Path) -> None:
    (found,) = tables._joined([page(1, "a | 1.5", "b | 2", "c | 3")])
    assert found.header == ["", ""] and next(cells for *_, cells in found.rows) == ["a", "1.5"]


@pytest.mark.parametrize(
    "header", ["Region | 2024 Sales | 2025 Sales", "地区 | 2024年收入 | 2025年收入", "Region | 2024 | 2025"]
)
def test_columns_named_by_year_and_word_keep_their_names(header: str) -> None:
    (found,) = tables._joined([page(1, header, "North | 100 | 110", "South | 90 | 95")])
    assert found.header == header.split(" | ")


@pytest.mark.parametrize("header", ["站点 | 11月献血人次", "选手 | 100米成绩", "Shop | 30 day returns"])
def test_names_that_begin_with_a_number_are_kept(header: str) -> None:
    (found,) = tables._joined([page(1, header, "a | 12", "b | 9")])
    assert found.header == header.split(" | ")


@pytest.mark.parametrize("rows", [("Flour | 2 bags", "Salt | 3 kg"), ("面粉 | 2袋", "盐 | 3公斤")])
def test_an_amount_with_a_unit_is_no_name(rows: tuple[str, str]) -> None:
    (found,) = tables._joined([page(1, *rows)])
    assert found.header == ["", ""]


def test_an_amount_that_looks_like_a_year_is_no_name() -> None:
    (found,) = tables._joined([page(1, "Cement | 2000 kg", "Sand | 1500 kg", "Lime | 80 kg")])
    assert found.header == ["", ""]


def test_a_column_of_years_without_a_name_keeps_its_first_row() -> None:
    (found,) = tables._joined([page(1, "2023 | 100", "2024 | 90", "2025 | 80")])
    assert found.header == ["", ""]
