"""A source of an answer: which passage of which document is meant, and the words that are marked on its page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.page.language import t

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Answer


@dataclass(frozen=True)
class Source:
    """What to show: a passage, and the words on its page that are marked, as (start, end, words)."""

    document: Document
    quotes: tuple[tuple[int, int, str], ...]

    @classmethod
    def of_passage(cls, document: Document) -> Source:
        """A passage that nothing quotes: all of it is marked."""
        start = int(document.metadata.get(records.START, 0))
        return cls(document, ((start, start + len(document.page_content), document.page_content),))


def cited(answer: Answer, number: int) -> Source | None:
    """The source behind a number in an answer."""
    citations = [citation for citation in answer.citations if citation.number == number]
    if citations:
        quotes = {(citation.quote_start, citation.quote_end, citation.quote) for citation in citations}
        return Source(citations[0].document, tuple(sorted(quotes)))
    if 1 <= number <= len(answer.documents):
        return Source.of_passage(answer.documents[number - 1])
    return None


def place(document: Document) -> str:
    """Where a passage stands in its file, in words."""
    kind = document.metadata.get(records.PAGE_KIND, "text")
    label = document.metadata.get(records.PAGE_LABEL) or ""
    parts = [t(f"place_{kind}", label=label)] if kind != "text" and label else []
    first, last = document.metadata.get(records.ROW_START), document.metadata.get(records.ROW_END)
    if first is not None and last is not None:
        parts.append(t("row", row=first) if first == last else t("rows", first=first, last=last))
    return " · ".join(parts)
