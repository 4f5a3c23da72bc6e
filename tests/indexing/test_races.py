"""What several threads or processes do at the same moment: none sees half of it, none fails because of another."""

from __future__ import annotations

import sqlite3
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from library_parts import KB, done, ingest, opened, remove, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.errors import NotFoundError
from minicpm_rag.indexing.owner import RECORD_SECONDS
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.library.originals import delete_upload
from minicpm_rag.library.vectors import VectorStore
from minicpm_rag.models.manifest import read_manifest, write_manifest

MANY = 8


def at_once(*actions: Callable[[], Any]) -> list[Any]:
    """Do all actions at the same moment, and return what each returned; the first exception is raised."""
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[], Any]) -> Any:
        barrier.wait(timeout=300)
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


@contextmanager
def while_another_writes(file: Path, statement: str) -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Start actions that meet another's transaction; it is kept once they had time to come to a halt at it."""
    with closing(sqlite3.connect(file, isolation_level=None)) as other, ThreadPoolExecutor(MANY) as pool:
        other.execute("BEGIN IMMEDIATE")
        other.execute(statement)
        yield pool.submit
        time.sleep(0.2)
        other.execute("COMMIT")


def test_a_knowledge_base_that_another_is_just_making_is_waited_for(tmp_path: Path) -> None:
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
        making = f"INSERT INTO knowledge_bases(name, created_at) VALUES ('{KB}', '')"
        with while_another_writes(library.ledger.path, making) as start:
            jobs = [
                start(lambda: worker.submit_ingest(library, KB, [])),
                start(lambda: worker.save_upload(library, KB, "a.txt", b"a")),
            ]
        for job in jobs:
            job.result()
        assert len(library.knowledge_bases()) == 1


@pytest.mark.parametrize("name", [" 手册 ", "e\u0301te\u0301"], ids=["blanks around it", "accents apart"])
def test_a_name_means_the_same_however_it_is_typed(tmp_path: Path, name: str) -> None:
    with Library(tmp_path / "home", embedder=None) as library:
        assert library.create(name) == library.knowledge_base(name) == library.knowledge_bases()[0]


def test_one_of_many_becomes_the_owner_and_stays_it(tmp_path: Path) -> None:
    for number in range(10):
        store = VectorStore(tmp_path / str(number) / "vectors")
        store.folder.parent.mkdir()
        assert sorted(at_once(*[store.claim] * MANY)) == [False] * (MANY - 1) + [True]
        assert store.usable
        store.release()


def test_deleting_a_knowledge_base_stops_what_is_being_brought_into_it(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 12)
    reached, going_on = threading.Event(), threading.Event()

    class Waiting(HashedEmbedder):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            reached.set()
            going_on.wait(timeout=300)
            return super().embed_documents(texts)

    with opened(tmp_path / "home", Waiting(), chunk_characters=50) as library:
        job = worker.submit_ingest(library, KB, [tmp_path / "文档"])
        reached.wait(timeout=300)
        deletion = worker.submit_delete(library, KB)
        time.sleep(1.5 * RECORD_SECONDS)  # then the owner looks again
        going_on.set()
        assert len(done(library, job)) < 12
        done(library, deletion)
        assert library.knowledge_bases() == []  # and the ingest has made none again
        assert library.vectors.collections() == []


def test_the_same_file_uploaded_by_many_at_once_is_kept_once(tmp_path: Path) -> None:
    with Library(tmp_path / "home", embedder=None) as library:
        for number in range(5):
            content = f"第{number}份".encode() * 10_000
            save = [lambda content=content: worker.save_upload(library, KB, "合同.txt", content)] * MANY
            (path,) = set(at_once(*save))
            assert path.read_bytes() == content
            assert list(path.parent.iterdir()) == [path]


def test_an_upload_survives_that_its_folder_is_being_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, cleared = Path.write_bytes, []

    def clear_first(path: Path, content: bytes) -> int:
        if not cleared:
            cleared.append(path.parent)
            delete_upload(path.parents[2], int(path.parents[1].name), path.parent.name, "upload:another.txt")
        return write(path, content)

    monkeypatch.setattr(Path, "write_bytes", clear_first)
    with Library(tmp_path / "home", embedder=None) as library:
        path = worker.save_upload(library, KB, "one.txt", b"the same bytes")
        assert cleared == [path.parent]
        assert path.read_bytes() == b"the same bytes"


def test_a_file_uploaded_again_while_its_removal_waits_is_not_lost(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as library:
        path = worker.save_upload(library, KB, "合同.txt", "合同正文。".encode())
        ingest(library, path)
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
        removal = worker.submit_remove(library, KB, ["upload:合同.txt"])
        again = worker.save_upload(library, KB, "合同.txt", "合同正文。".encode())
        job = worker.submit_ingest(library, KB, [again])
        with worker.Worker(library):
            assert [verdict.status for verdict in done(library, removal)] == ["removed"]
            assert [verdict.status for verdict in done(library, job)] == ["indexed"]
            assert again.exists()
            assert [verdict.status for verdict in remove(library, "upload:合同.txt")] == ["removed"]
            assert not again.exists()


def test_a_file_uploaded_again_before_its_removal_is_done_is_not_lost_before_its_job_is_submitted(
    tmp_path: Path, store: str
) -> None:
    with opened(tmp_path / "home") as library:
        path = worker.save_upload(library, KB, "合同.txt", "合同正文。".encode())
        ingest(library, path)
        again = worker.save_upload(library, KB, "合同.txt", "合同正文。".encode())
        assert [verdict.status for verdict in remove(library, "upload:合同.txt")] == ["removed"]
        assert again.exists()
        assert [verdict.status for verdict in ingest(library, again).values()] == ["indexed"]
        assert [verdict.status for verdict in remove(library, "upload:合同.txt")] == ["removed"]
        assert not again.exists()


def test_an_upload_that_vanishes_while_old_ones_are_cleared_stops_nothing(tmp_path: Path) -> None:
    with Library(tmp_path / "home", embedder=None) as library:
        path = worker.save_upload(library, KB, "a.txt", b"a")
        path.with_name("b.txt.part").symlink_to(tmp_path / "gone")  # listed, and no longer there when looked at
    with opened(tmp_path / "home") as library:
        assert ingest(library, path)["upload:a.txt"].status == "indexed"


def test_two_exports_into_one_file_at_once_leave_a_whole_one(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 2)
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        file = tmp_path / "导出.zip"
        at_once(*[lambda: library.export(KB, file)] * MANY)
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
    assert [path.name for path in tmp_path.glob("*.zip*")] == [file.name]


def test_conversations_of_a_new_home_are_opened_by_many_at_once(tmp_path: Path) -> None:
    for number in range(5):
        opening = [lambda number=number: Conversations(Ledger(tmp_path / str(number)))] * MANY
        for conversations in at_once(*opening):
            conversations.close()


def test_a_question_to_a_conversation_that_another_deletes_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    with closing(Conversations(Ledger(file.parent))) as conversations:
        gone = conversations.create("ann", "default").id
        with while_another_writes(file, f"DELETE FROM conversations WHERE id = {gone}") as start:
            asked = start(lambda: conversations.ask("ann", gone, "年假有几天？"))
        with pytest.raises(NotFoundError, match="may have been deleted"):
            asked.result()


def test_the_first_of_two_first_questions_names_the_conversation(tmp_path: Path) -> None:
    file = tmp_path / "ledger.sqlite3"
    with closing(Conversations(Ledger(file.parent))) as conversations:
        new = conversations.create("ann", "default").id
        with while_another_writes(file, f"UPDATE conversations SET title = 'first' WHERE id = {new}") as start:
            start(lambda: conversations.ask("ann", new, "second"))
        assert conversations.get("ann", new).title == "first"
        assert [exchange.question for exchange in conversations.exchanges("ann", new)] == ["second"]


def test_a_download_note_is_never_seen_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path, "OpenBMB/MiniCPM", "master", {"config.json": {"size": 2, "sha256": None}})
    write = Path.write_text

    def break_off(path: Path, text: str, **options: Any) -> int:
        write(path, text[: len(text) // 2], **options)
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "write_text", break_off)
    with pytest.raises(OSError, match="full"):
        write_manifest(tmp_path, "OpenBMB/MiniCPM", "v2", {})
    noted = read_manifest(tmp_path)
    assert noted is not None
    assert noted["revision"] == "master"
