"""The worker's jobs as the page shows them: followed in the background, once for all sessions.

Jobs of this page, and those that the command line began or that were queued before a restart. They go on when a tab
is closed. It knows progress events, not widgets.
"""

from __future__ import annotations

import itertools
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from minicpm_rag.errors import NotFoundError, RAGError
from minicpm_rag.library.originals import UPLOAD
from minicpm_rag.messages import Message
from minicpm_rag.page.once import Once
from minicpm_rag.records import IngestProgress, Verdict

if TYPE_CHECKING:
    from minicpm_rag.library import Library
    from minicpm_rag.records import DocumentRow

logger = logging.getLogger(__name__)
FILES_TO_JUDGE_BY = 3  # as many must be done before the time left is judged by them
SHOWN_KINDS = ("ingest", "remove", "reindex", "import")


class Job:
    """A job of the worker, as far as it has come."""

    def __init__(
        self, library: Library, kind: str, knowledge_base: str, number: int, sources: Sequence[str] = ()
    ) -> None:
        """`sources` are those of an ingest, which goes on with them after a pause."""
        self.kind = kind
        self.sources = list(sources)
        self.knowledge_base = knowledge_base
        self.number = number
        self.began = time.monotonic()
        self.latest: IngestProgress | None = None
        self.verdicts: list[Verdict] = []
        self.error: Message | None = None
        self.done = threading.Event()
        self.cancelled = threading.Event()
        self.library = library
        threading.Thread(target=self._follow, name=f"job-{number}", daemon=True).start()

    @property
    def seconds_left(self) -> int:
        """How long the rest will take, by the files done so far and by the stage under way; 0 where nobody can tell."""
        if self.latest is None:
            return 0
        done = len(self.verdicts)
        by_files = (
            (time.monotonic() - self.began) / done * (self.latest.files - done) if done >= FILES_TO_JUDGE_BY else 0
        )
        return max(self.latest.seconds_left, round(by_files))

    @property
    def left(self) -> int:
        """How many files a pause left unread."""
        if not (self.cancelled.is_set() and self.done.is_set() and self.sources and self.latest):
            return 0
        return max(0, self.latest.files - len(self.verdicts))

    def _follow(self) -> None:
        from minicpm_rag import indexing

        try:
            for step in indexing.follow(self.library, self.number, cancelled=self.cancelled.is_set):
                self.latest = step
                if step.verdict is not None:
                    self.verdicts.append(step.verdict)
        except RAGError as error:
            self.error = error.message
        except Exception:
            logger.exception("Following job %s failed", self.number)
            self.error = Message("system.fault")
        finally:
            self.done.set()


class Jobs:
    """The jobs seen since the server started, oldest first."""

    def __init__(self) -> None:
        self._jobs: list[Job] = []
        self._known: set[int] = set()
        self._lock = threading.Lock()
        self._adding = threading.Lock()  # held while the ledger is read, which can take a while

    def begin(
        self, library: Library, kind: str, knowledge_base: str, submit: Callable[[], int], sources: Sequence[str] = ()
    ) -> Job:
        """Hand a job to the worker and follow it."""
        with self._adding:
            job = Job(library, kind, knowledge_base, submit(), sources)
            self._follow(job)
        return job

    def adopt(self, library: Library) -> None:
        """Follow the jobs that another process began, or this one before it was restarted."""
        from minicpm_rag import indexing

        with self._adding:
            for job, knowledge_base in indexing.jobs_under_way(library, self._known):
                if job.kind in SHOWN_KINDS:
                    sources = job.arguments.get("sources", ()) if job.kind == "ingest" else ()
                    self._follow(Job(library, job.kind, knowledge_base, job.id, sources))

    def _follow(self, job: Job) -> None:
        self._known.add(job.number)
        with self._lock:
            self._jobs.append(job)

    def of(self, knowledge_base: str, library: Library | None = None) -> list[Job]:
        """The jobs of a knowledge base that are still shown; an import makes its own knowledge base, so all show it.

        With a `library`, those that its user may see: the name may have been another knowledge base's.
        """
        with self._lock:
            found = [
                job
                for job in self._jobs
                if job.knowledge_base == knowledge_base or (job.knowledge_base == "" and job.library.user is None)
            ]
        return found if library is None or library.user is None else [job for job in found if _sees(library, job)]

    def renamed(self, knowledge_base: str, new_name: str) -> None:
        """Show a knowledge base's jobs under its new name from now on."""
        with self._lock:
            for job in self._jobs:
                if job.knowledge_base == knowledge_base:
                    job.knowledge_base = new_name

    def deleted(self, knowledge_base: str) -> None:
        """Forget a knowledge base's jobs: another one of its name would show them as its own."""
        with self._lock:
            self._jobs = [job for job in self._jobs if job.knowledge_base != knowledge_base]

    def forget_verdicts(self, knowledge_base: str, sources: Collection[str]) -> None:
        """Show no longer what was said of files that are read again, nor a job of which nothing else was said."""
        with self._lock:
            for job in list(self._jobs):
                if job.knowledge_base == knowledge_base and job.done.is_set() and job.verdicts:
                    job.verdicts = [verdict for verdict in job.verdicts if verdict.source not in sources]
                    if not (job.verdicts or job.error):
                        self._jobs.remove(job)

    def put_away(self, job: Job) -> None:
        """Show a job no longer: the user has dismissed it."""
        with self._lock:
            self._jobs = [other for other in self._jobs if other is not job]


def _sees(library: Library, job: Job) -> bool:
    from minicpm_rag import indexing

    try:
        indexing.job_state(library, job.number)
    except NotFoundError:
        return False
    return True


@Once
def shared() -> Jobs:
    """The jobs, one list for all sessions."""
    return Jobs()


def ingest(
    library: Library, knowledge_base: str, sources: Sequence[str], *, password: str = "", asks: bool = True
) -> Job:
    """Have files read into a knowledge base; the password is for the encrypted ones among them.

    If it `asks`, files that would take long are left with a question.
    """
    from minicpm_rag import indexing

    def submit() -> int:
        return indexing.submit_ingest(library, knowledge_base, sources, password=password, asks=asks)

    return shared().begin(library, "ingest", knowledge_base, submit, sources)


def read_again(library: Library, rows: Sequence[DocumentRow], *, password: str = "", asks: bool = True) -> None:
    """Have documents of one knowledge base read once more, as `ingest` does."""
    knowledge_base = rows[0].knowledge_base
    ingest(library, knowledge_base, [_place(library, row) for row in rows], password=password, asks=asks)
    shared().forget_verdicts(knowledge_base, {row.source for row in rows})


def go_on(library: Library, job: Job) -> None:
    """Read what a pause left; what was read before is passed over quickly."""
    shared().put_away(job)
    ingest(library, job.knowledge_base, job.sources)


def _place(library: Library, row: DocumentRow) -> str:
    """Where the file of a document lies, to be read again; an uploaded one is kept until its document is removed."""
    kept = library.original_path(row.id) if row.source.startswith(UPLOAD) else None
    return row.source if kept is None else str(kept)


def remove(library: Library, knowledge_base: str, sources: Sequence[str]) -> None:
    """Have documents removed from a knowledge base."""
    from minicpm_rag import indexing

    shared().begin(library, "remove", knowledge_base, lambda: indexing.submit_remove(library, knowledge_base, sources))


def name_of(source: str) -> str:
    """What a user calls a source: the file's name."""
    if "://" in source:
        return source
    return PurePath(source.removeprefix("upload:")).name or source


def tally(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """How many files had which verdict."""
    ordered = sorted(verdicts, key=lambda verdict: verdict.status)
    return {status: len(list(group)) for status, group in itertools.groupby(ordered, lambda verdict: verdict.status)}
