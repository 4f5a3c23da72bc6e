from __future__ import annotations

from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.retrieval.found import explained


def test_only_what_stands_before_the_last_passage_was_dropped_for_its_text() -> None:
    ranked = [Document(id=name, page_content=name, metadata={records.SCORE: 0.5}) for name in "abcdef"]
    candidates = explained(ranked, [["a", "e"], ["c"]], {"a": 2.0}, {"b": 0.3})
    assert [candidate.fate for candidate in candidates] == [
        "passage 1",
        "same text as a better one",
        "passage 2",
        "not among the best",
        "joined to passage 1",
        "not among the best",
    ]


def test_each_candidate_has_its_part_from_each_search() -> None:
    ranked = [
        Document(id="a", page_content="a", metadata={records.SCORE: 0.5}),
        Document(id="b", page_content="b", metadata={records.SCORE: 0.4, records.CLOSENESS: 0.6}),
    ]
    first, second = explained(ranked, [["a"]], {"x": 3.0, "a": 2.0}, {"b": 0.3})
    assert (first.keyword_score, first.keyword_rank, first.dense_score, first.dense_rank) == (2.0, 2, None, None)
    assert (second.keyword_score, second.keyword_rank, second.dense_score, second.dense_rank) == (None, None, 0.3, 1)
    assert (first.closeness, second.closeness) == (None, 0.6)
