from __future__ import annotations

from langchain_core.documents import Document

from minicpm_rag import records
from minicpm_rag.retrieval.neighbours import BESIDE_CHARACTERS, neighbours


def passage(start: int, document: int = 1, page: int = 1) -> Document:
    metadata = {records.DOCUMENT_ID: document, records.PAGE: page, records.START: start, records.END: start + 50}
    return Document(page_content="x" * 50, metadata=metadata)


def test_passages_that_touch_or_nearly_are_neighbours() -> None:
    assert neighbours([passage(0), passage(40), passage(90 + BESIDE_CHARACTERS)]) == [[0, 1], [0, 1, 2], [1, 2]]


def test_passages_far_apart_on_another_page_or_of_another_document_are_not() -> None:
    alone = [passage(0), passage(51 + BESIDE_CHARACTERS), passage(0, page=2), passage(0, document=2)]
    assert neighbours(alone) == [[0], [1], [2], [3]]
