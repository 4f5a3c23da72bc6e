"""From pages to embedded chunks: the steps that ingest, reindex and import share.

Knows chunking and the embedder; not files, nor where chunks are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.indexing.storage import NewChunk
from minicpm_rag.records import Page

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    from minicpm_rag.embedding.embedder import Embedder

# Texts in one call of the embedder: enough for it to sort them by length, few enough to keep memory flat.
EMBED_TEXTS = 256


@dataclass(frozen=True)
class Cutting:
    """How long chunks are, in characters."""

    chunk_characters: int = 350
    overlap_characters: int = 50


@dataclass(frozen=True)
class Piece:
    """A chunk before it is embedded; `indexed` is the text that will be, with title and headings."""

    text: str
    metadata: dict[str, Any]
    indexed: str


def cut(pages: Sequence[Page], title: str, embedder: Embedder, cutting: Cutting) -> list[Piece]:
    """Cut the pages of a document into pieces that the embedder reads whole."""
    from minicpm_rag.chunking import indexed_text, split_pages

    chunks = split_pages(
        pages,
        title=title,
        count_tokens=embedder.count_tokens,
        limit_tokens=embedder.limit_tokens,
        target_characters=cutting.chunk_characters,
        overlap_characters=cutting.overlap_characters,
    )
    return [Piece(chunk.page_content, dict(chunk.metadata), indexed_text(chunk, title)) for chunk in chunks]


def indexed(text: str, metadata: dict[str, Any], title: str) -> str:
    """The text that is embedded and searched for a chunk, made anew from what is stored of it."""
    from langchain_core.documents import Document

    from minicpm_rag.chunking import indexed_text

    return indexed_text(Document(page_content=text, metadata=metadata), title)


def embed(pieces: Sequence[Piece], embedder: Embedder) -> list[NewChunk]:
    """Embed pieces; a thousand take some 4.5 MB with their signs, not the 12 MB more of Python's own floats."""
    import numpy

    chunks: list[NewChunk] = []
    for first in range(0, len(pieces), EMBED_TEXTS):
        group = pieces[first : first + EMBED_TEXTS]
        read = embedder.read_passages([piece.indexed for piece in group])
        matrix: NDArray[numpy.float32] = numpy.asarray([passage.vector for passage in read], dtype=numpy.float32)
        chunks += [
            NewChunk(piece.text, piece.metadata, piece.indexed, vector, passage.token_signs)
            for piece, vector, passage in zip(group, matrix, read, strict=True)
        ]
    return chunks
