"""A model is converted once, whole or not at all, and where the home cannot be written it still runs."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from test_bert_folder import save

from minicpm_rag.embedding import bert_folder, converted
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.errors import EmbeddingError


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("converted") / "model", "bert", "mean")


def embedder(model: Path, home: Path) -> OnnxEmbedder:
    return OnnxEmbedder("model", "1", home, partial(bert_folder.read, model), bits=8)


def test_it_is_converted_when_first_needed_and_then_no_more(model: Path, tmp_path: Path) -> None:
    heard: list[float] = []
    first = embedder(model, tmp_path)
    assert not first.is_prepared
    first.prepare(heard.append)
    assert heard == sorted(heard)
    assert (heard[0], heard[-1]) == (0, 1)
    assert len(heard) > 3
    assert first.is_prepared
    again = embedder(tmp_path / "gone", tmp_path)  # the model's own files are needed no more
    again.prepare(heard.append)
    assert again.embed_query("battery") == first.embed_query("battery")
    assert [path.name for path in tmp_path.iterdir()] == ["model-1"]


def test_a_conversion_that_fails_leaves_nothing(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(EmbeddingError, match="no space left"):
            embedder(model, tmp_path / "home").embed_query("battery")
    assert list((tmp_path / "home").iterdir()) == []
    assert len(embedder(model, tmp_path / "home").embed_query("battery")) == 64


def test_several_may_convert_at_once(model: Path, tmp_path: Path) -> None:
    several = [embedder(model, tmp_path) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        first, *others = pool.map(lambda one: one.embed_query("battery"), several)
    assert all(vector == first for vector in others)
    assert [path.name for path in tmp_path.iterdir()] == ["model-1"]


def test_what_a_killed_conversion_left_is_converted_again(model: Path, tmp_path: Path) -> None:
    (tmp_path / "model-1").mkdir()
    (tmp_path / "model-1" / converted.BODY).write_bytes(b"half")
    assert len(embedder(model, tmp_path).embed_query("battery")) == 64


@pytest.mark.parametrize("part", [converted.BODY, converted.TABLE, converted.POSITIONS])
def test_a_part_that_was_deleted_is_made_again(model: Path, tmp_path: Path, part: str) -> None:
    embedder(model, tmp_path).prepare()
    (tmp_path / "model-1" / part).unlink()
    assert len(embedder(model, tmp_path).embed_query("battery")) == 64


def test_a_home_that_cannot_be_written_is_no_hindrance(model: Path, tmp_path: Path) -> None:
    (tmp_path / "home").write_text("A file where the folder would be.")
    found = embedder(model, tmp_path / "home")
    assert len(found.embed_query("battery")) == 64
    assert not found.folder.is_relative_to(tmp_path)


def test_a_damaged_folder_is_an_error_with_a_remedy(model: Path, tmp_path: Path) -> None:
    embedder(model, tmp_path).prepare()
    (tmp_path / "model-1" / converted.BODY).write_bytes(os.urandom(100))
    with pytest.raises(EmbeddingError, match="Delete that folder"):
        embedder(model, tmp_path).embed_query("battery")
