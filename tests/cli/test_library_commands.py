"""ingest, list, remove and kb on the command line: answers on stdout, the rest on stderr, exit codes."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder
from library_parts import KB, done, opened, wait_for_the_wish, write_files

from minicpm_rag import indexing
from minicpm_rag.cli import main
from minicpm_rag.embedding import choice
from minicpm_rag.errors import DocumentError
from minicpm_rag.library import Library


class Pausing(HashedEmbedder):
    """Calls `pause` before each batch, so that a test can act in the middle of an ingest."""

    def __init__(self) -> None:
        super().__init__()
        self.pause = lambda: None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.pause()
        return super().embed_documents(texts)


@pytest.fixture(autouse=True)
def embedder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pausing]:
    embedder = Pausing()
    found = choice.Embedders(embedder)  # type: ignore[arg-type]
    monkeypatch.setattr(choice, "load_embedders", lambda name, home, **_: found)
    yield embedder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_files(tmp_path / "文档")
    return tmp_path / "文档"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_ingest_counts_on_stdout_and_explains_on_stderr(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    (folder / "tool.exe").write_bytes(b"MZ")
    code, out, err = run(capsys, "ingest", folder)
    assert code == 3, "some files failed"
    assert out.startswith("8 files: ")
    assert all(part in out for part in ("6 indexed", "1 failed", "1 skipped", "chunks"))
    assert f"failed: {folder / 'empty.txt'}: " in err
    assert f"skipped: {folder / 'tool.exe'}: " in err
    assert "note01.md" not in err
    assert run(capsys, "ingest", folder)[1].startswith("8 files: ")


def test_ingest_as_json_lists_verdicts(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, out, _ = run(capsys, "ingest", folder, "--kb", KB, "--json")
    assert code == 0
    verdicts = json.loads(out)
    assert [entry["status"] for entry in verdicts] == ["indexed"] * 6
    assert verdicts[0].keys() >= {
        "source",
        "title",
        "reason",
        "remedy",
        "pages_indexed",
        "pages_present",
        "chunks",
    }


def test_ingest_of_nothing_that_can_be_read_fails(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "ingest", tmp_path / "missing.txt")
    assert code == 1
    assert "no such file" in err
    assert err.strip().splitlines()[-1].startswith("error: ")


def test_ingest_needs_something_to_ingest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "ingest")[0] == 2
    assert run(capsys, "ingest", "https://127.0.0.1/x", "--watch")[0] == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["ingest", ""],
        ["remove", " "],
        ["tag", "", "--add", "x"],
        ["list", "--in", ""],
        ["ask", "年假有多少天？", "--in", " "],
        ["summarize", ""],
        ["compare", "说明.md", ""],
    ],
    ids=" ".join,
)
def test_a_blank_name_is_refused_and_never_means_everything(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path, arguments: list[str]
) -> None:
    monkeypatch.chdir(folder)
    code, out, err = run(capsys, "--lang", "zh", *arguments)
    assert (code, out) == (2, "") and "名称是空的" in err
    code, out, err = run(capsys, "--lang", "en", *arguments)
    assert (code, out) == (2, "") and "The name is blank" in err


def test_a_blank_source_is_no_file_for_programs_either(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    with opened(Path(os.environ["MINICPM_RAG_HOME"])) as library:
        assert len(done(library, indexing.submit_ingest(library, KB, [folder]))) == 6
        with pytest.raises(DocumentError, match="no such file"):
            indexing.submit_ingest(library, KB, [""])
        with pytest.raises(DocumentError, match="no such file"):
            indexing.named_sources(library, KB, " ")


def test_list_says_once_what_reindexing_would_bring(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, folder: Path, embedder: Pausing
) -> None:
    embedder.name = choice.MINILM
    run(capsys, "ingest", folder)
    found = choice.Embedders(HashedEmbedder(choice.DEFAULT), (embedder,))  # type: ignore[arg-type]
    monkeypatch.setattr(choice, "load_embedders", lambda name, home, **_: found)
    assert "kb reindex 'default'" in run(capsys, "list")[2]
    assert run(capsys, "list")[2] == ""
    code, out, _ = run(capsys, "search", "保修期")  # by the embedder it was made with
    assert (code, "说明" in out) == (0, True)
    assert run(capsys, "kb", "reindex")[0] == 0
    assert choice.DEFAULT in run(capsys, "kb", "list")[1]


def test_list_is_a_table_aligned_for_wide_characters(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    from rich.cells import cell_len

    assert run(capsys, "list")[:2] == (0, "")
    run(capsys, "ingest", folder)
    code, out, _ = run(capsys, "list")
    lines = out.splitlines()
    assert (code, len(lines)) == (0, 7)
    starts = {cell_len(line[: line.index(str(folder))]) for line in lines[1:]}
    assert starts == {cell_len(lines[0][: lines[0].index("Source")])}
    rows = json.loads(run(capsys, "list", "--json")[1])
    assert {row["title"] for row in rows} >= {"说明00.txt", "note01.md"}


def test_a_name_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb\n.txt").write_text("words 词", encoding="utf-8")
    run(capsys, "ingest", tmp_path / "a\x1b[2Jb\n.txt")
    assert "\x1b" not in run(capsys, "list")[1]


def test_remove_takes_a_title_a_path_or_a_folder(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    run(capsys, "ingest", folder)
    assert run(capsys, "remove", "说明00.txt", folder / "note01.md")[:2] == (0, "2 files: 2 removed\n")
    code, _, err = run(capsys, "remove", "说明00.txt")
    assert (code, err.startswith("error: There is no document '说明00.txt'")) == (1, True)
    assert run(capsys, "remove", folder)[1] == "4 files: 4 removed\n"
    assert json.loads(run(capsys, "list", "--json")[1]) == []


def test_remove_asks_which_where_a_title_fits_several(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    write_files(folder / "inner", 1)
    (folder / "inner" / "说明00.txt").write_text("另一个文件。", encoding="utf-8")
    run(capsys, "ingest", folder)
    code, _, err = run(capsys, "remove", "说明00.txt")
    assert code == 1
    assert str(folder / "inner" / "说明00.txt") in err


def test_knowledge_bases_on_the_command_line(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    assert run(capsys, "kb", "create", "中文 库")[0] == 0
    assert run(capsys, "kb", "create", "中文 库")[0] == 1
    run(capsys, "ingest", folder, "--kb", "中文 库")
    assert run(capsys, "kb", "rename", "中文 库", "产品")[0] == 0
    (row,) = json.loads(run(capsys, "kb", "list", "--json")[1])
    assert (row["name"], row["documents"], row["embedder"]) == ("产品", 6, "hashed")
    assert "产品" in run(capsys, "kb", "list")[1]
    assert run(capsys, "kb", "export", tmp_path / "x.zip", "--kb", "产品")[0] == 0
    code, out, _ = run(capsys, "kb", "import", tmp_path / "x.zip", "--name", "第二")
    assert (code, out.startswith("6 files: 6 indexed")) == (0, True)
    assert run(capsys, "kb", "reindex", "第二")[1].startswith("6 files: 6 replaced")
    assert run(capsys, "kb", "delete", "第二")[0] == 2
    assert run(capsys, "kb", "delete", "第二", "--yes")[:2] == (0, "Deleted 第二 (6 documents)\n")
    assert [row["name"] for row in json.loads(run(capsys, "kb", "list", "--json")[1])] == ["产品"]


def test_another_embedder_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], folder: Path, embedder: Pausing
) -> None:
    run(capsys, "ingest", folder)
    embedder.revision = "2"
    code, _, err = run(capsys, "ingest", folder)
    assert code == 1
    assert "kb reindex" in err
    assert run(capsys, "kb", "reindex")[0] == 0
    assert run(capsys, "ingest", folder)[1] == "6 files: 6 unchanged\n"


def test_control_c_finishes_the_file_in_hand_and_says_how_to_go_on(
    capsys: pytest.CaptureFixture[str], folder: Path, embedder: Pausing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("minicpm_rag.indexing.ingest.GROUP_CHUNKS", 1)

    def interrupt() -> None:
        if embedder.embedded:
            os.kill(os.getpid(), signal.SIGINT)
            wait_for_the_wish(Path(os.environ["MINICPM_RAG_HOME"]))

    embedder.pause = interrupt
    code, out, err = run(capsys, "ingest", folder)
    assert code == 130
    assert out.startswith("2 files: 2 indexed")
    assert "Stopped after 2 of 6 files" in err
    assert "Run the same command again" in err
    embedder.pause = lambda: None
    code, out, _ = run(capsys, "ingest", folder)
    assert code == 0
    assert "2 unchanged, 4 indexed" in out


def test_ingest_beside_the_page_is_done_by_the_page(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with opened(Path(os.environ["MINICPM_RAG_HOME"])) as page:
        code, out, err = run(capsys, "ingest", folder, "--kb", KB)
        assert (code, out.startswith("6 files: 6 indexed")) == (0, True)
        assert "owns the library" in err
        assert page.knowledge_base(KB).documents == 6
        assert run(capsys, "remove", "note01.md", "--kb", KB)[1] == "1 file: 1 removed\n"
        assert page.knowledge_base(KB).documents == 5


def test_watch_follows_a_folder_until_control_c(
    capsys: pytest.CaptureFixture[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = folder / "home"  # inside: what the library writes is neither read nor watched
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    seen: list[set[str]] = []

    def change() -> None:
        with Library(home, embedder=None) as library:

            def wait_for(present: str, gone: str, meanwhile: Callable[[], object] = lambda: None) -> None:
                for turn in range(6000):
                    titles = {row.title for row in library.documents("default")} if library.knowledge_bases() else set()
                    if present in titles and gone not in titles:
                        break
                    if turn % 20 == 0:
                        meanwhile()
                    time.sleep(0.05)
                seen.append(titles)

            def write() -> None:  # again and again: nobody says when the folder is being watched
                (folder / "新文件.txt").write_text("后来放进来的文件。", encoding="utf-8")

            wait_for("note05.md", "x")
            wait_for("新文件.txt", "x", write)
            (folder / "新文件.txt").unlink()
            wait_for("note05.md", "新文件.txt")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=change)
    thread.start()
    code, out, _ = run(capsys, "ingest", folder, "--watch", "--sync")
    thread.join()
    assert code == 130
    assert "新文件.txt" in seen[1]
    assert "新文件.txt" not in seen[2]
    assert out.startswith("6 files: 6 indexed")
    assert "1 removed" in out
    assert "skipped" not in out
