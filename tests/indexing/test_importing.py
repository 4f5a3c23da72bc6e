"""An exported knowledge base may come from anyone: it is checked as a whole before anything is written."""

from __future__ import annotations

import json
import stat
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from library_parts import KB, done, ingest, opened, remove, write_files

from minicpm_rag import indexing as worker
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import importing, owner
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import jobs
from minicpm_rag.library.originals import upload_path
from minicpm_rag.records import IngestProgress

pytestmark = pytest.mark.usefixtures("store")

Parts = dict[str, Any]
NAN = struct.pack("<f", float("nan"))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    files = write_files(tmp_path / "files", 2)
    with opened(tmp_path / "first") as library:
        ingest(library, *files)
        library.export(KB, tmp_path / "good.zip")
    return tmp_path / "good.zip"


def changed(exported: Path, change: Callable[[Parts], None]) -> Path:
    """The export with something changed: its manifest, the first document, or the bytes of its vectors."""
    with zipfile.ZipFile(exported) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    documents = [json.loads(line) for line in members["documents.jsonl"].splitlines()]
    parts: Parts = {"manifest": json.loads(members["manifest.json"]), "document": documents[0]}
    parts["vectors"] = members["vectors.f32"]
    parts["manifest"]["name"] = "gift"
    change(parts)
    members["manifest.json"] = json.dumps(parts["manifest"]).encode()
    members["documents.jsonl"] = b"".join(json.dumps(each).encode() + b"\n" for each in documents)
    members["vectors.f32"] = parts["vectors"]
    target = exported.with_name("changed.zip")
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return target


def nothing(parts: Parts) -> None:
    pass


def test_an_unchanged_export_is_imported(exported: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "second") as library:
        verdicts = done(library, worker.submit_import(library, changed(exported, nothing)))
        assert {verdict.status for verdict in verdicts} == {"indexed"}


def set_source(source: str) -> Callable[[Parts], None]:
    return lambda parts: parts["document"].update(source=source, names=[[source, "report.txt"]])


CHANGES: dict[str, Callable[[Parts], None]] = {
    "an upload with a path": set_source("upload:/etc/passwd"),
    "an upload that climbs": set_source("upload:../../../victim.txt"),
    "an empty source": set_source(""),
    "a lone surrogate": set_source("upload:\ud800.txt"),
    "another name that climbs": lambda parts: parts["document"].update(names=[["upload:a/b.txt", "b.txt"]]),
    "a hash with a path": lambda parts: parts["document"].update(sha256="../" * 21 + "a"),
    "a page that is no page": lambda parts: parts["document"].update(pages=[7]),
    "a chunk from elsewhere": lambda parts: parts["document"]["chunks"][0].update(text="not in the page"),
    "a format that is no number": lambda parts: parts["manifest"].update(format="\ud800"),
    "fewer documents than promised": lambda parts: parts["manifest"].update(documents=9),
    "a vector too few": lambda parts: parts.update(vectors=parts["vectors"][:-4]),
    "a vector with no numbers": lambda parts: parts.update(
        vectors=struct.pack("<f", float("nan")) + parts["vectors"][4:]
    ),
    "settings that are no JSON": lambda parts: parts["manifest"].update(settings={"a": "{"}),
    "nesting without end": lambda parts: parts["manifest"].update(settings={"a": "[" * 100_000}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_export_is_refused_and_nothing_is_written(name: str, exported: Path, tmp_path: Path) -> None:
    with opened(tmp_path / "second") as library:
        with pytest.raises(LibraryError, match="Export it again"):
            done(library, worker.submit_import(library, changed(exported, CHANGES[name])))
        assert library.knowledge_bases() == []
        files = write_files(tmp_path / "more", 1)  # the worker lives on
        assert {verdict.status for verdict in ingest(library, *files).values()} == {"indexed"}


def test_an_import_whose_name_is_taken_meanwhile_leaves_nothing(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "second") as library:
        read = importing._Import.documents

        def read_while_another_is_named(self: Any, archive: zipfile.ZipFile) -> Iterator[IngestProgress]:
            yield from read(self, archive)
            library.create("gift")

        monkeypatch.setattr(importing._Import, "documents", read_while_another_is_named)
        with pytest.raises(LibraryError, match="gift"):
            done(library, worker.submit_import(library, changed(exported, nothing)))
        assert [one.documents for one in library.knowledge_bases()] == [0]
        with library.ledger.reading() as connection:
            assert connection.execute("SELECT count(*) FROM knowledge_bases WHERE name IS NULL").fetchone()[0] == 0


def test_no_stored_source_leads_out_of_the_home_folder(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads"
    for source in ("upload:/etc/passwd", "upload:../../x", "upload:..", "upload:a\\..\\b"):
        for sha256 in ("a" * 64, "../../../../../../etc", ".." * 8):
            assert upload_path(uploads, 1, sha256, source).resolve().is_relative_to(uploads)


def test_removing_a_document_with_a_forged_source_deletes_nothing_else(tmp_path: Path) -> None:
    """The source as an older program may have imported it."""
    victim = tmp_path / "victim.txt"
    victim.write_text("a file of the user's")
    with opened(tmp_path / "home") as library:
        ingest(library, *write_files(tmp_path / "files", 1))
        with library.ledger.writing() as connection:
            connection.execute("UPDATE names SET source = ?", (f"upload:{victim}",))
        remove(library, f"upload:{victim}")
        assert library.documents(KB) == []
    assert victim.exists()


def test_a_job_that_breaks_the_worker_is_given_up_and_the_next_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = jobs.finish
    broken: list[int] = []

    def breaks(connection: Any, job_id: int, status: str, *values: Any) -> None:
        if job_id == 1 and status == "done":
            broken.append(job_id)
            raise UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")
        finish(connection, job_id, status, *values)

    monkeypatch.setattr(jobs, "finish", breaks)
    monkeypatch.setattr(owner, "CLAIM_SECONDS", 0.05)
    files = write_files(tmp_path / "files", 1)
    with opened(tmp_path / "home") as library:
        job = worker.submit_ingest(library, KB, files)
        with pytest.raises(LibraryError):
            done(library, job)
        assert len(broken) == jobs.MOST_ATTEMPTS
        assert ingest(library, *files)
        assert library.documents(KB)


def test_the_home_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    with Library(home, embedder=None) as library:
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in home.glob("ledger.sqlite3*")}
        assert library.ledger.shared or ("ledger.sqlite3" in files and set(files.values()) == {0o600})


def test_tags_and_folders_come_with_an_export(tmp_path: Path) -> None:
    files = write_files(tmp_path / "files", 1)
    with opened(tmp_path / "first") as library:
        ingest(library, *files)
        library.change_tags([library.documents(KB)[0].id], add=["Legal"])
        library.move([library.documents(KB)[0].id], "Contracts/2026")
        library.export(KB, tmp_path / "export.zip")
    with opened(tmp_path / "second") as library:
        done(library, worker.submit_import(library, tmp_path / "export.zip", "gift"))
        (row,) = library.documents("gift")
        assert (row.tags, row.folder) == (("Legal",), "Contracts/2026")
