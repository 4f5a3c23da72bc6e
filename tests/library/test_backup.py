"""Backup and restore of a whole library, also while others write and with a kill at every step."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag.cli import main
from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.indexing import Worker, follow, save_upload, submit_ingest, submit_remove
from minicpm_rag.library import Library
from minicpm_rag.library.backup import MANIFEST, back_up, restore
from minicpm_rag.library.originals import LONGEST_NAME_BYTES, safe_name

TEXT = {"水泵.txt": "云溪牌水泵的保修期为两年。", "lease.txt": "The deposit is returned within six weeks."}
STEPS = ("unpacked", "originals in place", "vectors gone", "ledger's other files gone", "done")

# Restores in a process of its own, which kills itself at a step.
RESTORE = """
import os, shutil, signal, sys
from pathlib import Path
from minicpm_rag.library import backup
from minicpm_rag.library.ledger import copies
step = sys.argv[3]
def die(): os.kill(os.getpid(), signal.SIGKILL)
if step == "unpacked":
    backup._put_in_place = lambda *_: die()
elif step == "originals in place":
    backup.shutil.rmtree = lambda path, **_: die() if str(path).endswith("vectors") else None
elif step == "vectors gone":
    copies.take_place = lambda *_: die()
elif step == "ledger's other files gone":
    copies.os.fsync = lambda *_: die()
backup.restore(Path(sys.argv[1]), Path(sys.argv[2]))
die()
"""


def filled(home: Path, texts: dict[str, str]) -> None:
    with Library(home, embedder=HashedEmbedder()) as library, Worker(library):
        paths = [save_upload(library, "default", name, text.encode()) for name, text in texts.items()]
        list(follow(library, submit_ingest(library, "default", paths)))


def answers(home: Path, question: str) -> list[str]:
    """The texts found, by keywords and by vectors, with a worker that repairs whatever must be."""
    with Library(home, embedder=HashedEmbedder()) as library, Worker(library):
        found = library.keyword_search("default", question, 1)
        assert library.dense_search("default", HashedEmbedder().embed_query(question), 5)
        return [document.page_content for document in library.passages("default", [name for name, _ in found])]


def titles(home: Path) -> list[str]:
    with Library(home, embedder=HashedEmbedder()) as library:
        rows = library.documents("default")
        assert all(library.original_path(row.id) is not None for row in rows), "an original is missing"
        return sorted(row.title for row in rows)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    filled(tmp_path / "home", TEXT)
    return tmp_path / "home"


@pytest.fixture
def backup(home: Path, tmp_path: Path) -> Path:
    assert back_up(home, tmp_path / "库.backup").originals == 2
    return tmp_path / "库.backup"


def test_a_restored_library_is_the_one_that_was_backed_up(backup: Path, tmp_path: Path) -> None:
    other = tmp_path / "other machine"
    restore(other, backup)
    assert titles(other) == sorted(TEXT)
    assert answers(other, "水泵的保修期") == [TEXT["水泵.txt"]]
    assert answers(other, "deposit six weeks") == [TEXT["lease.txt"]]


def test_what_a_file_manager_left_among_the_originals_is_not_backed_up(home: Path, tmp_path: Path) -> None:
    (folder,) = {path.parent for path in home.glob("uploads/*/*/lease.txt")}
    (folder / ".DS_Store").write_bytes(b"x")
    (folder / "a folder").mkdir()
    assert back_up(home, tmp_path / "backup").originals == 2
    restore(tmp_path / "other", tmp_path / "backup")
    assert titles(tmp_path / "other") == sorted(TEXT)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_backup_is_its_makers_alone(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["a" * 199 + " b", "很." + "很" * 200, "x. " + " " * 250 + "b", " .", "a" * 198 + ".\t很"]
)
def test_a_safe_name_of_a_safe_name_is_itself_so_that_its_file_is_found_again(name: str) -> None:
    once = safe_name(name)
    assert safe_name(once) == once and 0 < len(once.encode()) <= LONGEST_NAME_BYTES


def test_what_came_after_the_backup_is_gone_and_what_was_removed_is_back(home: Path, backup: Path) -> None:
    with Library(home, embedder=HashedEmbedder()) as library, Worker(library):
        list(follow(library, submit_remove(library, "default", ["upload:lease.txt"])))
    filled(home, {"later.txt": "Written after the backup."})
    restore(home, backup)
    assert titles(home) == sorted(TEXT)
    assert answers(home, "deposit six weeks") == [TEXT["lease.txt"]]


def test_a_restore_brings_back_the_tokens_of_its_day(home: Path, tmp_path: Path) -> None:
    with Library(home, embedder=None) as library:
        library.add_token("token", "ann@x.org")
        back_up(home, tmp_path / "backup")
        library.drop_tokens("ann@x.org")
    restore(home, tmp_path / "backup")
    with Library(home, embedder=None) as library:
        assert library.user_of_token("token") is not None


def test_a_backup_while_others_write_is_whole(home: Path, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        with Library(home, embedder=HashedEmbedder()) as library, Worker(library):
            while not stop.is_set():
                path = save_upload(library, "default", "busy.txt", b"A note that comes and goes.")
                list(follow(library, submit_ingest(library, "default", [path])))
                list(follow(library, submit_remove(library, "default", ["upload:busy.txt"])))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        files = [tmp_path / f"{number}.backup" for number in range(4)]
        for file in files:
            back_up(home, file)
    finally:
        stop.set()
        writer.join(300)
    for file in files:
        restore(tmp_path / file.stem, file)
        assert set(titles(tmp_path / file.stem)) - {"busy.txt"} == set(TEXT)


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_while_restoring_leaves_the_old_library_or_the_new(home: Path, backup: Path, step: str) -> None:
    filled(home, {"later.txt": "Written after the backup."})
    tests = Path(__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tests / "support"), str(tests.parent)])}
    killed = subprocess.run([sys.executable, "-c", RESTORE, str(home), str(backup), step], env=environment, check=False)
    assert killed.returncode == -signal.SIGKILL
    expected = sorted(TEXT) if step == "done" else sorted([*TEXT, "later.txt"])
    assert titles(home) == expected
    assert answers(home, "水泵的保修期") == [TEXT["水泵.txt"]]
    restore(home, backup)
    assert titles(home) == sorted(TEXT)
    assert not list(home.glob(".restoring-*"))


def changed(backup: Path, tmp_path: Path, name: str, content: bytes) -> Path:
    """The backup with another member in place of one."""
    found = tmp_path / "changed.backup"
    with zipfile.ZipFile(backup) as old, zipfile.ZipFile(found, "w") as new:
        for entry in old.namelist():
            new.writestr(entry, content if entry == name else old.read(entry))
    return found


def test_a_damaged_backup_changes_nothing(home: Path, backup: Path, tmp_path: Path) -> None:
    filled(home, {"later.txt": "Written after the backup."})
    with zipfile.ZipFile(backup) as archive:
        original = next(name for name in archive.namelist() if name.startswith("uploads/"))
        manifest = json.loads(archive.read(MANIFEST))
        ledger = bytearray(archive.read("ledger.sqlite3"))
    ledger[5000:5100] = bytes(100)
    manifest["members"][1]["name"] = "uploads/../../escaped"
    (tmp_path / "half").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    (tmp_path / "text").write_text("no archive")
    for broken in (
        changed(backup, tmp_path, original, b"other bytes"),
        changed(backup, tmp_path, "ledger.sqlite3", bytes(ledger)),
        changed(backup, tmp_path, MANIFEST, json.dumps(manifest).encode()),
        changed(backup, tmp_path, MANIFEST, b'{"format": 1}'),
        tmp_path / "half",
        tmp_path / "text",
    ):
        with pytest.raises(LibraryError, match="as it was"):
            restore(home, broken)
    assert titles(home) == sorted([*TEXT, "later.txt"])
    assert not (tmp_path / "escaped").exists()


def test_a_backup_of_a_later_version_is_refused(home: Path, backup: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(backup) as archive:
        manifest = json.loads(archive.read(MANIFEST))
    later = json.dumps(manifest | {"schema": manifest["schema"] + 1}).encode()
    with pytest.raises(LibraryError, match="later version"):
        restore(home, changed(backup, tmp_path, MANIFEST, later))


def test_a_library_in_use_is_not_replaced(home: Path, backup: Path) -> None:
    with Library(home, embedder=HashedEmbedder()) as library, Worker(library), pytest.raises(LibraryBusyError):
        restore(home, backup)


def test_a_backup_that_cannot_be_written_leaves_no_file(home: Path, tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match="cannot be written"):
        back_up(home, tmp_path / "nowhere" / "x.backup")


def test_both_are_one_command(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    file = tmp_path / "x.backup"
    assert main(["--lang", "en", "backup", str(file)]) == 0
    assert "2 originals" in capsys.readouterr().out
    assert main(["--lang", "en", "restore", str(file)]) == 2, "it asks first"
    assert main(["--lang", "zh", "restore", str(file), "--yes"]) == 0
    assert "已恢复" in capsys.readouterr().out
