"""A kill at any moment of any work (ingest, removal, reindex, export, import, rename, conversations) loses nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from library_parts import KB, contents, opened, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger

COPY = "第二份"
USER = "ann"

# Does all the work there is, each step such that a process that was killed in it can be followed by another.
WORK = """
import sys, time
from contextlib import suppress
from pathlib import Path
from hashed_embedder import HashedEmbedder
from library_parts import KB
from minicpm_rag import indexing as worker
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import ingest
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.records import Answer, ChunkSize
ingest.GROUP_CHUNKS = 8
worker.LOOK_SECONDS = 0.01
home, folder, copy, user = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
class Slow(HashedEmbedder):
    def embed_documents(self, texts):
        time.sleep(0.02)
        return super().embed_documents(texts)
def step(name):
    print(name, flush=True)
def finish(job):
    for progress in worker.follow(library, job):
        step(progress.stage)
def names():
    return [base.name for base in library.knowledge_bases()]
with Library(home, embedder=Slow()) as library, worker.Worker(library, ChunkSize(60)):
    conversations = Conversations(Ledger(home))
    for number in range(3):
        talk = conversations.create(user, KB, f"talk {number}")
        exchange = conversations.ask(user, talk.id, "How long?")
        step("asked")
        conversations.answer(user, talk.id, exchange, Answer("twelve " * 500, "extractive"))
        step("answered")
        conversations.rename(user, talk.id, f"renamed {number}")
        if number:
            conversations.delete(user, talk.id)
    finish(worker.submit_ingest(library, KB, [folder]))
    finish(worker.submit_remove(library, KB, [str(path) for path in sorted(folder.iterdir())[:2]]))
    finish(worker.submit_reindex(library, KB))
    finish(worker.submit_ingest(library, KB, [folder], sync=True))
    if copy not in names():
        step("exporting")
        library.export(KB, home.parent / "copy.zip")
        if "on its way" not in names():
            with suppress(LibraryError):  # of a job that was queued before the kill, which has just done it
                finish(worker.submit_import(library, home.parent / "copy.zip", "on its way"))
        step("renaming")
        library.rename("on its way", copy)
    finish(worker.submit_reindex(library, copy))
print("finished", flush=True)
"""


def start(home: Path, folder: Path) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[1]
    return subprocess.Popen(
        [sys.executable, "-c", WORK, str(home), str(folder), COPY, USER],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{tests / 'support'}{os.pathsep}{tests}{os.pathsep}{tests.parent}"},
    )


def kill_at_random_moments(tmp_path: Path, files: int, kills: int, seed: int) -> int:
    """Kill the work again and again, then let it end, and compare with work never killed; returns the kills."""
    folder = tmp_path / "文档"
    write_files(folder, files)
    (tmp_path / "clean").mkdir()
    output, errors = start(tmp_path / "clean" / "home", folder).communicate(timeout=1200)
    assert output.endswith("finished\n"), errors
    steps = output.count("\n")
    chance = random.Random(seed)
    killed = 0
    for _ in range(3 * kills):  # some processes come to their end first
        if killed == kills:
            break
        process = start(tmp_path / "home", folder)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, steps // 2)):
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
        conversations = Conversations(Ledger(tmp_path / "home"))
        for talk in conversations.listed(USER):
            for exchange in conversations.exchanges(USER, talk.id):
                assert exchange.answer is None or exchange.answer.text == "twelve " * 500
        conversations.close()
    output, errors = start(tmp_path / "home", folder).communicate(timeout=1200)
    assert output.endswith("finished\n"), errors
    with (
        opened(tmp_path / "clean" / "home", chunk_characters=60) as clean,
        opened(tmp_path / "home", chunk_characters=60) as library,
    ):
        assert [base.name for base in library.knowledge_bases()] == [base.name for base in clean.knowledge_bases()]
        for name in (KB, COPY):
            assert contents(library, name) == contents(clean, name)
            assert len(library.documents(name)) == files
        assert worker.check(library, repair=False).problems == []
        vectors = sorted(library.vectors.count(name) for name in library.vectors.collections())
        assert vectors == sorted(base.chunks for base in library.knowledge_bases())
    return killed


def test_work_of_every_kind_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    assert kill_at_random_moments(tmp_path, files=4, kills=3, seed=1) == 3


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [21, 22])
def test_thirty_kills_of_work_of_every_kind_lose_nothing(tmp_path: Path, seed: int) -> None:
    assert kill_at_random_moments(tmp_path, files=12, kills=30, seed=seed) == 30
