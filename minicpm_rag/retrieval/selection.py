"""Choose passages from a ranking: drop near-duplicates, join neighbours on a page, complete cut sentences.

Knows passages and page texts, not how the ranking came about. What is chosen still quotes the page exactly:
`page_text[start:end] == page_content`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.messages import Message
from minicpm_rag.records import Candidate, PageText
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.terms import terms

if TYPE_CHECKING:
    from langchain_core.documents import Document

SAME_TEXT = 0.9  # share of common terms from which two passages count as one
BETWEEN_CHARACTERS = 400  # two passages with one chunk between them are joined with what they enclose
JOINED_CHARACTERS = 1200  # a joined passage grows no longer than this
COMPLETED_CHARACTERS = 200  # a cut sentence is completed when this little is missing
_NUMBER = re.compile(r"\d+")


@dataclass
class Choice:
    """A chosen passage and the ids of the ranked passages that went into it."""

    document: Document
    chunk_ids: list[str]


def select(ranked: Sequence[Document], limit: int, page_text: PageText) -> list[Choice]:
    """The best `limit` passages, in the ranking's order, without near-duplicates, neighbours joined.

    A neighbour is joined when it is itself among the best `2 * limit`.
    """
    chosen: list[Choice] = []
    prints: list[_Fingerprint] = []
    for rank, document in enumerate(ranked):
        may_join = rank < 2 * limit
        if not may_join and len(chosen) == limit:
            break
        if may_join and any(_join(choice, document, page_text) for choice in chosen):
            continue
        if len(chosen) < limit:
            print_ = _Fingerprint.of(document.page_content)
            if not any(print_.same(other) for other in prints):
                prints.append(print_)
                chosen.append(Choice(document, [str(document.id)]))
    for choice in chosen:
        choice.document = _completed(choice.document, page_text)
    return chosen


def tell_fates(candidates: Sequence[Candidate], chosen: Sequence[Choice]) -> None:
    """Set what became of each candidate; they come in the order that `select` was given."""
    fates: dict[str, Message] = {}
    for number, choice in enumerate(chosen, start=1):
        first, *joined = choice.chunk_ids
        fates[first] = Message("answering.passage", number=number)
        fates.update((name, Message("answering.joined", number=number)) for name in joined)
    # After the last passage was chosen nothing was compared any more, though some were still joined.
    begun = {choice.chunk_ids[0] for choice in chosen}
    last = max((rank for rank, one in enumerate(candidates) if str(one.document.id) in begun), default=-1)
    for rank, candidate in enumerate(candidates):
        left_out = Message("answering.same_text" if rank < last else "answering.not_among_best")
        candidate.fate = fates.get(str(candidate.document.id), left_out)


@dataclass(frozen=True)
class _Fingerprint:
    terms: frozenset[str]
    numbers: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> _Fingerprint:
        return cls(frozenset(terms(text)), tuple(_NUMBER.findall(text)))

    def same(self, other: _Fingerprint) -> bool:
        """Whether the texts say the same. Rows of a price list differ in numbers only, so other numbers tell apart."""
        if self.numbers != other.numbers:
            return False
        either = len(self.terms | other.terms)
        return not either or len(self.terms & other.terms) / either >= SAME_TEXT


def _join(choice: Choice, document: Document, page_text: PageText) -> bool:
    """Join the document to the choice if it stands near it on the same page; return whether that was done."""
    ours, other = choice.document.metadata, document.metadata
    place = (ours[records.DOCUMENT_ID], ours[records.PAGE])
    if place != (other[records.DOCUMENT_ID], other[records.PAGE]):
        return False
    start, end = min(ours[records.START], other[records.START]), max(ours[records.END], other[records.END])
    if end - start > JOINED_CHARACTERS:
        return False
    text = page_text(*place)
    first, second = sorted((ours, other), key=lambda metadata: int(metadata[records.START]))
    if len(text[first[records.END] : second[records.START]].strip()) > BETWEEN_CHARACTERS:
        return False
    metadata = {**ours, records.START: start, records.END: end}
    metadata[records.HEADINGS] = _shared_path(first.get(records.HEADINGS, ""), second.get(records.HEADINGS, ""))
    metadata[records.TABLE_HEADER] = first.get(records.TABLE_HEADER, "")
    if records.ROW_START in first and records.ROW_END in second:
        metadata[records.ROW_START] = first[records.ROW_START]
        metadata[records.ROW_END] = max(second[records.ROW_END], first.get(records.ROW_END, 0))
    metadata[records.EVIDENCE] = max(ours.get(records.EVIDENCE, 0.0), other.get(records.EVIDENCE, 0.0))
    choice.document = choice.document.model_copy(update={"page_content": text[start:end], "metadata": metadata})
    choice.chunk_ids.append(str(document.id))
    return True


def _shared_path(first: str, second: str) -> str:
    """The headings that both stand under; those of the one that has any."""
    if not first or not second:
        return first or second
    paths = zip(first.split(" > "), second.split(" > "), strict=False)
    return " > ".join(one for one, _ in takewhile(lambda both: both[0] == both[1], paths))


def _completed(document: Document, page_text: PageText) -> Document:
    """Take in the rest of a sentence that the chunk's border cut, where it is short."""
    metadata = document.metadata
    start, end = int(metadata[records.START]), int(metadata[records.END])
    text = page_text(metadata[records.DOCUMENT_ID], metadata[records.PAGE])
    # Far enough to see a sentence whole that may be completed.
    first = max(0, start - 2 * COMPLETED_CHARACTERS)
    for left, right in sentence_spans(text[first : end + 2 * COMPLETED_CHARACTERS]):
        left, right = left + first, right + first
        seen_whole = left > first or first == 0
        if seen_whole and left < start < right and start - left <= COMPLETED_CHARACTERS:
            start = left
        if left < end < right and right - end <= COMPLETED_CHARACTERS:
            end = right
    if (start, end) == (metadata[records.START], metadata[records.END]):
        return document
    return document.model_copy(
        update={
            "page_content": text[start:end],
            "metadata": {**metadata, records.START: start, records.END: end},
        }
    )
