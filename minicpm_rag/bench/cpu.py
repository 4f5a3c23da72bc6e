"""Measures answering on the CPU: number formats, 8-bit weights, compiled or not, against what memory allows.

Uses transformers' modules as `TransformersEngine` drives them; knows nothing of the GPU engine.
"""

from __future__ import annotations

import copy
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench import random_model, read_bandwidth
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine

if TYPE_CHECKING:
    import torch

PROMPT_TOKENS = 1024
SAMPLING = Sampling(max_new_tokens=48, seed=1)


def cpu_table(name: str) -> Iterator[str]:
    """Yield the lines of the table as they are measured."""
    import torch

    bandwidth = read_bandwidth("cpu")
    threads = torch.get_num_threads()
    yield f"{name} with random weights, {threads} threads, memory is read at {bandwidth / 1e9:.0f} GB/s"
    yield f"{'path':<28} {'tokens/s':>8} {'floor':>8} {'share':>6} {'prompt':>10} {'prepared':>9}"
    for path, dtype, prepare in _variants():
        model = random_model(name, "cpu", dtype)
        start = time.perf_counter()
        model, weight_bytes = prepare(model)
        _answer(model, SAMPLING.max_new_tokens // 4)  # a compiler works here
        prepared = time.perf_counter() - start
        prompt_seconds, rate = _answer(model, SAMPLING.max_new_tokens)
        floor = bandwidth / weight_bytes
        yield (
            f"{path:<28} {rate:>8.1f} {floor:>8.1f} {rate / floor:>6.0%} "
            f"{PROMPT_TOKENS / prompt_seconds:>6.0f} t/s {prepared:>7.1f} s"
        )


def _variants() -> list[tuple[str, torch.dtype, Callable[[Any], tuple[Any, int]]]]:
    import torch

    return [
        ("float32", torch.float32, _as_it_is),
        ("bfloat16", torch.bfloat16, _as_it_is),
        ("bfloat16, int8 weights", torch.bfloat16, _int8_weights),
        ("float32, int8 weights", torch.float32, _int8_weights),
        ("float32, int8 dynamic", torch.float32, _dynamic_int8),
        ("bfloat16, compiled", torch.bfloat16, _compiled),
    ]


def _as_it_is(model: Any) -> tuple[Any, int]:
    return model, sum(parameter.nbytes for parameter in model.parameters())


def _int8_weights(model: Any) -> tuple[Any, int]:
    from minicpm_rag.llm.checkpoint.int8_linear import quantize_linears

    quantize_linears(model)
    # A token reads the linear layers; of the embedding it reads one row.
    return model, sum(buffer.nbytes for name, buffer in model.named_buffers() if name.endswith(("whole", "scale")))


def _dynamic_int8(model: Any) -> tuple[Any, int]:
    """torch's own dynamic quantization of every linear layer, what goes in included: one scale a call."""
    import torch
    from torch.ao.quantization import quantize_dynamic

    torch.backends.quantized.engine = "onednn"  # a processor's own 8-bit instructions, the quickest of its three
    linear = sum(module.weight.numel() for module in model.modules() if isinstance(module, torch.nn.Linear))
    # The head's weights are the embedding's too; quantizing must not take those away.
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


def _answer(model: Any, tokens: int) -> tuple[float, float]:
    """Seconds for the prompt and the first token, then tokens a second."""
    chooser = random.Random(0)
    prompt = [chooser.randrange(3, model.config.vocab_size) for _ in range(PROMPT_TOKENS)]
    sampling = Sampling(max_new_tokens=tokens, seed=1)
    stream = TransformersEngine(model).stream(prompt, sampling, threading.Event())
    times = [time.perf_counter(), *(time.perf_counter() for _ in stream)]
    return times[1] - times[0], (len(times) - 2) / (times[-1] - times[1])
