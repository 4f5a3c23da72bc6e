"""The engine for one CUDA GPU: up to 32 sequences decoded together by replaying one captured step.

Token ids in, token ids out; text and stop strings are `generation.text`'s. The path of a request:

    GraphEngine.stream -> scheduler   the queue; who joins and leaves between two steps; portions of prompts (pace)
                          graphs      a step, from a captured CUDA graph or in plain torch; draft tokens (payoff)
                          compiling   the kernels of all steps, side by side
                          step        begin (drafting), layers, head, choose (sampling)
                          plain       the operations of a step and of a portion in torch
                          fast        the same as kernels: few rows (linear; on Hopper from nine: split_linear; one row:
                                      vector, tensor), choice, attention (one row: vector_attention)
                          many        many rows: portions, many sequences (cuBLAS, rows, flash)
                          flash_attention   a portion's attention by the flash-attn package, where that is set

On a processor `processor` serves instead, one sequence at a time.

They work on `weights` (fused, perhaps quantized), `cache` (blocks of keys and values), `rope` (rotation tables) and
`slots` (the device's side of each sequence).
"""

from __future__ import annotations

import contextlib
import threading
import weakref
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import OutOfMemoryError, PromptTooLongError
from minicpm_rag.llm.checkpoint import context_tokens
from minicpm_rag.llm.checkpoint.quantization import Weights
from minicpm_rag.llm.decoding import flash_attention
from minicpm_rag.llm.decoding.cache import BLOCK, BlockPool, block_bytes
from minicpm_rag.llm.decoding.graphs import Steps
from minicpm_rag.llm.decoding.plain import Residual
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.rope import RotaryTables
from minicpm_rag.llm.decoding.scheduler import Scheduler
from minicpm_rag.llm.decoding.sequence import TokenSequence
from minicpm_rag.llm.decoding.slots import Slots
from minicpm_rag.llm.decoding.step import Decoder
from minicpm_rag.llm.decoding.weights import gather, understands
from minicpm_rag.llm.generation import Sampling

if TYPE_CHECKING:
    import torch

# What computes attention in this engine: as it is, and where flash_attention_2 is asked for. Others have no effect.
ATTENTION = "Triton (sdpa until it is compiled)"
FLASH_ATTENTION = "flash_attention_2 for prompts, Triton for answers (sdpa until it is compiled)"
_USUAL_TOKENS = 4096  # of cache for each slot, where no limit is given
_RESERVE_BYTES = 1 << 30  # left free for the activations of a prefill and the libraries' workspaces
_SHARE = 0.75  # of what is then left, for the cache: other models and programs use the card too
_EXIT_SECONDS = 5.0


@dataclass(frozen=True)
class Memory:
    """What an engine holds on the device, in bytes, and how many tokens its KV cache takes.

    `remembered_tokens` of them are of ended sequences, kept for prompts that begin alike until their memory is needed.
    """

    weights: int
    cache: int
    slots: int
    cache_tokens: int
    remembered_tokens: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.slots


def attention_of_engine(wanted: str) -> str:
    """What computes attention in this engine, where this implementation is asked for."""
    return FLASH_ATTENTION if wanted == "flash_attention_2" else ATTENTION


def would_serve(config: Any) -> bool:
    """Whether `GraphEngine` serves a model of this configuration here, if its weights fit on one GPU."""
    import importlib.util

    import torch

    return torch.cuda.is_available() and importlib.util.find_spec("triton") is not None and understands(config)


def prepare() -> None:
    """Load what compiles kernels in a thread, so that it is there when a model's weights are."""
    threading.Thread(target=_load_kernels, name="decoding-preparation", daemon=True).start()


def _load_kernels() -> None:
    import importlib

    try:
        from minicpm_rag.llm.decoding import dependent_launch

        for kernels in ("attention", "choice", "fast", "flash", "linear", "rows", "tensor", "vector_attention"):
            importlib.import_module(f"minicpm_rag.llm.decoding.{kernels}")
    except ImportError:
        return  # `graphs` says so, once it wants to compile
    dependent_launch.know_compiler()
    with contextlib.suppress(ImportError):  # `fast` says so, once it wants to use it
        importlib.import_module("minicpm_rag.llm.decoding.split_linear")


def supports(model: Any, weights: Weights = "full") -> bool:
    """Whether `GraphEngine` can serve this model here; `TransformersEngine` serves every other.

    It takes Granite and Llama models whose weights are all on one GPU, or, to be quantized, on the host; and it
    needs Triton, which comes with torch for CUDA on Linux.
    """
    if not would_serve(model.config):
        return False
    devices = {parameter.device for parameter in model.parameters()}
    kinds = {device.type for device in devices}
    return len(devices) == 1 and (kinds == {"cuda"} or (weights != "full" and kinds == {"cpu"}))


class GraphEngine:
    """Serves requests with one model on one GPU; see `generation.QueueingEngine`."""

    def __init__(
        self,
        model: Any,
        *,
        weights: Weights = "full",
        cache: Weights = "full",
        slots: int = 32,
        memory_bytes: int | None = None,
        drafting: bool = True,
        attention: str = "sdpa",
        operations: Any = None,
    ) -> None:
        """Copy the model's weights and take memory for a KV cache. Raises OutOfMemoryError where none is left.

        `memory_bytes` bounds weights and cache together; without it the cache takes up to 4,096 tokens a slot, and at
        most three quarters of the memory that is left. `cache` int8 halves the cache. `drafting` verifies draft tokens
        where that pays. With `attention` flash_attention_2 the flash-attn package, which must be installed, attends in
        prompts; the kernels do with any other.
        `operations` is for measurements, see `Steps`.
        """
        import torch

        device = model.lm_head.weight.device
        if weights != "full" and device.type == "cpu" and torch.cuda.is_available():
            device = torch.device("cuda", torch.cuda.current_device())
        self.slots = slots
        self._drafting = drafting
        attend = flash_attention.attend if attention == "flash_attention_2" else None
        self.attention = attention_of_engine(attention)
        self.device = device
        self.weights = weights
        self._quantized_cache = cache == "int8"
        self._weights = gather(model, device, weights)
        self._context = context_tokens(model.config)
        self._rope = RotaryTables(model, self._context + BLOCK, device)
        self._state = Slots(slots, self._context, BLOCK, self._weights.head.rows, device)
        pool = BlockPool(self._weights, self._affordable_blocks(memory_bytes), self._quantized_cache)
        self._decoder = Decoder(self._weights, self._rope, pool, self._state, attend)
        if device.type == "cuda":
            # The arrays are written on this thread's CUDA stream. The threads below have streams of their own, which
            # do not wait for this one and would read what is not written yet.
            torch.cuda.synchronize(device)
        self._steps = Steps(self._decoder, drafting=drafting, operations=operations)
        self._scheduler = Scheduler(self._decoder, self._steps)
        # Also called when the interpreter exits: ending it while a thread is inside torch aborts the process.
        weakref.finalize(self, self._scheduler.stop, _EXIT_SECONDS)
        if device.type == "cuda":
            self._steps.start_compiling(self._scheduler.wake)

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        cancel: Event,
        on_queue: Callable[[int], object] | None = None,
    ) -> Generator[int]:
        """Yield new token ids, see `QueueingEngine.stream`. Raises PromptTooLongError too."""
        limit = self.context_tokens
        if len(prompt_ids) >= limit:
            raise PromptTooLongError(len(prompt_ids), limit - 1)
        room = min(len(prompt_ids) + sampling.max_new_tokens, limit)
        sequence = TokenSequence(prompt_ids, room, sampling, cancel, drafting=self._drafting)
        self._scheduler.submit(sequence)
        yield from sequence.tokens(on_queue)

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """The logits [vocabulary] after ids, on the host, to see what quantization changes; waits until it is idle."""
        found: list[torch.Tensor] = []
        self._scheduler.run_when_idle(lambda: found.append(self._plain_logits(ids)))
        return found[0]

    @property
    def context_tokens(self) -> int:
        """The most tokens of prompt and answer together."""
        return min(self._context, self._cache_tokens)

    @property
    def ready(self) -> bool:
        """Whether this device's fastest path is in use; until then plain torch serves."""
        return self._weights.device.type == "cpu" or self._steps.captured

    @property
    def memory(self) -> Memory:
        """What is held on the device now."""
        pool = self._decoder.pool
        remembered = pool.remembered * BLOCK
        return Memory(self._weights.bytes, pool.bytes, self._state.bytes, self._cache_tokens, remembered)

    @property
    def tokens_per_step(self) -> float:
        """Tokens that one step made for a sequence, on average: above 1 where draft tokens were accepted."""
        return self._scheduler.tokens_made / max(1, self._scheduler.steps_made)

    @property
    def reused_tokens(self) -> int:
        """Tokens of prompts that were not read again, because others began with them."""
        return self._scheduler.reused_tokens

    def shrink(self) -> None:
        """Halve the KV cache once no sequence runs, and give the memory back; waiting requests are served then."""
        self._scheduler.run_when_idle(self._scheduler.halve_cache)

    def close(self) -> None:
        """End every request and free everything."""
        self._scheduler.stop()
        self._scheduler.free_cache()
        del self._decoder, self._weights, self._state, self._rope

    def _plain_logits(self, ids: Sequence[int]) -> torch.Tensor:
        import torch

        pool, device = self._decoder.pool, self._weights.device
        taken = pool.take(ids, len(ids), 0)
        if taken is None:
            raise OutOfMemoryError("llm.cache_too_small", tokens=len(ids))
        blocks = taken[0]
        try:
            last = self._decoder.prefill(torch.tensor(ids, device=device), [Part(0, len(ids), len(ids), blocks)])
            return self._decoder.logits(Residual(last, self._weights.norm))[0].cpu()
        finally:
            pool.give_back(blocks)

    @property
    def _cache_tokens(self) -> int:
        return self._decoder.pool.blocks * BLOCK

    def _affordable_blocks(self, memory_bytes: int | None) -> int:
        """Blocks for usual sequences in all slots, or as many as memory allows."""
        import torch

        device = self._weights.device
        each = block_bytes(self._weights, self._quantized_cache)
        wanted = max(self.slots * min(self._context, _USUAL_TOKENS), self._context) // BLOCK
        if memory_bytes is not None:
            budget = memory_bytes - self._weights.bytes - self._state.bytes
        elif device.type == "cuda":
            torch.cuda.empty_cache()
            budget = int((torch.cuda.mem_get_info(device)[0] - _RESERVE_BYTES) * _SHARE)
        else:
            return wanted
        blocks = min(wanted, budget // each - 1)  # one more is the spare block
        if blocks < 1:
            raise OutOfMemoryError("llm.no_memory_for_cache", size=self._weights.bytes)
        return blocks
