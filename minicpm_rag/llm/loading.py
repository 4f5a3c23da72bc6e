"""Loads a checkpoint for this machine and chooses what runs it: an engine of ours, or transformers' own loop.

Knows nothing of prompts, sampling or LangChain.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.generation import QueueingEngine
from minicpm_rag.llm.generation.queued import Queued
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loading:
    """Which weights are loaded, and how; the values are explained at the fields of `MiniCPM_LLM`."""

    model_path: str
    device: str
    precision: str
    attention: str
    weights: str
    key_value_cache: Literal["full", "int8"]
    gpu_gigabytes: float | None


def load(how: Loading) -> PreTrainedModel:
    """Load the weights. Raises CheckpointError, ModelError and OutOfMemoryError, see `checkpoint.load_model`."""
    from minicpm_rag.llm import checkpoint, decoding
    from minicpm_rag.llm.checkpoint import placement

    if placement.choose_device(how.device).startswith("cuda"):
        decoding.prepare()
    return checkpoint.load_model(
        how.model_path,
        device=how.device,
        precision=how.precision,
        attention=how.attention,
        weights=how.weights,
    )


def choose_engine(how: Loading, model: Any) -> QueueingEngine:
    """The engine for a loaded model; what was set and has no effect there is logged.

    Raises ModelError for quantized weights on a GPU where our own engine does not serve the model.
    """
    from minicpm_rag.llm import decoding
    from minicpm_rag.llm.checkpoint import placement
    from minicpm_rag.llm.decoding import processor

    device = placement.choose_device(how.device)
    weights: Any = placement.choose_weights(how.weights, device, how.precision)
    if device.startswith("cuda") and decoding.supports(model, weights):
        if how.attention == "eager":
            _log.warning("attention %s has no effect: this GPU uses %s", how.attention, decoding.ATTENTION)
        most = None if how.gpu_gigabytes is None else int(how.gpu_gigabytes * 1e9)
        return decoding.GraphEngine(
            model,
            weights=weights,
            cache=how.key_value_cache,
            memory_bytes=most,
            attention=how.attention,
        )
    if device.startswith("cuda") and weights != "full":
        raise ModelError("llm.weights_need_engine", weights=weights)
    for name, default in (("key_value_cache", "full"), ("gpu_gigabytes", None)):
        if (value := getattr(how, name)) != default:
            _log.warning("%s %s has no effect: transformers' own loop answers here", name, value)
    if processor.serves(model) and how.attention == "sdpa":
        return Queued(processor.ProcessorEngine(model))
    return Queued(TransformersEngine(model))
