"""Measures decoding on the CPU: number formats, 8-bit and 4-bit weights, compiled or not, against what memory allows.

By transformers' modules as `TransformersEngine` runs them, and by our own engine, which answers by default; without
draft tokens, which random weights would accept far too often.
"""

from __future__ import annotations

import copy
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench import random_model
from minicpm_rag.llm.decoding.processor import ProcessorEngine
from minicpm_rag.llm.generation import Engine, Sampling
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine

if TYPE_CHECKING:
    import torch

PROMPT_TOKENS = 1024
SAMPLING = Sampling(max_new_tokens=48, seed=1)


@dataclass(frozen=True)
class CpuRow:
    """One line of the table. `limit` is the tokens/s at which memory could deliver the weights."""

    path: str  # number formats, the same in every language
    tokens_per_second: float
    limit: float
    prompt_tokens_per_second: float
    prepared_seconds: float


def cpu_table(name: str, bandwidth: float) -> Iterator[CpuRow]:
    """Measure a published shape in each number format; `bandwidth` is the memory's, in bytes a second."""
    for path, dtype, prepare, engine in _variants():
        model = random_model(name, "cpu", dtype)
        start = time.perf_counter()
        model, weight_bytes = prepare(model)
        running = engine(model)
        _answer(running, model, SAMPLING.max_new_tokens // 4)  # the first call compiles
        prepared = time.perf_counter() - start
        prompt_seconds, rate = _answer(running, model, SAMPLING.max_new_tokens)
        yield CpuRow(path, rate, bandwidth / weight_bytes, PROMPT_TOKENS / prompt_seconds, prepared)


def _ours(model: Any) -> Engine:
    return ProcessorEngine(model, drafting=False)


def _variants() -> list[tuple[str, torch.dtype, Callable[[Any], tuple[Any, int]], Callable[[Any], Engine]]]:
    import torch

    return [
        ("float32", torch.float32, _as_it_is, TransformersEngine),
        ("bfloat16", torch.bfloat16, _as_it_is, TransformersEngine),
        ("bfloat16, int8 weights", torch.bfloat16, _int8_weights, TransformersEngine),
        ("bfloat16, ours", torch.bfloat16, _as_it_is, _ours),
        ("bfloat16, int8 weights, ours", torch.bfloat16, _int8_weights, _ours),
        ("bfloat16, int4 weights, ours", torch.bfloat16, _int4_weights, _ours),
        ("float32, int8 weights, ours", torch.float32, _int8_weights, _ours),
        ("float32, int8 dynamic", torch.float32, _dynamic_int8, TransformersEngine),
        ("bfloat16, compiled", torch.bfloat16, _compiled, TransformersEngine),
    ]


def _as_it_is(model: Any) -> tuple[Any, int]:
    return model, sum(parameter.nbytes for parameter in model.parameters())


def _int8_weights(model: Any) -> tuple[Any, int]:
    from minicpm_rag.llm.checkpoint.int8_linear import quantize_linears

    quantize_linears(model)
    # Decoding a token reads all linear layers, but only one row of the embedding.
    return model, sum(buffer.nbytes for name, buffer in model.named_buffers() if name.endswith(("whole", "scale")))


def _int4_weights(model: Any) -> tuple[Any, int]:
    from minicpm_rag.llm.checkpoint.int4_linear import pack_linears

    pack_linears(model)
    model, head = _int8_weights(model)
    return model, head + sum(buffer.nbytes for name, buffer in model.named_buffers() if name.endswith(".packed"))


def _dynamic_int8(model: Any) -> tuple[Any, int]:
    """torch's own dynamic quantization of every linear layer, of activations too: one scale for each call."""
    import torch
    from torch.ao.quantization import quantize_dynamic

    torch.backends.quantized.engine = "onednn"  # uses the processor's 8-bit instructions
    linear = sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))
    # The head shares its weights with the embedding, which must keep them.
    model.lm_head = copy.deepcopy(model.lm_head)
    quantize: Any = quantize_dynamic
    return quantize(model, {torch.nn.Linear}, dtype=torch.qint8), linear


def _compiled(model: Any) -> tuple[Any, int]:
    import torch

    weight_bytes = sum(parameter.nbytes for parameter in model.parameters())
    for layer in model.model.layers:
        layer.mlp = torch.compile(layer.mlp, dynamic=True)
        layer.input_layernorm = torch.compile(layer.input_layernorm, dynamic=True)
        layer.post_attention_layernorm = torch.compile(layer.post_attention_layernorm, dynamic=True)
    return model, weight_bytes


def _answer(engine: Engine, model: Any, tokens: int) -> tuple[float, float]:
    """Seconds for the prompt and the first token, then tokens a second."""
    chooser = random.Random(0)
    prompt = [chooser.randrange(3, model.config.vocab_size) for _ in range(PROMPT_TOKENS)]
    sampling = Sampling(max_new_tokens=tokens, seed=1)
    stream = engine.stream(prompt, sampling, threading.Event())
    times = [time.perf_counter(), *(time.perf_counter() for _ in stream)]
    return times[1] - times[0], (len(times) - 2) / (times[-1] - times[1])
