"""A kill at any moment loses nothing and leaves nothing behind: killed ingests, run again, equal a clean one."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from library_parts import KB, contents, found, ingest, opened, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import chunks

# Ingests a folder in a process of its own, with small files in small groups so that writes never cease.
INGEST = """
import sys, time
from pathlib import Path
from hashed_embedder import HashedEmbedder
from library_parts import KB
from minicpm_rag import indexing as worker
from minicpm_rag.indexing import ingest
from minicpm_rag import indexing as worker
from minicpm_rag.library import Library
from minicpm_rag.records import ChunkSize
ingest.GROUP_CHUNKS = 8
worker.LOOK_SECONDS = 0.01
class Slow(HashedEmbedder):
    def embed_documents(self, texts):
        time.sleep(0.05)
        return super().embed_documents(texts)
with Library(Path(sys.argv[1]), embedder=Slow()) as library:
    job = worker.submit_ingest(library, KB, [sys.argv[2]])
    with worker.Worker(library, ChunkSize(60)):
        for progress in worker.follow(library, job):
            if progress.stage in ("reading", "embedding", "writing"):
                print(progress.stage, flush=True)
print("finished", flush=True)
"""
QUESTIONS = ["第2号仪器的保修期", "Instrument 3 calibrated", "编号为零件8号的部件", "part number P900"]


def start(home: Path, folder: Path, limit_bytes: int = 0) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[1]

    def limit() -> None:
        if limit_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

    return subprocess.Popen(
        [sys.executable, "-c", INGEST, str(home), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": f"{tests / 'support'}{os.pathsep}{tests}{os.pathsep}{tests.parent}"},
        preexec_fn=limit,
    )


def answers(library: Library) -> list[tuple[list[float], set[str]]]:
    """What each question finds and how well, by chunk text, since retried writes use up row numbers.

    Asked of a reader, which compares exactly: Chroma's index is approximate, so two of the same may differ.
    Among equally good chunks at the end of a list the choice is free.
    """
    assert library.embedder is not None
    lists = []
    for question in QUESTIONS:
        with Library(library.home, embedder=library.embedder) as reader:
            dense = reader.dense_search(KB, library.embedder.embed_query(question), 8)
        for hits in (dense, library.keyword_search(KB, question, 8)):
            documents = library.passages(KB, [name for name, _ in hits])
            assert len(documents) == len(hits)
            last = hits[-1][1]
            sure = {
                document.page_content
                for document, (_, score) in zip(documents, hits, strict=True)
                if score > last + 1e-4
            }
            lists.append(([round(score, 3) for _, score in hits], sure))
    return lists


def all_are_found_by_chroma(library: Library) -> bool:
    """Whether the query that is a chunk's own vector finds it, or one just like it, for every chunk."""
    with library.ledger.reading() as connection:
        ids, vectors = chunks.all_vectors(connection, 1)
    hits = [library.dense_search(KB, vector, 1) for vector in vectors]
    return len(hits) == len(ids) > 0 and all(hit and hit[0][1] > 0.9999 for hit in hits)


def compare_with_a_clean_run(tmp_path: Path, files: int, kills: int, seed: int) -> None:
    folder = tmp_path / "文档"
    write_files(folder, files)
    with opened(tmp_path / "clean", chunk_characters=60) as library:
        ingest(library, folder)
        clean, expected, chunks = contents(library), answers(library), library.knowledge_base(KB).chunks
    chance = random.Random(seed)
    killed = 0
    for kill in range(kills):
        if kill % 4 == 3:  # a version changes, so that replacing is cut off too, and back again below
            for path in list(folder.iterdir())[:5]:
                path.write_text(path.read_text(encoding="utf-8") + f"\n\n版本{kill}。", encoding="utf-8")
        process = start(tmp_path / "home", folder)
        assert process.stdout is not None
        for _ in range(chance.randrange(1, 3 * files // kills)):
            process.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        process.communicate()
    assert killed >= kills * 3 // 4
    write_files(folder, files)  # the first versions again
    process = start(tmp_path / "home", folder)
    output, errors = process.communicate(timeout=1200)
    assert process.returncode == 0, errors
    assert output.endswith("finished\n")
    with opened(tmp_path / "home", chunk_characters=60) as library:
        report = worker.check(library, repair=False)
        assert report.problems == []
        assert (report.documents, report.chunks) == (files, chunks)
        assert contents(library) == clean
        assert answers(library) == expected
        assert all_are_found_by_chroma(library)
        vectors = [library.vectors.count(name) for name in library.vectors.collections()]
        assert vectors == [chunks]  # none lost, none doubled, no orphan


def test_killed_ingests_run_again_equal_a_clean_one(tmp_path: Path) -> None:
    compare_with_a_clean_run(tmp_path, files=8, kills=4, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", [11, 12])
def test_twenty_kills_of_sixty_files_equal_a_clean_run(tmp_path: Path, seed: int) -> None:
    compare_with_a_clean_run(tmp_path, files=60, kills=20, seed=seed)


def test_a_disk_that_is_full_is_told_and_harms_nothing(tmp_path: Path) -> None:
    """No file of this process may grow beyond a limit: writes fail as they do on a full disk."""
    folder = tmp_path / "文档"
    write_files(folder, 4)
    with opened(tmp_path / "home", chunk_characters=60) as library:
        ingest(library, folder)
        before = contents(library)
    (folder / "z_big.txt").write_text(
        "\n".join(f"第{number}行：设备{number * 7919}已登记，等待检查。" for number in range(1_500)),
        encoding="utf-8",
    )
    process = start(tmp_path / "home", folder, limit_bytes=900_000)
    _, errors = process.communicate(timeout=1200)
    assert process.returncode == 1
    assert "LibraryError" in errors
    assert "room" in errors
    with opened(tmp_path / "home", chunk_characters=60) as library:
        after = contents(library)
        assert {source: after[source] for source in before} == before
        worker.check(library, repair=True)  # Chroma's folder may have suffered; the ledger has all of it
        assert not worker.check(library, repair=False).problems
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        assert ingest(library, folder)["z_big.txt"].status == "indexed"
