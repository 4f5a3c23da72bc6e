"""The engine for CUDA: up to eight texts decoded together by replaying one captured step.

Token ids in, token ids out; text, stop strings and the queue in front live in `generation.text`. The parts:
`weights` (fused, perhaps quantized), `cache` (pages of keys and values), `slots` (what the device knows of each
text), `step` (the step itself), `plain` and `fast` (its operations), `graphs` (captured and replayed),
`scheduler` (who joins and leaves).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import OutOfMemoryError, PromptTooLongError
from minicpm_rag.llm.checkpoint.quantization import Weights
from minicpm_rag.llm.decoding.cache import PAGE, PagePool, page_bytes
from minicpm_rag.llm.decoding.graphs import Steps
from minicpm_rag.llm.decoding.plain import Stream
from minicpm_rag.llm.decoding.rope import RotaryTables
from minicpm_rag.llm.decoding.scheduler import Scheduler
from minicpm_rag.llm.decoding.slots import Slots
from minicpm_rag.llm.decoding.step import Decoder
from minicpm_rag.llm.decoding.text import DONE, Text
from minicpm_rag.llm.decoding.weights import gather, understands
from minicpm_rag.llm.generation import Sampling

if TYPE_CHECKING:
    import torch

_USUAL_TOKENS = 4096  # what one text may take of the cache where nothing else is said
_RESERVE_BYTES = 1 << 30  # left free for a prompt's activations and the libraries' workspaces


@dataclass(frozen=True)
class Memory:
    """What an engine holds on the device, in bytes, and how many tokens its cache takes."""

    weights: int
    cache: int
    slots: int
    cache_tokens: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.slots


def supports(model: Any, weights: Weights = "full") -> bool:
    """Whether `GraphEngine` can serve this model here; `TransformersEngine` serves every other.

    It takes Granite and Llama models that lie whole on one GPU, or, to be quantized, on the host; and it
    needs Triton, which comes with torch for CUDA on Linux.
    """
    import importlib.util

    import torch

    if not torch.cuda.is_available() or importlib.util.find_spec("triton") is None or not understands(model):
        return False
    devices = {parameter.device for parameter in model.parameters()}
    kinds = {device.type for device in devices}
    return len(devices) == 1 and (kinds == {"cuda"} or (weights != "full" and kinds == {"cpu"}))


class GraphEngine:
    """Serves token streams from one model on one GPU; see `generation.Engine`."""

    def __init__(
        self,
        model: Any,
        *,
        weights: Weights = "full",
        cache: Weights = "full",
        slots: int = 8,
        memory_bytes: int | None = None,
        guessing: bool = True,
        operations: Any = None,
    ) -> None:
        """`memory_bytes` bounds weights and cache; without it the cache takes up to 4,096 tokens a slot.

        `cache` int8 halves the cache. `guessing` looks the next words up in the prompt while one text is
        alone. `operations` is for measurements, see `Steps`.
        """
        import torch

        device = model.lm_head.weight.device
        if weights != "full" and device.type == "cpu" and torch.cuda.is_available():
            device = torch.device("cuda", torch.cuda.current_device())
        self.slots = slots
        self.device = device
        self.weights = weights
        self._quantized_cache = cache == "int8"
        self._weights = gather(model, device, weights)
        self._context = _context(model.config)
        self._rope = RotaryTables(model, self._context + PAGE, device)
        self._state = Slots(slots, self._context, PAGE, self._weights.head.rows, device)
        self._pages = self._affordable_pages(memory_bytes)
        pool = PagePool(self._weights, self._pages, self._quantized_cache)
        self._decoder = Decoder(self._weights, self._rope, pool, self._state)
        if device.type == "cuda":
            # The arrays are written on this thread's stream; the threads below have streams of their own,
            # which wait for nothing, and read garbage where this one was still behind.
            torch.cuda.synchronize(device)
        self._steps = Steps(self._decoder, guessing=guessing, operations=operations)
        self._scheduler = Scheduler(self._decoder, self._steps, guessing=guessing)
        if device.type == "cuda":
            self._steps.start_compiling(self._scheduler.wake)

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`."""
        limit = min(self._context, self._pages * PAGE)
        if len(prompt_ids) >= limit:
            raise PromptTooLongError(len(prompt_ids), limit - 1)
        room = min(len(prompt_ids) + sampling.max_new_tokens, limit)
        text = Text(prompt_ids, room, sampling, cancel)
        self._scheduler.submit(text)
        try:
            while (token := text.tokens.get()) is not DONE:
                if isinstance(token, BaseException):
                    raise token
                if cancel.is_set():
                    return
                yield token
        finally:
            text.closed = True

    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """The logits after a text, to see what quantization changes; waits until no text is in work."""
        found: list[torch.Tensor] = []
        self._scheduler.run_when_idle(lambda: found.append(self._plain_logits(ids)))
        return found[0]

    @property
    def ready(self) -> bool:
        """Whether the quickest path of this device is on; until then a plainer one serves."""
        return self._weights.device.type == "cpu" or self._steps.captured

    @property
    def memory(self) -> Memory:
        """What is held on the device now."""
        return Memory(self._weights.bytes, self._decoder.pool.bytes, self._state.bytes, self._pages * PAGE)

    @property
    def tokens_per_step(self) -> float:
        """Tokens that one step made for a text, on average: above 1 where guesses stood."""
        return self._scheduler.tokens_made / max(1, self._scheduler.steps_made)

    def shrink(self) -> None:
        """Halve the cache as soon as no text is in work and give the memory back; then the queue goes on."""
        self._scheduler.run_when_idle(self._halve_cache)

    def close(self) -> None:
        """Free everything; no stream may be open."""
        self._scheduler.stop()
        self._free_cache()
        del self._decoder, self._weights, self._state, self._rope

    def _plain_logits(self, ids: Sequence[int]) -> torch.Tensor:
        import torch

        pool, device = self._decoder.pool, self._weights.device
        taken = pool.take(ids, len(ids), 0)
        if taken is None:
            raise OutOfMemoryError("llm.cache_too_small", tokens=len(ids))
        pages = taken[0]
        try:
            stream = self._decoder.prompt(
                torch.tensor(ids, device=device), torch.tensor(pages, device=device), 0, len(ids)
            )
            last = Stream(stream.rows[len(ids) - 1 : len(ids)], stream.gain)
            return self._decoder.logits(last)[0].cpu()
        finally:
            pool.give_back(pages)

    def _halve_cache(self) -> None:
        self._free_cache()
        self._pages = max(1, self._pages // 2)
        self._decoder.pool = PagePool(self._weights, self._pages, self._quantized_cache)

    def _free_cache(self) -> None:
        import torch

        self._steps.drop_graphs()
        self._decoder.pool.release()
        if self._weights.device.type == "cuda":
            torch.cuda.empty_cache()

    def _affordable_pages(self, memory_bytes: int | None) -> int:
        """Pages for every slot's usual text, or as many as memory allows."""
        import torch

        device = self._weights.device
        each = page_bytes(self._weights, self._quantized_cache)
        wanted = max(self.slots * min(self._context, _USUAL_TOKENS), self._context) // PAGE
        if memory_bytes is not None:
            budget = memory_bytes - self._weights.bytes - self._state.bytes
        elif device.type == "cuda":
            torch.cuda.empty_cache()
            budget = torch.cuda.mem_get_info(device)[0] - _RESERVE_BYTES
        else:
            return wanted
        pages = min(wanted, budget // each - 1)
        if pages < 1:
            raise OutOfMemoryError("llm.no_memory_for_cache", size=self._weights.bytes)
        return pages


def _context(config: Any) -> int:
    """Tokens a text may have: what the model was made for, times what dynamic NTK stretches it by."""
    rope = config.rope_parameters
    stretch = rope.get("factor", 1.0) if rope["rope_type"] == "dynamic" else 1.0
    return int(config.max_position_embeddings * stretch)
