"""Removing documents by name, with the uploaded originals, one verdict each. For the owner of the library."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from minicpm_rag.indexing import storing
from minicpm_rag.indexing.sources import Found, is_gone, is_inside
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import documents
from minicpm_rag.library.originals import UPLOAD
from minicpm_rag.messages import Message
from minicpm_rag.records import IngestProgress, Verdict


def remove(library: Library, kb_id: int, sources: Sequence[str]) -> Iterator[IngestProgress]:
    """Remove sources exactly as the ledger names them. Raises LibraryError where something of one is left."""
    for number, source in enumerate(sources, start=1):
        with library.ledger.reading() as connection:
            known = source in documents.sources(connection, kb_id)
        if known:
            verdict = _removed(library, kb_id, source)
        else:
            reason, remedy = Message("indexing.not_listed"), Message("indexing.not_listed.remedy")
            verdict = Verdict(source, Path(source).name, "failed", reason, remedy)
        yield IngestProgress(source, "done", number, len(sources), verdict)


def remove_missing(library: Library, kb_id: int, found: Found) -> Iterator[Verdict]:
    """Remove the files that have left the folders that were just listed, one verdict each."""
    with library.ledger.reading() as connection:
        known = documents.sources(connection, kb_id)
    for source in sorted(set(known) - set(found.sources)):
        if is_gone(source) and is_inside(source, found.folders) and not is_inside(source, found.unlisted):
            row = storing.remove(library, kb_id, source)
            pages, chunks = (0, 0) if row is None else (row.pages_indexed, row.chunks)
            reason = Message("indexing.left_folder")
            yield Verdict(source, Path(source).name, "removed", reason, None, pages, pages, chunks)


def _removed(library: Library, kb_id: int, source: str) -> Verdict:
    with library.ledger.reading() as connection:
        failed = [sha256 for kb, name, sha256 in documents.failures(connection) if (kb, name) == (kb_id, source)]
    row = storing.remove(library, kb_id, source)
    if source.startswith(UPLOAD):
        for sha256 in failed:
            storing.drop_upload(library, kb_id, sha256, source)
    if row is None:
        return Verdict(source, Path(source).name, "removed", Message("indexing.failure_forgotten"))
    if source.startswith(UPLOAD):
        storing.drop_upload(library, kb_id, row.sha256, source)
    left = [name for name in (row.source, *row.other_names) if name != source]
    stays = Message("indexing.other_name", name=left[0]) if left else None
    return Verdict(
        source, row.title, "removed", stays, None, row.pages_indexed, row.pages_present, row.chunks, row.encoding
    )
