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
    assert (candidates[0].keyword_score, candidates[0].dense_score) == (2.0, None)
    assert (candidates[1].keyword_score, candidates[1].dense_score) == (None, 0.3)
