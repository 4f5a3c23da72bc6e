"""Measures decoding on the CPU: number formats, 8-bit and 4-bit weights, compiled or not, against what memory allows.

By transformers' modules as `TransformersEngine` runs them, and by our own engine, which answers by default; without
draft tokens, which random weights would accept far too often.
"""

from __future__ import annotations

import copy
import importlib.util
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
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
    tokens_per_cpu_second: float  # of all processes that take part; on a busy machine the figure to compare
    prompt_tokens_per_cpu_second: float


def cpu_table(name: str, bandwidth: float) -> Iterator[CpuRow]:
    """Measure a published shape in each number format; `bandwidth` is the memory's, in bytes a second.

    Where the extra `gguf` is installed, llama.cpp answers from the same weights in the same run.
    """
    for path, dtype, prepare, engine in _variants():
        model = random_model(name, "cpu", dtype)
        start = time.perf_counter()
        model, weight_bytes = prepare(model)
        running = engine(model)
        _answer(running, model, SAMPLING.max_new_tokens // 4, prompt_of=1)  # the first call compiles
        prepared = time.perf_counter() - start
        yield _row(path, _answer(running, model, SAMPLING.max_new_tokens), bandwidth / weight_bytes, prepared)
        del model, running  # before the next model takes memory
    if importlib.util.find_spec("xllamacpp") is not None and importlib.util.find_spec("gguf") is not None:
        yield from _llama_cpp(name, bandwidth)


def _llama_cpp(name: str, bandwidth: float) -> Iterator[CpuRow]:
    """llama.cpp with the same random weights, from files in 8 and in 4 bits."""
    import torch

    from minicpm_rag.bench.gguf_file import Stored, write_gguf
    from minicpm_rag.llm.gguf.engine import GgufEngine
    from minicpm_rag.llm.gguf.process import LlamaProcess, Load

    model = random_model(name, "cpu", torch.bfloat16)
    formats: tuple[Stored, ...] = ("Q8_0", "Q4_0")
    for stored in formats:
        with tempfile.TemporaryDirectory(prefix="minicpm-rag-") as folder:
            start = time.perf_counter()
            file = write_gguf(model, Path(folder) / f"{stored}.gguf", stored)
            load = Load(file, PROMPT_TOKENS + 256, 1, torch.get_num_threads(), file.stat().st_size)
            engine = GgufEngine(LlamaProcess(load), lambda _: [])
            try:
                _answer(engine, model, SAMPLING.max_new_tokens // 4, prompt_of=1)
                prepared = time.perf_counter() - start
                measured = _answer(engine, model, SAMPLING.max_new_tokens)
                yield _row(f"{stored}, llama.cpp", measured, bandwidth / file.stat().st_size, prepared)
            finally:
                engine.close()


def _row(path: str, measured: _Measured, limit: float, prepared: float) -> CpuRow:
    seconds, cpu = measured.seconds, measured.cpu_seconds
    return CpuRow(
        path, measured.tokens / seconds[1], limit, PROMPT_TOKENS / seconds[0], prepared,
        measured.tokens / cpu[1], PROMPT_TOKENS / cpu[0],
    )  # fmt: skip


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


@dataclass(frozen=True)
class _Measured:
    """Seconds for the prompt with its first token, and for the `tokens` after that: by the clock, and of processors."""

    tokens: int
    seconds: tuple[float, float]
    cpu_seconds: tuple[float, float]


def _answer(engine: Engine, model: Any, tokens: int, *, prompt_of: int = 0) -> _Measured:
    """Measure an answer; each `prompt_of` gives another prompt, since engines keep what they have read."""
    chooser = random.Random(prompt_of)
    prompt = [chooser.randrange(3, model.config.vocab_size) for _ in range(PROMPT_TOKENS)]
    sampling = Sampling(max_new_tokens=tokens, seed=1)
    stream = engine.stream(prompt, sampling, threading.Event())
    moments = [(time.perf_counter(), _cpu_seconds()), *((time.perf_counter(), _cpu_seconds()) for _ in stream)]
    (began, cpu_began), (first, cpu_first), (last, cpu_last) = moments[0], moments[1], moments[-1]
    return _Measured(
        len(moments) - 2,
        (first - began, last - first),
        (max(cpu_first - cpu_began, 0.01), max(cpu_last - cpu_first, 0.01)),
    )


def _cpu_seconds() -> float:
    """Of this process and those it has started."""
    import psutil

    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return float(sum(each.user + each.system for each in times))
