"""Following a job of the worker: a progress bar, a line for each file that needs attention, a count at the end."""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.cli.language import said, t
from minicpm_rag.cli.tables import echo_json, printable
from minicpm_rag.errors import LibraryError
from minicpm_rag.messages import joined
from minicpm_rag.records import IngestProgress, Verdict

if TYPE_CHECKING:
    from minicpm_rag.indexing import Worker
    from minicpm_rag.library import Library
    from minicpm_rag.settings import Settings


PARTLY_DONE = 3  # exit code where some files failed, and others did not
_LONG_SECONDS = 60  # a file that takes longer is announced


class Interruption(threading.Event):
    """Set by the first Ctrl-C, so that the file being read is finished; the second ends the program at once."""

    def __enter__(self) -> Interruption:
        self._former: Any = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._former)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.is_set():
            raise KeyboardInterrupt
        self.set()
        click.echo("\n" + t("job.finishing"), err=True)


@contextmanager
def following() -> Iterator[tuple[Settings, Library, Worker]]:
    """The library, with a worker that does its jobs where no other process does.

    `report` starts the worker, after the job was queued: a job takes the place of an equal one that a killed
    process left in the queue, and a worker that was started earlier would already do that one.
    """
    from minicpm_rag.embedding.choice import load_embedders
    from minicpm_rag.indexing import Worker
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    found = load_embedders(settings.embedder, settings.home, service=settings.embedder_service)
    library = Library.of(settings, found)
    worker = Worker(library, settings.chunk_size, ocr=settings.ocr, ray=settings.ray)
    with library:
        try:
            yield settings, library, worker
        finally:
            worker.close()


def report(
    library: Library,
    worker: Worker,
    job: int,
    interruption: Interruption,
    *,
    as_json: bool,
    count: bool = True,
) -> None:
    """Show a job until it is done.

    Raises LibraryError where every file failed; exits with PARTLY_DONE where some did, and with 130 where it was
    interrupted.
    """
    from minicpm_rag.indexing import follow

    worker.start()
    if not worker.owns_library:
        click.echo(t("job.elsewhere"), err=True)
    verdicts: list[Verdict] = []
    files = 0
    with _bar() as show:
        for progress in follow(library, job, cancelled=interruption.is_set):
            files = max(files, progress.files)
            show(progress)
            if progress.verdict is not None:
                verdicts.append(progress.verdict)
    if as_json:
        echo_json(verdicts)
    elif count and (files or not interruption.is_set()):
        click.echo(_count(verdicts))
    if interruption.is_set():
        key = "job.stopped" if files else "job.stopped_early"
        click.echo(t(key, done=len(verdicts), files=files), err=True)
        raise click.exceptions.Exit(130)
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    if failed and failed == len(verdicts):
        raise LibraryError("system.nothing_read")
    if failed:
        raise click.exceptions.Exit(PARTLY_DONE)


@contextmanager
def _bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        told: set[str] = set()

        def show(progress: IngestProgress) -> None:
            verdict = progress.verdict
            name = printable(progress.source.rpartition("/")[2])
            done = None if verdict is None else progress.file_number
            words = f"{t(f'stage.{progress.stage}')} {name}"
            if progress.seconds_left:
                left = timedelta(seconds=progress.seconds_left)
                words = t("job.time_left", stage=words, time=left)
                if progress.seconds_left > _LONG_SECONDS and progress.source not in told:
                    told.add(progress.source)
                    line = t("job.long", name=name, minutes=round(progress.seconds_left / 60))
                    bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
            bar.update(task, total=progress.files or None, completed=done, description=words)
            line = "" if verdict is None else _line(verdict)
            if line:
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show


def _line(verdict: Verdict) -> str:
    """What a user should know of a file; nothing where it simply is in the library."""
    if verdict.status in ("indexed", "unchanged") and not verdict.reason:
        return ""
    reason = joined(verdict.reason, verdict.remedy)
    key = "job.file_because" if reason else "job.file"
    return printable(t(key, status=t(f"verdict.{verdict.status}"), source=verdict.source, reason=said(reason)))


def _count(verdicts: list[Verdict]) -> str:
    counts = Counter(verdict.status for verdict in verdicts)
    parts = [t(f"count.{status}", count=count) for status, count in counts.items()]
    chunks = sum(verdict.chunks for verdict in verdicts if verdict.status in ("indexed", "replaced"))
    line = t("job.count", files=len(verdicts), counts=parts) if parts else t("job.nothing")
    return line + (t("job.chunks", chunks=chunks) if chunks else "")
