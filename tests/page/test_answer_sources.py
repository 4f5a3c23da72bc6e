"""What the sources of an answer are called: no two of them alike."""

from __future__ import annotations

from typing import Any

from langchain_core.documents import Document

from minicpm_rag.page import sources
from minicpm_rag.records import Answer, Citation

TEXT = "Rent\nThe rent is 900 euros. It is paid monthly.\nNotice\nNinety days are needed."


def document(**metadata: Any) -> Document:
    first = {"title": "lease.docx", "page": 1, "page_kind": "text", "start": 0, "headings": "Lease > Rent"}
    return Document(page_content=TEXT, metadata=first | metadata)


def cited(*starts: int, **metadata: Any) -> Answer:
    found = document(**metadata)
    return Answer(
        citations=[
            Citation(number, 0, 1, TEXT[start : start + 5], start, start + 5, 1.0, found)
            for number, start in enumerate(starts, 1)
        ]
    )


def test_a_file_without_pages_is_named_with_the_section_of_the_quote() -> None:
    sections = [[0, "Lease > Rent"], [TEXT.index("Notice"), "Lease > Notice"]]
    answer = cited(TEXT.index("The rent"), TEXT.index("Ninety"), sections=sections)
    assert sources.named(answer) == {1: "lease.docx · Rent", 2: "lease.docx · Notice"}


def test_those_of_one_section_are_told_by_their_first_words() -> None:
    named = sources.named(cited(TEXT.index("The rent"), TEXT.index("It is")))
    assert named == {1: "lease.docx · Rent · The rent is 900…", 2: "lease.docx · Rent · It is paid month…"}


def test_a_page_says_enough() -> None:
    assert sources.named(cited(5, page_kind="page", page_label="4")) == {1: "lease.docx · page 4"}
