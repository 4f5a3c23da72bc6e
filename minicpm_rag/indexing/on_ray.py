"""Reading and embedding on a Ray cluster: files are read and cut as tasks, chunks are embedded by actors.

What is done where is all that this module knows: what a file is to the library, verdicts and storing stay with the
worker that has the job. Ray repeats what was lost with a node; a file that crashes its reader does so in a child
process there, as it does here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy

from minicpm_rag.embedding.embedder import ReadPassage
from minicpm_rag.errors import DocumentError, EmbeddingError, LibraryError
from minicpm_rag.indexing.sources import Reader, cut
from minicpm_rag.loaders import isolated
from minicpm_rag.messages import Message, reason_of
from minicpm_rag.records import Chunk, ChunkSize, LoadedFile

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder

AUTO = "auto"
REPEATS = 3  # of a task or a batch whose process or node was lost
BATCH = 32  # texts in one call of an actor
FILES_AHEAD = 2  # being read or waiting to be stored, for each processor: what bounds the cluster's memory

# A file and its chunks; why it cannot be read, and the remedy; or a file and why nothing can be cut here.
Read = tuple[LoadedFile, list[Chunk]] | tuple[Message, Message | None] | tuple[LoadedFile, Message]

_embedders: dict[tuple[str, str], Any] = {}  # of this process, on the cluster


class Cluster:
    """A running Ray with actors that embed. `processors` of all its nodes together."""

    def __init__(self, embedder: Embedder, workers: int | None = None) -> None:
        """Start `workers` actors, or one for each processor but one, which reads. Raises LibraryError."""
        import ray

        self.processors = max(1, int(ray.cluster_resources().get("CPU", 1)))
        self.workers = workers or max(1, self.processors - 1)
        self._embedder = embedder
        actor = ray.remote(_Embedding).options(
            num_cpus=1 if self.processors > 1 else 0, max_restarts=-1, max_task_retries=REPEATS
        )
        self._actors = [actor.remote(embedder) for _ in range(self.workers)]
        self._read_and_cut = ray.remote(read_and_cut).options(num_cpus=1, max_retries=REPEATS)

    @property
    def files_ahead(self) -> int:
        """How many files are read before they are asked for."""
        return FILES_AHEAD * self.processors

    def begin(self, path: Path, ocr: bool, password: str, size: ChunkSize) -> Any:
        """Begin to read and cut a file; `result` waits for it."""
        return self._read_and_cut.remote(str(path), ocr, password, self._embedder, size)

    def read_passages(self, texts: list[str]) -> list[ReadPassage]:
        """Embed passages as an embedder's `read_passages` does, each actor a batch at a time. Raises EmbeddingError."""
        from ray.util import ActorPool

        batches = [texts[first : first + BATCH] for first in range(0, len(texts), BATCH)]
        read: list[ReadPassage] = []
        with _translated():
            for found in ActorPool(self._actors).map(lambda actor, batch: actor.read.remote(batch), batches):
                if isinstance(found, Message):
                    raise EmbeddingError(found)
                read += [ReadPassage(vector, signs) for vector, signs in found]
        return read

    def close(self) -> None:
        """End the actors; Ray itself goes on."""
        import ray

        for actor in self._actors:
            ray.kill(actor)


class RayReader(Reader):
    """Reads files on a cluster, several ahead, and cuts them there."""

    def __init__(
        self, cluster: Cluster, size: ChunkSize, *, ocr: bool, is_new: Callable[[str], bool], password: str = ""
    ) -> None:
        super().__init__(ocr=ocr, is_new=is_new, password=password)
        self.ahead = cluster.files_ahead
        self._cluster = cluster
        self._size = size
        self._cut: tuple[LoadedFile, list[Chunk]] | None = None  # of the file read last

    def cut(self, loaded: LoadedFile, title: str, embedder: Embedder, size: ChunkSize) -> list[Chunk]:
        """The chunks of a file, which were cut where it was read."""
        if self._cut is not None and self._cut[0] is loaded:
            return self._cut[1]
        return super().cut(loaded, title, embedder, size)  # a web page, which is read here

    def close(self) -> None:
        """Forget the files that were begun and not asked for."""
        import ray

        for reference in self._begun.values():
            ray.cancel(reference, force=False)
        self._begun.clear()

    def _start(self, path: Path) -> Any:
        return self._cluster.begin(path, self._ocr, self._password, self._size)

    def _finish(self, begun: Any) -> LoadedFile:
        import ray

        with _translated():
            try:
                found, more = ray.get(begun)
            except _lost() as exc:  # time and again: the other files go on
                raise DocumentError("indexing.ray_lost", why=reason_of(exc)) from exc
        if isinstance(found, Message):
            raise DocumentError(found, more)
        if isinstance(more, Message):
            raise EmbeddingError(more)
        loaded: LoadedFile = found
        self._cut = (loaded, more)
        return loaded


class _Embedding:
    """An actor: an embedder that stays loaded."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = _kept(embedder)

    def read(self, texts: list[str]) -> list[tuple[Any, bytes]] | Message:
        """Each text's vector and token signs; or why not."""
        try:
            read = self._embedder.read_passages(texts)
        except EmbeddingError as exc:
            return exc.message
        return [(numpy.asarray(one.vector, dtype=numpy.float32), one.token_signs) for one in read]


def read_and_cut(path: str, ocr: bool, password: str, embedder: Embedder, size: ChunkSize) -> Read:
    """Read a file in a child process, within the same bounds as everywhere, and cut it; or say why not."""
    try:
        loaded = isolated.load_file(Path(path), ocr=ocr, password=password)
        return loaded, cut(loaded, loaded.title or Path(path).name, _kept(embedder), size)
    except DocumentError as exc:
        return exc.reason, exc.remedy
    except EmbeddingError as exc:
        return loaded, exc.message


@contextmanager
def opened(address: str, embedder: Embedder, workers: int | None = None) -> Iterator[Cluster]:
    """The cluster of an address (`ray://host:10001`), or of this machine where it is "auto". Raises LibraryError."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as exc:
        raise LibraryError("indexing.no_ray") from exc
    with _translated():
        if not ray.is_initialized():
            started_here = {"include_dashboard": False, "log_to_driver": False} if address == AUTO else {}
            ray.init(address=None if address == AUTO else address, logging_level="error", **started_here)
        cluster = Cluster(embedder, workers)
    try:
        yield cluster
    finally:
        cluster.close()


def _kept(embedder: Embedder) -> Embedder:
    """The one that this process has loaded already, where it has."""
    kept: Embedder = _embedders.setdefault((embedder.name, embedder.revision), embedder)
    return kept


def _lost() -> tuple[type[Exception], ...]:
    """What Ray raises where a task ended with its process or its node each time it was repeated."""
    from ray import exceptions

    return exceptions.WorkerCrashedError, exceptions.OutOfMemoryError, exceptions.NodeDiedError


@contextmanager
def _translated() -> Iterator[None]:
    """Turn Ray's errors into ours."""
    from ray.exceptions import RayError

    try:
        yield
    except (RayError, ConnectionError, TimeoutError) as exc:
        raise LibraryError("indexing.ray_failed", why=reason_of(getattr(exc, "cause", None) or exc)) from exc
