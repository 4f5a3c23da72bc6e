"""From pages to embedded chunks: the steps that ingest, reindex and import share.

Knows the splitter and the embedder; not files, nor where chunks are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from minicpm_rag.chunking import indexed_text, split_pages
from minicpm_rag.records import Chunk, ChunkSize, Page

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder

# Texts in one call of the embedder: enough for it to sort them by length, few enough to keep memory flat.
EMBED_TEXTS = 256


def split(pages: Sequence[Page], title: str, embedder: Embedder, size: ChunkSize) -> list[Chunk]:
    """Split the pages of a document into chunks that the embedder reads whole."""
    return split_pages(
        pages, title=title, count_tokens=embedder.count_tokens, limit_tokens=embedder.limit_tokens, size=size
    )


def embed(chunks: Sequence[Chunk], embedder: Embedder) -> list[Chunk]:
    """The chunks with their vectors and token signs. Raises EmbeddingError."""
    import numpy

    embedded: list[Chunk] = []
    for first in range(0, len(chunks), EMBED_TEXTS):
        group = chunks[first : first + EMBED_TEXTS]
        read = embedder.read_passages([indexed_text(chunk) for chunk in group])
        matrix = numpy.asarray([passage.vector for passage in read], dtype=numpy.float32)  # a third of Python's floats
        embedded += [
            replace(chunk, vector=vector, token_signs=passage.token_signs)
            for chunk, vector, passage in zip(group, matrix, read, strict=True)
        ]
    return embedded
