"""A library moves into PostgreSQL and back with all that is in it, also when it is broken off."""

from __future__ import annotations

from pathlib import Path

import pytest
import stores
from hashed_embedder import HashedEmbedder
from library_parts import KB, contents, found, ingest, opened, remove, write_files

from minicpm_rag import indexing
from minicpm_rag.errors import LibraryError
from minicpm_rag.indexing import moving
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger.opening import open_ledger
from minicpm_rag.records import Answer

QUESTIONS = ["第2号仪器的保修期", "Instrument 3 calibrated"]
SALES = "region,amount\nNorth,10\nSouth,20\n"


@pytest.fixture
def database(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(stores.SERVER, postgres)
    address = stores.database_of(tmp_path / "moved")
    monkeypatch.delenv(stores.SERVER)
    assert address is not None
    return address


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A library with documents, one removed, a table, tags and a conversation."""
    files = write_files(tmp_path / "文档")
    (tmp_path / "文档" / "sales.csv").write_text(SALES, encoding="utf-8")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "文档")
        remove(library, files[-1])
        library.change_tags([library.documents(KB)[0].id], add=["重要"])
        talk = Conversations(library.ledger)
        conversation = talk.create("ann", KB, "talk")
        talk.answer("ann", conversation.id, talk.ask("ann", conversation.id, "多久?"), Answer("twelve", "extractive"))
    return tmp_path / "home"


def everything(home: Path, database: str | None) -> dict[str, object]:
    with Library(home, embedder=HashedEmbedder(), database=database) as library:  # type: ignore[arg-type]
        talks = Conversations(library.ledger)
        (talk,) = talks.listed("ann")
        return {
            "contents": contents(library),
            "rows": library.documents(KB),
            "version": library.version(KB),
            "tables": library.tables(KB),
            "found": [found(library, question) for question in QUESTIONS],
            "exchanges": talks.exchanges("ann", talk.id),
            "problems": indexing.check(library, repair=False).problems,
        }


def test_a_library_moves_into_postgres_and_back_with_all_that_is_in_it(
    home: Path, tmp_path: Path, database: str
) -> None:
    before = everything(home, None)
    told = indexing.move_library(home, None, database, lambda *_: None)
    assert told.values == {"documents": 6, "chunks": 20}
    assert everything(home, database) == before
    indexing.move_library(home, database, str(tmp_path / "back"), lambda *_: None)
    with opened(tmp_path / "back") as library:  # its owner fills Chroma from the ledger
        assert ingest(library, *write_files(tmp_path / "new", 1)).keys() == {"说明00.txt"}
        indexing.check(library, repair=True)
        remove(library, tmp_path / "new" / "说明00.txt")
    after = everything(tmp_path / "back", None)
    for part in ("contents", "rows", "tables", "found", "exchanges", "problems"):
        assert after[part] == before[part], part
    with opened(home) as library:  # the source is as it was
        assert contents(library) == before["contents"]


def test_numbers_of_documents_that_are_gone_are_not_given_again_after_a_move_back(
    home: Path, tmp_path: Path, database: str
) -> None:
    with opened(home) as library:
        last = max(row.id for row in library.documents(KB))
        remove(library, *(row.source for row in library.documents(KB)))
    indexing.move_library(home, None, database, lambda *_: None)
    indexing.move_library(home, database, str(tmp_path / "back"), lambda *_: None)
    with opened(tmp_path / "back") as library:
        ingest(library, *write_files(tmp_path / "new", 1))
        assert library.documents(KB)[0].id > last


def test_a_move_that_was_broken_off_is_no_library_and_goes_on(
    home: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.library.ledger.copying.BATCH", 2)
    copied: list[str] = []

    def stop(table: str, rows: int) -> None:
        copied.append(table)
        if table == "chunks" and rows > 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        indexing.move_library(home, None, database, stop)
    with pytest.raises(LibraryError, match="was not moved whole"):
        Library(home, embedder=None, database=database)
    again: list[str] = []
    indexing.move_library(home, None, database, lambda table, _: again.append(table))
    assert "pages" in copied and "pages" not in again
    assert everything(home, database) == everything(home, None)


def test_what_was_changed_meanwhile_and_a_full_target_are_refused(
    home: Path, tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = moving.copying.write

    def lose_one(connection, table, rows):  # type: ignore[no-untyped-def]
        copy(connection, table, rows[:-1] if table.name == "token_signs" else rows)

    monkeypatch.setattr(moving.copying, "write", lose_one)
    with pytest.raises(LibraryError, match="table token_signs differs"):
        indexing.move_library(home, None, database, lambda *_: None)
    monkeypatch.undo()
    with pytest.raises(LibraryError, match="moves from files to PostgreSQL"):
        indexing.move_library(home, None, str(tmp_path / "folder"), lambda *_: None)
    with pytest.raises(LibraryError, match="holds a library already"):
        indexing.move_library(home, database, str(home), lambda *_: None)
    open_ledger(home).close()
