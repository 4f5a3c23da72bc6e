"""The library: knowledge bases of documents, their page texts, vectors and keyword index, as one thing to read.

Joins the ledger (SQLite: what is true) and the vectors (Chroma). It does not know how files are read, chunked or
embedded, nor who may write: `ingest` and `worker` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from minicpm_rag.records import DocumentRow, KnowledgeBase, Page

if TYPE_CHECKING:
    from langchain_core.documents import Document

    from minicpm_rag.embeddings import Embedder


class Library:
    """Everything the person has put in. Thread-safe; opening is cheap, Chroma is opened when first searched."""

    def __init__(self, home: Path, *, embedder: Embedder | None, chroma_url: str | None = None) -> None:
        self.home = home
        self.embedder = embedder
        self.chroma_url = chroma_url

    def __enter__(self) -> Library:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger and Chroma; harmless when repeated."""
        raise NotImplementedError

    # Knowledge bases
    def knowledge_bases(self) -> list[KnowledgeBase]:
        """All knowledge bases with their counts, by name."""
        raise NotImplementedError

    def knowledge_base(self, name: str) -> KnowledgeBase:
        """One knowledge base. Raises NotFoundError naming those that exist."""
        raise NotImplementedError

    def create(self, name: str) -> KnowledgeBase:
        """Make an empty knowledge base, or raise LibraryError where the name is taken or blank."""
        raise NotImplementedError

    def rename(self, name: str, new_name: str) -> None:
        """Give a knowledge base another name."""
        raise NotImplementedError

    def delete(self, name: str) -> None:
        """Delete a knowledge base: gone for every reader at once; the owner clears its vectors."""
        raise NotImplementedError

    def export(self, name: str, file: Path) -> None:
        """Write a knowledge base (page texts, chunks, vectors; no original files) into one zip file."""
        raise NotImplementedError

    def generation(self, knowledge_base: str) -> int:
        """A number that grows whenever what can be found in the knowledge base has changed."""
        raise NotImplementedError

    # Documents
    def documents(self, knowledge_base: str) -> list[DocumentRow]:
        """Documents that are ready, and files whose last try failed, by source."""
        raise NotImplementedError

    def document(self, document_id: int) -> DocumentRow:
        """One document. Raises NotFoundError."""
        raise NotImplementedError

    def page(self, document_id: int, page_number: int) -> Page:
        """One stored page with its headings and tables. Raises NotFoundError."""
        raise NotImplementedError

    def page_text(self, document_id: int, page_number: int) -> str:
        """The text of one page: what quotes are proven against. Raises NotFoundError."""
        raise NotImplementedError

    def page_texts(self, document_id: int) -> dict[int, str]:
        """The texts of all stored pages, by page number."""
        raise NotImplementedError

    def original_path(self, document_id: int) -> Path | None:
        """The file on disk whose bytes still are the document's; None where it has changed or gone."""
        raise NotImplementedError

    # Searching
    def dense_search(self, knowledge_base: str, vector: Sequence[float], limit: int) -> list[tuple[str, float]]:
        """The (chunk id, cosine similarity) pairs nearest to the vector, best first, ready chunks only.

        Raises EmbedderMismatchError where the knowledge base was made with another embedder.
        """
        raise NotImplementedError

    def keyword_search(self, knowledge_base: str, question: str, limit: int) -> list[tuple[str, float]]:
        """The (chunk id, BM25 score) pairs that share words with the question, best first, higher is better."""
        raise NotImplementedError

    def passages(self, knowledge_base: str, chunk_ids: Sequence[str]) -> list[Document]:
        """The chunks as Documents with all metadata of records.py, order kept; ids that are gone are left out."""
        raise NotImplementedError

    def chunk_ids(self, document_id: int) -> list[str]:
        """The chunk ids of a document, in reading order."""
        raise NotImplementedError

    def neighbours(self, chunk_id: str) -> tuple[Document | None, Document | None]:
        """The chunks before and after, in the same document."""
        raise NotImplementedError

    # Small values kept beside the index
    def setting(self, knowledge_base: str, key: str) -> Any:
        """The JSON value stored under the key, or None."""
        raise NotImplementedError

    def set_setting(self, knowledge_base: str, key: str, value: Any) -> None:
        """Store a JSON value beside the index (a calibrated evidence bar, say)."""
        raise NotImplementedError
