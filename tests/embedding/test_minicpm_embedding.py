"""OpenBMB's embedding and rerank models on tiny random weights, against the arithmetic of their model cards.

The reference below is written from MiniCPM's published formulas (scaled embeddings, residuals and rope, RMS norms, SiLU
feed-forward, grouped keys) and the cards: attention to all tokens, the mean weighted by position, the first token's
score. Its causal form gives the logits of tests/data/golden, which the published modelling code computed.
"""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from golden import CHATML, GOLDEN, SINGLE_SAFETENSORS, copy_of, edit_json, expected
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize, silu

from minicpm_rag.embedding.choice import load_embedders
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.embedding.minicpm_embedder import MiniCPMEmbedder
from minicpm_rag.embedding.reranker import MiniCPMReranker, Reranker, open_reranker
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.llm.checkpoint import load_tokenizer

QUESTION, PASSAGE = (
    "水泵的保修期有多长？",
    "The warranty of the pump ends two years after delivery. 水泵的保修期为两年。",
)


def reference_states(folder: Path, ids: list[int], *, causal: bool = False) -> torch.Tensor:
    """The last layer's normed states [tokens, hidden] in float32."""
    config: dict[str, Any] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    weights = {
        name.removeprefix("model."): value.float() for name, value in load_file(folder / "model.safetensors").items()
    }
    hidden, heads, layers = config["hidden_size"], config["num_attention_heads"], config["num_hidden_layers"]
    size, keys = hidden // heads, config.get("num_key_value_heads", heads)
    rope = config.get("rope_scaling") or {}
    frequencies = config.get("rope_theta", 10000.0) ** (-torch.arange(0, size, 2).float() / size)
    scale = 1.0
    if rope:
        trained, window = rope["original_max_position_embeddings"], config["max_position_embeddings"]
        frequencies = frequencies / torch.tensor(rope["long_factor" if window > trained else "short_factor"])
        scale = math.sqrt(1 + math.log(window / trained) / math.log(trained))
    angles = torch.arange(len(ids))[:, None] * frequencies
    cos, sin = (torch.cat((part, part), dim=-1) * scale for part in (angles.cos(), angles.sin()))

    def norm(rows: torch.Tensor, gain: torch.Tensor) -> torch.Tensor:
        return rows * (rows.pow(2).mean(-1, keepdim=True) + config["rms_norm_eps"]).rsqrt() * gain

    def rotated(rows: torch.Tensor) -> torch.Tensor:  # [heads, tokens, size]
        first, second = rows.chunk(2, dim=-1)
        return rows * cos + torch.cat((-second, first), dim=-1) * sin

    residual_scale = config["scale_depth"] / math.sqrt(layers)
    rows = weights["embed_tokens.weight"][ids] * config["scale_emb"]
    for number in range(layers):
        layer = {name.partition(f"layers.{number}.")[2]: value for name, value in weights.items()}
        normed = norm(rows, layer["input_layernorm.weight"])
        query, key, value = (
            (normed @ layer[f"self_attn.{part}_proj.weight"].T).view(len(ids), -1, size).transpose(0, 1)
            for part in ("q", "k", "v")
        )
        key, value = (part.repeat_interleave(heads // keys, dim=0) for part in (rotated(key), value))
        scores = rotated(query) @ key.transpose(1, 2) / math.sqrt(size)
        if causal:
            scores = scores.masked_fill(torch.ones(len(ids), len(ids)).triu(1).bool(), -math.inf)
        mixed = (scores.softmax(-1) @ value).transpose(0, 1).reshape(len(ids), -1)
        rows = rows + mixed @ layer["self_attn.o_proj.weight"].T * residual_scale
        normed = norm(rows, layer["post_attention_layernorm.weight"])
        wide = silu(normed @ layer["mlp.gate_proj.weight"].T) * (normed @ layer["mlp.up_proj.weight"].T)
        rows = rows + wide @ layer["mlp.down_proj.weight"].T * residual_scale
    return norm(rows, weights["norm.weight"])


def embedding_folder(source: Path, target: Path, **config: Any) -> Path:
    """A folder as MiniCPM-Embedding-Light's: bare names, an extra head, sentence-transformers' files."""
    folder = copy_of(source, target)
    edit_json(folder / "config.json", is_causal=False, adapt_mean_pooling=True, **config)
    weights = {name.removeprefix("model."): value for name, value in load_file(folder / "model.safetensors").items()}
    weights.pop("lm_head.weight", None)
    weights["head.weight"] = torch.ones(1, weights["norm.weight"].shape[0])
    save_file(weights, folder / "model.safetensors")
    (folder / "modules.json").write_text("[]", encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 96}', encoding="utf-8")
    return folder


def in_full(embedder: Embedder, monkeypatch: pytest.MonkeyPatch) -> Embedder:
    """The embedder in float32, whatever this processor prefers."""
    from minicpm_rag.llm.checkpoint import body, placement

    monkeypatch.setattr(placement, "choose_precision", lambda *_: torch.float32)
    assert body.placement is placement
    return embedder


@pytest.fixture(params=["grouped keys", "longrope"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "longrope":
        return embedding_folder(CHATML, tmp_path / "MiniCPM-Embedding-Light", max_position_embeddings=1024)
    return embedding_folder(SINGLE_SAFETENSORS, tmp_path / "MiniCPM-Embedding-Light")


@pytest.mark.parametrize("name", [CHATML.name, SINGLE_SAFETENSORS.name])
def test_the_references_causal_form_is_the_published_code(name: str) -> None:
    known = expected(name)
    config = json.loads((GOLDEN / name / "config.json").read_text(encoding="utf-8"))
    states = reference_states(GOLDEN / name, known["input_ids"][0], causal=True)
    table = load_file(GOLDEN / name / "model.safetensors")["model.embed_tokens.weight"].float()
    logits = states[-1] @ table.T / (config["hidden_size"] / config["dim_model_base"])
    assert torch.allclose(logits, torch.tensor(known["logits_last"][0]), atol=1e-4, rtol=0)


def test_a_text_is_the_mean_of_its_states_weighted_by_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = in_full(MiniCPMEmbedder(folder), monkeypatch)
    tokenizer = load_tokenizer(folder)
    for text, found in ((f"Query: {QUESTION}", embedder.embed_query(QUESTION)),
                        (PASSAGE, embedder.embed_documents([PASSAGE])[0])):  # fmt: skip
        states = reference_states(folder, tokenizer(text).input_ids)
        mean = (states * torch.arange(1, len(states) + 1)[:, None]).sum(dim=0)
        assert torch.allclose(torch.tensor(found), normalize(mean, dim=0), atol=2e-6)


def test_padding_and_neighbours_change_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = in_full(MiniCPMEmbedder(folder), monkeypatch)
    alone = [embedder.embed_documents([text])[0] for text in (PASSAGE, "短", QUESTION)]
    embedder.device = "a GPU"  # where texts go in batches
    together = embedder.embed_documents([PASSAGE, "短", QUESTION])
    assert torch.allclose(torch.tensor(together), torch.tensor(alone), atol=2e-6)


def test_without_its_scaling_the_mean_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = embedding_folder(SINGLE_SAFETENSORS, tmp_path / "plain")
    edit_json(folder / "config.json", adapt_mean_pooling=False)
    states = reference_states(folder, load_tokenizer(folder)(PASSAGE).input_ids)
    found = in_full(MiniCPMEmbedder(folder), monkeypatch).embed_documents([PASSAGE])[0]
    assert torch.allclose(torch.tensor(found), normalize(states.mean(dim=0), dim=0), atol=2e-6)


def test_an_end_token_is_added_where_the_tokenizer_says_so(tmp_path: Path) -> None:
    folder = embedding_folder(SINGLE_SAFETENSORS, tmp_path / "ends")
    plain = MiniCPMEmbedder(folder).count_tokens(PASSAGE)
    edit_json(folder / "tokenizer_config.json", add_eos_token=True)
    assert MiniCPMEmbedder(folder).count_tokens(PASSAGE) == plain + 1


def test_limits_and_prompts_are_the_folders(tmp_path: Path) -> None:
    folder = embedding_folder(SINGLE_SAFETENSORS, tmp_path / "own")
    prompts = {"prompts": {"query": "Instruction: 找。Query: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts), encoding="utf-8")
    embedder = MiniCPMEmbedder(folder)
    assert (embedder.limit_tokens, embedder.dimension, embedder.compares_tokens) == (96, 64, False)
    assert embedder.embed_query("x") != MiniCPMEmbedder(copy_without_prompts(folder)).embed_query("x")
    with pytest.raises(EmbeddingError, match="96"):
        embedder.embed_documents([PASSAGE * 20])


def copy_without_prompts(folder: Path) -> Path:
    target = folder.with_name("without-prompts")
    shutil.copytree(folder, target)
    (target / "config_sentence_transformers.json").unlink()
    return target


def test_the_folder_is_chosen_by_what_it_holds(tmp_path: Path) -> None:
    folder = embedding_folder(SINGLE_SAFETENSORS, tmp_path / "MiniCPM-Embedding-Light")
    chosen = load_embedders(str(folder), tmp_path / "home").default
    assert isinstance(chosen, MiniCPMEmbedder)
    before = chosen.revision
    edit_json(folder / "config.json", scale_emb=11)
    assert MiniCPMEmbedder(folder).revision != before


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    folder = embedding_folder(SINGLE_SAFETENSORS, tmp_path / "broken")
    weights = load_file(folder / "model.safetensors")
    del weights["layers.0.self_attn.q_proj.weight"]
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(EmbeddingError, match=r"broken.*layers\.0\.self_attn\.q_proj\.weight"):
        MiniCPMEmbedder(folder).embed_query("x")
    (folder / "config.json").write_text("{", encoding="utf-8")
    with pytest.raises(EmbeddingError, match=r"config\.json"):
        load_embedders(str(folder), tmp_path / "home")


# The reranker


def reranker_folder(target: Path, labels: int = 1) -> Path:
    folder = copy_of(SINGLE_SAFETENSORS, target)
    edit_json(folder / "config.json", is_causal=False, architectures=["MiniCPMForSequenceClassification"])
    weights = load_file(folder / "model.safetensors")
    generator = torch.Generator().manual_seed(1)
    weights["score.weight"] = torch.randn(labels, 64, generator=generator).to(torch.bfloat16)
    save_file(weights, folder / "model.safetensors")
    return folder


def test_a_score_is_the_first_tokens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from minicpm_rag.llm.checkpoint import placement

    monkeypatch.setattr(placement, "choose_precision", lambda *_: torch.float32)
    folder = reranker_folder(tmp_path / "MiniCPM-Reranker-Light")
    tokenizer = load_tokenizer(folder)
    reranker = open_reranker(folder)
    assert isinstance(reranker, MiniCPMReranker)
    wanted = []
    for text in (PASSAGE, "短"):
        parts = [tokenizer(part, add_special_tokens=False).input_ids for part in (f"Query: {QUESTION}", text)]
        states = reference_states(folder, [1, *parts[0], 2, *parts[1]])
        head = load_file(folder / "model.safetensors")["score.weight"][0].float()
        wanted.append(torch.sigmoid(states[0] @ head).item())
    assert reranker.scores(QUESTION, [PASSAGE, "短"]) == pytest.approx(wanted, abs=1e-5)
    assert reranker.scores(QUESTION, []) == []


def test_a_long_passage_loses_its_end_only(tmp_path: Path) -> None:
    reranker = open_reranker(reranker_folder(tmp_path / "long"))
    first, longer = reranker.scores("q", [PASSAGE * 40, PASSAGE * 60])
    assert first == longer


def test_a_folder_that_scores_nothing_or_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingError, match="2 scores"):
        open_reranker(reranker_folder(tmp_path / "two", labels=2)).scores("q", ["t"])
    plain = copy_of(SINGLE_SAFETENSORS, tmp_path / "none")
    edit_json(plain / "config.json", is_causal=False)
    with pytest.raises(EmbeddingError, match="0 scores"):
        open_reranker(plain).scores("q", ["t"])
    with pytest.raises(EmbeddingError, match=r"no config\.json"):
        open_reranker(tmp_path)
    causal = copy_of(SINGLE_SAFETENSORS, tmp_path / "causal")
    assert type(open_reranker(causal)) is Reranker
