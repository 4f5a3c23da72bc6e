"""Uploaded originals in an S3 store or a folder, beside a home folder that may lose them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from minicpm_rag.errors import LibraryError, SettingsError
from minicpm_rag.indexing import Worker, follow, save_upload, submit_ingest, submit_remove
from minicpm_rag.library import Library
from minicpm_rag.library.original_store import OriginalStore

TEXT = "云溪牌水泵的保修期为两年。".encode()
SHA = hashlib.sha256(TEXT).hexdigest()


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of a real small S3 server with a bucket."""
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ACCESS_KEY_ID", "key")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("NO_PROXY", f"{host},{os.environ.get('NO_PROXY', '')}")
    boto3.client("s3").create_bucket(Bucket="rag")
    yield "s3://rag"
    patch.undo()
    server.stop()


@pytest.fixture(params=["s3", "folder"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "originals")
    return f"{request.getfixturevalue('s3')}/{tmp_path.name}"


@pytest.fixture
def library(address: str, tmp_path: Path) -> Iterator[Library]:
    with Library(tmp_path / "home", embedder=HashedEmbedder(), originals=address) as library:
        yield library


def keys(library: Library) -> list[str]:
    assert library.originals is not None
    return sorted(key.rpartition("/")[2] for key in library.originals._files.glob(library.originals._key("*")))


def ingest(library: Library, knowledge_base: str, name: str = "水泵.txt", content: bytes = TEXT) -> list[str]:
    path = save_upload(library, knowledge_base, name, content)
    steps = follow(library, submit_ingest(library, knowledge_base, [path]))
    return [step.verdict.status for step in steps if step.verdict is not None]


def test_an_upload_is_kept_under_its_hash(library: Library) -> None:
    save_upload(library, "default", "水泵.txt", TEXT)
    save_upload(library, "default", "copy.txt", TEXT)
    assert keys(library) == [SHA]


def test_what_another_server_uploaded_is_read_and_shown(library: Library) -> None:
    path = save_upload(library, "default", "水泵.txt", TEXT)
    shutil.rmtree(library.uploads)  # this server's disk never had it
    with Worker(library):
        steps = list(follow(library, submit_ingest(library, "default", [path])))
    assert [step.verdict.status for step in steps if step.verdict is not None] == ["indexed"]
    shutil.rmtree(library.uploads)
    shown = library.original_path(library.documents("default")[0].id)
    assert shown is not None and shown.read_bytes() == TEXT


def test_an_original_goes_with_the_last_document_of_its_bytes(library: Library) -> None:
    with Worker(library):
        for knowledge_base in ("one", "two"):
            assert ingest(library, knowledge_base) == ["indexed"]
        list(follow(library, submit_remove(library, "one", ["upload:水泵.txt"])))
        assert keys(library) == [SHA]
        list(follow(library, submit_remove(library, "two", ["upload:水泵.txt"])))
        assert keys(library) == []


def test_an_original_stays_while_its_bytes_are_on_their_way_into_another_knowledge_base(library: Library) -> None:
    with Worker(library):
        assert ingest(library, "one") == ["indexed"]
        path = save_upload(library, "two", "水泵.txt", TEXT)
        list(follow(library, submit_remove(library, "one", ["upload:水泵.txt"])))
        assert keys(library) == [SHA]
        path.unlink()  # the server that reads it does not have it
        list(follow(library, submit_ingest(library, "two", [path])))
        assert [document.title for document in library.documents("two")] == ["水泵.txt"]
        list(follow(library, submit_remove(library, "two", ["upload:水泵.txt"])))
        assert keys(library) == []


def test_what_is_damaged_in_the_store_is_not_taken(library: Library) -> None:
    path = save_upload(library, "default", "水泵.txt", TEXT)
    path.unlink()
    store = library.originals
    assert store is not None
    store._files.pipe_file(store._key(SHA), b"other bytes")
    assert not store.fetch(path)
    assert not path.exists()
    assert [left.name for left in path.parent.iterdir()] == []


def test_only_what_is_old_and_not_listed_is_cleared(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    from minicpm_rag.library import original_store

    store = library.originals
    assert store is not None
    save_upload(library, "default", "水泵.txt", TEXT)
    store._files.pipe_file(store._key("notes-of-somebody"), b"x")
    store.clear(kept=())
    assert SHA in keys(library), "it may be about to be ingested"
    monkeypatch.setattr(original_store, "KEPT", timedelta(days=-1))
    store.clear(kept=(SHA,))
    assert SHA in keys(library)
    store.clear(kept=())
    assert keys(library) == ["notes-of-somebody"]


def test_an_upload_that_the_store_does_not_take_is_an_error(library: Library, tmp_path: Path) -> None:
    library.originals = OriginalStore(_broken(library, tmp_path))
    with pytest.raises(LibraryError, match="store of originals"):
        save_upload(library, "default", "水泵.txt", TEXT)


def _broken(library: Library, tmp_path: Path) -> str:
    assert library.originals is not None
    if library.originals.address.startswith("s3://"):
        return "s3://no-such-bucket/x"
    (tmp_path / "a file").write_text("")
    return str(tmp_path / "a file" / "x")


@pytest.mark.parametrize("address", ["http://elsewhere/x", "memory://x", "simplecache::s3://rag"])
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(SettingsError, match="MINICPM_RAG_ORIGINALS"):
        OriginalStore(address)
