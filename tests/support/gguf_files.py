"""Golden checkpoints as GGUF files in float32, written with the `gguf` package as llama.cpp's own converter does."""

from __future__ import annotations

import importlib.util
import json
import math
from pathlib import Path
from typing import Any

import numpy

from minicpm_rag.llm import checkpoint

NEEDS = ("xllamacpp", "gguf")
_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
}  # fmt: skip
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def is_here() -> bool:
    """Whether llama.cpp and the package that writes its files are installed."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDS)


def write_gguf(folder: Path, file: Path, *, architecture: str = "minicpm") -> Path:
    """Write a golden MiniCPM folder as one file; under another name of an architecture, llama.cpp will not know it."""
    import gguf

    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    layers, heads = config["num_hidden_layers"], config["num_attention_heads"]
    writer = gguf.GGUFWriter(file, architecture)
    writer.add_name(folder.name)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_rope_dimension_count(config["hidden_size"] // heads)
    writer.add_rope_freq_base(config.get("rope_theta", 10_000.0))
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_vocab_size(config["vocab_size"])
    writer.add_embedding_scale(config["scale_emb"])
    writer.add_residual_scale(config["scale_depth"] / math.sqrt(layers))
    writer.add_logit_scale(config["hidden_size"] / config["dim_model_base"])
    _add_vocabulary(writer, folder, config["vocab_size"])
    _add_weights(writer, folder, heads, config["num_key_value_heads"])
    if scaling := config.get("rope_scaling"):
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
        for length in ("long", "short"):
            writer.add_tensor(
                f"rope_factors_{length}.weight", numpy.array(scaling[f"{length}_factor"], dtype=numpy.float32)
            )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


def _add_vocabulary(writer: Any, folder: Path, size: int) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    numbers = dict(content["model"]["vocab"])
    marks = {token["content"]: token["id"] for token in content["added_tokens"] if token["special"]}
    # SentencePiece joins the pair with the best score first; tokenizer.json lists them in that order.
    scores = {
        "".join(pair.split(" ") if isinstance(pair, str) else pair): -float(rank)
        for rank, pair in enumerate(content["model"]["merges"])
    }
    tokens, found, kinds = [f"<unused{number}>" for number in range(size)], [-1e4] * size, [_CONTROL] * size
    for token, number in {**numbers, **marks}.items():
        tokens[number] = token
        found[number] = scores.get(token, -1e4)
        is_byte = len(token) == 6 and token.startswith("<0x")
        kinds[number] = _CONTROL if token in marks else _BYTE if is_byte else _NORMAL
    kinds[numbers["<unk>"]] = _UNKNOWN
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(found)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(numbers["<s>"])
    writer.add_eos_token_id(numbers["</s>"])
    writer.add_unk_token_id(numbers["<unk>"])
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    if template := settings.get("chat_template"):
        writer.add_chat_template(template)


def _add_weights(writer: Any, folder: Path, heads: int, key_value_heads: int) -> None:
    model = checkpoint.load_model(folder, device="cpu", precision="float32", weights="full")
    for name, weights in model.state_dict().items():
        values = weights.float().numpy()
        plain = name.removeprefix("model.").removesuffix(".weight")
        if plain == "lm_head":
            continue  # tied to the embedding
        if plain in ("embed_tokens", "norm"):
            writer.add_tensor({"embed_tokens": "token_embd", "norm": "output_norm"}[plain] + ".weight", values)
            continue
        _, layer, part = plain.split(".", 2)
        if part in ("self_attn.q_proj", "self_attn.k_proj"):  # GGUF interleaves the pairs that rotate together
            count = heads if part == "self_attn.q_proj" else key_value_heads
            pairs = values.reshape(count, 2, values.shape[0] // count // 2, values.shape[1])
            values = numpy.ascontiguousarray(pairs.swapaxes(1, 2).reshape(values.shape))
        writer.add_tensor(f"blk.{layer}.{_NAMES[part]}.weight", values)
