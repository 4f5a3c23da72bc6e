from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.text.statements import is_heading, statements

TABLE = "| 型号 | 单价（元） |\n| AL-200 | 1299 |\n| AL-500 | 5680 |"


def texts(document: Document) -> list[str]:
    return [statement.text for statement in statements(document)]


@pytest.mark.parametrize("text", ["保修期为两年。滤芯除外。\n见附录。", "It lasts two years. Filters do not.", TABLE])
def test_statements_are_literal_pieces_in_reading_order(text: str) -> None:
    found = statements(Document(text))
    assert [text[one.start : one.end] for one in found] == [one.text for one in found]
    assert [one.start for one in found] == sorted(one.start for one in found)
    assert len(found) > 1


def test_a_row_reads_with_its_header_and_the_header_is_no_statement() -> None:
    first, second = statements(Document(TABLE))
    assert first.readable == "型号：AL-200；单价（元）：1299"
    assert second.text == "| AL-500 | 5680 |"


def test_a_row_reads_with_both_rows_of_its_header() -> None:
    text = "| 档位 | 平日 |  | 假日 |\n| 档位 | 快件 | 慢件 | 快件 | 慢件 |\n| 同城 | 12 | 8 | 15 | 9 |"
    (row,) = statements(Document(page_content=text))
    assert row.readable == "档位：同城；平日 快件：12；平日 慢件：8；假日 快件：15；假日 慢件：9"


def test_the_rule_under_a_header_is_no_statement() -> None:
    document = Document("| Item | Cost |\n|------|:----:|\n| Server A | 6,900 |")
    assert [one.readable for one in statements(document)] == ["Item: Server A; Cost: 6,900"]


def test_a_row_of_a_continued_table_knows_the_header_from_the_metadata() -> None:
    row = Document("| AL-500 | 5680 |", metadata={"table_header": "| Model | Price |"})
    assert [one.readable for one in statements(row)] == ["Model: AL-500; Price: 5680"]


def test_prose_before_and_after_a_table_keeps_its_place() -> None:
    document = Document(f"价格如下。\n{TABLE}\n以上含税。\n| Part | Use |\n| F1 | filter |")
    assert texts(document) == [
        "价格如下。", "| AL-200 | 1299 |", "| AL-500 | 5680 |", "以上含税。", "| F1 | filter |",
    ]  # fmt: skip
    assert statements(document)[-1].readable == "Part: F1; Use: filter"


def test_a_bar_in_a_cell_is_no_border() -> None:
    assert statements(Document("| a | b |\n| x\\|y | z |"))[0].readable == "a: x|y; b: z"


def test_a_row_with_a_long_text_is_quoted_by_its_sentences() -> None:
    row = "| 1 | " + "云杉仪器成立于2012年，总部位于杭州。" * 20 + " |"
    found = statements(Document("| 编号 | 正文 |\n" + row))
    assert len(found) == 20
    assert all(one.header == "| 编号 | 正文 |" for one in found[:-1])


def test_clauses_behind_a_semicolon_stay_together() -> None:
    assert texts(Document("工龄不满十年的，年假十天；满十年的，十五天。病假另计。")) == [
        "工龄不满十年的，年假十天；满十年的，十五天。", "病假另计。",
    ]  # fmt: skip


def test_nothing_but_marks_is_no_statement() -> None:
    assert statements(Document("\n---\n***\n")) == []


@pytest.mark.parametrize(
    "text",
    ["Working hours\n\nThe office is open from 7:30.", "## 放入文档\n打开页面。", "一、保修期限\n整机保修两年。",
     "（二）退换货\n七日内可退。", "第二章 工作时间\n每天八小时。", "AirLeaf 200 product manual\n\nIt measures.",
     "3. Deposit\nThe lessee pays 900 euros.", "2.1 押金\n押金为两个月租金。"],
)  # fmt: skip
def test_a_short_line_by_itself_above_text_is_a_heading(text: str) -> None:
    document = Document(text)
    assert [is_heading(document, one) for one in statements(document)] == [True, False]


@pytest.mark.parametrize(
    "text",
    ["Working hours", "It lasts two years.\n\nMore.", "Phone: 400 820\n\nMore.", "- charger\n\nMore.",
     "400-820-6677 (Mon-Fri)\n\nMore.", "Working hours\nare from 7:30.", "| a | b |\n| 1 | 2 |\n\nMore.",
     "整机保修两年\n自签收之日起。", "1. Remove the lid\n2. Fill in the water\n3. Close the lid"],
)  # fmt: skip
def test_what_may_answer_by_itself_is_no_heading(text: str) -> None:
    document = Document(text)
    assert not any(is_heading(document, one) for one in statements(document))


def test_a_line_of_a_slide_is_no_heading() -> None:
    text = "渠道\n\n小红书和抖音预算分别为80万元和120万元\n\n由刘洋负责"
    slide = Document(text, metadata={"page_kind": "slide"})
    assert [one.text for one in statements(slide) if not is_heading(slide, one)] == text.split("\n\n")


def test_what_a_mail_quotes_reads_without_its_marks() -> None:
    document = Document("> > Nobody came on Monday.")
    (statement,) = statements(document)
    assert statement.readable == "Nobody came on Monday."
    assert statement.text == document.page_content
