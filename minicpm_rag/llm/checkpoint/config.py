"""Reads a checkpoint's config.json as a configuration that transformers knows.

MiniCPM (`model_type: minicpm`) is served by transformers' Granite code, which has the same three scalings and
parameter names. Knows nothing of weights.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint.adapter import base_folder
from minicpm_rag.llm.checkpoint.folder import locate
from minicpm_rag.llm.checkpoint.packed import packing
from minicpm_rag.llm.checkpoint.weights import read_json
from minicpm_rag.messages import reason_of
from minicpm_rag.models.refused import refused_by_config

if TYPE_CHECKING:
    from transformers import PretrainedConfig

_log = logging.getLogger(__name__)

# Fields of MiniCPM's config.json that Granite has under the same name with the same meaning.
_SAME_IN_GRANITE = (
    "vocab_size", "hidden_size", "intermediate_size", "hidden_act", "rms_norm_eps", "initializer_range",
    "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "use_cache",
    "pad_token_id", "bos_token_id", "eos_token_id", "attention_bias", "attention_dropout",
)  # fmt: skip
FAMILIES = ("minicpm (MiniCPM 1B, 2B, 4, 4.1)", "minicpm3 (MiniCPM3)", "llama (MiniCPM5)")


def read_config(folder: str | Path) -> PretrainedConfig:
    """The configuration of a checkpoint folder, or of an adapter's base, as transformers' own class.

    Raises CheckpointError where the folder or its config.json cannot be used.
    """
    path = base_folder(locate(folder)) / "config.json"
    raw = read_json(path)
    # Names of classes in the folder's own code, which is never imported.
    raw.pop("auto_map", None)
    packing(raw, path)
    # transformers would ask for the library that made them; the weights are unpacked here.
    for told in ("quantization_config", "compression_config"):
        raw.pop(told, None)
    family = raw.get("model_type")
    if family == "minicpm" and raw.get("num_experts"):
        raise CheckpointError("llm.mixture_of_experts", path=path, known=FAMILIES)
    if (why := refused_by_config(raw)) is not None:
        raise CheckpointError("llm.family_refused", path=path, why=why)
    from huggingface_hub.errors import StrictDataclassError

    try:
        if family == "minicpm":
            return _granite_config(raw)
        if family == "minicpm3":
            from transformers import MiniCPM3Config

            return MiniCPM3Config.from_dict(raw)
        if family == "llama":
            from transformers import LlamaConfig

            return LlamaConfig.from_dict(raw)
    except (TypeError, ValueError, KeyError, ZeroDivisionError, StrictDataclassError) as exc:
        raise CheckpointError("llm.config_unusable", path=path, why=reason_of(exc)) from exc
    raise CheckpointError("llm.family_unknown", path=path, family=family, known=FAMILIES)


def _granite_config(raw: Mapping[str, Any]) -> PretrainedConfig:
    """Translate MiniCPM's configuration to Granite's; the scalings are those of OpenBMB's modeling_minicpm.py.

    Raises KeyError or ZeroDivisionError where a number is missing or impossible.
    """
    from transformers import GraniteConfig

    hidden, layers, heads = raw["hidden_size"], raw["num_hidden_layers"], raw["num_attention_heads"]
    if raw.get("sparse_config"):
        _log.info("the sparse attention of this checkpoint (InfLLM v2) is served dense; long prompts take longer")
    return GraniteConfig(
        **{name: raw[name] for name in _SAME_IN_GRANITE if name in raw},
        architectures=["GraniteForCausalLM"],
        embedding_multiplier=raw.get("scale_emb", 1),
        residual_multiplier=raw.get("scale_depth", 1) / math.sqrt(layers),
        logits_scaling=hidden / raw.get("dim_model_base", 1),
        attention_multiplier=(hidden // heads) ** -0.5,
        rope_parameters=_rope_parameters(raw),
        tie_word_embeddings=raw.get("tie_word_embeddings", True),
    )


def _rope_parameters(raw: Mapping[str, Any]) -> dict[str, Any]:
    # transformers 5 writes all of it into `rope_parameters`, theta too; earlier versions kept theta beside the rest.
    scaling = {**(raw.get("rope_scaling") or {}), **(raw.get("rope_parameters") or {})}
    kind = scaling.pop("type", None)
    kind = scaling.pop("rope_type", kind) or "default"
    theta = float(scaling.pop("rope_theta", None) or raw.get("rope_theta") or 10000.0)
    parameters = {"rope_type": kind, "rope_theta": theta, **scaling}
    if kind == "longrope":
        trained, window = scaling["original_max_position_embeddings"], raw["max_position_embeddings"]
        # MiniCPM picks its factors once, for the whole window: where it is longer than trained, even a short prompt
        # gets the long factors, and the attention factor follows from the ratio of the windows. transformers would
        # pick by each prompt's length, so it is given the long factors as the short ones too.
        parameters["factor"] = window / trained
        parameters["attention_factor"] = math.sqrt(1 + math.log(window / trained) / math.log(trained))
        if window > trained:
            parameters["short_factor"] = scaling["long_factor"]
    return parameters


def context_tokens(config: PretrainedConfig) -> int:
    """The context window in tokens; dynamic NTK stretches it beyond the trained positions (MiniCPM-2B-128k)."""
    rope = getattr(config, "rope_parameters", None) or {}
    stretch = rope.get("factor", 1.0) if rope.get("rope_type") == "dynamic" else 1.0
    return int(config.max_position_embeddings * stretch)
