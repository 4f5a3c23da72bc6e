"""Removing documents by name, with the uploaded originals, one verdict each. For the owner of the library."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from minicpm_rag.errors import LibraryError, NotFoundError
from minicpm_rag.indexing import storage
from minicpm_rag.indexing.sources import Found, absolute, is_gone
from minicpm_rag.indexing.sweep import drop_upload
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import knowledge_bases, names
from minicpm_rag.library.originals import UPLOAD
from minicpm_rag.messages import Message
from minicpm_rag.records import IngestProgress, Verdict


def remove(library: Library, kb_id: int, sources: Sequence[str]) -> Iterator[IngestProgress]:
    """Remove sources exactly as the ledger names them. Raises LibraryError where something of one is left."""
    for number, source in enumerate(sources, start=1):
        with library.ledger.reading() as connection:
            known = source in names.sources(connection, kb_id)
        if not known:
            reason, remedy = Message("indexing.not_listed"), Message("indexing.not_listed.remedy")
            verdict = Verdict(source, Path(source).name, "failed", reason, remedy)
        else:
            row = storage.remove(library.ledger, library.vectors, kb_id, source)
            if row is None:
                verdict = Verdict(source, Path(source).name, "removed", Message("indexing.failure_forgotten"))
            else:
                if source.startswith(UPLOAD):
                    drop_upload(library.ledger, library.uploads, kb_id, row.sha256, source)
                left = [name for name in (row.source, *row.other_names) if name != source]
                stays = Message("indexing.other_name", name=left[0]) if left else None
                verdict = Verdict(
                    source,
                    row.title,
                    "removed",
                    stays,
                    None,
                    row.pages_indexed,
                    row.pages_present,
                    row.chunks,
                    row.encoding,
                )
        yield IngestProgress(source, "done", number, len(sources), verdict)


def remove_missing(library: Library, kb_id: int, found: Found) -> Iterator[Verdict]:
    """Remove what has left the folders that were just looked through, one verdict each."""
    with library.ledger.reading() as connection:
        known = names.sources(connection, kb_id)
    for source in sorted(set(known) - set(found.sources)):
        if not is_gone(source):
            continue
        if _under(source, found.folders) and not _under(source, found.unseen):
            row = storage.remove(library.ledger, library.vectors, kb_id, source)
            pages, chunks = (0, 0) if row is None else (row.pages_indexed, row.chunks)
            reason = Message("indexing.left_folder")
            yield Verdict(source, Path(source).name, "removed", reason, None, pages, pages, chunks)


def _under(source: str, folders: Sequence[Path]) -> bool:
    return any(source.startswith(f"{str(folder).rstrip(os.sep)}{os.sep}") for folder in folders)


def resolve(library: Library, knowledge_base: str, named: str) -> list[str]:
    """The sources a person means: one as listed, a path, all under a folder, or a title that only one has.

    Raises NotFoundError where nothing fits, LibraryError where a title fits several.
    """
    with library.ledger.reading() as connection:
        kb_id = knowledge_bases.find(connection, knowledge_base)
        known = names.sources(connection, kb_id)
        titled = names.titled(connection, kb_id, named)
    path = absolute(named)
    for exact in (named, path, f"{UPLOAD}{named}"):
        if exact in known:
            return [exact]
    inside = [source for source in known if _under(source, [Path(path)])]
    if inside:
        return inside
    if len(titled) == 1:
        return titled
    if titled:
        raise LibraryError("indexing.ambiguous_title", count=len(titled), name=named, sources=titled)
    raise NotFoundError("indexing.no_such_document", name=named, knowledge_base=knowledge_base)
