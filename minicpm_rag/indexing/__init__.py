"""Who writes: one process owns the library, runs the queued jobs in one background thread, and others follow.

Knows jobs, the owner's lock and progress events; not how a file is read or stored.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from minicpm_rag.errors import (
    EmbedderMismatchError,
    EmbeddingError,
    LibraryBusyError,
    LibraryError,
    NotFoundError,
    RAGError,
    VectorStoreError,
)
from minicpm_rag.indexing.cutting import Cutting
from minicpm_rag.indexing.owner import Owner
from minicpm_rag.indexing.repair import CheckReport, compare
from minicpm_rag.indexing.sources import absolute
from minicpm_rag.library import Library, originals
from minicpm_rag.library.ledger import jobs, knowledge_bases
from minicpm_rag.library.ledger.indexes import find_index, refuse_other_embedder
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import IngestProgress

# How a job may fail as a whole, as the ledger names it.
_KINDS: dict[str, type[RAGError]] = {
    kind.__name__: kind
    for kind in (
        LibraryError,
        NotFoundError,
        LibraryBusyError,
        VectorStoreError,
        EmbedderMismatchError,
        EmbeddingError,
    )
}
CHECK_SECONDS = 0.1  # between two looks whether the owner has done a check
LOOK_SECONDS = 0.05  # between two looks at the progress of a job


class Worker:
    """Runs jobs while this process owns the library; otherwise waits until the owner is gone.

    Every process that submits jobs starts one; `follow` works the same whoever does the job.
    """

    def __init__(
        self,
        library: Library,
        *,
        chunk_characters: int = 350,
        chunk_overlap_characters: int = 50,
        ocr: bool = True,
    ) -> None:
        self._owner = Owner(library, Cutting(chunk_characters, chunk_overlap_characters), ocr=ocr)
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Become the owner if nobody is, and start the background thread; harmless when repeated."""
        if self._thread is None:
            self._owner.claim()
            self._thread = threading.Thread(target=self._owner.work, name="library-worker", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Finish the file in hand, leave the rest of the job in the queue, give up the library."""
        self._owner.stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def owns_library(self) -> bool:
        """Whether this process does the writing now."""
        return self._owner.holds_library


def submit_ingest(library: Library, knowledge_base: str, sources: Sequence[str | Path], *, sync: bool = False) -> int:
    """Queue files, folders and addresses for a knowledge base (made where missing); returns the job.

    Raises EmbedderMismatchError where the knowledge base was made with another embedder than this library's.
    """
    arguments = {"sources": [absolute(source) for source in sources], "sync": sync}
    embedder = library.embedder
    revision = "" if embedder is None else embedder.revision  # reads files, so before the ledger is held
    with library.ledger.writing() as connection:
        kb_id = knowledge_bases.ensure(connection, knowledge_base)
        index = find_index(connection, kb_id)
        if index is not None and embedder is not None:
            refuse_other_embedder(index, knowledge_base, embedder.name, revision)
        return jobs.submit(connection, "ingest", kb_id, arguments)


def submit_remove(library: Library, knowledge_base: str, sources: Sequence[str]) -> int:
    """Queue the removal of documents by source; returns the job."""
    return _submit(library, "remove", knowledge_base, {"sources": list(sources)})


def submit_reindex(library: Library, knowledge_base: str) -> int:
    """Queue building the index anew with the embedder set now; returns the job."""
    embedder = library.embedder
    if embedder is None:
        raise LibraryError("indexing.no_embedder")
    arguments = {"embedder": embedder.name, "revision": embedder.revision}
    return _submit(library, "reindex", knowledge_base, arguments)


def submit_import(library: Library, file: Path, name: str | None = None) -> int:
    """Queue reading an exported knowledge base, under its own or another name; returns the job."""
    return _submit(library, "import", None, {"file": absolute(file), "name": name})


def follow(library: Library, job: int, *, cancelled: Callable[[], bool] = lambda: False) -> Iterator[IngestProgress]:
    """The job's progress from its beginning until it is done.

    Raises LibraryError (or what it was) where the job as a whole failed. Once `cancelled()` the file in hand
    is finished, the others are left.
    """
    seen = 0
    asked = told = False
    while True:
        if not asked and cancelled():
            asked = True
            with library.ledger.writing() as connection:
                jobs.request_cancel(connection, job)
        with library.ledger.reading() as connection:
            state = jobs.get(connection, job)
            fresh = jobs.events(connection, job, seen)
        yield from (event for _, event in fresh)
        seen = fresh[-1][0] if fresh else seen
        if job in library.unrecorded:
            raise library.unrecorded.pop(job)
        if state is not None and state.status == "queued" and not told:
            told = True
            yield IngestProgress("", "queued", 0, 0)
        if state is None:
            raise NotFoundError("indexing.no_job", number=job)
        if state.status == "cancelled" and state.successor is not None:
            job, seen, asked = state.successor, 0, False
        elif state.status == "failed":
            error = state.error or Message("system.words", words=state.error_kind)
            raise _KINDS.get(state.error_kind, LibraryError)(error)
        elif state.status in jobs.FINISHED:
            return
        elif not fresh:
            time.sleep(LOOK_SECONDS)


def check(library: Library, *, repair: bool) -> CheckReport:
    """Compare ledger, vectors and keywords, and with `repair` put right what differs.

    Where another process owns the library, or this one's worker, that one does it.
    """
    job = None
    while True:
        if library.vectors.claim():
            try:
                if job is not None:
                    with library.ledger.writing() as connection:
                        jobs.request_cancel(connection, job)
                return compare(library.ledger, library.vectors, repair=repair)
            finally:
                library.vectors.release()
        if job is None:
            with library.ledger.writing() as connection:
                job = jobs.submit(connection, "check", None, {"repair": repair})
        time.sleep(CHECK_SECONDS)
        with library.ledger.reading() as connection:
            state = jobs.get(connection, job)
            if state is not None and state.status == "done":
                return CheckReport.from_json(jobs.result(connection, job))
        if state is None or state.status in jobs.FINISHED:
            raise LibraryError((state and state.error) or Message("indexing.check_ended"))


def save_upload(library: Library, knowledge_base: str, name: str, content: bytes) -> Path:
    """Keep an uploaded file under a safe name in the home folder; returns the path to ingest."""
    with library.ledger.writing() as connection:
        kb_id = knowledge_bases.ensure(connection, knowledge_base)
    try:
        return originals.save_upload(library.uploads, kb_id, name, content)
    except OSError as exc:
        raise LibraryError("indexing.upload_not_kept", name=name, folder=library.uploads, why=reason_of(exc)) from exc


def _submit(library: Library, kind: str, knowledge_base: str | None, arguments: dict[str, Any]) -> int:
    with library.ledger.writing() as connection:
        kb_id = None if knowledge_base is None else knowledge_bases.find(connection, knowledge_base)
        return jobs.submit(connection, kind, kb_id, arguments)
