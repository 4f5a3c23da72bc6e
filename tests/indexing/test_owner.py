"""One process writes; the others hand it their jobs, follow them, and take over when it dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hashed_embedder import HashedEmbedder
from library_parts import KB, by_name, contents, done, found, ingest, opened, remove, wait_for_the_wish, write_files
from stores import embedded_only

from minicpm_rag import indexing as worker
from minicpm_rag.errors import EmbedderMismatchError, EmbeddingError, LibraryError, NotFoundError
from minicpm_rag.indexing import Worker, follow
from minicpm_rag.library import Library
from minicpm_rag.library.exporting import TOKEN_SIGNS
from minicpm_rag.library.ledger import jobs
from minicpm_rag.messages import Message
from minicpm_rag.records import ChunkSize

pytestmark = pytest.mark.usefixtures("store")

# A process that ingests its argument and prints each verdict's status; a pause gives time to kill it.
INGEST = """
import sys, time
from pathlib import Path
from hashed_embedder import HashedEmbedder
from library_parts import KB, opened
from minicpm_rag import indexing as worker
home, folder, pause = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
class Slow(HashedEmbedder):
    def embed_documents(self, texts):
        time.sleep(pause)
        return super().embed_documents(texts)
with opened(home, Slow(), chunk_characters=100) as library:
    job = worker.submit_ingest(library, KB, [folder])
    print("started", flush=True)
    for progress in worker.follow(library, job):
        if progress.verdict is not None:
            print(progress.verdict.status, flush=True)
"""


def start(home: Path, folder: Path, pause: float = 0.0) -> subprocess.Popen[str]:
    tests = Path(__file__).parents[1]
    environment = os.environ | {"PYTHONPATH": f"{tests / 'support'}{os.pathsep}{tests}{os.pathsep}{tests.parent}"}
    return subprocess.Popen(
        [sys.executable, "-c", INGEST, str(home), str(folder), str(pause)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def every_vector_is_found(library: Library) -> bool:
    """By Chroma's own query, which is where two writers lose them."""
    with library.ledger.reading() as connection:
        collections = [row[0] for row in connection.execute("SELECT collection FROM indexes WHERE status = 'current'")]
    report = worker.check(library, repair=False)
    chunks = sum(library.vectors.count(name) for name in collections)
    return not report.problems and chunks == report.chunks


def test_two_ingests_at_once_are_done_by_one_owner(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_files(tmp_path / "one", 8)
    write_files(tmp_path / "two" / "deeper", 12)
    (tmp_path / "two" / "deeper" / "note01.md").write_text("Only here: a zeppelin.", encoding="utf-8")
    processes = [start(home, tmp_path / "one", 0.05), start(home, tmp_path / "two", 0.05)]
    output = [process.communicate(timeout=300)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert [len(lines) for lines in output] == [9, 13]
    with opened(home) as library:
        rows = library.documents(KB)
        assert sum(1 + len(row.other_names) for row in rows) == 20
        assert len(rows) == 13  # seven of the twenty have the same bytes in both folders
        assert every_vector_is_found(library)
        assert "note01.md" in found(library, "zeppelin")


@embedded_only
def test_an_ingest_beside_the_owner_is_done_by_the_owner(tmp_path: Path) -> None:
    folder = tmp_path / "文档"
    write_files(folder)
    with opened(tmp_path / "home") as library:
        assert isinstance(library.embedder, HashedEmbedder)
        process = start(tmp_path / "home", folder)
        output = process.communicate(timeout=300)[0].split()
        assert output == ["started"] + ["indexed"] * 6
        assert library.embedder.embedded > 6
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        assert every_vector_is_found(library)


@embedded_only
def test_killing_the_owner_hands_its_jobs_and_the_waiting_ones_on(tmp_path: Path) -> None:
    write_files(tmp_path / "one", 30)
    write_files(tmp_path / "two", 4)
    (tmp_path / "two" / "mine.txt").write_text("等待中的工作。", encoding="utf-8")
    owner = start(tmp_path / "home", tmp_path / "one", 0.3)
    assert owner.stdout is not None
    assert [owner.stdout.readline().strip() for _ in range(3)] == ["started", "indexed", "indexed"]
    with opened(tmp_path / "home") as library:
        job = worker.submit_ingest(library, KB, [tmp_path / "two"])
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        verdicts = done(library, job)
        assert len(verdicts) == 5
        assert len({row.sha256 for row in library.documents(KB)}) == 31
        assert every_vector_is_found(library)


def test_progress_is_seen_from_the_beginning_however_late_one_looks(tmp_path: Path) -> None:
    write_files(tmp_path / "文档")
    with opened(tmp_path / "home") as library:
        job = worker.submit_ingest(library, KB, [tmp_path / "文档"])
        first = [progress for progress in follow(library, job) if progress.stage != "queued"]
        again = list(follow(library, job))
        assert first == again
        stages = [progress.stage for progress in first if progress.source.endswith("note01.md")]
        assert stages == ["reading", "embedding", "writing", "done"]
        assert {(progress.files, progress.verdict is None) for progress in first if progress.stage == "done"} == {
            (6, False)
        }


@embedded_only
def test_a_cancelled_job_finishes_the_file_in_hand(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 16)
    cancelled = threading.Event()

    class Cancelling(HashedEmbedder):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if not cancelled.is_set():
                cancelled.set()
                wait_for_the_wish(tmp_path / "home")
            return super().embed_documents(texts)

    with opened(tmp_path / "home", Cancelling(), chunk_characters=50) as library:
        job = worker.submit_ingest(library, KB, [tmp_path / "文档"])
        verdicts = [
            progress.verdict for progress in follow(library, job, cancelled=cancelled.is_set) if progress.verdict
        ]
        assert 0 < len(verdicts) < 16
        assert len(library.documents(KB)) == len(verdicts)
        assert every_vector_is_found(library)
        assert len(ingest(library, tmp_path / "文档")) == 16
        assert len(library.documents(KB)) == 16


@embedded_only
def test_closing_leaves_the_rest_for_the_next_owner(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 16)
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
        first = Worker(library, ChunkSize(50))
        first.start()
        job = worker.submit_ingest(library, KB, [tmp_path / "文档"])
        next(progress for progress in follow(library, job) if progress.verdict is not None)
        first.close()
        assert not library.vectors.usable
        with Worker(library, ChunkSize(50)):
            assert len(by_name(done(library, job))) == 16
            assert len(library.documents(KB)) == 16


def test_a_job_that_fails_as_a_whole_raises_what_it_was(tmp_path: Path) -> None:
    class Broken(HashedEmbedder):
        def count_tokens(self, text: str) -> int:
            raise EmbeddingError("library.no_page", number=7, page=3)

    write_files(tmp_path / "文档")
    with opened(tmp_path / "home", Broken()) as library:
        job = worker.submit_ingest(library, KB, [tmp_path / "文档"])
        with pytest.raises(EmbeddingError) as raised:
            done(library, job)
        assert raised.value.message == Message("library.no_page", number=7, page=3)
        with pytest.raises(NotFoundError):
            worker.submit_remove(library, "no such base", ["x"])
        with pytest.raises(NotFoundError):
            list(follow(library, 12345))


def test_a_defect_of_ours_reaches_who_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "文档")
    with opened(tmp_path / "home") as library:
        monkeypatch.setattr("minicpm_rag.indexing.owner.ingest", lambda *_, **__: 1 / 0)
        with pytest.raises(LibraryError, match="ZeroDivisionError"):
            ingest(library, tmp_path / "文档")
        monkeypatch.undo()
        assert len(ingest(library, tmp_path / "文档")) == 6


def test_uploads_are_kept_under_safe_names_and_go_with_their_document(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as library:
        path = worker.save_upload(library, KB, "../../上传 file\n.txt", "上传的说明书。".encode())
        assert path.is_relative_to(library.uploads)
        verdict = ingest(library, path)["upload:上传 file .txt"]
        assert (verdict.status, verdict.title) == ("indexed", path.name)
        row = library.documents(KB)[0]
        assert row.source == "upload:上传 file .txt"
        assert library.original_path(row.id) == path
        newer = worker.save_upload(library, KB, "上传 file\n.txt", "第二版说明书。".encode())
        assert library.original_path(row.id) == path  # the old version still answers, and still has its file
        assert ingest(library, newer)[row.source].status == "replaced"
        assert (path.exists(), newer.exists()) == (False, True)
        assert [entry.status for entry in remove(library, row.source)] == ["removed"]
        assert not [entry for entry in library.uploads.rglob("*") if entry.is_file()]


def test_an_upload_that_cannot_be_read_is_kept_to_be_tried_again_and_goes_with_its_verdict(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as library:
        path = worker.save_upload(library, KB, "leer.pdf", b"%PDF-1.4 broken")
        assert ingest(library, path)["upload:leer.pdf"].status == "failed"
        (row,) = library.documents(KB)
        assert (row.status, library.original_path(row.id)) == ("failed", path)
        assert ingest(library, path)["upload:leer.pdf"].status == "failed"
        assert [entry.status for entry in remove(library, "upload:leer.pdf")] == ["removed"]
        assert library.documents(KB) == []
        assert not path.exists()


def test_a_forgotten_upload_is_cleared(tmp_path: Path) -> None:
    with opened(tmp_path / "home") as library:
        used = worker.save_upload(library, KB, "used.txt", b"words that stay")
        ingest(library, used)
        forgotten = worker.save_upload(library, KB, "forgotten.txt", b"words")
        young = worker.save_upload(library, KB, "young.txt", b"other words")
    for path in (used, forgotten):
        os.utime(path, (0, 0))
    with opened(tmp_path / "home") as library:
        ingest(library, young)
        assert (used.exists(), forgotten.exists(), young.exists()) == (True, False, True)


def test_reindex_builds_beside_and_swaps(tmp_path: Path) -> None:
    write_files(tmp_path / "文档")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        before = contents(library)
    asked_while_building: list[set[str]] = []
    with Library(tmp_path / "home", embedder=HashedEmbedder()) as reader:  # type: ignore[arg-type]

        class Other(HashedEmbedder):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                asked_while_building.append(found(reader, "Instrument 3 calibrated"))
                return super().embed_documents(texts)

        with opened(tmp_path / "home", Other("other", 32)) as library:
            with pytest.raises(EmbedderMismatchError, match="kb reindex"):
                found(library, "Instrument 3 calibrated")
            verdicts = done(library, worker.submit_reindex(library, KB))
            assert {verdict.status for verdict in verdicts} == {"replaced"}
            entry = library.knowledge_base(KB)
            assert (entry.embedder, entry.dimension) == ("other", 32)
            assert without_signs(contents(library)) == without_signs(before)
            assert sign_bytes(before) == [2 * size for size in sign_bytes(contents(library))]
            assert "note03.md" in found(library, "Instrument 3 calibrated")
            assert len(library.vectors.collections()) == 1
            assert every_vector_is_found(library)
            with pytest.raises(EmbedderMismatchError):
                found(reader, "Instrument 3 calibrated")
    assert len(asked_while_building) == 6
    assert all("note03.md" in titles for titles in asked_while_building)


@embedded_only
def test_an_interrupted_reindex_goes_on_where_it_was(tmp_path: Path) -> None:
    write_files(tmp_path / "文档")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
    cancelled = threading.Event()

    class Cancelling(HashedEmbedder):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if not cancelled.is_set() and self.embedded:
                cancelled.set()
                wait_for_the_wish(tmp_path / "home")
            return super().embed_documents(texts)

    other = Cancelling("other", 32)
    with opened(tmp_path / "home", other) as library:
        job = worker.submit_reindex(library, KB)
        verdicts = [progress for progress in follow(library, job, cancelled=cancelled.is_set) if progress.verdict]
        assert 0 < len(verdicts) < 6
        assert library.knowledge_base(KB).embedder == "hashed"
        done(library, worker.submit_reindex(library, KB))
        assert library.knowledge_base(KB).embedder == "other"
        assert other.embedded == library.knowledge_base(KB).chunks
        assert every_vector_is_found(library)


def test_export_and_import_bring_everything_back(tmp_path: Path) -> None:
    write_files(tmp_path / "文档")
    (tmp_path / "文档" / "copy.md").write_bytes((tmp_path / "文档" / "note01.md").read_bytes())
    file = tmp_path / "导出.zip"
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        library.set_setting(KB, "bar", 0.25)
        library.export(KB, file)
        before = contents(library)
    with opened(tmp_path / "another home") as library:
        assert isinstance(library.embedder, HashedEmbedder)
        assert len(done(library, worker.submit_import(library, file))) == 6
        assert library.embedder.embedded == 0
        assert contents(library) == before
        assert library.setting(KB, "bar") == 0.25
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        with pytest.raises(LibraryError, match="another name"):
            done(library, worker.submit_import(library, file))
        done(library, worker.submit_import(library, file, "第二"))
        assert contents(library, "第二") == before
        assert every_vector_is_found(library)
    with opened(tmp_path / "third home", HashedEmbedder("other", 32)) as library:
        done(library, worker.submit_import(library, file))
        assert without_signs(contents(library)) == without_signs(before)
        assert "note03.md" in found(library, "Instrument 3 calibrated")


def sign_bytes(held: dict[str, Any]) -> list[int]:
    return [len(signs) for entry in held.values() for signs in entry["token signs"]]


def without_signs(held: dict[str, Any]) -> dict[str, Any]:
    return {source: {**entry, "token signs": []} for source, entry in held.items()}


def rewritten(archive: Path, target: Path, leave_out: set[str], *changes: tuple[bytes, bytes]) -> Path:
    """A copy of an exported file, changed."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in sorted(set(old.namelist()) - leave_out):
            content = old.read(name)
            for before, after in changes:
                content = content.replace(before, after)
            new.writestr(name, content)
    return target


def test_an_export_of_an_older_program_is_imported(tmp_path: Path) -> None:
    """Format 1 had sentences for messages, and in the beginning no token signs."""
    write_files(tmp_path / "文档", 2)
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        library.export(KB, tmp_path / "new.zip")
        changes = (
            (b'"format": 2', b'"format": 1'),
            (b'"reason": null', b'"reason": "2 of 7 pages are scans without text."'),
        )
        old = rewritten(tmp_path / "new.zip", tmp_path / "old.zip", {TOKEN_SIGNS}, *changes)
        verdicts = done(library, worker.submit_import(library, old, "old"))
        assert {verdict.reason for verdict in verdicts} == {Message("loaders.scans_unread", unread=2, present=7)}
        assert contents(library, "old") == without_signs(contents(library))
        assert "note01.md" in found(library, "Instrument 1 calibrated", "old")


def test_an_export_of_a_later_program_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 2)
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        library.export(KB, tmp_path / "new.zip")
        later = rewritten(tmp_path / "new.zip", tmp_path / "later.zip", set(), (b'"format": 2', b'"format": 3'))
        with pytest.raises(LibraryError, match="has the format 3"):
            done(library, worker.submit_import(library, later, "later"))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"not a zip"])
def test_a_file_that_is_no_export_is_told_and_leaves_nothing(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.zip").write_bytes(content)
    with opened(tmp_path / "home") as library:
        with pytest.raises(LibraryError, match=r"x\.zip"):
            done(library, worker.submit_import(library, tmp_path / "x.zip"))
        assert library.knowledge_bases() == []


def test_an_export_that_was_tampered_with_is_refused(tmp_path: Path) -> None:
    write_files(tmp_path / "文档", 2)
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        library.export(KB, tmp_path / "good.zip")
        with (
            zipfile.ZipFile(tmp_path / "good.zip") as good,
            zipfile.ZipFile(tmp_path / "bad.zip", "w") as bad,
        ):
            for name in good.namelist():
                bad.writestr(name, good.read(name).replace(b"every 3 months", b"every 9 months", 1))
        with pytest.raises(LibraryError, match="not in its page"):
            done(library, worker.submit_import(library, tmp_path / "bad.zip", "bad"))
        assert [entry.name for entry in library.knowledge_bases()] == [KB]
        assert len(library.vectors.collections()) == 1


@pytest.mark.parametrize("headway", [False, True])
def test_a_job_is_given_up_once_three_owners_died_of_it_and_none_got_further(tmp_path: Path, headway: bool) -> None:
    with Library(tmp_path / "home", embedder=None) as library, library.ledger.writing() as connection:
        job = jobs.submit(connection, "sweep", None, {})
        for _ in range(jobs.MOST_ATTEMPTS):
            assert jobs.take(connection) is not None
            if headway:
                jobs.note_headway(connection, job)
            jobs.requeue(connection)
        state = jobs.get(connection, job)
        assert state is not None
        assert state.status == ("queued" if headway else "failed")


def test_an_owner_that_stops_cleanly_is_none_that_died(tmp_path: Path) -> None:
    with Library(tmp_path / "home", embedder=None) as library, library.ledger.writing() as connection:
        job = jobs.submit(connection, "sweep", None, {})
        for _ in range(2 * jobs.MOST_ATTEMPTS):
            assert jobs.take(connection) is not None
            jobs.finish(connection, job, "queued")
        assert jobs.take(connection) is not None
        jobs.requeue(connection)
        state = jobs.get(connection, job)
        assert state is not None and state.status == "queued"
