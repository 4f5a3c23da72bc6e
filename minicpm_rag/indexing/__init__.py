"""Everything that writes documents. Other parts of the program call only what this module offers.

One process owns the library and runs the queued jobs in one background thread (`Worker`). Any process submits jobs
(`submit_...`), by which the ledger changes at once or soon, and follows their progress (`follow`).
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from minicpm_rag import errors
from minicpm_rag.errors import AccessError, LibraryError, NotFoundError, RAGError
from minicpm_rag.indexing import passwords
from minicpm_rag.indexing.ingest import would_take_long
from minicpm_rag.indexing.moving import move_library
from minicpm_rag.indexing.owner import Worker
from minicpm_rag.indexing.passwords import wants_password
from minicpm_rag.indexing.recognition import wants_recognition
from minicpm_rag.indexing.repair import CheckReport, compare
from minicpm_rag.indexing.sources import absolute, is_address, is_inside
from minicpm_rag.library import Library, access, originals
from minicpm_rag.library.ledger import arrivals, documents, jobs, knowledge_bases
from minicpm_rag.library.ledger.jobs import Job
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import ChunkSize, IngestProgress, Level

__all__ = [
    "CheckReport",
    "Job",
    "Worker",
    "cancel_job",
    "check",
    "follow",
    "is_address",
    "job_state",
    "jobs_under_way",
    "move_library",
    "named_sources",
    "save_upload",
    "submit_delete",
    "submit_import",
    "submit_ingest",
    "submit_reindex",
    "submit_remove",
    "wants_password",
    "wants_recognition",
    "would_take_long",
]

CHECK_SECONDS = 0.1  # between two looks whether the owner has finished a check
LOOK_SECONDS = 0.05  # between two looks at the progress of a job


def submit_ingest(
    library: Library,
    knowledge_base: str,
    sources: Sequence[str | Path],
    *,
    password: str = "",
    sync: bool = False,
    asks: bool = False,
) -> int:
    """Queue files, folders and addresses for a knowledge base (made where missing); returns the job.

    A knowledge base made for the job is deleted at its end if nothing came into it, not even a failed file. With
    `sync`, documents whose files have left the named folders are removed. The password is for encrypted files among
    the sources; it is forgotten once they were read. If the job `asks`, files that would take more than a few
    minutes are left out, with a verdict that says how long they take (`would_take_long`). Raises
    EmbedderMismatchError where the knowledge base was made with an embedder that this library does not have.
    """
    arguments: dict[str, Any] = {"sources": [absolute(source) for source in sources], "sync": sync}
    if asks:
        arguments["asks"] = True
    if library.embedder is not None:
        library.embedder_of(knowledge_base)
    with library.ledger.writing() as connection:
        is_made = not knowledge_bases.exists(connection, knowledge_base)
        kb_id = library.ensure(connection, knowledge_base)
        if is_made:
            knowledge_bases.set_setting(connection, kb_id, knowledge_bases.MADE_TO_FILL, True)
        job = jobs.submit(connection, "ingest", kb_id, arguments)
        for path in map(Path, arguments["sources"]):
            if originals.upload_source(library.uploads, path) is not None:
                arrivals.hand_over(connection, kb_id, path.parent.name)
        for source in arguments["sources"]:
            library.note(connection, "upload", knowledge_base, source.rpartition("/")[2] or source)
        passwords.hand_over(library.home, job, password)
    return job


def save_upload(library: Library, knowledge_base: str, name: str, content: bytes) -> Path:
    """Keep an uploaded file under a safe name in the home folder; returns the path to ingest.

    Raises LibraryError where it cannot be written.
    """
    folder = originals.upload_folder(hashlib.sha256(content).hexdigest())
    with library.ledger.writing() as connection:
        kb_id = library.ensure(connection, knowledge_base)
        arrivals.announce(connection, kb_id, folder)  # or the last removal of these bytes would take the new file
    try:
        path = originals.save_upload(library.uploads, kb_id, name, content)
        if library.originals is not None:
            library.originals.put(path)
        return path
    except OSError as exc:
        raise LibraryError("indexing.upload_not_kept", name=name, folder=library.uploads, why=reason_of(exc)) from exc


def submit_remove(library: Library, knowledge_base: str, sources: Sequence[str]) -> int:
    """Queue the removal of documents by source; returns the job."""
    return _submit(library, "remove", knowledge_base, {"sources": list(sources)}, "write")


def named_sources(library: Library, knowledge_base: str, named: str) -> list[str]:
    """The sources a user means: one as listed, a path, all under a folder, or a title that only one has.

    Raises NotFoundError where nothing fits, LibraryError where a title fits several.
    """
    with library.ledger.reading() as connection:
        kb_id = library.find(connection, knowledge_base)
        known = documents.sources(connection, kb_id)
        titled = documents.titled(connection, kb_id, named)
    path = absolute(named)
    for exact in (named, path, f"{originals.UPLOAD}{named}"):
        if exact in known:
            return [exact]
    inside = [source for source in known if is_inside(source, [Path(path)])]
    if inside:
        return inside
    if not titled:
        raise NotFoundError("indexing.no_such_document", name=named, knowledge_base=knowledge_base)
    if len(titled) > 1:
        raise LibraryError("indexing.ambiguous_title", count=len(titled), name=named, sources=titled)
    return titled


def submit_delete(library: Library, knowledge_base: str) -> int:
    """Delete a knowledge base: gone for every reader at once; returns the job that clears the rest."""
    with library.ledger.writing() as connection:
        kb_id = library.find(connection, knowledge_base, "manage")
        library.note(connection, "delete", knowledge_base)
        jobs.stop_running(connection, kb_id)
        knowledge_bases.hide(connection, kb_id)
        return jobs.submit(connection, "sweep", None, {})


def submit_reindex(library: Library, knowledge_base: str) -> int:
    """Queue building the index again with the embedder set now; returns the job."""
    embedder = library.embedder
    if embedder is None:
        raise LibraryError("indexing.no_embedder")
    arguments = {"embedder": embedder.name, "revision": embedder.revision}
    return _submit(library, "reindex", knowledge_base, arguments, "manage")


def submit_import(library: Library, file: Path, name: str | None = None) -> int:
    """Queue reading an exported knowledge base, under its own or another name; returns the job."""
    arguments = {"file": absolute(file), "name": name}
    if library.user is not None:
        arguments["user"] = library.user.id
    return _submit(library, "import", None, arguments, "write")


def check(library: Library, size: ChunkSize | None = None, *, repair: bool, ocr: bool = True) -> CheckReport:
    """Compare ledger, vectors and keywords, and with `repair` put right what differs.

    Documents that are damaged are made again, in chunks of that size.

    This process does it where none owns the library, else the owner. Raises LibraryError where the ledger is damaged.
    """
    job = None
    while True:
        if library.vectors.claim():
            try:
                if job is not None:
                    with library.ledger.writing() as connection:
                        jobs.request_cancel(connection, job)
                return compare(library, size or ChunkSize(), repair=repair, ocr=ocr)
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


def follow(
    library: Library,
    job: int,
    *,
    cancelled: Callable[[], bool] = lambda: False,
    left: threading.Event | None = None,
) -> Iterator[IngestProgress]:
    """The job's progress from its beginning until it is done, or until the follower has `left`.

    Raises LibraryError (or the error it was) where the job as a whole failed. Once `cancelled()`, the current file is
    finished and the others are left.
    """
    seen = 0
    asked = told = False
    while left is None or not left.is_set():
        if not asked and cancelled():
            asked = True
            with library.ledger.writing() as connection:
                jobs.request_cancel(connection, job)
        with library.ledger.reading() as connection:
            state = jobs.get(connection, job)
            if state is not None and not access.may(connection, state, library.user, "read"):
                raise NotFoundError("indexing.no_job", number=job)
            fresh = jobs.events(connection, job, seen)
        if state is not None and state.status == "queued" and not told:
            told = True
            yield IngestProgress("", "queued", 0, 0)
        yield from (event for _, event in fresh)
        seen = fresh[-1][0] if fresh else seen
        if job in library.unrecorded:
            raise library.unrecorded.pop(job)
        if state is None:
            raise NotFoundError("indexing.no_job", number=job)
        if state.status == "cancelled" and state.successor is not None:
            job, seen, asked = state.successor, 0, False
        elif state.status == "failed":
            raise _error_of(state)
        elif state.status in jobs.FINISHED:
            return
        elif not fresh:
            time.sleep(LOOK_SECONDS)


def job_state(library: Library, number: int) -> Job:
    """A job as it is now, or the job that took its place. Raises NotFoundError."""
    with library.ledger.reading() as connection:
        job = jobs.get(connection, number)
        while job is not None and job.successor is not None:
            job = jobs.get(connection, job.successor)
        if job is None or not access.may(connection, job, library.user, "read"):
            raise NotFoundError("indexing.no_job", number=number)
    return job


def cancel_job(library: Library, number: int) -> None:
    """Ask for a job to end after its current file. Raises NotFoundError."""
    job = job_state(library, number)
    with library.ledger.writing() as connection:
        if not access.may(connection, job, library.user, "write"):
            raise AccessError("library.may_not_write", name=knowledge_bases.names(connection).get(job.kb_id or 0, ""))
        jobs.request_cancel(connection, job.id)


def jobs_under_way(library: Library, known: set[int]) -> list[tuple[Job, str]]:
    """Each job that waits or runs with its knowledge base's name ("" for an import), those of `known` numbers left out.

    A job that took the place of a known one is known too, and added there. One whose knowledge base was deleted
    meanwhile is left out.
    """
    with library.ledger.reading() as connection:
        found = [job for job in jobs.under_way(connection) if access.may(connection, job, library.user, "read")]
        for number in list(known) if found else ():
            while (job := jobs.get(connection, number)) is not None and job.successor is not None:
                known.add(number := job.successor)
        names = knowledge_bases.names(connection)
    return [
        (job, "" if job.kb_id is None else names[job.kb_id])
        for job in found
        if job.id not in known and (job.kb_id is None or job.kb_id in names)
    ]


def _submit(library: Library, kind: str, knowledge_base: str | None, arguments: dict[str, Any], need: Level) -> int:
    with library.ledger.writing() as connection:
        kb_id = None if knowledge_base is None else library.find(connection, knowledge_base, need)
        details = arguments["sources"] if kind == "remove" else [""]
        for detail in details:
            library.note(connection, kind, knowledge_base or "", str(detail).removeprefix(originals.UPLOAD))
        return jobs.submit(connection, kind, kb_id, arguments)


def _error_of(job: Job) -> RAGError:
    """The error that a job failed with, as it was raised in the process that ran it."""
    kind = getattr(errors, job.error_kind, LibraryError)
    if not issubclass(kind, RAGError) or kind.__init__ is not RAGError.__init__:  # it takes more than a message
        kind = LibraryError
    error: RAGError = kind(job.error or Message("system.words", words=job.error_kind))
    return error
