from __future__ import annotations

from typing import Any

import pytest
from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.records import Candidate
from minicpm_rag.retrieval.selection import JOINED_CHARACTERS, Choice, select, tell_fates

PAGES = {
    (1, 1): "保修期为两年。电池除外。\n屏幕保修一年。配件不保修。",
    (
        2,
        1,
    ): "The pump has a warranty of two years. Batteries are excluded. Screens have one year of warranty.",
    (3, 1): "x" * 500 + "。" + "y" * 500 + "。" + "z" * 500 + "。",
}


def page_text(document_id: int, page: int) -> str:
    return PAGES[document_id, page]


def passage(document_id: int, start: int, end: int, **metadata: Any) -> Document:
    text = PAGES[document_id, 1][start:end]
    places = {
        records.DOCUMENT_ID: document_id,
        records.PAGE: 1,
        records.START: start,
        records.END: end,
        records.SCORE: 0.5,
        records.EVIDENCE: 0.5,
    }
    return Document(id=f"{document_id}-{start}", page_content=text, metadata={**places, **metadata})


def test_neighbours_become_one_passage_that_quotes_the_page() -> None:
    first, second = passage(1, 0, 12, evidence=0.4), passage(1, 13, 26, evidence=0.9)
    (choice,) = select([second, first], 5, page_text)
    document = choice.document
    assert choice.chunk_ids == ["1-13", "1-0"]
    assert document.page_content == PAGES[1, 1]
    start, end = document.metadata[records.START], document.metadata[records.END]
    assert PAGES[1, 1][start:end] == document.page_content
    assert document.metadata[records.EVIDENCE] == 0.9


def test_overlapping_neighbours_repeat_nothing() -> None:
    (choice,) = select([passage(2, 0, 61), passage(2, 38, len(PAGES[2, 1]))], 5, page_text)
    assert choice.document.page_content == PAGES[2, 1]


def test_a_sentence_between_two_passages_is_taken_in() -> None:
    (choice,) = select([passage(2, 0, 37), passage(2, 62, len(PAGES[2, 1]))], 5, page_text)
    assert choice.document.page_content == PAGES[2, 1]


def test_passages_far_apart_on_a_page_stay_apart() -> None:
    chosen = select([passage(3, 0, 60), passage(3, 600, 700)], 5, page_text)
    assert [choice.chunk_ids for choice in chosen] == [["3-0"], ["3-600"]]


def test_neighbours_on_different_documents_stay_apart() -> None:
    assert len(select([passage(1, 0, 12), passage(2, 0, 37)], 5, page_text)) == 2


def test_a_joined_passage_does_not_grow_without_end() -> None:
    ranked = [passage(3, 0, 501), passage(3, 501, 1002), passage(3, 1002, 1503)]
    chosen = select(ranked, 5, page_text)
    assert [len(choice.document.page_content) for choice in chosen] == [1002, 501]
    assert max(len(choice.document.page_content) for choice in chosen) <= JOINED_CHARACTERS


def test_a_joined_place_is_filled_by_the_next_passage() -> None:
    ranked = [passage(1, 0, 12), passage(1, 13, 26), passage(2, 0, 37)]
    assert [choice.document.metadata[records.DOCUMENT_ID] for choice in select(ranked, 2, page_text)] == [
        1,
        2,
    ]


def test_a_far_worse_neighbour_is_not_joined() -> None:
    ranked = [passage(1, 0, 12), passage(2, 0, 37), passage(1, 13, 26)]
    (choice,) = select(ranked, 1, page_text)
    assert choice.document.page_content == "保修期为两年。电池除外。"


def test_rows_of_a_joined_table_reach_from_first_to_last() -> None:
    ranked = [
        passage(1, 13, 26, row_start=4, row_end=6),
        passage(1, 0, 12, row_start=2, row_end=3, headings="A"),
    ]
    (choice,) = select(ranked, 5, page_text)
    metadata = choice.document.metadata
    assert (metadata[records.ROW_START], metadata[records.ROW_END], metadata[records.HEADINGS]) == (2, 6, "A")


def test_the_same_text_is_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAGES, (4, 1), PAGES[2, 1])
    chosen = select([passage(2, 0, 37), passage(4, 0, 37), passage(1, 0, 12)], 5, page_text)
    assert [choice.document.metadata[records.DOCUMENT_ID] for choice in chosen] == [2, 1]


def test_rows_that_differ_in_a_number_are_both_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    row = "The list price of the standard water pump with its two hoses and one filter is {} dollars."
    monkeypatch.setitem(PAGES, (4, 1), row.format(100))
    monkeypatch.setitem(PAGES, (5, 1), row.format(200))
    ranked = [passage(4, 0, len(PAGES[4, 1])), passage(5, 0, len(PAGES[5, 1]))]
    assert len(select(ranked, 5, page_text)) == 2


@pytest.mark.parametrize(("start", "end"), [(0, 20), (10, 37), (5, 30)])
def test_a_cut_sentence_is_completed(start: int, end: int) -> None:
    (choice,) = select([passage(2, start, end)], 5, page_text)
    assert choice.document.page_content == "The pump has a warranty of two years."


def test_a_sentence_too_long_to_complete_stays_cut() -> None:
    (choice,) = select([passage(3, 720, 780)], 5, page_text)
    assert choice.document.page_content == PAGES[3, 1][720:780]


def test_only_what_stands_before_the_last_passage_was_dropped_for_its_text() -> None:
    candidates = [Candidate(Document(id=name, page_content=name), 0.5) for name in "abcdef"]
    first, _, third, *_ = (candidate.document for candidate in candidates)
    tell_fates(candidates, [Choice(first, ["a", "e"]), Choice(third, ["c"])])
    assert [str(candidate.fate) for candidate in candidates] == [
        "passage 1",
        "same text as a better one",
        "passage 2",
        "not among the best",
        "joined to passage 1",
        "not among the best",
    ]
