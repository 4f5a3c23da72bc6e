"""What this package uses of transformers beyond its documented interface; no other module does.

tests/llm/test_foreign_surfaces.py says what changed, when a new version moves it.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def attention_in_use(model: Any) -> str:
    """The attention implementation that a model runs: sdpa, flash_attention_2 or eager."""
    return str(model.config._attn_implementation)


def unsplittable_modules(model: Any) -> list[str]:
    """Names of the module classes that must be on one device each."""
    return list(model._no_split_modules or ())


def cache_argument(model: Any) -> str:
    """The name under which a model's forward takes its KV cache; `past_key_values` ends with transformers 5.40."""
    return "cache" if "cache" in inspect.signature(model.forward).parameters else "past_key_values"


def rotary_frequencies(model: Any) -> tuple[torch.Tensor, float]:
    """The rotary frequencies of a short prompt, in float32, and the factor for cosines and sines."""
    rotary = model.model.rotary_emb
    return rotary.original_inv_freq.float(), float(rotary.attention_scaling)


def rotary_frequencies_at(config: Any, device: torch.device, length: int) -> tuple[torch.Tensor, float]:
    """The same in a sequence of `length` tokens, where the model's kind of rotary embedding depends on it."""
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    kind = config.rope_parameters["rope_type"]
    frequencies, scaling = ROPE_INIT_FUNCTIONS[kind](config, device, seq_len=length)
    return frequencies.float(), float(scaling)


def reset_rotary(model: Any) -> None:
    """Undo what a longer sequence left behind: dynamic NTK keeps the frequencies of the longest it has seen."""
    rotary: Any = getattr(model.base_model, "rotary_emb", None)
    if getattr(rotary, "rope_type", None) == "dynamic":
        rotary.register_buffer("inv_freq", rotary.original_inv_freq, persistent=False)
        rotary.max_seq_len_cached = rotary.original_max_seq_len


def restore_rotary(model: Any) -> None:
    """Compute a model's rotary buffers again, after it was made on the meta device and given memory."""
    rotary = model.model.rotary_emb
    model.model.rotary_emb = type(rotary)(model.config).to(model.device)
