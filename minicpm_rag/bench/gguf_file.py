"""Writes a loaded model as a GGUF file, so that llama.cpp can be measured beside our own engine on the same weights.

With the package gguf, which the extra brings. The vocabulary is made up: speed does not depend on words.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gguf import GGUFWriter

Stored = Literal["F32", "Q8_0", "Q4_0"]

_NAMES = {
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output",
}  # fmt: skip


def write_gguf(model: Any, file: Path, stored: Stored, *, architecture: str = "") -> Path:
    """Write a MiniCPM (Granite) or Llama model of transformers, with a vocabulary of numbered words."""
    writer = begin(model.config, file, stored, architecture=architecture)
    size = model.config.vocab_size
    writer.add_tokenizer_model("llama")
    writer.add_token_list(["<unk>", "<s>", "</s>", *(f"▁w{number}" for number in range(3, size))])
    writer.add_token_scores([0.0] * size)
    writer.add_token_types([2, 3, 3, *[1] * (size - 3)])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    finish(writer, model, stored)
    return file


def begin(config: Any, file: Path, stored: Stored, *, architecture: str = "") -> GGUFWriter:
    """A writer with the model's shape; the caller adds a vocabulary."""
    from gguf import GGUFWriter, LlamaFileType

    kinds = {"F32": LlamaFileType.ALL_F32, "Q8_0": LlamaFileType.MOSTLY_Q8_0, "Q4_0": LlamaFileType.MOSTLY_Q4_0}
    is_minicpm = config.model_type == "granite"
    writer = GGUFWriter(file, architecture or ("minicpm" if is_minicpm else "llama"))
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_file_type(kinds[stored])
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_rope_dimension_count(head)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    if is_minicpm:
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    return writer


def finish(writer: GGUFWriter, model: Any, stored: Stored) -> None:
    """Add the weights, matrices as `stored` says, and write the file."""
    import numpy
    from gguf import GGMLQuantizationType, quantize

    config, kind = model.config, GGMLQuantizationType[stored]
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for name, weights in model.state_dict().items():
        plain = name.removeprefix("model.").removesuffix(".weight")
        if plain == "lm_head" and config.tie_word_embeddings:
            continue
        values = weights.float().numpy()
        layer, part = "", plain
        if plain.startswith("layers."):
            _, number, part = plain.split(".", 2)
            layer = f"blk.{number}."
        kept = _NAMES[part]
        if kept in heads:  # GGUF interleaves the pairs that rotate together
            pairs = values.reshape(heads[kept], 2, values.shape[0] // heads[kept] // 2, values.shape[1])
            values = numpy.ascontiguousarray(pairs.swapaxes(1, 2).reshape(values.shape))
        target = f"{layer}{kept}.weight"
        if values.ndim > 1 and stored != "F32":
            writer.add_tensor(target, quantize(values, kind), raw_dtype=kind)
        else:
            writer.add_tensor(target, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
