"""On a Ray cluster files are read and embedded as they are here: the same verdicts and chunks, whatever ends there."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag.errors import EmbeddingError, LibraryError
from minicpm_rag.indexing import Worker, follow, submit_ingest
from minicpm_rag.library import Library
from minicpm_rag.messages import Message
from minicpm_rag.records import IngestProgress, Verdict
from minicpm_rag.settings import load_settings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    ray = pytest.importorskip("ray", reason="pip install '.[ray]'")
    path = os.pathsep.join(map(str, (REPOSITORY, REPOSITORY / "tests" / "support", Path(__file__).parent)))
    ray.init(
        num_cpus=3, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1",
        object_store_memory=200_000_000, runtime_env={"env_vars": {"PYTHONPATH": path}},
    )  # fmt: skip
    yield ray
    ray.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number:02}.txt").write_text(
            f"第{number}号仓库存放零件。\n\nStore {number} keeps spare parts.\n" * 30
        )
    (folder / "copy.txt").write_bytes((folder / "00.txt").read_bytes())
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    (folder / "empty.txt").write_text("")
    return folder


def ingested(
    home: Path, folder: Path, ray: str | None, embedder: HashedEmbedder | None = None
) -> tuple[list[Verdict], list[tuple[str, str, bytes]]]:
    """The verdicts, and of every chunk its document, text and vector."""
    with Library(home, embedder=embedder or HashedEmbedder()) as library, Worker(library, ray=ray):
        steps = list(follow(library, submit_ingest(library, "default", [folder])))
        return [step.verdict for step in steps if step.verdict is not None], stored(library)


def stored(library: Library) -> list[tuple[str, str, bytes]]:
    with library.ledger.reading() as connection:
        rows = connection.execute(
            "SELECT documents.source, text, vector FROM chunks JOIN vectors ON vectors.chunk = chunks.id "
            "JOIN documents ON documents.id = document_id ORDER BY source, position"
        )
        return [tuple(row) for row in rows]


@pytest.mark.slow
def test_a_cluster_gives_the_same_verdicts_chunks_and_vectors(cluster: Any, folder: Path, tmp_path: Path) -> None:
    here = ingested(tmp_path / "here", folder, None)
    there = ingested(tmp_path / "there", folder, "auto")
    assert there == here
    statuses = {Path(verdict.source).name: verdict.status for verdict in there[0]}
    assert (statuses["00.txt"], statuses["copy.txt"], statuses["broken.pdf"]) == ("indexed", "duplicate", "failed")


@pytest.mark.slow
def test_processes_of_the_cluster_that_are_killed_cost_no_file(cluster: Any, folder: Path, tmp_path: Path) -> None:
    expected = ingested(tmp_path / "here", folder, None)[1]
    killed = 0
    with Library(tmp_path / "there", embedder=HashedEmbedder()) as library, Worker(library, ray="auto"):
        for step in follow(library, submit_ingest(library, "default", [folder])):
            if step.stage in ("reading", "embedding") and killed < 6:
                killed += kill_workers()
        assert stored(library) == expected
    assert killed


class RefusesSome(HashedEmbedder):
    """Fails at one file's text as a program with a defect does, and says of another's that no file can be embedded."""

    def __init__(self, refused: str, error: Exception) -> None:
        super().__init__(f"fails with {type(error).__name__}")
        self._refused, self._error = refused, error

    def count_tokens(self, text: str) -> int:
        if self._refused in text:
            raise self._error
        return super().count_tokens(text)


@pytest.mark.slow
def test_a_text_that_cutting_fails_at_costs_its_file_alone_here_and_there(
    cluster: Any, folder: Path, tmp_path: Path
) -> None:
    embedder = RefusesSome("Store 3 ", ZeroDivisionError("division by zero"))
    here = ingested(tmp_path / "here", folder, None, embedder)
    there = ingested(tmp_path / "there", folder, "auto", embedder)
    assert there == here
    verdicts = {Path(verdict.source).name: verdict for verdict in there[0]}
    assert "ZeroDivisionError" in str(verdicts["03.txt"].reason)
    assert sum(verdict.status == "indexed" for verdict in there[0]) == 11


@pytest.mark.slow
def test_an_embedder_that_cannot_run_there_ends_the_job_with_its_own_words(
    cluster: Any, folder: Path, tmp_path: Path
) -> None:
    missing = EmbeddingError("indexing.no_embedder")
    for name, ray in (("here", None), ("there", "auto")):
        with pytest.raises(EmbeddingError) as raised:
            ingested(tmp_path / name, folder, ray, RefusesSome("Store 3 ", missing))
        assert raised.value.message == missing.message


def kill_workers() -> int:
    """Kill the processes in which Ray runs tasks and actors."""
    found = 0
    for process in psutil.process_iter(["cmdline"]):
        words = " ".join(process.info["cmdline"] or [])
        if words.startswith(("ray::read_and_cut", "ray::_Embedding")):
            with suppress(psutil.Error):
                os.kill(process.pid, signal.SIGKILL)
                found += 1
    return found


@pytest.mark.slow
def test_files_are_begun_a_bounded_number_ahead_and_a_stop_leaves_the_rest(
    cluster: Any, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minicpm_rag.indexing import on_ray

    for number in range(12, 60):
        (folder / f"{number}.txt").write_text(f"Store {number} keeps other parts.\n")
    begun: list[int] = []
    close = on_ray.RayReader.close
    finish = on_ray.RayReader._finish

    def counted(reader: Any, one: Any) -> Any:
        begun.append(len(reader._begun))
        return finish(reader, one)

    monkeypatch.setattr(on_ray.RayReader, "_finish", counted)
    closed: list[bool] = []
    monkeypatch.setattr(on_ray.RayReader, "close", lambda reader: (closed.append(True), close(reader)))
    seen: list[IngestProgress] = []
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as library, Worker(library, ray="auto"):
        job = submit_ingest(library, "default", [folder])
        seen.extend(follow(library, job, cancelled=lambda: len(begun) > 20))
    assert 0 < max(begun) <= on_ray.FILES_AHEAD * 3
    assert closed
    assert sum(step.verdict is not None for step in seen) < 63


def test_without_ray_the_job_fails_with_what_to_install(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LibraryError) as raised:
        ingested(tmp_path / "home", folder, "auto")
    assert raised.value.message == Message("indexing.no_ray")


def test_an_address_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINICPM_RAG_RAY", "http://head:8265")
    with pytest.raises(Exception, match="RAY"):
        load_settings()
