"""Damage in the ledger's rows has a name and is mended: one flipped bit, a vector that is none, a row that is lost."""

from __future__ import annotations

import random
import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from library_parts import KB, contents, done, found, ingest, opened, write_files

from minicpm_rag import indexing
from minicpm_rag.embedding.embedder import ReadPassage
from minicpm_rag.errors import LibraryError, RAGError
from minicpm_rag.indexing import Worker
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import checksums
from minicpm_rag.messages import Message
from minicpm_rag.records import Answer

TITLE = "note03.md"
OF = "(SELECT id FROM documents WHERE title = ?)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    write_files(tmp_path / "docs")
    with opened(tmp_path / "home") as library:
        ingest(library, tmp_path / "docs")
    return tmp_path / "home"


def change(home: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger:
        ledger.create_function("flipped", 1, flipped)
        assert ledger.execute(statement, (*values, TITLE)).rowcount == 1
        ledger.commit()


def flipped(value: bytes | str) -> bytes | str:
    """The value with one bit of its middle the other way."""
    if isinstance(value, str):
        return flipped(value.encode()).decode()  # type: ignore[union-attr]
    middle = len(value) // 2
    return value[:middle] + bytes([value[middle] ^ 1]) + value[middle + 1 :]


def _page_text(home: Path) -> None:
    change(home, f"UPDATE pages SET text = flipped(text) WHERE document_id = {OF}")


def _page_marks(home: Path) -> None:
    change(home, f"UPDATE pages SET marks = '{{' WHERE document_id = {OF}")


def _page_lost(home: Path) -> None:
    change(home, f"DELETE FROM pages WHERE document_id = {OF}")


def _chunk_text(home: Path) -> None:
    change(home, f"UPDATE chunks SET text = flipped(text) WHERE position = 1 AND document_id = {OF}")


def _chunk_metadata(home: Path) -> None:
    change(home, f"UPDATE chunks SET metadata = 'no JSON' WHERE position = 1 AND document_id = {OF}")


def _chunk_no_text(home: Path) -> None:
    change(home, f"UPDATE chunks SET text = x'ff' WHERE position = 1 AND document_id = {OF}")


_VECTOR = f"WHERE chunk = (SELECT id FROM chunks WHERE position = 1 AND document_id = {OF})"


def _vector(home: Path) -> None:
    change(home, f"UPDATE vectors SET vector = flipped(vector) {_VECTOR}")


def _vector_short(home: Path) -> None:
    change(home, f"UPDATE vectors SET vector = x'0000803f' {_VECTOR}")


def _vector_lost(home: Path) -> None:
    change(home, f"DELETE FROM vectors {_VECTOR}")


def _vector_no_numbers(home: Path) -> None:
    """As an older version stored what an embedder gave: the checksum is right."""
    nothing = struct.pack("<f", float("nan")) * 64
    change(home, f"UPDATE vectors SET vector = ?, checksum = ? {_VECTOR}", nothing, checksums.crc32("blob", nothing))


def _token_signs(home: Path) -> None:
    change(home, f"UPDATE token_signs SET signs = flipped(signs) {_VECTOR}")


def _token_signs_no_bytes(home: Path) -> None:
    change(home, f"UPDATE token_signs SET signs = 'text' {_VECTOR}")


DAMAGE_OF_PAGES = [_page_text, _page_marks, _page_lost]
DAMAGE_OF_CHUNKS = [
    _chunk_text, _chunk_metadata, _chunk_no_text, _vector, _vector_short, _vector_lost, _vector_no_numbers,
    _token_signs, _token_signs_no_bytes,
]  # fmt: skip
DAMAGE = [*DAMAGE_OF_PAGES, *DAMAGE_OF_CHUNKS]
Damage = Callable[[Path], None]


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_check_names_and_mends_damage(home: Path, damage: Damage) -> None:
    with opened(home) as library:
        before = contents(library)
    damage(home)
    with opened(home) as library:
        report = indexing.check(library, repair=False)
        assert [TITLE in str(problem) for problem in report.problems] == [True]
        mended = indexing.check(library, repair=True)
        assert "again from" in str(mended)
        assert not mended.unmended
        assert not indexing.check(library, repair=False).problems
        assert contents(library) == before
        assert TITLE in found(library, "Instrument 3 calibrated")


@pytest.mark.parametrize("damage", DAMAGE)
def test_ingest_does_not_say_unchanged_over_damage(home: Path, damage: Damage) -> None:
    with opened(home) as library:
        before = contents(library)
    damage(home)
    with opened(home) as library:
        verdicts = ingest(library, home.parent / "docs")
        assert verdicts[TITLE].status == "replaced"
        assert "was damaged" in str(verdicts[TITLE].reason)
        assert {verdict.status for title, verdict in verdicts.items() if title != TITLE} == {"unchanged"}
        assert contents(library) == before
        assert ingest(library, home.parent / "docs")[TITLE].status == "unchanged"


@pytest.mark.parametrize("damage", [damage for damage in DAMAGE if damage is not _page_lost])
def test_an_export_of_damage_is_refused_with_its_document(home: Path, tmp_path: Path, damage: Damage) -> None:
    damage(home)
    with (
        Library(home, embedder=HashedEmbedder()) as library,  # type: ignore[arg-type]
        pytest.raises(LibraryError, match=rf"{TITLE} is damaged.*doctor --check"),
    ):
        library.export(KB, tmp_path / "base.zip")
    assert not list(tmp_path.glob("*.zip*"))


@pytest.mark.parametrize("damage", [_page_text, _page_marks])
def test_a_reindex_of_damaged_pages_is_refused_and_the_old_index_answers(home: Path, damage: Damage) -> None:
    damage(home)
    with opened(home, HashedEmbedder("other")) as library:
        with pytest.raises(LibraryError, match=rf"{TITLE} is damaged.*doctor --check"):
            done(library, indexing.submit_reindex(library, KB))
        assert library.knowledge_base(KB).embedder == "hashed"


@pytest.mark.parametrize("damage", DAMAGE_OF_CHUNKS)
def test_a_reindex_mends_damaged_chunks(home: Path, damage: Damage) -> None:
    damage(home)
    with opened(home, HashedEmbedder("other")) as library:
        done(library, indexing.submit_reindex(library, KB))
        assert not indexing.check(library, repair=False).problems
        assert TITLE in found(library, "Instrument 3 calibrated")


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_other_documents_answer_beside_damage(home: Path, damage: Damage) -> None:
    damage(home)
    with Library(home, embedder=HashedEmbedder()) as reader:  # type: ignore[arg-type]  # compares with the ledger
        assert "说明02.txt" in found(reader, "第2号仪器的保修期")
        assert found(reader, "Instrument 3 calibrated")
    with opened(home) as library:
        assert "说明02.txt" in found(library, "第2号仪器的保修期")


def test_damaged_pages_without_the_original_file_are_said_to_stay_damaged(home: Path) -> None:
    (home.parent / "docs" / TITLE).unlink()
    _page_text(home)
    with opened(home) as library:
        report = indexing.check(library, repair=True)
        assert not report.problems
        assert TITLE in str(report)
        assert "its original file is gone" in str(report)
        with pytest.raises(LibraryError, match=TITLE):
            library.page_texts(next(row.id for row in library.documents(KB) if row.title == TITLE))


def test_damage_is_reported_where_no_embedder_can_mend_it(home: Path) -> None:
    _vector(home)
    with Library(home, embedder=None) as library:
        report = indexing.check(library, repair=True)
    assert [TITLE in str(message) for message in report.unmended] == [True]


def test_a_vector_folder_is_rebuilt_without_the_damaged_vector(home: Path) -> None:
    _vector(home)
    with Library(home, embedder=None) as library, Worker(library):
        library.vectors.claim()
    (home / "vectors" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with opened(home) as library:
        assert "说明02.txt" in found(library, "第2号仪器的保修期")


@pytest.mark.parametrize("numbers", [float("nan"), float("inf")])
def test_an_embedder_that_gives_no_numbers_stores_nothing(tmp_path: Path, numbers: float) -> None:
    class Broken(HashedEmbedder):
        def read_passages(self, texts: list[str]) -> list[ReadPassage]:
            return [ReadPassage([numbers] * self.dimension, b"") for _ in texts]

    (path,) = write_files(tmp_path / "docs", 1)
    with opened(tmp_path / "home", Broken()) as library:
        verdict = ingest(library, path)[path.name]
        assert verdict.status == "failed"
        assert "no numbers" in str(verdict.reason)
        assert library.knowledge_base(KB).chunks == 0


def test_vectors_of_another_length_are_not_stored(tmp_path: Path) -> None:
    class Short(HashedEmbedder):
        def read_passages(self, texts: list[str]) -> list[ReadPassage]:
            return [ReadPassage([1.0, 0.0], b"") for _ in texts]

    (path,) = write_files(tmp_path / "docs", 1)
    with opened(tmp_path / "home", Short()) as library:
        assert "no numbers" in str(ingest(library, path)[path.name].reason)


def test_a_bit_flipped_anywhere_in_the_ledger_ends_in_an_answer_or_a_sentence(home: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger:
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    sound = (home / "ledger.sqlite3").read_bytes()
    chance = random.Random(5)
    for _ in range(20):
        damaged, at = bytearray(sound), chance.randrange(len(sound))
        damaged[at] ^= 1 << chance.randrange(8)
        (home / "ledger.sqlite3").write_bytes(damaged)
        with suppress(RAGError), Library(home, embedder=HashedEmbedder()) as library:  # type: ignore[arg-type]
            for attempt in (
                lambda: found(library, "Instrument 3 calibrated"),
                lambda: [library.pages(row.id) for row in library.documents(KB)],
                lambda: library.export(KB, tmp_path / "base.zip"),
                lambda: indexing.check(library, repair=False),
            ):
                with suppress(RAGError):
                    attempt()
        for left in home.glob("ledger.sqlite3-*"):
            left.unlink()


# Tables

_TABLE = "(SELECT id FROM data_tables WHERE document_id = (SELECT id FROM documents WHERE title = 'orders.csv'))"
DAMAGE_OF_TABLES = {
    "a value": "UPDATE data_{n} SET c1 = 999 WHERE position = 0",
    "a place": "UPDATE data_{n} SET start = start + 1 WHERE position = 1",
    "a row": "DELETE FROM data_{n} WHERE position = 1",
    "a text that is none": "UPDATE data_{n} SET c0 = CAST(x'ff' AS TEXT) WHERE position = 1",
    "the table": "DROP TABLE data_{n}",
    "a column's description": "UPDATE data_tables SET columns = '{{' WHERE id = {n}",
    "the number of rows": "UPDATE data_tables SET row_count = 7 WHERE id = {n}",
    "no checksum": "UPDATE data_tables SET checksum = NULL WHERE id = {n}",
}


@pytest.mark.parametrize("statement", DAMAGE_OF_TABLES.values(), ids=DAMAGE_OF_TABLES)
def test_damaged_tables_have_a_name_and_are_made_again_from_their_pages(home: Path, statement: str) -> None:
    orders = home.parent / "orders.csv"
    orders.write_text("area,amount\nnorth,5\nsouth,7\nwest,9\n", encoding="utf-8")

    def rows(library: Library) -> list[tuple[object, ...]]:
        (table,) = library.tables(KB)
        with library.ledger.reading() as connection:
            return [tuple(row) for row in connection.execute(f"SELECT * FROM data_{table.id} ORDER BY position")]

    def damage() -> None:
        with closing(sqlite3.connect(home / "ledger.sqlite3")) as ledger:
            (number,) = ledger.execute(f"SELECT {_TABLE}").fetchone()
            ledger.execute(statement.format(n=number))
            ledger.commit()

    with opened(home) as library:
        ingest(library, orders)
        before, tables = rows(library), library.tables(KB)
        damage()
        report = indexing.check(library, repair=False)
        assert ["orders.csv" in str(problem) for problem in report.problems] == [True]
        assert "again from its stored pages" in str(indexing.check(library, repair=True))
        assert not indexing.check(library, repair=False).problems
        assert rows(library) == before
        assert [table.columns for table in library.tables(KB)] == [table.columns for table in tables]
        damage()
        assert ingest(library, orders)["orders.csv"].status == "replaced"
        assert rows(library) == before


# Conversations


@pytest.mark.parametrize(
    ("change_of_answer", "question"),
    [
        ("answer = replace(answer, '90', '91')", "Which days?"),
        ("answer = '{'", "Which days?"),
        ("answer = CAST(x'ff' AS TEXT)", "Which days?"),
        ("question = CAST(x'5768ff' AS TEXT)", "Wh\ufffd"),
        ("asked_at = 'never'", "Which days?"),
    ],
)
def test_a_damaged_answer_is_a_sentence_and_may_be_asked_again(
    home: Path, change_of_answer: str, question: str
) -> None:
    answer = Answer("Every 90 days.", "model", "Which days?", [], [], [], {}, None)
    with opened(home) as library:
        conversations = Conversations(library.ledger)
        talk = conversations.create("ann", KB, "Pumps")
        first, second = (conversations.ask("ann", talk.id, "Which days?") for _ in range(2))
        for exchange in (first, second):
            conversations.answer("ann", talk.id, exchange, answer)
            conversations.rate("ann", talk.id, exchange, 1)
        assert not indexing.check(library, repair=False).unmended
        with library.ledger.writing() as connection:
            connection.execute(f"UPDATE exchanges SET {change_of_answer} WHERE id = {first}")
        for repair in (False, True):
            (said,) = indexing.check(library, repair=repair).unmended
            assert "'Pumps', 1 exchange " in str(said)
        assert [(one.question, one.answer) for one in conversations.exchanges("ann", talk.id)] == [
            (question, Answer(mode="failed", error=Message("library.answer_damaged"))), ("Which days?", answer),
        ]  # fmt: skip
        assert len(conversations.history("ann", talk.id)) == 1
        assert [one.id for one in conversations.praised(KB)] == [second]
        assert conversations.holding("ann", "Every 90")
        conversations.reword("ann", talk.id, first, "Which days, again?")
        conversations.answer("ann", talk.id, first, answer)
        assert not indexing.check(library, repair=False).unmended
        assert len(conversations.exchanges("ann", talk.id)) == 2
