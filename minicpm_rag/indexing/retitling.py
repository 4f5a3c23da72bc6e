"""Keeps the keyword index in step with a document's title, which follows its first name. For the owner only.

The vectors keep the old title: a moved file costs no embedding.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from minicpm_rag.library.ledger import chunk_rows, documents, keywords
from minicpm_rag.library.ledger.indexes import find_index


@contextmanager
def retitling(connection: sqlite3.Connection, kb_id: int, *sources: str | None) -> Iterator[None]:
    """Around a change of those names: documents that got another title by it are found under that one."""
    named = [documents.named(connection, kb_id, source) for source in sources if source is not None]
    titles = {document.id: document.title for document in named if document is not None}
    yield
    for document_id, title in titles.items():
        document = documents.one(connection, document_id)
        if document.status == "ready" and document.title != title:
            _index(connection, kb_id, document_id, document.title)


def _index(connection: sqlite3.Connection, kb_id: int, document_id: int, title: str) -> None:
    from minicpm_rag.indexing.cutting import indexed

    index = find_index(connection, kb_id)
    if index is None:
        return
    chunks = chunk_rows.of_document(connection, document_id)
    keywords.remove(connection, index.keyword_table, [chunk.row for chunk in chunks])
    keywords.add(
        connection,
        index.keyword_table,
        [(chunk.row, indexed(chunk.text, chunk.metadata, title)) for chunk in chunks],
    )
