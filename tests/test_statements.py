from __future__ import annotations

import pytest
from langchain_core.documents import Document

from minicpm_rag.statements import statements

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
