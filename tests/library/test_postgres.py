"""The ledger in PostgreSQL keeps whole transactions or nothing, and says in plain words what is wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import stores
from hashed_embedder import HashedEmbedder

from minicpm_rag.cli import main
from minicpm_rag.errors import DatabaseUnreachableError, LibraryBusyError, LibraryError, SettingsError
from minicpm_rag.indexing import Worker, follow, save_upload, submit_ingest, submit_reindex
from minicpm_rag.library import Library
from minicpm_rag.library.conversations import Conversations
from minicpm_rag.library.ledger import halfvecs, keywords
from minicpm_rag.library.ledger.connection import Connection, Rows
from minicpm_rag.library.ledger.dialect import translated
from minicpm_rag.library.ledger.postgres import PostgresLedger, shown
from minicpm_rag.settings import load_settings


@pytest.fixture
def database(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(stores.SERVER, postgres)
    found = stores.database_of(tmp_path)
    assert found is not None
    return found


@pytest.fixture
def ledger(database: str) -> Iterator[PostgresLedger]:
    ledger = PostgresLedger(database)
    yield ledger
    ledger.close()


def names(ledger: PostgresLedger) -> list[str]:
    with ledger.reading() as connection:
        return [row[0] for row in connection.execute("SELECT name FROM knowledge_bases ORDER BY id")]


def add(connection: Connection, name: str) -> None:
    connection.execute("INSERT INTO knowledge_bases(name, created_at) VALUES (?, '')", (name,))


def test_a_transaction_that_fails_leaves_nothing(ledger: PostgresLedger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.writing() as connection:
        add(connection, "甲")
        raise ZeroDivisionError
    assert names(ledger) == []
    with ledger.writing() as connection:
        add(connection, "乙 50 % 'quoted'")
    assert names(ledger) == ["乙 50 % 'quoted'"]


def test_a_reader_sees_one_state_while_others_write(ledger: PostgresLedger) -> None:
    with ledger.reading() as connection:
        before = connection.execute("SELECT count(*) FROM knowledge_bases").fetchone()[0]
        with ledger.writing() as writer:
            add(writer, "new")
        after = connection.execute("SELECT count(*) FROM knowledge_bases").fetchone()[0]
    assert (before, after) == (0, 0)
    assert names(ledger) == ["new"]


def test_many_threads_and_two_handles_lose_no_write(database: str) -> None:
    ledgers = [PostgresLedger(database), PostgresLedger(database)]

    def write(worker: int) -> None:
        for number in range(10):
            with ledgers[worker % 2].writing() as connection:
                add(connection, f"{worker}-{number}")

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(names(ledgers[0])) == 40
    for ledger in ledgers:
        ledger.close()


def test_while_a_jobs_transaction_is_alone_no_other_job_is_submitted(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.library.ledger.postgres.LOCK_SECONDS", 0.2)
    with ledger.transaction(1) as job:
        with ledger.writing() as connection:
            add(connection, "before")
        ledger.alone(job)
        with pytest.raises(LibraryBusyError), ledger.writing() as connection:
            add(connection, "meanwhile")
    with ledger.writing() as connection:
        add(connection, "after")
    assert names(ledger) == ["before", "after"]


def test_what_is_read_while_it_holds_still_is_of_one_state(ledger: PostgresLedger) -> None:
    with ledger.holding_still():
        assert names(ledger) == []
        with ledger.writing() as connection:
            add(connection, "new")
        assert names(ledger) == []
    assert names(ledger) == ["new"]


class Explained:
    """A connection that notes how the server means to find the rows that look best."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.plans: list[str] = []

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Rows:
        if sql.startswith("SELECT id FROM unnest"):
            self.plans.append("\n".join(row[0] for row in self.connection.execute(f"EXPLAIN {sql}", values)))
        return self.connection.execute(sql, values)

    def executemany(self, sql: str, values: Iterable[Sequence[Any]], /) -> object:
        return self.connection.executemany(sql, values)


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_index_of_terms_is_read_whatever_the_server_thinks_that_it_costs(
    ledger: PostgresLedger, analyzed: bool
) -> None:
    texts = (" ".join(f"word{(number * 7 + place) % 900}" for place in range(60)) for number in range(1500))
    with ledger.writing() as connection:
        keywords.create(connection, "keywords_1")
        keywords.add(connection, "keywords_1", enumerate(texts))
        if analyzed:
            connection.execute("ANALYZE")
    with ledger.reading() as connection:
        explained = Explained(connection)
        assert keywords.search(explained, "keywords_1", "word3 word77 word450", 5)
        (plan,) = explained.plans
        settings = ("enable_seqscan", "enable_indexscan")
        assert {connection.execute(f"SHOW {name}").fetchone()[0] for name in settings} == {"on"}
    assert "Bitmap Index Scan on keywords_1_terms" in plan and "Join Filter" not in plan, plan


def test_an_index_is_removed_while_it_is_searched_without_a_deadlock(ledger: PostgresLedger) -> None:
    with ledger.writing() as connection:
        keywords.create(connection, "keywords_1")
        keywords.add(connection, "keywords_1", [(1, "pump"), (2, "hall")])
    removed = threading.Event()

    def remove() -> None:
        with ledger.writing() as connection:
            keywords.drop(connection, "keywords_1")
        removed.set()

    remover = threading.Thread(target=remove)
    with ledger.holding_still(), ledger.reading() as connection:
        assert keywords.statistics(connection, "keywords_1", ["pump"]).rows == 2
        remover.start()
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted"
        while not waits(ledger, waiting):
            time.sleep(0.01)
        assert [row for row, _ in keywords.search(connection, "keywords_1", "pump", 3)] == [1]
        assert not removed.is_set()
    remover.join()
    assert removed.is_set()
    with ledger.reading() as connection:
        assert not keywords.exists(connection, "keywords_1")


@pytest.mark.parametrize("of_a_question", [True, False])
def test_an_index_that_is_replaced_before_it_is_read_is_asked_again(
    of_a_question: bool, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minicpm_rag.retrieval import HybridRetriever

    stores.use(monkeypatch)
    file = tmp_path / "pump.txt"
    file.write_text("The pump of hall 3 runs with firmware 7.\n")
    index_of = Library._index
    replaced: list[bool] = []

    def replacing(library: Library, knowledge_base: str) -> object:
        found = index_of(library, knowledge_base)  # which begins the state that is read
        if not replaced and library.reads:  # type: ignore[attr-defined]
            replaced.append(True)
            jobs = threading.Thread(target=lambda: list(follow(library, submit_reindex(library, "default"))))
            jobs.start()
            jobs.join()
        return found

    monkeypatch.setattr(Library, "_index", replacing)
    monkeypatch.setattr(Library, "reads", False, raising=False)
    with Library(tmp_path, embedder=HashedEmbedder()) as library, Worker(library):
        list(follow(library, submit_ingest(library, "default", [file])))
        monkeypatch.setattr(Library, "reads", True)
        if of_a_question:
            found = HybridRetriever(library=library, embedder=library.embedder).retrieve("Which firmware has the pump?")
            assert ["firmware 7" in document.page_content for document in found.documents] == [True]
        else:
            assert len(library.keyword_search("default", "pump", 3)) == 1
    assert replaced


def waits(ledger: PostgresLedger, statement: str) -> bool:
    """Whether the statement finds a row, asked beside what this thread reads."""
    with ledger.transaction(1) as connection:
        return connection.execute(statement).fetchone() is not None


def test_a_new_database_that_several_open_at_once_is_made_once(database: str) -> None:
    opened: list[PostgresLedger] = []
    threads = [threading.Thread(target=lambda: opened.append(PostgresLedger(database))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [names(ledger) for ledger in opened] == [[]] * 4
    for ledger in opened:
        ledger.close()


def test_a_refused_row_and_a_text_that_no_database_takes_are_sentences(ledger: PostgresLedger) -> None:
    with ledger.writing() as connection:
        add(connection, "once")
    with pytest.raises(LibraryError, match="refused a row"), ledger.writing() as connection:
        add(connection, "once")
    with pytest.raises(LibraryError, match="NUL"):
        Conversations(ledger).create("ann", "default", "a\0b")
    assert names(ledger) == ["once"]


def test_a_database_of_a_later_version_is_not_touched(ledger: PostgresLedger) -> None:
    with ledger.writing() as connection:
        connection.execute("UPDATE schema_version SET number = 99")
    with pytest.raises(LibraryError, match="schema 99"):
        PostgresLedger(ledger.url)


def test_a_server_that_is_not_there_is_a_sentence_without_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(DatabaseUnreachableError, match="does not answer") as raised:
        PostgresLedger("postgresql://ann:secret@127.0.0.1:1/rag")
    assert "ann" in str(raised.value) and "secret" not in str(raised.value)
    assert shown("postgresql:///rag?user=ann&password=secret") == "postgresql:///rag?user=ann&password=***"


@pytest.mark.parametrize(
    "password",
    ["S3cret/ab", "S3cret@ab", "S3cret%zz", "S3cret ab", "ab[S3cret", "ab:S3cret", "ab?S3cret", "S3cret\nab"],
)
@pytest.mark.parametrize("rest", ["postgresql://ann:{}@127.0.0.1:1/rag", "postgresql://127.0.0.1:1/rag?password={}"])
def test_no_error_quotes_a_password_with_special_characters(rest: str, password: str) -> None:
    pytest.importorskip("psycopg")
    for address in (rest.format(password), rest.format(password).replace("postgresql", "mysql")):
        with pytest.raises((DatabaseUnreachableError, SettingsError)) as raised:
            PostgresLedger(address)
        assert "S3cret" not in str(raised.value) and "S3cret" not in str(raised.value.__cause__)


def test_another_address_is_refused_and_the_setting_keeps_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="no address of a database"):
        PostgresLedger("mysql://localhost/rag")
    monkeypatch.setenv("MINICPM_RAG_DATABASE", "postgresql://ann:secret@server/rag")
    assert "secret" not in repr(load_settings())
    assert load_settings().database_url == "postgresql://ann:secret@server/rag"


def test_a_chroma_server_beside_a_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Unset MINICPM_RAG_CHROMA_URL"):
        Library(tmp_path, embedder=None, chroma_url="http://localhost:1", database="postgresql://localhost/rag")


def test_backup_and_restore_leave_a_database_to_its_own_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MINICPM_RAG_DATABASE", "postgresql://ann@server/rag")
    (tmp_path / "there.zip").touch()
    for arguments in (["backup", str(tmp_path / "x.zip")], ["restore", str(tmp_path / "there.zip")]):
        assert main(arguments) == 1
        assert "pg_dump" in capsys.readouterr().err


def test_vectors_longer_than_a_graph_takes_are_kept_and_searched(tmp_path: Path, database: str) -> None:
    embedder = HashedEmbedder("long", dimension=4096)
    with Library(tmp_path / "home", embedder=embedder, database=database) as library, Worker(library):
        path = save_upload(library, "default", "pump.txt", b"The pump runs for two years.")
        steps = follow(library, submit_ingest(library, "default", [path]))
        assert [step.verdict.status for step in steps if step.verdict] == ["indexed"]
        ((_, similarity),) = library.dense_search("default", embedder.embed_query("the pump runs for two years"), 3)
        assert similarity > 0.9


def test_a_knowledge_base_has_a_graph_once_it_is_large_and_is_searched_alike_before_and_after(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(halfvecs, "GRAPHED_FROM", 3)
    with Library(tmp_path / "home", embedder=HashedEmbedder(), database=database) as library, Worker(library):

        def stored(name: str) -> bool:
            path = save_upload(library, "default", f"{name}.txt", f"The {name} runs for two years.".encode())
            list(follow(library, submit_ingest(library, "default", [path])))
            with library.ledger.reading() as connection:
                (graph,) = connection.execute("SELECT to_regclass('vectors_1_nearest')").fetchone()
            return graph is not None

        vector = HashedEmbedder().embed_query("The pump runs for two years.")
        assert [stored("pump"), stored("motor")] == [False, False]
        before = library.dense_search("default", vector, 1)
        assert [stored("lamp"), stored("valve")] == [True, True]
        assert library.dense_search("default", vector, 1) == before
        assert len(library.dense_search("default", vector, 9)) == 4


def test_what_the_server_will_never_do_is_not_taken_for_a_server_that_is_away(ledger: PostgresLedger) -> None:
    with pytest.raises(LibraryError, match="dimensions") as raised, ledger.writing() as connection:
        connection.execute("CREATE TABLE long(vector halfvec(4096))")
        connection.execute("CREATE INDEX ON long USING hnsw (vector halfvec_cosine_ops)")
    assert not isinstance(raised.value, DatabaseUnreachableError)


def test_words_of_any_length_are_found(ledger: PostgresLedger) -> None:
    with ledger.writing() as connection:
        keywords.create(connection, "kb")
        keywords.add(connection, "kb", [(1, "x" * 9_000), (2, "水泵的保修期"), (3, "The pump's warranty")])
        assert [row for row, _ in keywords.search(connection, "kb", "x" * 9_000, 5)] == [1]
        assert [row for row, _ in keywords.search(connection, "kb", "保修", 5)] == [2]
        keywords.remove(connection, "kb", [1, 2])
        assert keywords.search(connection, "kb", "保修", 5) == []
        assert keywords.statistics(connection, "kb", []).rows == 1
        assert keywords.exists(connection, "kb") and not keywords.exists(connection, "other")


def test_rows_in_which_a_word_comes_often_are_among_those_scored(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keywords, "RESCORED", 2)
    once = [(number, f"One pump in hall {number} beside other things.") for number in range(1, 40)]
    often = [(number, "A pump, a second pump, and one more pump. 水泵和水泵。") for number in (50, 51)]
    with ledger.writing() as connection:
        keywords.create(connection, "kb")
        keywords.add(connection, "kb", once + often)
        assert {row for row, _ in keywords.search(connection, "kb", "pump", 1)} <= {50, 51}
        assert [row for row, _ in keywords.search(connection, "kb", "水泵", 5)] == [50, 51]
        assert keywords.scoped(connection, "kb", [50]).rows[50].count("pump") == 3
        keywords.remove(connection, "kb", [50, 51])
        assert keywords.statistics(connection, "kb", ["pump", "水泵"]).frequencies == {"pump": 39}


def test_an_index_that_is_filled_at_once_is_the_one_that_grew(ledger: PostgresLedger) -> None:
    rows = [(number, f"第{number}号水泵 pump {number} pump") for number in range(1, 30)]
    with ledger.writing() as connection:
        keywords.create(connection, "grown")
        for row in rows:
            keywords.add(connection, "grown", [row])
        keywords.fill(connection, "filled", rows)
        for table in ("_rows", "_frequency"):
            grown, filled = (
                [tuple(row) for row in connection.execute(f"SELECT * FROM {name}{table} ORDER BY 1")]
                for name in ("grown", "filled")
            )
            assert grown == filled
        for question in ("pump 7", "水泵"):
            grown, filled = (keywords.search(connection, name, question, 5) for name in ("grown", "filled"))
            assert grown == filled


def test_statements_keep_their_literals_and_lose_their_comments() -> None:
    assert translated("SELECT '?', \"a?b\", ? -- why?\n") == "SELECT '?', \"a?b\", %s \n"
    assert translated("SELECT '%' LIKE ?2") == "SELECT '%%' ILIKE %(p2)s"
