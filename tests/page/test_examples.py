"""The example questions read as a user would ask them."""

from __future__ import annotations

import pytest
from conftest import KNOWLEDGE
from fake_workspace import FakeLibrary, FakeWorkspace, page_of, row

from minicpm_rag.loaders import load_file
from minicpm_rag.page import examples
from minicpm_rag.text import subjects


def questions(name: str) -> list[str]:
    """The questions about a sample document."""
    loaded = load_file(KNOWLEDGE / name)
    library = FakeLibrary({1: loaded.pages[0]}, [row(1, name)])
    workspace = FakeWorkspace(library)
    return examples._drawn.__wrapped__(workspace, "default", 1, "en")  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("employee_handbook.docx", "How many days a week may I work from home?"),
        ("supplier_agreement.md", "Within how many days are invoices due?"),
        ("airleaf_200_manual.html", "What is the range of PM2.5?"),
        ("price_list.csv", "AL-100 的单价是多少？"),
        ("会议纪要_2026年3月.md", "《产品例会纪要》里关于“AirLeaf 500 上市计划”是怎么说的？"),
        ("售后服务政策.txt", "保修期外的维修，检测费为多少元？"),
        ("厂房租赁合同.docx", "物业费为每平方米每月多少元？"),
        ("销售订单_2026Q1.xlsx", "华南的金额合计是多少？"),
        ("guide_en.md", "What does “Using MiniCPM document Q&A” say about adding documents?"),
    ],
)
def test_a_question_is_drawn_from_what_a_document_is_about(name: str, expected: str) -> None:
    assert questions(name)[0] == expected


@pytest.mark.parametrize(
    "heading",
    ["Welcome", "Introduction", "1. Overview", "Chapter 2: Summary", "Contents", "Appendix B", "前言",
     "第一章 公司概况", "一、概述", "Notes / 备注", "附录 2", "联系方式", "（一）总则"],
)  # fmt: skip
def test_headings_that_say_nothing_are_skipped(heading: str) -> None:
    page = page_of(f"# A title\n\n## {heading}\n\nText.\n\n## Care\n\nText.\n")
    assert list(subjects.of_page(page)) == ["Care"]


@pytest.mark.parametrize(
    ("heading", "subject"),
    [("第二章 工作时间", "工作时间"), ("3.1 Ring light", "Ring light"), ("一般规定", "一般规定"),
     ("（二）退换货", "退换货"), ("AirLeaf 500 上市计划", "AirLeaf 500 上市计划"),
     ("3D printing", "3D printing"), ("二、客户投诉", "客户投诉")],
)  # fmt: skip
def test_only_the_number_of_a_heading_is_left_out(heading: str, subject: str) -> None:
    assert list(subjects.of_page(page_of(f"# A title\n\n## {heading}\n\nText.\n"))) == [subject]


@pytest.mark.parametrize(
    ("words", "inside"),
    [("Working hours", "working hours"), ("AirLeaf care", "AirLeaf care"), ("EU law", "EU law"), ("Leave", "leave"),
     ("Error Codes", "Error Codes"), ("Where things are kept", "“Where things are kept”"), ("年假", "年假")],
)  # fmt: skip
def test_words_stand_in_a_sentence_as_they_would_be_written(words: str, inside: str) -> None:
    assert subjects.in_a_sentence(words) == inside


def test_the_files_name_serves_where_the_page_has_no_title() -> None:
    assert subjects.own_title(page_of("Text first.\n\n# Care\n\n# Use\n")) == ""
    assert subjects.file_title("after-sales_policy.txt") == "after sales policy"


def test_a_title_below_front_matter_is_the_title() -> None:
    page = page_of("---\nauthor: Priya\n---\n\n# Postmortem of the outage\n\n## Root cause\n\nText.\n")
    assert subjects.own_title(page) == "Postmortem of the outage"
    assert list(subjects.of_page(page)) == ["Root cause"]


def test_what_two_documents_answer_is_asked_after_what_one_answers() -> None:
    pages = {
        number: page_of(f"Invoices are due within {number}0 days.\nThe notice is {number}0 weeks.\n{more}")
        for number, more in ((3, "The deposit is 900 euros.\n"), (4, ""))
    }
    library = FakeLibrary(pages, [row(3, "three.md"), row(4, "four.md")])
    drawn = examples._drawn.__wrapped__(FakeWorkspace(library), "default", 1, "en")  # type: ignore[attr-defined]
    assert "What is the deposit?" in drawn and len(drawn) == len(set(drawn))


def test_a_list_that_is_only_a_title_and_dates_or_counts_give_no_question() -> None:
    page = page_of("# First order\n\nPlease book it.\n")
    assert list(subjects.of_page(page)) == []
    table = load_file(KNOWLEDGE / "complaints_2026_q1.csv").pages[0]
    assert list(subjects.table_cells(table)) == []
