"""The ledger keeps whole transactions or nothing, and says in plain words what is wrong."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_user import open_to_others, rights_count

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library.ledger import Ledger


@pytest.fixture
def open_folder() -> Iterator[Path]:
    with open_to_others() as folder:
        yield folder


def names(ledger: Ledger) -> list[str]:
    with ledger.reading() as connection:
        return [row[0] for row in connection.execute("SELECT name FROM knowledge_bases ORDER BY id")]


def add(connection: sqlite3.Connection, name: str) -> None:
    connection.execute("INSERT INTO knowledge_bases(name, created_at) VALUES (?, '')", (name,))


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        add(connection, "甲")
        raise ZeroDivisionError
    assert names(ledger) == []
    with ledger.writing() as connection:
        add(connection, "乙")
    assert names(ledger) == ["乙"]


def test_a_reader_sees_one_state_while_others_write(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.reading() as connection:
        before = connection.execute("SELECT count(*) FROM knowledge_bases").fetchone()[0]
        with ledger.writing() as writer:
            add(writer, "new")
        after = connection.execute("SELECT count(*) FROM knowledge_bases").fetchone()[0]
    assert (before, after) == (0, 0)
    assert names(ledger) == ["new"]


def test_what_is_read_while_it_holds_still_is_of_one_state_and_errors_of_others_stay_theirs(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.holding_still():
        assert names(ledger) == []
        with ledger.writing() as writer:
            add(writer, "new")
            ledger.noted(writer)["found"] = 1
        with ledger.holding_still():
            assert names(ledger) == []
        with ledger.reading() as connection:
            assert ledger.noted(connection) == {}, "what a writer saw is not what is read here"
    assert names(ledger) == ["new"]
    with pytest.raises(json.JSONDecodeError), ledger.holding_still():
        json.loads("a server's answer")


def test_many_threads_and_two_handles_lose_no_write(tmp_path: Path) -> None:
    ledgers = [Ledger(tmp_path), Ledger(tmp_path)]

    def write(worker: int) -> None:
        for number in range(20):
            with ledgers[worker % 2].writing() as connection:
                add(connection, f"{worker}-{number}")

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(ledgers[0])) == 120


def test_a_full_disk_is_told_and_harms_nothing(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.writing() as connection:
        add(connection, "kept")
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own way to a full disk
    with pytest.raises(LibraryError, match="make room on the disk"), ledger.writing() as connection:
        for number in range(1000):
            add(connection, f"{number} " + "长" * 1000)
    assert names(ledger) == ["kept"]
    assert [row[0] for row in sqlite3.connect(ledger.path).execute("PRAGMA integrity_check")] == ["ok"]


def test_a_cleanly_closed_ledger_in_a_folder_that_cannot_be_written_is_read(open_folder: Path) -> None:
    ledger = Ledger(open_folder / "home")
    with ledger.writing() as connection:
        add(connection, "kept")
    ledger.close()
    assert [path.name for path in (open_folder / "home").iterdir()] == ["ledger.sqlite3"]
    for path, rights in ((ledger.path, 0o444), (open_folder / "home", 0o555)):
        path.chmod(rights)
    with rights_count():
        reader = Ledger(open_folder / "home")
        assert names(reader) == ["kept"]
        with pytest.raises(LibraryError, match="cannot be opened for writing"), reader.writing() as connection:
            add(connection, "not")
        reader.close()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_that_was_deleted_meanwhile_says_so_instead_of_writing_into_nothing(
    tmp_path: Path, replaced: bool
) -> None:
    ledger = Ledger(tmp_path / "home")
    with ledger.writing() as connection:
        add(connection, "gone")
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    if replaced:
        Ledger(tmp_path / "home").close()
    with pytest.raises(LibraryError, match="was deleted or moved away"), ledger.writing() as connection:
        add(connection, "lost")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite3").write_bytes(b"not a database at all" * 500)
    with pytest.raises(LibraryError, match="is damaged"):
        Ledger(tmp_path)


def test_a_ledger_of_another_version_is_not_touched(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    with ledger.writing() as connection:
        connection.execute("PRAGMA user_version = 99")
    ledger.close()
    with pytest.raises(LibraryError, match="schema 99"):
        Ledger(tmp_path)


def test_a_writer_that_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minicpm_rag.library.ledger.BUSY_MILLISECONDS", 50)
    ledger = Ledger(tmp_path)
    other = sqlite3.connect(ledger.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryBusyError, match="another process"), ledger.writing() as connection:
        add(connection, "x")
    other.close()


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(LibraryError, match="MINICPM_RAG_HOME"):
        Ledger(tmp_path / "file" / "home")


def test_a_new_file_that_another_process_is_opening_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "ledger.sqlite3", check_same_thread=False, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.3, other.rollback)
    release.start()
    Ledger(tmp_path).close()
    release.join()
    assert other.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    other.close()
