"""Measures decoding on a GPU: the tutorial's loop, transformers' static cache and our engine, side by side in one run.

Speed does not depend on the values of the weights, so random ones of a published shape will do. With draft tokens it
depends on how many are accepted: that is measured by forcing given answers, see `forced_answers`.
"""

from __future__ import annotations

import gc
import itertools
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from minicpm_rag.bench.quotes import PROMPT_TOKENS, ForcedAnswer
from minicpm_rag.errors import ModelError
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.transformers_internals import restore_rotary
from minicpm_rag.messages import Message

if TYPE_CHECKING:
    import torch

NEW_TOKENS = 256
SAMPLING = Sampling(max_new_tokens=NEW_TOKENS, seed=1)  # the class defaults, with a seed to be repeatable

_MANY = 32  # questions at once, as many as the engine has slots
_SHORT_TOKENS = 256  # of a prompt
_SHARED_TOKENS = 1792  # of prompts that begin alike
_LONG_PROMPTS = (8192, 32_768)

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
    "MiniCPM5-2B": {
        "vocab_size": 130_560, "hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 42,
        "num_attention_heads": 16, "num_key_value_heads": 2, "head_dim": 128, "max_position_embeddings": 131_072,
        "rms_norm_eps": 1e-6, "bos_token_id": 0, "eos_token_id": 1, "tie_word_embeddings": False,
    },
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One line of the table: a way of decoding and what it reached."""

    path: Message
    tokens_per_second: float
    first_token_ms: float | None = None
    memory_bytes: int | None = None
    note: Message | None = None


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


def decode_table(
    model: Any, answers: Sequence[ForcedAnswer], report: Callable[[Row], None], *, baselines: bool = True
) -> None:
    """Measure every way of decoding on one GPU, reporting each as it is done."""
    generator = random.Random(0)
    vocabulary = model.config.vocab_size
    prompts = [[generator.randrange(3, vocabulary - 3) for _ in range(PROMPT_TOKENS)] for _ in range(_MANY)]
    if baselines:
        report(_generate(model, prompts[0], Message("llm.bench_tutorial")))
        report(_generate(model, prompts[0], Message("llm.bench_static"), cache_implementation="static"))
    for row in _ours(model, prompts, answers):
        report(row)


def _generate(model: Any, prompt: list[int], path: Message, **options: Any) -> Row:
    """transformers' own loop with the tutorial's settings, streamed; the first of two calls compiles.

    Both ask for as many tokens, because a static cache of another size would be compiled again.
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
    note = Message("llm.bench_first_call", seconds=max(0.0, compiling))
    return Row(path, watch.tokens_per_second, watch.first_ms, note=note)


def _ours(model: Any, prompts: list[list[int]], answers: Sequence[ForcedAnswer]) -> Iterator[Row]:
    from minicpm_rag.llm.decoding import GraphEngine

    start = time.perf_counter()
    engine = GraphEngine(model, drafting=False)
    early = _stream(engine, prompts[1], replace(SAMPLING, max_new_tokens=32))
    _wait_until_ready(engine)
    ready = time.perf_counter() - start
    yield Row(Message("llm.bench_uncompiled"), early.tokens_per_second, early.first_ms)
    _stream(engine, prompts[2], SAMPLING)  # the first prompt on a GPU sets cuBLAS up
    watch = _stream(engine, prompts[0], SAMPLING)
    note = Message("llm.bench_ready", seconds=ready)
    yield Row(Message("llm.bench_ours"), watch.tokens_per_second, watch.first_ms, engine.memory.total, note)
    watch = _stream(engine, prompts[0] + prompts[1][:30], SAMPLING)
    follow_up = Message("llm.bench_follow_up", tokens=len(prompts[0]))
    yield Row(follow_up, watch.tokens_per_second, watch.first_ms)
    for count in (2, 4, 8, _MANY):
        yield _together(engine, prompts[:count], Message("llm.bench_together", count=count))
    short = [prompt[-_SHORT_TOKENS:] for prompt in prompts]
    yield _together(engine, short, Message("llm.bench_short_together", count=_MANY, tokens=_SHORT_TOKENS))
    alike = [prompts[2][::-1][:_SHARED_TOKENS] + prompt[_SHARED_TOKENS:] for prompt in prompts]
    yield _together(engine, alike, Message("llm.bench_alike_together", count=_MANY, tokens=_SHARED_TOKENS))
    for length in _LONG_PROMPTS:
        if length + NEW_TOKENS < engine.context_tokens:
            long = [token for prompt in prompts for token in prompt][-length:]
            watch = _stream(engine, long, SAMPLING)
            yield Row(Message("llm.bench_long", tokens=length), watch.tokens_per_second, watch.first_ms)
    engine.close()
    if answers:
        for together in (1, 8, _MANY):
            yield from forced_answers(model, answers, together)
    kinds: tuple[dict[str, Any], ...] = (
        {"cache": "int8"},
        {"weights": "int8"},
        {"weights": "int4"},
        {"weights": "int8", "cache": "int8"},
    )
    for options in kinds:
        bits = {"weights": options.get("weights", "full"), "cache": options.get("cache", "full")}
        _collect()
        engine = GraphEngine(model, drafting=False, slots=8, **options)
        _wait_until_ready(engine)
        _stream(engine, prompts[2], SAMPLING)
        watch = _stream(engine, prompts[0], SAMPLING)
        note = Message("llm.bench_logits_change", share=_logits_change(model, engine, prompts[0]))
        path = Message("llm.bench_quantized", **bits)
        yield Row(path, watch.tokens_per_second, watch.first_ms, engine.memory.total, note)
        yield _together(engine, prompts[:8], Message("llm.bench_quantized_together", **bits, count=8))
        engine.close()


def forced_answers(model: Any, answers: Sequence[ForcedAnswer], together: int = 1) -> Iterator[Row]:
    """Speed without and with draft tokens while the model is forced to give these answers, so many of them at once.

    When a step has done all its work, the answer's next token gets a logit that none can beat. So as many draft tokens
    are accepted as for a model that writes these answers, and a step costs what it always costs. Raises ModelError
    where the model gave another answer.
    """
    from concurrent.futures import ThreadPoolExecutor

    from minicpm_rag.llm.decoding import GraphEngine, fast, plain

    operations = fast if model.device.type == "cuda" else plain
    for drafting in (False, True):
        teacher = _Teacher(operations, answers, model.device)
        engine = GraphEngine(model, drafting=drafting, operations=teacher)
        _wait_until_ready(engine)
        tokens, seconds = 0, 0.0
        for first in range(0, max(together, len(answers)), together):
            numbers = [number % len(answers) for number in range(first, first + together)]
            for _ in range(2):  # in the second round the prompts are in the cache, so that all begin together
                with ThreadPoolExecutor(together) as pool:
                    jobs = [pool.submit(_forced, engine, answers[number], number) for number in numbers]
                    watches = [job.result() for job in jobs]
            tokens += sum(len(watch.ids) - 1 for watch in watches)
            seconds += max(watch.times[-1] for watch in watches) - min(watch.times[0] for watch in watches)
        note = Message("llm.bench_answers", answers=len(answers), tokens=tokens, each=engine.tokens_per_step)
        path = Message("llm.bench_drafted" if drafting else "llm.bench_undrafted", count=together)
        yield Row(path, tokens / seconds, note=note)
        engine.close()


def _forced(engine: Any, forced: ForcedAnswer, number: int) -> _Stopwatch:
    """One forced answer; its seed tells the teacher which it is."""
    watch = _stream(engine, forced.prompt, replace(SAMPLING, seed=number, max_new_tokens=len(forced.answer)))
    if watch.ids != forced.answer:
        raise ModelError("llm.bench_void")
    return watch


class _Teacher:
    """The operations of a step, except that the tokens to choose are given: answer n to a request with seed n."""

    def __init__(self, operations: Any, answers: Sequence[ForcedAnswer], device: torch.device) -> None:
        import torch

        self._operations = operations
        self._scripts = torch.zeros((len(answers), 8192), dtype=torch.int64, device=device)
        for script, forced in zip(self._scripts, answers, strict=True):
            ids = forced.prompt + forced.answer
            script[: len(ids)] = torch.tensor(ids, device=device)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._operations, name)

    def choose(self, logits: torch.Tensor, state: Any, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Choose as the operations do, after the given tokens' logits were raised above all others."""
        import torch

        places = state.length[slots][:, None] + torch.arange(ids.shape[1], device=logits.device)
        logits.scatter_(2, self._scripts[state.seed[slots][:, None], places.long()][:, :, None], 1e4)
        chosen: torch.Tensor = self._operations.choose(logits, state, slots, ids)
        return chosen


class _Stopwatch:
    """Notes when each token comes; also a streamer for `generate`, which passes the prompt first."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.times: list[float] = []
        self.ids: list[int] = []
        self._prompt_seen = False

    def put(self, value: Any) -> None:
        """Take what `generate` passes on."""
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
        """Without the first token, whose time is that of the prefill."""
        return (len(self.times) - 1) / self.seconds_after_first


def _stream(engine: Any, prompt: list[int], sampling: Sampling) -> _Stopwatch:
    watch = _Stopwatch()
    for token in engine.stream(prompt, sampling, threading.Event()):
        watch.note(token)
    return watch


def _together(engine: Any, prompts: list[list[int]], path: Message) -> Row:
    """All prompts at once: the tokens of all over the time in which all were being decoded."""
    from concurrent.futures import ThreadPoolExecutor

    settings = [
        replace(SAMPLING, seed=number, temperature=0.1 * (number % 8 + 1), max_new_tokens=NEW_TOKENS)
        for number in range(len(prompts))
    ]
    with ThreadPoolExecutor(len(prompts)) as pool:
        watches = list(pool.map(lambda pair: _stream(engine, *pair), zip(prompts, settings, strict=True)))
    begin = max(watch.times[0] for watch in watches)
    end = min(watch.times[-1] for watch in watches)
    tokens = sum(sum(begin < moment <= end for moment in watch.times) for watch in watches)
    first = max(watch.first_ms for watch in watches)
    longest = max(later - earlier for watch in watches for earlier, later in itertools.pairwise(watch.times))
    note = Message("llm.bench_total", longest=longest * 1e3)
    return Row(path, tokens / (end - begin), first, engine.memory.total, note)


def _logits_change(model: Any, engine: Any, prompt: list[int]) -> float:
    """Distance of a quantized engine's logits from the model's own, as a share of their norm."""
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
