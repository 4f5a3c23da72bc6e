"""Reading the library: names, documents, searches, passages, and what is checked and repaired."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import stores
from chroma_server import chroma_server
from hashed_embedder import HashedEmbedder
from library_parts import KB, contents, done, found, ingest, opened, remove, write_files
from stores import embedded_only

from minicpm_rag import indexing as worker
from minicpm_rag.embedding.choice import DEFAULT, MINILM
from minicpm_rag.errors import EmbedderMismatchError, LibraryError, NotFoundError
from minicpm_rag.indexing import Worker, repair
from minicpm_rag.library import Library
from minicpm_rag.records import CHUNK_ID, DOCUMENT_ID, END, PAGE, SOURCE, START, TITLE
from minicpm_rag.settings import Settings

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "文档")
    return tmp_path / "文档"


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with opened(tmp_path / "home") as library:
        ingest(library, folder)
        yield library


@pytest.mark.parametrize(
    "name", ["知识库", "a b", '它\'s "quoted"; DROP TABLE x;--', "../../etc", "🦜", "x", "é" * 100]
)
def test_a_knowledge_base_may_have_any_name(tmp_path: Path, folder: Path, name: str) -> None:
    with opened(tmp_path / "home") as library:
        ingest(library, folder / "说明00.txt", kb=name)
        assert [entry.name for entry in library.knowledge_bases()] == [name]
        assert found(library, "第0号仪器的保修期", kb=name) == {"说明00.txt"}


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 101, "\udcff"])
def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path, name: str) -> None:
    with Library(tmp_path, embedder=None) as library, pytest.raises(LibraryError, match="cannot name a knowledge base"):
        library.create(name)


def test_the_settings_name_home_and_originals(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", originals=str(tmp_path / "originals"))
    with Library.of(settings) as library:
        assert library.originals is not None
        assert (library.home, library.originals.address, library.embedder) == (
            tmp_path / "home",
            str(tmp_path / "originals"),
            None,
        )


def test_what_reindexing_would_bring_is_said_once(tmp_path: Path) -> None:
    old, new = HashedEmbedder(MINILM), HashedEmbedder(DEFAULT)
    with opened(tmp_path / "home", old) as library:
        ingest(library, *write_files(tmp_path / "files"), kb="old")
        assert library.reindex_news("old") is None  # it is still the embedder of new ones
    home = tmp_path / "home"
    with Library(home, embedder=new, older=[old]) as library:  # type: ignore[arg-type,list-item]
        library.create("empty")
        assert library.reindex_news("empty") is None
        assert "kb reindex 'old'" in str(library.reindex_news("old"))
        assert library.reindex_news("old") is None


def test_each_knowledge_base_keeps_its_embedder(tmp_path: Path) -> None:
    old, new = HashedEmbedder("old", 32), HashedEmbedder("new", 64)
    files = write_files(tmp_path / "files")
    with opened(tmp_path / "home", old) as library:
        ingest(library, *files, kb="first")
    home = tmp_path / "home"
    with Library(home, embedder=new, older=[old]) as library, Worker(library):  # type: ignore[arg-type,list-item]
        ingest(library, *files, kb="second")
        assert library.embedder_of("first") is old
        assert library.embedder_of("second") is new
        assert library.embedder_of("not there yet") is new
        (tmp_path / "more.txt").write_text("The third pump was sold in Bergen.")
        ingest(library, tmp_path / "more.txt", kb="first")
        for name, embedder in (("first", old), ("second", new)):
            hits = library.dense_search(name, embedder.embed_query("Instrument"), 3, embedder=embedder)  # type: ignore[arg-type]
            assert hits
        with pytest.raises(EmbedderMismatchError, match="kb reindex"):
            library.dense_search("first", new.embed_query("Instrument"), 3, embedder=new)  # type: ignore[arg-type]
    only_new = Library(home, embedder=new)  # type: ignore[arg-type]
    with only_new, pytest.raises(EmbedderMismatchError, match="kb reindex"):
        only_new.embedder_of("first")


def test_counts_and_the_embedder_are_known(library: Library) -> None:
    (entry,) = library.knowledge_bases()
    assert (entry.name, entry.embedder, entry.dimension, entry.documents, entry.pages) == (
        KB,
        "hashed",
        64,
        6,
        6,
    )
    assert entry.chunks == sum(row.chunks for row in library.documents(KB))


@pytest.mark.parametrize("name", ["默认", "Default", " DEFAULT ", "Ｄｅｆａｕｌｔ"])
def test_no_way_makes_a_second_knowledge_base_that_the_page_would_call_the_default(
    library: Library, folder: Path, tmp_path: Path, name: str
) -> None:
    ingest(library, folder)
    library.create("other")
    library.export("other", tmp_path / "other.zip")
    before = [entry.name for entry in library.knowledge_bases()]
    for attempt in (
        lambda: library.create(name),
        lambda: library.rename("other", name),
        lambda: worker.submit_ingest(library, name, [folder]),
        lambda: worker.save_upload(library, name, "a.txt", b"x"),
        lambda: done(library, worker.submit_import(library, tmp_path / "other.zip", name)),
    ):
        with pytest.raises(LibraryError, match=f"'{name.strip()}' is what the page calls .*'default'"):
            attempt()
    assert [entry.name for entry in library.knowledge_bases()] == before
    library.rename("other", "default")  # by its own name it may be made


def test_knowledge_bases_are_made_renamed_and_told_apart(library: Library, folder: Path) -> None:
    library.create("other")
    with pytest.raises(LibraryError, match="already is"):
        library.create("other")
    ingest(library, folder / "note01.md", kb="other")
    library.rename("other", "另一个")
    assert found(library, "Instrument 3 calibrated", kb="另一个") == {"note01.md"}
    with pytest.raises(LibraryError, match="already is"):
        library.rename("另一个", KB)
    with pytest.raises(NotFoundError, match=f"There are: .*{KB}"):
        library.documents("other")


def test_an_empty_knowledge_base_finds_nothing(library: Library) -> None:
    library.create("empty")
    assert found(library, "Instrument", kb="empty") == set()
    assert library.keyword_statistics("empty", ["instrument"]).rows == 0


def test_deleting_hides_at_once_and_clears_everything(library: Library, folder: Path) -> None:
    ingest(library, folder / "note01.md", kb="kept")
    upload = worker.save_upload(library, KB, "上传.txt", "上传的文件。".encode())
    ingest(library, upload)
    job = worker.submit_delete(library, KB)
    with pytest.raises(NotFoundError):
        library.dense_search(KB, [0.0] * 64, 3)
    done(library, job)
    assert not upload.exists()
    assert len(library.vectors.collections()) == 1
    with library.ledger.reading() as connection:
        for table in ("documents", "chunks", "pages", "vectors", "indexes", "names"):
            total = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            assert total <= library.knowledge_base("kept").chunks, table
    assert found(library, "Instrument 1", kb="kept") == {"note01.md"}
    assert not worker.check(library, repair=False).problems


def test_passages_carry_all_metadata_and_lie_in_their_page(library: Library) -> None:
    row = library.documents(KB)[0]
    names = library.chunk_ids(row.id)
    for name, passage in zip(names, library.passages(KB, names), strict=True):
        assert passage.id == passage.metadata[CHUNK_ID] == name
        assert (passage.metadata[DOCUMENT_ID], passage.metadata[SOURCE]) == (row.id, row.source)
        assert passage.metadata[TITLE] == row.title
        text = library.page_text(row.id, passage.metadata[PAGE])
        assert text[passage.metadata[START] : passage.metadata[END]] == passage.page_content


def test_passages_keep_the_order_and_leave_out_what_is_gone(library: Library, folder: Path) -> None:
    first, second = (library.chunk_ids(row.id) for row in library.documents(KB)[:2])
    asked = [second[1], "9-9-9", first[0], "nonsense", "", second[0]]
    assert [passage.id for passage in library.passages(KB, asked)] == [second[1], first[0], second[0]]
    remove(library, library.documents(KB)[0].source)
    assert [passage.id for passage in library.passages(KB, asked)] == [second[1], second[0]]


def test_texts_are_those_of_the_passages_without_what_is_gone_or_no_text(library: Library) -> None:
    first, second = (library.chunk_ids(row.id) for row in library.documents(KB)[:2])
    asked = [second[0], "9-9-9", "nonsense", first[0]]
    read = {passage.id: passage.page_content for passage in library.passages(KB, asked)}
    assert library.texts(KB, asked) == read and read.keys() == {second[0], first[0]}
    library.create("other")
    assert library.texts("other", asked) == {}
    if library.ledger.shared:  # PostgreSQL keeps the kinds of its columns
        return
    with library.ledger.writing() as connection:
        connection.execute("UPDATE chunks SET text = x'ff' WHERE document_id = ?", (library.documents(KB)[0].id,))
    assert library.texts(KB, asked).keys() == {second[0]}


def test_more_passages_than_sqlite_has_variables(library: Library) -> None:
    names = [name for row in library.documents(KB) for name in library.chunk_ids(row.id)] * 100
    assert [passage.id for passage in library.passages(KB, names)] == names


def test_neighbours_are_the_chunks_around(library: Library) -> None:
    names = library.chunk_ids(library.documents(KB)[0].id)
    before, after = library.neighbours(names[1])
    assert before is not None and before.id == names[0]
    assert after is not None and after.id == names[2]
    assert library.neighbours(names[0])[0] is None
    assert library.neighbours(names[-1])[1] is None


def test_what_does_not_exist_is_told(library: Library) -> None:
    with pytest.raises(NotFoundError):
        library.document(999)
    with pytest.raises(NotFoundError):
        library.page_text(library.documents(KB)[0].id, 99)


def test_settings_are_kept_beside_the_index(library: Library) -> None:
    assert library.setting(KB, "bar") is None
    library.set_setting(KB, "bar", {"weights": [1, 2.5], "名": "值"})
    library.set_setting(KB, "bar", {"weights": [3], "名": "值"})
    assert library.setting(KB, "bar") == {"weights": [3], "名": "值"}


def test_the_original_is_found_only_while_its_bytes_are_the_same(library: Library, folder: Path) -> None:
    row = next(row for row in library.documents(KB) if row.title == "note01.md")
    path = folder / "note01.md"
    assert library.original_path(row.id) == path
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    assert library.original_path(row.id) is None
    path.write_bytes(content)
    assert library.original_path(row.id) == path
    path.unlink()
    assert library.original_path(row.id) is None


def test_a_reader_without_chroma_finds_the_same(library: Library, tmp_path: Path, folder: Path) -> None:
    assert library.embedder is not None
    with Library(tmp_path / "home", embedder=library.embedder) as reader:
        for question in ("第2号仪器的保修期", "Instrument 3 calibrated", "nothing like it"):
            vector = library.embedder.embed_query(question)
            own, other = library.dense_search(KB, vector, 5), reader.dense_search(KB, vector, 5)
            assert [value for _, value in own] == pytest.approx([value for _, value in other], abs=1e-5)
        version = reader.version(KB)
        (folder / "note07.md").write_text("The zeppelin hangar opens at nine.", encoding="utf-8")
        ingest(library, folder)
        assert reader.version(KB) > version
        assert "note07.md" in found(reader, "zeppelin hangar")
        assert reader.vectors.usable == reader.ledger.shared


@embedded_only
def test_removing_proves_itself(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    row = library.documents(KB)[0]
    (verdict,) = remove(library, row.source)
    assert (verdict.status, verdict.chunks) == ("removed", row.chunks)
    monkeypatch.setattr(library.vectors, "delete", lambda collection, ids: None)
    with pytest.raises(LibraryError, match="left in Chroma"):
        remove(library, library.documents(KB)[0].source)


def test_removing_what_is_not_there_is_a_verdict(library: Library) -> None:
    assert [verdict.status for verdict in remove(library, "/nowhere")] == ["failed"]


def test_searches_from_many_threads_while_documents_come_in(library: Library, folder: Path) -> None:
    errors: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                assert "note03.md" in found(library, "Instrument 3 calibrated P300")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(4):
        (folder / "changing.txt").write_text(f"版本{number}的内容与仪器无关。", encoding="utf-8")
        ingest(library, folder)
    stop.set()
    for thread in threads:
        thread.join()
    assert not errors


def test_hits_of_documents_being_written_are_dropped(library: Library) -> None:
    """Vectors without a ready chunk crowd out nothing, even when they are nearest."""
    assert library.embedder is not None
    vector = library.embedder.embed_query("Instrument 3 calibrated")
    with library.ledger.reading() as connection:
        collection = connection.execute("SELECT collection FROM indexes").fetchone()[0]
    library.vectors.upsert(collection, [f"1-999-{number}" for number in range(50)], [vector] * 50)
    hits = library.dense_search(KB, vector, 5)
    assert len(hits) == 5
    assert not any(name.startswith("1-999-") for name, _ in hits)


# What the check compares. Each case breaks one thing the way a power cut or another program might.
def _vectors_lost(library: Library) -> None:
    for name in library.vectors.collections():
        library.vectors.delete(name, library.vectors.ids(name)[:7])


def _collection_lost(library: Library) -> None:
    for name in library.vectors.collections():
        library.vectors.drop(name)


def _vectors_too_many(library: Library) -> None:
    for name in library.vectors.collections():
        library.vectors.upsert(name, ["1-77-0"], [[1.0] * 64])


def _vectors_wrong(library: Library) -> None:
    for name in library.vectors.collections():
        ids = library.vectors.ids(name)
        library.vectors.upsert(name, ids, [[float(at + 1)] + [0.0] * 63 for at in range(len(ids))])


def _stray_collection(library: Library) -> None:
    library.vectors.create("kb-of-nobody")


def _keywords_lost(library: Library) -> None:
    with library.ledger.writing() as connection:
        worker_table = connection.execute("SELECT 'keywords_' || id FROM indexes").fetchone()[0]
        from minicpm_rag.library.ledger import keywords

        rows = [row[0] for row in connection.execute("SELECT id FROM chunks LIMIT 5")]
        keywords.remove(connection, worker_table, rows)


def _keyword_table_lost(library: Library) -> None:
    from minicpm_rag.library.ledger import keywords

    with library.ledger.writing() as connection:
        keywords.drop(connection, connection.execute("SELECT 'keywords_' || id FROM indexes").fetchone()[0])


def _write_broken_off(library: Library) -> None:
    with library.ledger.writing() as connection:
        connection.execute(
            "INSERT INTO documents(kb_id, source, title, status, chunks, indexed_at) "
            "VALUES (1, 'x', 'x', 'indexing', 3, '')"
        )


@pytest.mark.parametrize(
    "damage",
    [
        _vectors_lost,
        _collection_lost,
        _vectors_too_many,
        _vectors_wrong,
        _stray_collection,
        _keywords_lost,
        _keyword_table_lost,
        _write_broken_off,
    ],
)
def test_damage_is_found_and_repaired(
    tmp_path: Path, folder: Path, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    if os.environ.get(stores.SERVER) and damage not in (_keywords_lost, _keyword_table_lost):
        pytest.skip("PostgreSQL has no Chroma, and writes a document in one transaction")
    # By itself the owner compares once, as soon as it has nothing to do, which may be before the damage or after.
    monkeypatch.setattr(repair, "heal", lambda *_: None)
    with opened(tmp_path / "home") as library:
        ingest(library, folder)
        before = contents(library)
        questions = ["第2号仪器的保修期", "Instrument 3 calibrated"]
        answers = [found(library, question) for question in questions]
        damage(library)  # type: ignore[operator]
        report = worker.check(library, repair=False)
        assert report.problems
        assert worker.check(library, repair=True).problems == report.problems
        assert not worker.check(library, repair=False).problems
        assert contents(library) == before
        assert [found(library, question) for question in questions] == answers


@embedded_only
def test_a_lost_or_damaged_vector_folder_is_rebuilt_from_the_ledger(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with opened(home) as library:
        ingest(library, folder)
    shutil.rmtree(home / "vectors")
    with Library(home, embedder=None) as library:
        assert worker.check(library, repair=True).problems
    (home / "vectors" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with Library(home, embedder=None) as library:
        assert "does not work" in str(worker.check(library, repair=True))
    with opened(home) as library:
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        assert isinstance(library.embedder, HashedEmbedder)
        assert library.embedder.embedded == 0


def test_the_check_is_done_by_the_owner_when_there_is_one(library: Library, tmp_path: Path) -> None:
    with Library(tmp_path / "home", embedder=None) as other:
        report = worker.check(other, repair=True)
    assert (report.documents, report.problems) == (6, [])
    assert report.chunks == library.knowledge_base(KB).chunks


@embedded_only
def test_a_library_on_a_chroma_server(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "server").mkdir()
    with (
        chroma_server(tmp_path / "server") as (url, server),
        opened(tmp_path / "home", chroma_url=url) as library,
    ):
        ingest(library, folder)
        before = contents(library)
        with Library(tmp_path / "home", embedder=HashedEmbedder(), chroma_url=url) as reader:  # type: ignore[arg-type]
            assert "note03.md" in found(reader, "Instrument 3 calibrated")
        with opened(tmp_path / "other home", chroma_url=url) as other:
            ingest(other, folder / "note01.md")
            assert not worker.check(other, repair=True).problems  # and leaves the first library's collection alone
        assert [verdict.status for verdict in remove(library, folder / "note01.md")] == ["removed"]
        ingest(library, folder)
        assert not worker.check(library, repair=False).problems
        server.terminate()
        server.wait()
        (folder / "late.txt").write_text("Too late for the server.", encoding="utf-8")
        with pytest.raises(LibraryError, match="Chroma server"):
            ingest(library, folder)
        with pytest.raises(LibraryError, match="Chroma server"):
            found(library, "Instrument 3 calibrated")
        assert contents(library) == before


@embedded_only
def test_a_chroma_server_that_comes_back_is_used_again(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "server").mkdir()
    with chroma_server(tmp_path / "server") as (url, _), opened(tmp_path / "home", chroma_url=url) as library:
        ingest(library, folder)
    with chroma_server(tmp_path / "server") as (url, _), opened(tmp_path / "home", chroma_url=url) as library:
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        assert not worker.check(library, repair=False).problems


def test_ready_documents_are_kept_until_something_changes(tmp_path: Path) -> None:
    first, second, broken = tmp_path / "a.txt", tmp_path / "b.txt", tmp_path / "c.pdf"
    first.write_text("The pump runs well.", encoding="utf-8")
    second.write_text("The valve is shut.", encoding="utf-8")
    broken.write_bytes(b"no pdf")
    with opened(tmp_path / "home") as library:
        ingest(library, first, broken)
        kept = library.ready_documents(KB)
        assert [row.title for row in kept] == ["a.txt"]
        assert library.ready_documents(KB) is kept
        ingest(library, second)
        assert [row.title for row in library.ready_documents(KB)] == ["a.txt", "b.txt"]
        remove(library, first)
        assert [row.title for row in library.ready_documents(KB)] == ["b.txt"]
        library.rename(KB, "other")
        assert [row.knowledge_base for row in library.ready_documents("other")] == ["other"]
