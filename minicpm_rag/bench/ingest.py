"""How many chunks a second are read, embedded and stored: here, and on a Ray cluster of this machine.

Real files, the real embedder and store; only the texts are made up.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench.search import LANGUAGES, SUBJECTS, MadeTexts

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder
    from minicpm_rag.library import Library

PARAGRAPHS_IN_FILE = 20


@dataclass(frozen=True)
class IngestSpeed:
    """Chunks that were stored in so many seconds, by so many embedding workers of a cluster; None for this process."""

    workers: int | None
    chunks: int
    seconds: float


def measure(
    folder: Path, files: int, embedder: Embedder, workers: Sequence[int], database: str | None = None
) -> Iterator[IngestSpeed]:
    """Ingest made files in this process, then with each number of workers on Ray; each after a file that warms up.

    With a `database` (postgresql://...) the library is there, in knowledge bases of its own. Raises LibraryError.
    """
    from minicpm_rag.library import Library

    texts = {language: MadeTexts(language, seed) for seed, language in enumerate(LANGUAGES)}
    for number in range(files + 1):
        made = texts[LANGUAGES[number % len(LANGUAGES)]]
        paragraphs = [
            made.chunk((number * PARAGRAPHS_IN_FILE + place) % SUBJECTS) for place in range(PARAGRAPHS_IN_FILE)
        ]
        path = folder / ("warm" if number == files else "made") / f"{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n\n".join(paragraphs), encoding="utf-8")
    for count in (None, *workers):
        with Library(folder / f"home-{count}", embedder=embedder, database=database) as library, _ray(count) as address:
            yield _measured(library, folder, count, address)


def _measured(library: Library, folder: Path, workers: int | None, address: str | None) -> IngestSpeed:
    from minicpm_rag.indexing import Worker, follow, submit_ingest

    name = f"made-{workers}-{time.time_ns()}"
    with Worker(library, ray=address):
        list(follow(library, submit_ingest(library, name, [folder / "warm"])))
        before = sum(document.chunks for document in library.documents(name))
        began = time.perf_counter()
        list(follow(library, submit_ingest(library, name, [folder / "made"])))
        seconds = time.perf_counter() - began
    return IngestSpeed(workers, sum(document.chunks for document in library.documents(name)) - before, seconds)


@contextmanager
def _ray(workers: int | None) -> Iterator[str | None]:
    """A Ray of this machine with a processor for each worker and one to read; None without workers."""
    if workers is None:
        yield None
        return
    from minicpm_rag.errors import LibraryError

    try:
        import ray
    except ImportError as exc:
        raise LibraryError("indexing.no_ray") from exc
    quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "error"}
    ray.init(num_cpus=workers + 1, **quiet)
    try:
        yield "auto"
    finally:
        ray.shutdown()
