"""Every file gets an honest verdict; nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from children import misbehaving  # noqa: F401 (a fixture)
from hashed_embedder import HashedEmbedder
from library_parts import KB, by_name, contents, done, found, ingest, opened, remove, write_files
from stores import embedded_only

from minicpm_rag import indexing as worker
from minicpm_rag.errors import EmbedderMismatchError
from minicpm_rag.indexing import ingest as ingesting
from minicpm_rag.library import Library
from minicpm_rag.library.ledger import tables

pytestmark = pytest.mark.usefixtures("store")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened(tmp_path / "home") as library:
        yield library
        # Whatever a test did, the three stores still agree.
        assert not worker.check(library, repair=False).problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "文档")
    return tmp_path / "文档"


def embedded(library: Library) -> int:
    assert isinstance(library.embedder, HashedEmbedder)
    return library.embedder.embedded


def test_new_files_are_indexed_and_found_in_both_languages(library: Library, folder: Path) -> None:
    verdicts = ingest(library, folder)
    assert {verdict.status for verdict in verdicts.values()} == {"indexed"}
    assert all(verdict.pages_indexed == verdict.pages_present == 1 for verdict in verdicts.values())
    assert all(verdict.chunks > 1 for verdict in verdicts.values())
    assert "说明02.txt" in found(library, "第2号仪器的保修期是多久")
    assert "note03.md" in found(library, "How often is Instrument 3 calibrated?")


def test_the_same_bytes_again_change_nothing(library: Library, folder: Path) -> None:
    ingest(library, folder)
    before, version, calls = contents(library), library.version(KB), embedded(library)
    assert {verdict.status for verdict in ingest(library, folder).values()} == {"unchanged"}
    assert contents(library) == before
    assert library.version(KB) == version
    assert embedded(library) == calls


def test_a_changed_file_replaces_its_old_version(library: Library, folder: Path) -> None:
    ingest(library, folder)
    path = folder / "note01.md"
    path.write_text("The zeppelin hangar opens at nine.", encoding="utf-8")
    assert ingest(library, path)["note01.md"].status == "replaced"
    assert len(library.documents(KB)) == 6
    assert "note01.md" in found(library, "zeppelin hangar")
    texts = [library.page_texts(row.id)[1] for row in library.documents(KB) if row.title == "note01.md"]
    assert texts == ["The zeppelin hangar opens at nine."]


def test_the_old_version_answers_while_the_new_one_is_embedded(tmp_path: Path, folder: Path) -> None:
    seen: list[set[str]] = []

    class Watching(HashedEmbedder):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if any("zeppelin" in text for text in texts):
                seen.append(found(library, "Instrument 1 calibrated"))
            return super().embed_documents(texts)

    with opened(tmp_path / "home", Watching()) as library:
        ingest(library, folder)
        (folder / "note01.md").write_text("The zeppelin hangar opens at nine.", encoding="utf-8")
        ingest(library, folder)
    assert len(seen) == 1
    assert "note01.md" in seen[0]


def test_a_changed_file_that_cannot_be_read_leaves_the_old_version(library: Library, folder: Path) -> None:
    ingest(library, folder)
    before = contents(library)
    original = (folder / "note01.md").read_bytes()
    (folder / "note01.md").write_bytes(b"  \n ")
    verdict = ingest(library, folder)["note01.md"]
    assert verdict.status == "failed"
    assert "still answers" in str(verdict.reason)
    assert [row.status for row in library.documents(KB) if row.title == "note01.md"] == ["failed", "ready"]
    (folder / "note01.md").write_bytes(original)
    assert ingest(library, folder)["note01.md"].status == "unchanged"
    assert contents(library) == before


def test_same_bytes_under_two_names_share_one_set_of_vectors(library: Library, folder: Path) -> None:
    ingest(library, folder)
    chunks, calls = library.knowledge_base(KB).chunks, embedded(library)
    copy = folder / "副本 copy.txt"
    shutil.copy(folder / "说明00.txt", copy)
    verdict = ingest(library, folder)["副本 copy.txt"]
    assert verdict.status == "duplicate"
    assert str(verdict.reason) == f"Duplicate of {folder / '说明00.txt'}."
    assert (library.knowledge_base(KB).chunks, embedded(library)) == (chunks, calls)
    remove(library, folder / "说明00.txt")
    assert found(library, "第0号仪器的保修期") >= {"副本 copy.txt"}
    remove(library, copy)
    assert not any(row.title == "副本 copy.txt" for row in library.documents(KB))


def test_copies_in_one_run_are_recognised(library: Library, folder: Path) -> None:
    shutil.copy(folder / "note01.md", folder / "note01b.md")
    verdicts = ingest(library, folder)
    assert (verdicts["note01.md"].status, verdicts["note01b.md"].status) == ("indexed", "duplicate")


@pytest.mark.parametrize("sync", [False, True])
def test_a_renamed_file_is_recognised_without_embedding(library: Library, folder: Path, sync: bool) -> None:
    ingest(library, folder)
    calls = embedded(library)
    (folder / "note01.md").rename(folder / "改名.md")
    verdict = ingest(library, folder, sync=sync)["改名.md"]
    assert verdict.status == "moved"
    assert str(folder / "note01.md") in str(verdict.reason)
    assert embedded(library) == calls
    assert [row.source for row in library.documents(KB) if row.title == "改名.md"] == [str(folder / "改名.md")]
    assert not any(row.title == "note01.md" for row in library.documents(KB))


def test_a_document_is_found_by_the_title_it_has_now(library: Library, folder: Path) -> None:
    def by_keyword(question: str) -> set[str]:
        hits = library.passages(KB, [name for name, _ in library.keyword_search(KB, question, 3)])
        return {passage.metadata["title"] for passage in hits}

    (folder / "zeppelin.md").write_text("Only here are the words of a manual.", encoding="utf-8")
    ingest(library, folder)
    (folder / "zeppelin.md").rename(folder / "飞艇手册.md")
    ingest(library, folder)
    assert (by_keyword("飞艇"), by_keyword("zeppelin")) == ({"飞艇手册.md"}, set())
    shutil.copy(folder / "飞艇手册.md", folder / "another.md")
    ingest(library, folder)
    (folder / "飞艇手册.md").write_text("It is about trains now.", encoding="utf-8")
    ingest(library, folder)
    assert by_keyword("another manual") == {"another.md"}
    shutil.copy(folder / "another.md", folder / "third.md")
    ingest(library, folder)
    remove(library, folder / "another.md")
    assert (by_keyword("third"), by_keyword("another")) == ({"third.md"}, set())
    assert not worker.check(library, repair=False).problems


def test_two_files_that_swap_names_keep_their_texts(library: Library, folder: Path) -> None:
    ingest(library, folder)
    one, two = folder / "note01.md", folder / "note03.md"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    ingest(library, folder)
    texts = {row.source: library.page_texts(row.id)[1] for row in library.documents(KB)}
    known = {name: row for row in library.documents(KB) for name in (row.source, *row.other_names)}
    assert library.page_texts(known[str(one)].id)[1] == second.decode()
    assert library.page_texts(known[str(two)].id)[1] == first.decode()
    assert len(texts) == 6


def test_a_failing_file_stops_nothing_and_leaves_only_its_verdict(library: Library, folder: Path) -> None:
    (folder / "a_broken.pdf").write_bytes(b"%PDF-1.7 nothing of the sort")
    (folder / "b_empty.txt").write_bytes(b"")
    verdicts = ingest(library, folder)
    assert [verdicts[name].status for name in ("a_broken.pdf", "b_empty.txt")] == ["failed", "failed"]
    assert verdicts["b_empty.txt"].reason
    assert sum(verdict.status == "indexed" for verdict in verdicts.values()) == 6
    failed = {row.title: row for row in library.documents(KB) if row.status == "failed"}
    assert set(failed) == {"a_broken.pdf", "b_empty.txt"}
    assert library.page_texts(failed["b_empty.txt"].id) == {}
    assert library.chunk_ids(failed["b_empty.txt"].id) == []


def test_a_knowledge_base_that_was_made_for_nothing_goes(library: Library, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "空").mkdir()
    for named in (tmp_path / "not there.md", tmp_path / "空"):
        ingest(library, named, kb="made")
        assert library.knowledge_bases() == []
    library.create("asked for")
    ingest(library, tmp_path / "not there.md", kb="asked for")
    assert [row.name for row in library.knowledge_bases()] == ["asked for"]


def test_a_knowledge_base_that_holds_a_failed_file_or_once_held_a_document_stays(
    library: Library, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "坏.pdf").write_bytes(b"%PDF-1.4 cut off")
    ingest(library, tmp_path / "坏.pdf", kb="failed")
    ingest(library, folder / "note01.md", kb="used")
    remove(library, str(folder / "note01.md"), kb="used")
    ingest(library, tmp_path / "not there.md", kb="used")
    assert [row.name for row in library.knowledge_bases()] == ["failed", "used"]


def test_a_failed_file_is_tried_again(library: Library, folder: Path) -> None:
    path = folder / "later.txt"
    path.write_bytes(b"")
    assert ingest(library, path)["later.txt"].status == "failed"
    assert ingest(library, path)["later.txt"].status == "failed"
    assert len([row for row in library.documents(KB) if row.title == "later.txt"]) == 1
    path.write_text("Now there is something in it.", encoding="utf-8")
    assert ingest(library, path)["later.txt"].status == "indexed"
    assert [row.status for row in library.documents(KB)] == ["ready"]


@pytest.mark.usefixtures("misbehaving")
def test_a_defect_or_a_crash_of_a_reader_becomes_a_verdict_each_time(library: Library, folder: Path) -> None:
    for name in ("defect.md", "crash.md", "exit.md"):
        (folder / name).write_text("Something.", encoding="utf-8")
    for indexed in (6, 0):
        verdicts = ingest(library, folder)
        assert [verdicts[name].status for name in ("defect.md", "crash.md", "exit.md")] == ["failed"] * 3
        assert "RuntimeError" in str(verdicts["defect.md"].reason)
        assert sum(verdict.status == "indexed" for verdict in verdicts.values()) == indexed


def test_sync_removes_what_has_left_the_folder_and_nothing_else(library: Library, folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("A file of another place.", encoding="utf-8")
    ingest(library, folder, elsewhere)
    (folder / "note01.md").unlink()
    assert "note01.md" not in ingest(library, folder)
    assert len(library.documents(KB)) == 7
    assert ingest(library, folder, sync=True)["note01.md"].status == "removed"
    assert {row.title for row in library.documents(KB)} == {
        "elsewhere.txt", "note03.md", "note05.md", "说明00.txt", "说明02.txt", "说明04.txt",
    }  # fmt: skip


def test_sync_of_a_folder_that_is_not_there_removes_nothing(library: Library, folder: Path) -> None:
    ingest(library, folder)
    folder.rename(folder.with_name("unplugged"))
    assert ingest(library, folder, sync=True)[folder.name].status == "failed"
    assert len(library.documents(KB)) == 6


def test_hidden_and_unreadable_kinds_of_files_are_left_out_with_a_reason(library: Library, folder: Path) -> None:
    (folder / ".hidden.txt").write_text("not for you", encoding="utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("nor this", encoding="utf-8")
    (folder / "~$lock.docx").write_bytes(b"x")
    (folder / "program.exe").write_bytes(b"MZ")
    (folder / "材料.ZIP").write_bytes(b"PK")
    os.mkfifo(folder / "pipe.txt")
    verdicts = ingest(library, folder)
    assert len(verdicts) == 9
    assert "Unpack" in str(verdicts["材料.ZIP"].remedy)
    assert verdicts["program.exe"].status == "skipped"
    assert "'.exe'" in str(verdicts["program.exe"].reason)
    assert verdicts["program.exe"].remedy
    assert verdicts["pipe.txt"].status == "skipped"


def test_a_loop_of_links_ends(library: Library, folder: Path) -> None:
    (folder / "inner").mkdir()
    (folder / "inner" / "up").symlink_to(folder, target_is_directory=True)
    (folder / "dangling.txt").symlink_to(folder / "nowhere.txt")
    verdicts = ingest(library, folder)
    assert sum(verdict.status == "indexed" for verdict in verdicts.values()) == 6
    assert verdicts["dangling.txt"].status == "failed"


@pytest.mark.parametrize(
    "name",
    [
        "it's \"quoted\".txt", "two\nlines.txt", "emoji 🦜🔗.txt", "; DROP TABLE documents;--.txt",
        "%s{0}$HOME`x`.txt", "空 格　全角（最终版）.txt",
    ],
)  # fmt: skip
def test_names_of_any_sort_are_safe(library: Library, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("The lighthouse keeper counts ships. 守塔人数船。", encoding="utf-8")
    assert [verdict.status for verdict in ingest(library, path).values()] == ["indexed"]
    assert [row.source for row in library.documents(KB)] == [str(path)]
    assert found(library, "lighthouse keeper") == {name}
    assert [verdict.status for verdict in remove(library, path)] == ["removed"]


def test_a_name_that_is_not_text_gets_a_verdict(library: Library, folder: Path) -> None:
    with open(os.fsencode(folder) + b"/\xff\xfe.txt", "wb") as file:  # noqa: PTH123 (a Path cannot hold it)
        file.write(b"words")
    verdicts = ingest(library, folder)
    assert sum(verdict.status == "indexed" for verdict in verdicts.values()) == 6
    assert sum(verdict.status == "failed" for verdict in verdicts.values()) == 1


def test_files_come_in_a_fixed_order(library: Library, folder: Path) -> None:
    verdicts = done(library, worker.submit_ingest(library, KB, [folder]))
    names = [verdict.source for verdict in verdicts]
    assert names == sorted(names)


def test_another_embedder_is_refused_with_the_command_to_run(tmp_path: Path, folder: Path) -> None:
    with opened(tmp_path / "home") as library:
        ingest(library, folder)
    for other in (HashedEmbedder("other", 32), HashedEmbedder(revision="2")):
        with opened(tmp_path / "home", other) as library:
            with pytest.raises(EmbedderMismatchError, match="kb reindex"):
                ingest(library, folder)
            with pytest.raises(EmbedderMismatchError, match="hashed"):
                library.dense_search(KB, other.embed_query("x"), 3)


def test_pages_indexed_and_the_encoding_are_recorded(library: Library, tmp_path: Path) -> None:
    (tmp_path / "gb.txt").write_bytes("本产品自购买之日起享受十二个月保修服务，请妥善保管发票。".encode("gb18030"))
    verdict = ingest(library, tmp_path / "gb.txt")["gb.txt"]
    assert verdict.encoding.lower().startswith("gb")
    assert library.documents(KB)[0].encoding == verdict.encoding


def test_one_long_document_is_cut_and_found_whole(library: Library, tmp_path: Path) -> None:
    lines = [f"条目{number}：第{number}台设备放在{number * 7 % 97}号房间。" for number in range(3000)]
    (tmp_path / "long.txt").write_text("\n".join(lines), encoding="utf-8")
    verdict = ingest(library, tmp_path / "long.txt")["long.txt"]
    assert verdict.status == "indexed"
    row = library.documents(KB)[0]
    chunks = library.passages(KB, library.chunk_ids(row.id))
    assert len(chunks) == verdict.chunks == row.chunks > 200
    covered = 0
    for chunk in chunks:
        assert chunk.metadata["start"] <= covered
        covered = chunk.metadata["end"]
    assert covered == len(library.page_text(row.id, 1))


@embedded_only
def test_of_a_long_table_all_rows_are_data_and_samples_are_embedded(library: Library, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    rows = "".join(f"A-{row:06},{row % 50},{('North', 'South')[row % 2]}\n" for row in range(6000))
    path.write_text("Order,Quantity,Region\n" + rows, encoding="utf-8")
    verdict = ingest(library, path)["orders.csv"]
    assert "6,000 rows are stored as data" in str(verdict.reason)
    assert 0 < verdict.chunks < 200
    with library.ledger.reading() as connection:
        (kb_id,) = connection.execute("SELECT id FROM knowledge_bases").fetchone()
        (table,) = tables.listed(connection, kb_id)
        assert table.rows == 6000
        (total,) = connection.execute(f"SELECT sum(c1) FROM {tables.data_table(table.id)}").fetchone()
    assert total == sum(row % 50 for row in range(6000))


def long_document(folder: Path) -> Path:
    """More chunks than the embedder gets at a time, beside a short file."""
    folder.mkdir()
    (folder / "short.txt").write_text("The zeppelin hangar opens at nine.", encoding="utf-8")
    (folder / "long.txt").write_text(
        "\n\n".join(f"Rule {n} holds for gate {n} of the harbour. " * 8 for n in range(400)), "utf-8"
    )
    return folder


def test_a_file_that_takes_long_is_left_with_a_question_where_somebody_can_answer(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingesting, "LONG_SECONDS", 0)
    folder = long_document(tmp_path / "files")
    asked = by_name(done(library, worker.submit_ingest(library, KB, [folder], asks=True)))
    assert (asked["short.txt"].status, asked["long.txt"].status) == ("indexed", "failed")
    assert worker.would_take_long(asked["long.txt"].reason)
    assert not worker.would_take_long(asked["short.txt"].reason)
    assert "would take about 1 minute" in str(asked["long.txt"].reason)
    answered = by_name(done(library, worker.submit_ingest(library, KB, [folder])))
    assert (answered["short.txt"].status, answered["long.txt"].status) == ("unchanged", "indexed")


def test_progress_of_a_long_file_says_how_much_is_done_and_the_time_left(library: Library, tmp_path: Path) -> None:
    folder = long_document(tmp_path / "files")
    steps = list(worker.follow(library, worker.submit_ingest(library, KB, [folder])))
    told = [step for step in steps if step.seconds_left]
    assert told
    assert all(step.stage == "embedding" and 0 < step.share < 1 for step in told)
    assert {step.source.rpartition("/")[2] for step in told} == {"long.txt"}
