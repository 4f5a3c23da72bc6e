"""What is found and answered, as JSON values: one form for `--json`, the HTTP API and MCP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minicpm_rag.messages import Language, text
from minicpm_rag.records import DOCUMENT_ID, HEADINGS, PAGE, PAGE_LABEL, SOURCE, TITLE

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.records import Answer, Candidate, Citation, Retrieval, Verdict


def passage_fields(document: Document) -> dict[str, Any]:
    """A passage: its metadata (see records.py) and its text."""
    return {**document.metadata, "text": document.page_content}


def candidate_fields(candidate: Candidate) -> dict[str, Any]:
    """A candidate of the search."""
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
    """A citation: the sentence it supports, the quote with its place."""
    metadata = citation.document.metadata
    place = {key: metadata.get(key) for key in (TITLE, SOURCE, DOCUMENT_ID, PAGE, PAGE_LABEL, HEADINGS)}
    return {
        "number": citation.number,
        "sentence": [citation.sentence_start, citation.sentence_end],
        "quote": citation.quote,
        "quote_offsets": [citation.quote_start, citation.quote_end],
        "support": citation.support,
        **place,
    }


def retrieval_fields(question: str, found: Retrieval, *, explain: bool) -> dict[str, Any]:
    """What a search found; with `explain` every candidate and what became of it."""
    fields: dict[str, Any] = {
        "question": question,
        "evidence": found.evidence,
        "threshold": found.threshold,
        "passages": [passage_fields(document) for document in found.documents],
    }
    if explain and found.trace is not None:
        fields["dense_weight"] = found.trace.dense_weight
        fields["candidates"] = [candidate_fields(candidate) for candidate in found.trace.candidates]
    return fields


def answer_fields(question: str, retrieval: Retrieval | None, answer: Answer, language: Language) -> dict[str, Any]:
    """An answer with its citations, and the evidence there was."""
    return {
        "question": question,
        "standalone_question": answer.standalone_question,
        "answer": answer.text,
        "mode": answer.mode,
        "evidence": None if retrieval is None else retrieval.evidence,
        "threshold": None if retrieval is None else retrieval.threshold,
        "citations": [citation_fields(citation) for citation in answer.citations],
        "note": None if answer.note is None else text(language, answer.note),
        "unsupported": [list(span) for span in answer.unsupported],
        "passages": [passage_fields(document) for document in answer.documents],
        "computations": [vars(computation) for computation in answer.computations],
        "seconds": answer.seconds,
        "tokens_per_second": answer.tokens_per_second,
    }


def verdict_fields(verdict: Verdict, language: Language) -> dict[str, Any]:
    """What became of one file, said in a language."""
    return {
        "source": verdict.source,
        "title": verdict.title,
        "status": verdict.status,
        "reason": None if verdict.reason is None else text(language, verdict.reason),
        "remedy": None if verdict.remedy is None else text(language, verdict.remedy),
        "pages_indexed": verdict.pages_indexed,
        "pages_present": verdict.pages_present,
        "chunks": verdict.chunks,
    }
