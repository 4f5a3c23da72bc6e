"""How `ask` and `search` show passages and citations: a line for people, fields for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minicpm_rag.cli.language import language
from minicpm_rag.cli.tables import printable

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Candidate, Citation

_SHOWN_CHARACTERS = 300  # of a passage on the terminal


def passage_line(number: int, document: Document) -> str:
    """A numbered passage: where it stands, its score, its beginning."""
    from minicpm_rag.records import SCORE

    text = on_one_line(document.page_content)
    if len(text) > _SHOWN_CHARACTERS:
        text = text[:_SHOWN_CHARACTERS] + "…"
    score = float(document.metadata.get(SCORE, 0.0))
    return f"[{number}] {origin(document)}  {score:.3f}\n    {text}"


def origin(document: Document) -> str:
    """File, place and headings of a passage."""
    from minicpm_rag.answering.prompt import place_of
    from minicpm_rag.records import HEADINGS, TITLE

    place = place_of(document, language())
    headings = str(document.metadata.get(HEADINGS) or "")
    parts = [str(document.metadata.get(TITLE, "")), place, f"({headings})" if headings else ""]
    return " ".join(part for part in parts if part)


def on_one_line(text: str) -> str:
    """Text for one line of a terminal."""
    return printable(" ".join(text.split()))


def passage_fields(document: Document) -> dict[str, Any]:
    """A passage as JSON values."""
    return {**document.metadata, "text": document.page_content}


def candidate_fields(candidate: Candidate) -> dict[str, Any]:
    """A candidate of the search as JSON values."""
    return {
        "chunk_id": candidate.document.id,
        "keyword_score": candidate.keyword_score,
        "keyword_rank": candidate.keyword_rank,
        "dense_score": candidate.dense_score,
        "dense_rank": candidate.dense_rank,
        "closeness": candidate.closeness,
        "score": candidate.score,
        "evidence": candidate.evidence,
        "fate": str(candidate.fate),
    }


def citation_fields(citation: Citation) -> dict[str, Any]:
    """A citation as JSON values."""
    from minicpm_rag.records import DOCUMENT_ID, PAGE, PAGE_LABEL, SOURCE, TITLE

    metadata = citation.document.metadata
    place = {key: metadata.get(key) for key in (TITLE, SOURCE, DOCUMENT_ID, PAGE, PAGE_LABEL)}
    return {
        "number": citation.number,
        "sentence": [citation.sentence_start, citation.sentence_end],
        "quote": citation.quote,
        "quote_offsets": [citation.quote_start, citation.quote_end],
        "support": citation.support,
        **place,
    }
