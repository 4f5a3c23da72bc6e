"""Vectors in Chroma, in a folder and on a real server."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy
import pytest
from chroma_server import chroma_server

from minicpm_rag.errors import LibraryBusyError, LibraryError
from minicpm_rag.library.vectors import VectorStore, nearest, unit

NAME = "kb-0123456789abcdef"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with chroma_server(tmp_path_factory.mktemp("chroma")) as (url, _):
        yield url


@pytest.fixture(params=["folder", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[VectorStore]:
    url = request.getfixturevalue("server") if request.param == "server" else None
    store = VectorStore(tmp_path / "vectors", url)
    assert store.claim()
    store.create(NAME)
    yield store
    store.drop(NAME)
    store.release()


def sample(count: int) -> numpy.ndarray:
    return numpy.random.default_rng(7).normal(size=(count, 16)).astype(numpy.float32)


def ids(count: int) -> list[str]:
    return [f"1-1-{number}" for number in range(count)]


def test_every_vector_finds_itself(store: VectorStore) -> None:
    vectors = sample(100)
    store.upsert(NAME, ids(100), vectors)
    assert store.count(NAME) == 100
    for name, vector in zip(ids(100), vectors, strict=True):
        (best, similarity), *_ = store.query(NAME, vector, 3)
        assert best == name
        assert similarity == pytest.approx(1, abs=1e-5)


def test_chroma_and_the_exact_comparison_agree(store: VectorStore) -> None:
    vectors = sample(200)
    store.upsert(NAME, ids(200), vectors)
    exact = nearest(unit(vectors), sample(201)[200], 10)
    asked = store.query(NAME, sample(201)[200], 10)
    assert [name for name, _ in asked] == [f"1-1-{row}" for row, _ in exact]
    assert [similarity for _, similarity in asked] == pytest.approx([value for _, value in exact], abs=1e-5)


def test_the_same_id_again_replaces_its_vector(store: VectorStore) -> None:
    vectors = sample(2)
    store.upsert(NAME, ["a"], vectors[:1])
    store.upsert(NAME, ["a"], vectors[1:])
    assert store.count(NAME) == 1
    assert store.query(NAME, vectors[1], 1)[0][1] == pytest.approx(1, abs=1e-5)


def test_deleted_vectors_are_gone(store: VectorStore) -> None:
    store.upsert(NAME, ids(40), sample(40))
    store.delete(NAME, [*ids(39), "never-there"])
    assert store.present(NAME, ids(40)) == store.ids(NAME) == ["1-1-39"]
    assert [name for name, _ in store.query(NAME, sample(1)[0], 10)] == ["1-1-39"]


def test_an_empty_collection_finds_nothing(store: VectorStore) -> None:
    assert store.query(NAME, sample(1)[0], 5) == []


def test_dropping_twice_is_harmless(store: VectorStore) -> None:
    store.drop(NAME)
    store.drop(NAME)
    assert NAME not in store.collections()


def test_nearest_of_nothing_and_of_zeros() -> None:
    assert nearest(sample(0), sample(1)[0], 5) == []
    assert nearest(unit(numpy.zeros((2, 4), numpy.float32)), [0, 0, 0, 0], 5) == [(0, 0.0), (1, 0.0)]


def test_nearest_takes_the_best_of_many_in_order() -> None:
    vectors = unit(sample(500))
    expected = sorted(range(500), key=lambda row: -float(vectors[row] @ vectors[3]))[:20]
    found = nearest(vectors, sample(500)[3], 20)
    assert [row for row, _ in found] == expected
    assert found[0] == (3, pytest.approx(1, abs=1e-5))


def test_the_folder_belongs_to_one(tmp_path: Path) -> None:
    owner, other = VectorStore(tmp_path / "vectors"), VectorStore(tmp_path / "vectors")
    assert owner.claim()
    assert not other.claim()
    with pytest.raises(LibraryBusyError):
        other.create(NAME)
    owner.release()
    assert other.claim()
    other.create(NAME)
    other.release()


def test_the_folders_of_dropped_collections_are_deleted(tmp_path: Path) -> None:
    store = VectorStore(tmp_path / "vectors")
    store.claim()
    for name in (NAME, "kb-kept"):
        store.create(name)
        store.upsert(name, ids(1100), sample(1100))  # Chroma makes the folder once it persists
        store.query(name, sample(1)[0], 1)
    store.drop(NAME)
    store.close()
    before = sum(path.is_dir() for path in store.folder.iterdir())
    store.collections()
    assert sum(path.is_dir() for path in store.folder.iterdir()) == before - 1
    assert store.query("kb-kept", sample(3)[2], 1)[0][0] == "1-1-2"
    store.release()


def test_a_server_that_is_down_is_told_soon(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    store = VectorStore(tmp_path / "vectors", f"http://127.0.0.1:{port}")
    with pytest.raises(LibraryError, match="chroma run"):
        store.query(NAME, sample(1)[0], 5)


def test_a_folder_that_chroma_cannot_open_is_told(tmp_path: Path) -> None:
    (tmp_path / "vectors").mkdir()
    (tmp_path / "vectors" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    store = VectorStore(tmp_path / "vectors")
    store.claim()
    with pytest.raises(LibraryError, match="doctor --check"):
        store.create(NAME)
    store.release()
