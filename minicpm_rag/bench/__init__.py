"""Measures decoding: the tutorial's loop, transformers' static cache and our engine, side by side in one run.

Speed does not depend on what the weights are, so random ones of a published shape will do. What it does
depend on, how often a guess stands, is measured by making the model say given texts: see `said`.
"""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench.quotes import PROMPT_TOKENS, Said
from minicpm_rag.errors import ModelError
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.transformers_internals import restore_rotary

if TYPE_CHECKING:
    import torch

NEW_TOKENS = 256
SAMPLING = Sampling(max_new_tokens=NEW_TOKENS, seed=1)  # the class defaults, with a seed to be repeatable

_GRANITE = {"rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "embedding_multiplier": 12.0}
SHAPES: dict[str, dict[str, Any]] = {
    "MiniCPM-2B": _GRANITE | {
        "vocab_size": 122_753, "hidden_size": 2304, "intermediate_size": 5760, "num_hidden_layers": 40,
        "num_attention_heads": 36, "num_key_value_heads": 36, "max_position_embeddings": 4096,
        "residual_multiplier": 1.4 / 40**0.5, "logits_scaling": 9.0, "attention_multiplier": 0.125,
    },
    "MiniCPM-1B": _GRANITE | {
        "vocab_size": 73_440, "hidden_size": 1536, "intermediate_size": 3840, "num_hidden_layers": 52,
        "num_attention_heads": 24, "num_key_value_heads": 8, "max_position_embeddings": 4096,
        "residual_multiplier": 1.4 / 52**0.5, "logits_scaling": 6.0, "attention_multiplier": 0.125,
    },
    "MiniCPM4-0.5B": _GRANITE | {
        "vocab_size": 73_448, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
        "num_attention_heads": 16, "num_key_value_heads": 2, "max_position_embeddings": 32_768,
        "residual_multiplier": 1.4 / 24**0.5, "logits_scaling": 4.0, "attention_multiplier": 0.125,
    },
    "MiniCPM5-1B": {
        "vocab_size": 130_560, "hidden_size": 1536, "intermediate_size": 4608, "num_hidden_layers": 24,
        "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128, "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-6, "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    path: str
    tokens_per_second: float
    first_token_ms: float | None = None
    memory_bytes: int | None = None
    note: str = ""


def random_model(name: str, device: str, dtype: torch.dtype) -> Any:
    """A model of a published shape with random weights."""
    import torch
    from transformers import GraniteConfig, GraniteForCausalLM, LlamaConfig, LlamaForCausalLM

    if name not in SHAPES:
        raise ModelError("llm.bench_shape_unknown", name=name, known=SHAPES)
    rope = {"rope_type": "default", "rope_theta": 10_000.0}
    shape = {"tie_word_embeddings": True, "rope_parameters": rope, **SHAPES[name]}
    granite = "embedding_multiplier" in shape
    config: Any = GraniteConfig(**shape) if granite else LlamaConfig(**shape)
    config.dtype = dtype
    default = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("meta"):
            model: Any = GraniteForCausalLM(config) if granite else LlamaForCausalLM(config)
        model = model.to_empty(device=device)
    finally:
        torch.set_default_dtype(default)
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            # On the CPU, normal numbers for a billion weights take half a minute.
            parameter.uniform_(-0.035, 0.035) if parameter.dim() > 1 else parameter.fill_(1.0)
    model.tie_weights()
    restore_rotary(model)
    return model.eval()


def read_bandwidth(device: str) -> float:
    """Bytes a second that reading 4 GB on a GPU (0.5 GB on a CPU) reaches."""
    import torch

    numbers = torch.ones((1 << 30) if device == "cuda" else (1 << 27), dtype=torch.int32, device=device)
    seconds = min(_seconds(lambda: numbers.sum(dtype=torch.int32), device) for _ in range(5))
    return numbers.nbytes / seconds


def decode_table(model: Any, texts: Sequence[Said], report: Callable[[Row], None], *, baselines: bool = True) -> None:
    """Measure every path on one GPU, reporting each as it is done."""
    generator = random.Random(0)
    vocabulary = model.config.vocab_size
    prompts = [[generator.randrange(3, vocabulary - 3) for _ in range(PROMPT_TOKENS)] for _ in range(8)]
    if baselines:
        report(_generate(model, prompts[0], "tutorial: generate, growing cache"))
        report(_generate(model, prompts[0], "generate, static cache, compiled", cache_implementation="static"))
    for row in _ours(model, prompts, texts):
        report(row)


def _generate(model: Any, prompt: list[int], path: str, **options: Any) -> Row:
    """transformers' own loop with the tutorial's settings, streamed; the first call pays for compiling.

    Both calls ask for as many tokens: a static cache of another size is compiled anew.
    """
    import torch

    ids = torch.tensor([prompt], device=model.device)
    settings = {
        "do_sample": True, "temperature": SAMPLING.temperature, "top_p": SAMPLING.top_p,
        "top_k": SAMPLING.top_k, "repetition_penalty": SAMPLING.repetition_penalty,
        "eos_token_id": None, "pad_token_id": 2,
        "attention_mask": torch.ones_like(ids), **options,
    }  # fmt: skip

    def run() -> _Stopwatch:
        watch = _Stopwatch()
        model.generate(ids, max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, streamer=watch, **settings)
        return watch

    first, watch = run(), run()
    compiling = (first.times[-1] - first.start) - (watch.times[-1] - watch.start)
    return Row(path, watch.tokens_per_second, watch.first_ms, note=f"first call {max(0.0, compiling):.1f} s longer")


def _ours(model: Any, prompts: list[list[int]], texts: Sequence[Said]) -> Iterator[Row]:
    from minicpm_rag.llm.decoding import GraphEngine

    start = time.perf_counter()
    engine = GraphEngine(model, drafting=False)
    early = _stream(engine, prompts[1], replace(SAMPLING, max_new_tokens=32))
    _wait_until_ready(engine)
    ready = time.perf_counter() - start
    yield Row("ours, before the kernels are compiled", early.tokens_per_second, early.first_ms)
    _stream(engine, prompts[2], SAMPLING)  # the first prompt on a GPU pays for cuBLAS
    watch = _stream(engine, prompts[0], SAMPLING)
    yield Row("ours", watch.tokens_per_second, watch.first_ms, engine.memory.total, f"ready in {ready:.1f} s")
    watch = _stream(engine, prompts[0] + prompts[1][:30], SAMPLING)
    yield Row("ours, follow-up sharing 2,048 tokens", watch.tokens_per_second, watch.first_ms)
    for count in (2, 4, 8):
        yield _together(engine, prompts[:count])
    engine.close()
    if texts:
        yield from said(model, texts)
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("ours, cache in 8 bits", {"cache": "int8"}),
        ("ours, weights in 8 bits", {"weights": "int8"}),
        ("ours, weights in 4 bits", {"weights": "int4"}),
        ("ours, weights and cache in 8 bits", {"weights": "int8", "cache": "int8"}),
    )
    for name, options in kinds:
        _collect()
        engine = GraphEngine(model, drafting=False, **options)
        _wait_until_ready(engine)
        _stream(engine, prompts[2], SAMPLING)
        watch = _stream(engine, prompts[0], SAMPLING)
        change = f"logits change {_logits_change(model, engine, prompts[0]):.1%}"
        yield Row(name, watch.tokens_per_second, watch.first_ms, engine.memory.total, change)
        yield replace(_together(engine, prompts), path=f"{name}, eight together")
        engine.close()


def said(model: Any, texts: Sequence[Said]) -> Iterator[Row]:
    """Speed with guessing while the model gives these answers to these prompts.

    The answer's next token gets a logit nothing can beat, after all the work of a step is done: the guesses
    stand as often as they would for a model that writes this, and every step costs what it costs.
    """
    from minicpm_rag.llm.decoding import GraphEngine, fast, plain

    operations = fast if model.device.type == "cuda" else plain
    for drafting in (False, True):
        teacher = _Teacher(operations, model.device)
        engine = GraphEngine(model, drafting=drafting, operations=teacher)
        _wait_until_ready(engine)
        tokens, seconds = 0, 0.0
        for number, text in enumerate([texts[0], *texts]):
            teacher.teach(text.prompt + text.answer)
            sampling = replace(SAMPLING, max_new_tokens=len(text.answer))
            watch = _stream(engine, text.prompt, sampling)
            if watch.ids != text.answer:
                raise ModelError("llm.bench_void")
            if number > 0:  # the first only warms up
                tokens += len(watch.ids) - 1
                seconds += watch.seconds_after_first
        note = f"{len(texts)} answers, {tokens} tokens, {engine.tokens_per_step:.2f} a step"
        label = "quoting answers, guessed" if drafting else "quoting answers, one by one"
        yield Row(f"ours, {label}", tokens / seconds, note=note)
        engine.close()


class _Teacher:
    """A step's operations, but what is chosen is given."""

    def __init__(self, operations: Any, device: torch.device) -> None:
        import torch

        self._operations = operations
        self._script = torch.zeros(8192, dtype=torch.int64, device=device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def teach(self, ids: Sequence[int]) -> None:
        """Have this text written from now on, at its own positions."""
        import torch

        self._script[: len(ids)] = torch.tensor(ids, device=self._script.device)
        if self._script.is_cuda:
            torch.cuda.synchronize()

    def choose(self, logits: torch.Tensor, state: Any, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """As the operations choose, after the given tokens' logits were made unbeatable."""
        import torch

        places = state.length[slots][:, None] + torch.arange(ids.shape[1], device=logits.device)
        logits.scatter_(2, self._script[places.long()][:, :, None], 1e4)
        chosen: torch.Tensor = self._operations.choose(logits, state, slots, ids)
        return chosen


class _Stopwatch:
    """Times tokens as they come; also a streamer for `generate`, which begins with the prompt."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.times: list[float] = []
        self.ids: list[int] = []
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """Take what `generate` gives out."""
        if self._prompt_seen:
            self.note(int(value.flatten()[0]))
        self._prompt_seen = True

    def end(self) -> None:
        """Nothing is left to do when `generate` ends."""

    def note(self, token: int) -> None:
        """Take one token."""
        self.times.append(time.perf_counter())
        self.ids.append(token)

    @property
    def first_ms(self) -> float:
        return (self.times[0] - self.start) * 1e3

    @property
    def seconds_after_first(self) -> float:
        return self.times[-1] - self.times[0]

    @property
    def tokens_per_second(self) -> float:
        """Of the tokens after the first, which is the prompt's."""
        return (len(self.times) - 1) / self.seconds_after_first


def _stream(engine: Any, prompt: list[int], sampling: Sampling) -> _Stopwatch:
    watch = _Stopwatch()
    for token in engine.stream(prompt, sampling, threading.Event()):
        watch.note(token)
    return watch


def _together(engine: Any, prompts: list[list[int]]) -> Row:
    """All prompts at once: tokens of all of them over the time in which all were being answered."""
    from concurrent.futures import ThreadPoolExecutor

    settings = [
        replace(SAMPLING, seed=number, temperature=0.1 * (number + 1), max_new_tokens=NEW_TOKENS)
        for number in range(len(prompts))
    ]
    with ThreadPoolExecutor(len(prompts)) as pool:
        watches = list(pool.map(lambda pair: _stream(engine, *pair), zip(prompts, settings, strict=True)))
    begin = max(watch.times[0] for watch in watches)
    end = min(watch.times[-1] for watch in watches)
    tokens = sum(sum(begin < moment <= end for moment in watch.times) for watch in watches)
    return Row(
        f"ours, {len(prompts)} together",
        tokens / (end - begin),
        max(watch.first_ms for watch in watches),
        engine.memory.total,
        "total; first token: the last one's",
    )


def _logits_change(model: Any, engine: Any, prompt: list[int]) -> float:
    """How far a quantized engine's logits are from the model's own, as a share of their size."""
    import torch

    with torch.inference_mode():
        exact = model(torch.tensor([prompt], device=model.device), logits_to_keep=1).logits[0, -1].float()
    return float((engine.logits(prompt).to(exact.device) - exact).norm() / exact.norm())


def _wait_until_ready(engine: Any, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not engine.ready:
        if time.monotonic() > end:
            raise ModelError("llm.bench_not_compiled", seconds=int(seconds))
        time.sleep(0.01)


def _seconds(work: Callable[[], Any], device: str) -> float:
    import torch

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    wait()
    start = time.perf_counter()
    work()
    wait()
    return time.perf_counter() - start


def _collect() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
