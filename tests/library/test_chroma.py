"""What this program knows of Chroma's inside. Where one of these fails after an update, it says what changed."""

from __future__ import annotations

import logging
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import numpy
import pytest
from chroma_server import chroma_server
from hashed_embedder import HashedEmbedder
from library_parts import contents, found, ingest, opened, write_files

from minicpm_rag import indexing
from minicpm_rag.errors import VectorStoreError
from minicpm_rag.indexing import repair
from minicpm_rag.library import chroma, hnsw_files
from minicpm_rag.library.vectors import VectorStore

TRIED = "1.5"
ENOUGH = 1_100  # vectors: Chroma writes the files of an index once a thousand have come


@pytest.mark.parametrize(
    "raised", [OSError(28, "No space left on device"), RuntimeError("(code: 13) database or disk is full")]
)
def test_a_full_disk_is_called_so(raised: Exception) -> None:
    with (
        pytest.raises(VectorStoreError, match=r"the disk is full.*make room"),
        chroma.translated("folder", server=False),
    ):
        raise raised


def filled(home: Path, *names: str) -> VectorStore:
    """An open folder with collections of so many vectors that they have index files."""
    home.mkdir()
    store = VectorStore(home / "vectors")
    assert store.claim()
    for name in names:
        store.create(name)
        vectors = numpy.random.default_rng(0).normal(size=(ENOUGH, 16)).astype(numpy.float32)
        store.upsert(name, [f"1-1-{number}" for number in range(ENOUGH)], vectors)
        store.query(name, vectors[0], 1)
    return store


# The canary
def test_chroma_is_of_the_minor_version_that_was_tried() -> None:
    """After an update: run the slow tests of the library and indexing too, then raise this and pyproject.toml."""
    assert version("chromadb").rpartition(".")[0] == TRIED


def test_the_files_of_an_index_are_those_that_are_checked(tmp_path: Path) -> None:
    store = filled(tmp_path / "home", "kb-one")
    store.release()
    (index,) = [entry for entry in store.folder.iterdir() if entry.is_dir()]
    assert {file.name for file in index.iterdir()} == {
        "header.bin", "data_level0.bin", "length.bin", "link_lists.bin", "index_metadata.pickle",
    }  # fmt: skip
    assert hnsw_files.is_known(index) and hnsw_files.damage(index) is None


def test_chroma_still_names_the_folders_in_use_in_its_database(tmp_path: Path) -> None:
    store = filled(tmp_path / "home", "kb-one", "kb-two")
    store.release()
    folders = {entry.name for entry in store.folder.iterdir() if entry.is_dir()}
    assert len(folders) == 2
    assert folders <= chroma.segments(store.folder)


def test_chroma_still_leaves_the_folders_of_deleted_collections(tmp_path: Path) -> None:
    """Once it deletes them itself, `_delete_orphans` can go."""
    store = filled(tmp_path / "home", "kb-one")
    store.drop("kb-one")
    store.release()
    assert [entry for entry in store.folder.iterdir() if entry.is_dir()]


def test_the_client_of_a_server_still_has_a_session_whose_time_can_be_limited(tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    with chroma_server(tmp_path / "server") as (url, _):
        session = chroma.session_of(chroma.open_server(url))
    assert session is not None
    assert session.timeout == httpx.Timeout(chroma.ANSWER_SECONDS, connect=chroma.CONNECT_SECONDS)


def test_chroma_still_keeps_a_client_that_failed_to_open(tmp_path: Path) -> None:
    """`delete_folder` clears its cache for that; this is the name it has."""
    from chromadb.api.shared_system_client import SharedSystemClient

    folder = tmp_path / "vectors"
    folder.mkdir()
    (folder / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    with pytest.raises(VectorStoreError):
        chroma.open_folder(folder)
    chroma.delete_folder(folder)
    chroma.open_folder(folder).close()
    assert callable(SharedSystemClient.clear_system_cache)


# A format that is not known here
def long_library(home: Path, folder: Path) -> None:
    """A library with so many chunks that Chroma has written index files."""
    write_files(folder, 4)
    (folder / "long.txt").write_text(
        "\n".join(f"第{n}行：设备{n * 7919}已登记。" for n in range(1_600)), encoding="utf-8"
    )
    with opened(home, chunk_characters=30) as library:
        ingest(library, folder)


def test_a_sound_folder_of_an_unknown_format_is_used_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    long_library(tmp_path / "home", tmp_path / "files")
    monkeypatch.setattr(hnsw_files, "VERSION", 99)  # as if Chroma had gone on and this program had not
    rebuilt: list[bool] = []
    monkeypatch.setattr(repair, "rebuild_folder", lambda *_: rebuilt.append(True))
    caplog.set_level(logging.WARNING)
    for _ in range(2):
        with (
            opened(tmp_path / "home", HashedEmbedder(), chunk_characters=30) as library,
            caplog.at_level(logging.WARNING),
        ):
            assert "note03.md" in found(library, "Instrument 3 calibrated")
            assert not indexing.check(library, repair=False).problems
    assert not rebuilt
    assert not caplog.records


def test_files_of_an_unknown_format_that_chroma_cannot_load_are_replaced(tmp_path: Path) -> None:
    home = tmp_path / "home"
    long_library(home, tmp_path / "files")
    (header,) = (home / "vectors").glob("*/header.bin")
    with header.open("r+b") as file:
        file.write(struct.pack("<i", 2))
    with pytest.raises(VectorStoreError, match="not known, and Chroma could not load them"):
        chroma.open_folder(home / "vectors")
    embedder = HashedEmbedder()
    with opened(home, embedder, chunk_characters=30) as library:
        assert "note03.md" in found(library, "Instrument 3 calibrated")
        assert not indexing.check(library, repair=False).problems
        assert len(contents(library)) == 5
        assert embedder.embedded == 0


IMPORTS = """
import sys, threading, time
from minicpm_rag.library import chroma

half, wanted, errors = threading.Event(), threading.Event(), []

def pause(event, arguments):  # an audit hook: a finder would hold the lock of all imports
    if event != "exec":
        return
    name = arguments[0].co_filename.replace("\\\\", "/")
    if name.endswith("numpy/lib/__init__.py"):  # half of numpy is there
        half.set()
        if wanted.wait(5):
            time.sleep(0.5)  # the other thread goes on to wait for the whole of numpy
    elif name.endswith("numpy/_typing/_array_like.py"):
        wanted.set()

def told(work):
    try:
        work()
    except ImportError as error:
        errors.append(error)

def open_chroma():
    half.wait()
    with chroma.translated("folder", server=False):
        pass

sys.addaudithook(pause)
threads = [threading.Thread(target=told, args=(work,)) for work in (lambda: __import__("numpy"), open_chroma)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
sys.exit(str(errors) if errors else 0)
"""


def test_chroma_is_opened_while_another_thread_imports_numpy() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr


IMPORTED = """
import sys, overrides
from pathlib import Path
from minicpm_rag.library.chroma import open_folder
checking = overrides.override, overrides.overrides
open_folder(Path(sys.argv[1])).close()
assert (overrides.override, overrides.overrides) == checking
from chromadb.api.rust import RustBindingsAPI
assert RustBindingsAPI._query.__override__
assert "grpc" not in sys.modules
from chromadb.telemetry import opentelemetry as traces
made = traces.OTLPSpanExporter(endpoint="http://localhost:1", insecure=True)
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
assert type(made) is OTLPSpanExporter
"""


def test_chroma_is_imported_without_its_checks_and_grpc_which_stay_for_others(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTED, str(tmp_path / "vectors")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
