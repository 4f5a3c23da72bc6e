"""The shared evaluation files: every answer is in the loaded text, every edge file is judged as it should."""

from __future__ import annotations

import functools
import json
import re

import pytest
from conftest import SHARED

from minicpm_rag.errors import DocumentError
from minicpm_rag.loaders import load_file
from minicpm_rag.records import LoadedFile, Page

FILES = SHARED / "eval" / "files"
pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="shared evaluation files are not here")

REFUSED = {
    "empty.txt": "no text",
    "whitespace.txt": "no text",
    "bom_only.txt": "no text",
    "truncated.pdf": "damaged",
    "truncated.docx": "damaged",
    "binary.txt": "readable text",
    "encrypted_password_secret.pdf": "password",
    "scanned_image_only.pdf": "2 of 2 pages are scans",
}


@functools.cache
def loaded(name: str) -> LoadedFile:
    return load_file(FILES / name)


def row_text(page: Page, row: int) -> str:
    for table in page.tables:
        ends = [offset for offset, _ in table.rows[1:]] + [table.end]
        for (offset, number), end in zip(table.rows, ends, strict=True):
            if number == row:
                return page.text[offset:end]
    return ""


def places(question: dict[str, object]) -> list[str]:
    """Return the texts of the pages or rows the answer should be in."""
    pages = list(loaded(str(question["file"])).pages)
    if "pages" in question or "slide" in question:
        numbers = question.get("pages") or [question["slide"]]
        pages = [page for page in pages if page.number in numbers]  # type: ignore[operator]
    if "sheet" in question:
        pages = [page for page in pages if page.label == question["sheet"]]
    if "row" in question:
        return [row_text(page, int(str(question["row"]))) for page in pages]
    return [page.text for page in pages]


def test_every_answer_is_in_the_text_of_its_page_slide_or_row() -> None:
    questions = [json.loads(line) for line in (FILES / "questions.jsonl").read_text("utf-8").splitlines()]
    missing = []
    for question in questions:
        texts = [re.sub(r"\s+", "", text) for text in places(question)]
        answers = [re.sub(r"\s+", "", answer) for answer in question["answers"]]
        if not any(answer in text for answer in answers for text in texts):
            missing.append(question["id"])
    assert len(questions) > 200
    assert missing == []


@pytest.mark.parametrize("name", REFUSED)
def test_edge_files_that_cannot_be_read_are_refused(name: str) -> None:
    with pytest.raises(DocumentError, match=REFUSED[name]):
        load_file(FILES / "edge" / name, ocr=False)


def test_edge_files_that_can_be_read_are_read() -> None:
    edge = FILES / "edge"
    assert load_file(edge / "nul_bytes.txt").pages[0].text == "正文开始中间有空字节结束"
    assert load_file(edge / "deep_nested_table.html").pages[0].text == "最深处的单元格内容"
    assert str(load_file(edge / "html_named.pdf").note) == "Read as html, although the name ends in .pdf."
    assert load_file(edge / "encrypted_owner_only.pdf").pages[1].text == loaded("en_twocolumn.pdf").pages[1].text
    assert len(load_file(edge / "one_long_line.txt").pages[0].text) > 40_000
    expected = set(json.loads((edge / "expected.json").read_text("utf-8")))
    read = {
        "nul_bytes.txt",
        "deep_nested_table.html",
        "html_named.pdf",
        "encrypted_owner_only.pdf",
        "one_long_line.txt",
    }
    assert expected == set(REFUSED) | read | {"dup_of_zh_utf8.txt"}


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("zh_gb18030.txt", "gb18030"),
        ("zh_utf16le_bom.txt", "utf-16"),
        ("zh_hant_big5.txt", "cp950"),
        ("zh_table_utf8sig.csv", "utf-8-sig"),
        ("zh_page_gbk.html", "gb18030"),
    ],
)
def test_encodings_are_recorded(name: str, encoding: str) -> None:
    assert loaded(name).encoding == encoding
