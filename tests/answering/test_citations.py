from __future__ import annotations

import re
from collections.abc import Sequence

import pytest
from langchain_core.documents import Document

from minicpm_rag.answering.citations import CitedAnswer, find_quote, quote_statements
from minicpm_rag.errors import NotFoundError
from minicpm_rag.records import PageText
from minicpm_rag.text.statements import statements

PAGES = {
    (1, 1): "第一章 公司\n\n云杉仪器成立于2012年，总部位于杭州。公司主要生产空气净化器。\n年假为十五天。",
    (2, 4): "Warranty\n\nThe warranty covers parts for 24 months. Filters are not covered by it.",
}


def passage(document_id: int, page: int, start: int) -> Document:
    text = PAGES[document_id, page]
    place = {"document_id": document_id, "page": page, "start": start, "end": len(text)}
    return Document(text[start:], metadata=place)


DOCUMENTS = [passage(1, 1, 8), passage(2, 4, 10)]


def page_text(document_id: int, page_number: int) -> str:
    return PAGES[document_id, page_number]


def cite(
    text: str,
    question: str,
    documents: Sequence[Document],
    *,
    page_text: PageText | None = None,
    is_cut: bool = False,
) -> CitedAnswer:
    """The whole text at once."""
    answer = CitedAnswer(question, documents, page_text=page_text)
    answer.add(text)
    answer.finish(is_cut=is_cut)
    return answer


def answered(text: str, question: str = "?") -> CitedAnswer:
    return cite(text, question, DOCUMENTS, page_text=page_text)


GOOD = [
    "云杉仪器总部位于杭州[1]。年假为 15 天[1]。",
    "云杉仪器总部位于杭州。【1】年假为 15 天。〔1〕",
    "云杉仪器总部位于杭州［１］。年假为 15 天 [资料1]。",
    "云杉仪器总部位于杭州[[1]]。年假为 15 天[^1]。",
    "云杉仪器总部位于杭州[1][2]。年假为 15 天[1, 2]。",
    "云杉仪器总部位于杭州[1-2]。年假为 15 天[1，2]。",
    "云杉仪器总部位于杭州[7]。年假为 15 天[0]。",
    "云杉仪器总部位于杭州[编号]。年假为 15 天[999]。",
    "云杉仪器总部位于杭州。年假为 15 天。",
]


@pytest.mark.parametrize("written", GOOD)
def test_every_way_of_marking_and_none_at_all_end_as_proven_marks(written: str) -> None:
    assert answered(written).text == "云杉仪器总部位于杭州。[1]年假为 15 天。[1]"


def test_marks_stand_before_the_white_space_in_english() -> None:
    answer = answered("The warranty covers parts for 24 months [2]. Filters are not covered [1].\n\nBye")
    assert answer.text.startswith("The warranty covers parts for 24 months.[2] Filters are not covered.[2]\n\n")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    "written", [*GOOD, "The warranty covers parts for 24 months. [2] Filters are not [", "a [b] c [12"]
)
def test_pieces_of_any_size_give_the_same_text_and_no_half_mark(written: str, size: int) -> None:
    answer = CitedAnswer("?", DOCUMENTS, page_text=page_text)
    shown = ""
    for start in range(0, len(written), size):
        shown += answer.add(written[start : start + size])
        assert shown == answer.text
        assert not re.search(r"[\[【〔［][\d\s,，资料编号]*$", shown)
        assert set(re.findall(r"\d+(?=[\]】〕］])", shown)) <= {"1", "2"}
    shown += answer.finish()
    assert shown == answer.text == answered(written).text
    assert not re.search(r"[\[【〔［]\d*$", shown)


def test_text_is_shown_while_a_sentence_is_still_open() -> None:
    answer = CitedAnswer("?", DOCUMENTS, page_text=page_text)
    assert answer.add("云杉仪器") == "云杉仪器"
    assert answer.add("总部[") == "总部"


@pytest.mark.parametrize("text", ["见 [附录] 与 [a-z]。", "a[b] means b", "list [x, y, z] of three long words"])
def test_brackets_that_are_no_marks_stay(text: str) -> None:
    assert answered(text).text == text


@pytest.mark.parametrize(
    ("text", "quotes"),
    [
        ("云杉仪器总部位于杭州。年假为 15 天。", ["云杉仪器成立于2012年，总部位于杭州。", "年假为十五天。"]),
        ("Filters are not covered by it.", ["Filters are not covered by it."]),
    ],
)
def test_a_quote_is_the_very_text_of_the_stored_page_at_its_offsets(text: str, quotes: list[str]) -> None:
    answer = answered(text)
    assert [citation.quote for citation in answer.citations] == quotes
    for citation in answer.citations:
        metadata = citation.document.metadata
        page = page_text(metadata["document_id"], metadata["page"])
        assert page[citation.quote_start : citation.quote_end] == citation.quote


def test_a_citation_names_the_sentence_in_the_shown_text() -> None:
    answer = answered("云杉仪器总部位于杭州[1]。它有八百家分店[1]。年假为 15 天[2]。")
    assert [answer.text[one.sentence_start : one.sentence_end] for one in answer.citations] == [
        "云杉仪器总部位于杭州。", "年假为 15 天。",
    ]  # fmt: skip
    assert [answer.text[start:end] for start, end in answer.unsupported] == ["它有八百家分店。"]


@pytest.mark.parametrize("text", ["你好！希望对您有帮助。", "资料中没有提到。", "The passages do not say.", ""])
def test_what_states_nothing_is_neither_cited_nor_flagged(text: str) -> None:
    answer = answered(text)
    assert (answer.text, answer.citations, answer.unsupported) == (text, [], [])


def test_a_page_that_has_changed_gives_no_citation() -> None:
    changed = cite("年假为 15 天。", "?", DOCUMENTS, page_text=lambda document, page: "全部改写了。")
    assert (changed.citations, changed.text) == ([], "年假为 15 天。")
    assert changed.unsupported == [(0, 9)]


def test_a_document_removed_meanwhile_gives_no_citation() -> None:
    def gone(document_id: int, page_number: int) -> str:
        raise NotFoundError("There is no document 1.")

    assert cite("年假为 15 天。", "?", DOCUMENTS, page_text=gone).citations == []


def test_white_space_may_differ_between_passage_and_page() -> None:
    document = Document("The warranty covers parts for 24 months.", metadata={"document_id": 1, "page": 1, "start": 3})
    page = "x\n\nThe warranty\ncovers  parts for\n24 months."
    found = find_quote(document, 0, 40, lambda document_id, number: page)
    assert found == (page[3:], 3, len(page))


def test_without_pages_the_passage_itself_is_quoted() -> None:
    answer = cite("年假为 15 天。", "?", DOCUMENTS)
    (citation,) = answer.citations
    text = citation.document.page_content
    assert text[citation.quote_start : citation.quote_end] == citation.quote == "年假为十五天。"


def test_half_a_sentence_of_a_cut_answer_is_not_judged() -> None:
    cut = cite("年假为 15 天。总部位于杭", "?", DOCUMENTS, page_text=page_text, is_cut=True)
    assert (cut.text, len(cut.citations), cut.unsupported) == ("年假为 15 天。[1]总部位于杭", 1, [])


def test_citing_a_cited_answer_again_changes_nothing() -> None:
    once = answered(GOOD[0])
    again = answered(once.text)
    assert (again.text, again.citations) == (once.text, once.citations)


def test_an_answer_of_quotes_has_a_mark_and_a_proven_quote_on_each_line() -> None:
    chosen = [(number, statements(document)[0]) for number, document in enumerate(DOCUMENTS, 1)]
    text, citations = quote_statements(chosen, DOCUMENTS, page_text)
    assert text == "云杉仪器成立于2012年，总部位于杭州。[1]\nThe warranty covers parts for 24 months.[2]"
    for citation in citations:
        assert text[citation.sentence_start : citation.sentence_end] == citation.quote
