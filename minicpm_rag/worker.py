"""Who writes: one process owns the library, runs the queued jobs in one background thread, and others follow.

Knows jobs, the owner's lock and progress events; not how a file is read or stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from minicpm_rag.library import Library
from minicpm_rag.records import IngestProgress


class Worker:
    """Runs jobs when this process can own the library; otherwise waits until the owner is gone.

    Every process that submits jobs starts one; `follow` works the same whoever does the job.
    """

    def __init__(self, library: Library, *, chunk_characters: int, chunk_overlap_characters: int, ocr: bool) -> None:
        self.library = library

    def __enter__(self) -> Worker:
        """Start the background thread."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the background thread; harmless when repeated."""
        raise NotImplementedError

    def close(self) -> None:
        """Finish the file in hand, put the rest of the job back in the queue, give up the library."""
        raise NotImplementedError

    @property
    def owns_library(self) -> bool:
        """Whether this process does the writing now."""
        raise NotImplementedError


def submit_ingest(library: Library, knowledge_base: str, sources: Sequence[str | Path], *, sync: bool = False) -> int:
    """Queue files, folders and addresses for a knowledge base (made where missing); returns the job."""
    raise NotImplementedError


def submit_remove(library: Library, knowledge_base: str, sources: Sequence[str]) -> int:
    """Queue the removal of documents by source; returns the job."""
    raise NotImplementedError


def submit_reindex(library: Library, knowledge_base: str) -> int:
    """Queue building the index anew with the embedder set now; returns the job."""
    raise NotImplementedError


def submit_import(library: Library, file: Path, name: str | None = None) -> int:
    """Queue reading an exported knowledge base; returns the job."""
    raise NotImplementedError


def follow(
    library: Library, job: int, *, cancelled: Callable[[], bool] = lambda: False
) -> Iterator[IngestProgress]:
    """The job's progress from its beginning until it is done.

    Raises LibraryError where the job as a whole failed. Once `cancelled()` the file in hand is finished,
    the others are left.
    """
    raise NotImplementedError


def save_upload(home: Path, library: Library, knowledge_base: str, name: str, content: bytes) -> Path:
    """Keep an uploaded file under a safe name in the home folder; returns the path to ingest."""
    raise NotImplementedError
