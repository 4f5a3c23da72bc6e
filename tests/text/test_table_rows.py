from __future__ import annotations

import pytest

from minicpm_rag.text.table_rows import ROWS, cell_spans, cells, is_row, is_rule


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("| AL-200 | 1299 |", ["AL-200", "1299"]),
        ("|AL-200|1299|  ", ["AL-200", "1299"]),
        ("型号 | 价格", ["型号", "价格"]),
        (r"| a\|b |  | c |", ["a|b", "", "c"]),
        ("|  | 单价 |", ["", "单价"]),
        ("| C:\\ | x |", ["C:\\", "x"]),
        ("| |", [""]),
    ],
)
def test_a_row_gives_the_text_of_its_cells(row: str, expected: list[str]) -> None:
    assert cells(row) == expected
    assert [row[start:end].replace("\\|", "|") for start, end in cell_spans(row)] == expected


def test_what_a_loader_writes_is_read_back() -> None:
    from minicpm_rag.loaders.writer import table_line

    written = ["型号|A", "", "1,299 元", "C:\\dir"]
    assert cells(table_line(written)) == written


@pytest.mark.parametrize("line", ["| --- | --- |", "|:-:|", "  | - |"])
def test_the_rule_under_a_header_is_told_from_a_row(line: str) -> None:
    assert is_rule(line) and is_row(line)
    assert not is_rule("| a |")


@pytest.mark.parametrize("line", ["||", "a | b", "| a", ""])
def test_what_has_no_bar_at_both_ends_is_no_row(line: str) -> None:
    assert not is_row(line)


def test_all_rows_of_a_text_are_found() -> None:
    assert [row.group() for row in ROWS.finditer("价格\n| a | b |\n| c | d | \nx | y\n")] == ["| a | b |", "| c | d | "]
