"""Headings of Word documents in which no style marks them."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest

from minicpm_rag.loaders import load_file

BODY = "The tenant pays the rent by the fifth day of each month, and the deposit before the keys are handed over."


def headings(folder: Path, *paragraphs: tuple[str, bool], style: str = "") -> list[tuple[int, str]]:
    document = docx.Document()
    if style:
        document.add_paragraph("Lease", style=style)
    for text, bold in paragraphs:
        document.add_paragraph().add_run(text).bold = bold
    document.save(str(folder / "a.docx"))
    (page,) = load_file(folder / "a.docx").pages
    return [(heading.level, heading.text) for heading in page.headings]


def test_short_paragraphs_in_bold_are_headings(tmp_path: Path) -> None:
    found = headings(tmp_path, ("Rent", True), (BODY, False), ("2.1 Deposit", True), (BODY, False))
    assert found == [(2, "Rent"), (3, "2.1 Deposit")]


def test_chinese_section_titles_are_headings_in_any_look(tmp_path: Path) -> None:
    body = "员工每年享有十五天年假，申请须提前三日提交主管审批。"
    found = headings(tmp_path, ("第一章 总则", False), (body, False), ("二、休假", False), (body, False), (body, False))
    assert found == [(1, "第一章 总则"), (2, "二、休假")]


@pytest.mark.parametrize(
    "text", ["The lift is out of order.", "Name:", "请注意：", "12,500", "Item\tPrice", "word " * 13]
)
def test_a_sentence_a_label_and_a_number_in_bold_are_none(tmp_path: Path, text: str) -> None:
    assert headings(tmp_path, (text, True), *[(BODY, False)] * 3) == []


def test_bold_says_nothing_where_most_is_bold_or_styles_mark_headings(tmp_path: Path) -> None:
    assert headings(tmp_path, ("Rent", True), (BODY, True), ("Deposit", True)) == []
    assert headings(tmp_path, ("Rent", True), (BODY, False), style="Heading 1") == [(1, "Lease")]


def test_who_wrote_a_document_and_when_are_no_headings_though_their_styles_are_based_on_the_title(
    tmp_path: Path,
) -> None:
    import docx

    document = docx.Document()
    for name in ("Author", "Date", "Report Title"):
        document.styles.add_style(name, 1).base_style = document.styles["Title"]
    for text, style in [("手册", "Title"), ("王敏", "Author"), ("三月", "Date"), ("年报", "Report Title")]:
        document.add_paragraph(text, style=style)
    document.save(str(tmp_path / "a.docx"))
    (page,) = load_file(tmp_path / "a.docx").pages
    assert [heading.text for heading in page.headings] == ["手册", "年报"]
