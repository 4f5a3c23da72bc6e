"""Following a job from the command line: a progress bar, a line for what one should know, a closing count."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.cli.tables import printable
from minicpm_rag.errors import LibraryError
from minicpm_rag.records import IngestProgress, Verdict

if TYPE_CHECKING:
    from minicpm_rag.indexing import Worker
    from minicpm_rag.library import Library
    from minicpm_rag.settings import Settings


class Interruption(threading.Event):
    """Set by the first Ctrl-C, so that the file in hand is finished; the second ends the program at once."""

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
        click.echo("\nFinishing the file in hand; press Ctrl-C again to break it off.", err=True)


@contextmanager
def following() -> Iterator[tuple[Settings, Library, Worker]]:
    """The library with a worker that will do jobs where no other process does; `report` starts it.

    Not before the job is queued: it is to take the place of the same one that a killed process left.
    """
    from minicpm_rag.embedding.embedder import load_embedder
    from minicpm_rag.indexing import Worker
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    library = Library(settings.home, embedder=load_embedder(settings.embedder), chroma_url=settings.chroma_url)
    worker = Worker(
        library,
        chunk_characters=settings.chunk_characters,
        chunk_overlap_characters=settings.chunk_overlap_characters,
        ocr=settings.ocr,
    )
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

    Raises LibraryError where every file failed, and exits with 130 where it was interrupted.
    """
    from minicpm_rag.indexing import follow

    worker.start()
    if not worker.owns_library:
        click.echo("Another process (the page, say) owns the library and does the work.", err=True)
    verdicts: list[Verdict] = []
    files = 0
    with _bar() as show:
        for progress in follow(library, job, cancelled=interruption.is_set):
            files = max(files, progress.files)
            show(progress)
            if progress.verdict is not None:
                verdicts.append(progress.verdict)
    if as_json:
        click.echo(json.dumps([asdict(verdict) for verdict in verdicts], ensure_ascii=False, indent=2))
    elif count:
        click.echo(_count(verdicts))
    if interruption.is_set():
        click.echo(
            f"Stopped after {len(verdicts)} of {files} files; what is done is kept. "
            "Run the same command again to go on.",
            err=True,
        )
        raise click.exceptions.Exit(130)
    if verdicts and all(verdict.status == "failed" for verdict in verdicts):
        raise LibraryError("No file could be read; the reasons are above.")


@contextmanager
def _bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)

        def show(progress: IngestProgress) -> None:
            verdict = progress.verdict
            name = printable(progress.source.rpartition("/")[2])
            done = None if verdict is None else progress.file_number
            bar.update(task, total=progress.files or None, completed=done, description=f"{progress.stage} {name}")
            line = "" if verdict is None else _line(verdict)
            if line:
                bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

        yield show


def _line(verdict: Verdict) -> str:
    """What a person should know of a file; nothing where it simply is in the library."""
    if verdict.status in ("indexed", "unchanged") and not verdict.reason:
        return ""
    text = ". ".join(part.rstrip(". ") for part in (verdict.reason, verdict.remedy) if part)
    return printable(f"{verdict.status}: {verdict.source}{': ' if text else ''}{text}")


def _count(verdicts: list[Verdict]) -> str:
    counts = Counter(verdict.status for verdict in verdicts)
    parts = ", ".join(f"{count} {status}" for status, count in counts.items())
    chunks = sum(verdict.chunks for verdict in verdicts if verdict.status in ("indexed", "replaced"))
    files = "1 file" if len(verdicts) == 1 else f"{len(verdicts)} files"
    return f"{files}: {parts or 'nothing to do'}" + (f" ({chunks} chunks)" if chunks else "")
