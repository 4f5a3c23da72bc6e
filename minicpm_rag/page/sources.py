"""A source of an answer: which passage of which document is meant, and the words that are marked on its page."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag import records
from minicpm_rag.page.html import markup
from minicpm_rag.page.language import t
from minicpm_rag.text.sections import section_at

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Answer, Citation, DocumentRow

Quote = tuple[int, int, str]  # start, end, words
FIRST_CHARACTERS = 16  # of a passage, that tell it from others of its section


@dataclass(frozen=True)
class Source:
    """What to show: a passage, and the words on its page that are marked.

    Those `chosen` among them, of the sentence that was clicked, are marked more strongly. A document that is shown
    as a whole has no quotes.
    """

    document: Document
    quotes: tuple[Quote, ...]
    chosen: tuple[Quote, ...] = ()

    @classmethod
    def of_passage(cls, document: Document) -> Source:
        """A passage that nothing quotes: all of it is marked."""
        start = int(document.metadata.get(records.START, 0))
        return cls(document, ((start, start + len(document.page_content), document.page_content),))

    @classmethod
    def of_document(cls, row: DocumentRow) -> Source:
        """A whole document, from its first page."""
        from langchain_core.documents import Document

        metadata = {records.DOCUMENT_ID: row.id, records.TITLE: row.title, records.PAGE: 1}
        return cls(Document(page_content="", metadata=metadata), ())


def cited(answer: Answer, number: int, which: int | None = None) -> Source | None:
    """The source behind a number in an answer; `which` of the answer's marks was clicked, where one was."""
    citations = [citation for citation in answer.citations if citation.number == number]
    if citations:
        chosen = {_quote(citation) for citation in citations if citation in _of_mark(answer, citations, which)}
        quotes = {_quote(citation) for citation in citations}
        return Source(citations[0].document, tuple(sorted(quotes)), tuple(sorted(chosen)) if quotes != chosen else ())
    if 1 <= number <= len(answer.documents):
        return Source.of_passage(answer.documents[number - 1])
    return None


def named(answer: Answer) -> dict[int, str]:
    """What each source of an answer is called: its title and place, or section where the file has no pages.

    Those that would be called alike have their first words too.
    """
    documents = dict(enumerate(answer.documents, 1)) if not answer.citations else {}
    starts: dict[int, int] = {}
    for citation in answer.citations:
        documents.setdefault(citation.number, citation.document)
        starts.setdefault(citation.number, citation.quote_start - int(citation.document.metadata.get(records.START, 0)))
    found = {number: _named(document, starts.get(number, 0)) for number, document in documents.items()}
    often = Counter(found.values())
    return {
        number: f"{name} · {_first_words(documents[number], starts.get(number, 0))}" if often[name] > 1 else name
        for number, name in found.items()
    }


def _named(document: Document, position: int) -> str:
    section = section_at(document, position).rpartition(" > ")[2] if not place(document) else ""
    title = str(document.metadata.get(records.TITLE, ""))
    return " · ".join(filter(None, (title, place(document), section)))


def _first_words(document: Document, position: int) -> str:
    words = " ".join(document.page_content[max(0, position) :].lstrip("#|-*• ").split())
    return words if len(words) <= FIRST_CHARACTERS else f"{words[:FIRST_CHARACTERS].rstrip()}…"


def _quote(citation: Citation) -> Quote:
    return (citation.quote_start, citation.quote_end, citation.quote)


def _of_mark(answer: Answer, citations: list[Citation], which: int | None) -> list[Citation]:
    """Those of the sentence that a mark stands at, the one that ends nearest to it."""
    places = markup.mark_places(answer.text)
    if which is None or which >= len(places):
        return []
    end = min((citation.sentence_end for citation in citations), key=lambda end: abs(end - places[which]))
    return [citation for citation in citations if citation.sentence_end == end]


def place(document: Document) -> str:
    """Where a passage stands in its file, in words."""
    kind = document.metadata.get(records.PAGE_KIND, "text")
    label = document.metadata.get(records.PAGE_LABEL) or ""
    parts = [t(f"place_{kind}", label=label)] if kind != "text" and label else []
    first, last = document.metadata.get(records.ROW_START), document.metadata.get(records.ROW_END)
    if first is not None and last is not None:
        parts.append(t("row", row=first) if first == last else t("rows", first=first, last=last))
    return " · ".join(parts)
