"""Which passages of a search stand beside each other on a page. Knows places, not scores or words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from minicpm_rag import records

if TYPE_CHECKING:
    from langchain_core.documents import Document

BESIDE_CHARACTERS = 100  # neighbours overlap, or blank space and a heading stand between them


def neighbours(documents: Sequence[Document]) -> list[list[int]]:
    """For each passage the numbers of those that touch it, or nearly; it is one of them itself.

    A subject named in one chunk and an answer in the next are one find. Only candidates of a search count, which
    costs nothing, and what is no candidate holds little of the question.
    """
    by_page: dict[tuple[int, int], list[int]] = {}
    for number, document in enumerate(documents):
        by_page.setdefault(_page(document), []).append(number)
    return [[other for other in by_page[_page(one)] if _beside(one, documents[other])] for one in documents]


def _page(document: Document) -> tuple[int, int]:
    return document.metadata[records.DOCUMENT_ID], document.metadata[records.PAGE]


def _beside(one: Document, other: Document) -> bool:
    first, second = one.metadata, other.metadata
    between = max(first[records.START], second[records.START]) - min(first[records.END], second[records.END])
    return bool(between <= BESIDE_CHARACTERS)
