"""Token ids in, token ids out: how a loaded model is driven, one token at a time.

Knows nothing of text: detokenising, stop strings and the queue in front of the model live in `minicpm`.
An engine retries nothing: it raises what torch raises, and `stream_within_memory` asks it to `shrink`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from minicpm_rag.errors import OutOfMemoryError

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen, in transformers' order: penalty, temperature, top-k, top-p, draw.

    The penalty counts prompt and new tokens alike. Temperature 0 takes the likeliest token, still after the
    penalty. `top_k` 0 and `top_p` 1 switch those off; 50 is what `generate` uses where nothing is said, so it
    is what the widely copied MiniCPM tutorial samples with.
    """

    temperature: float = 0.5
    top_p: float = 0.8
    top_k: int = 50
    repetition_penalty: float = 1.02
    max_new_tokens: int = 512
    seed: int | None = None
    end_tokens: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and self.top_k >= 0 and self.repetition_penalty > 0):
            raise ValueError(
                "Sampling needs temperature >= 0, 0 < top_p <= 1, top_k >= 0 and repetition_penalty > 0, not "
                f"temperature={self.temperature}, top_p={self.top_p}, top_k={self.top_k}, "
                f"repetition_penalty={self.repetition_penalty}."
            )
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")


class Engine(Protocol):
    """What drives a model. `slots` prompts are served at once; a caller queues what comes beyond that."""

    slots: int

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids; the end token is not yielded.

        Ends at an end token, after `max_new_tokens`, or within two tokens after `cancel` is set or the
        iterator is closed. Errors of torch come through unchanged.
        """

    def shrink(self) -> None:
        """Give cached memory back and use a smaller cache from now on, after an out-of-memory error."""

    def close(self) -> None:
        """Free everything the engine holds; no stream may be open."""


class _CancelledError(Exception):
    """Ends a forward pass whose text nobody waits for; never leaves the engine."""


@contextlib.contextmanager
def _left_between_layers(model: Any, cancel: Event) -> Iterator[None]:
    """Meanwhile a forward pass ends between two layers once `cancel` is set: a whole one can take seconds."""

    def leave(*_: Any) -> None:
        if cancel.is_set():
            raise _CancelledError

    hooks = [layer.register_forward_pre_hook(leave) for layer in getattr(model.base_model, "layers", ())]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


class TransformersEngine:
    """A plain loop over transformers' own forward pass with a growing cache: every model, every device.

    Written out, not `generate` in a thread: a seed per stream, stopping between tokens and between the layers
    of a prompt, and no exception lost in a worker.
    """

    slots = 1

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = _input_device(model)
        self._small = False
        # Beyond the trained window these choose their frequencies by the length of one forward pass, so that
        # a longer prompt must go in whole to give the reference's numbers.
        rope = getattr(model.config, "rope_parameters", None) or {}
        self._longest_split = (
            rope.get("original_max_position_embeddings", model.config.max_position_embeddings)
            if rope.get("rope_type") in ("dynamic", "longrope")
            else None
        )

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`."""
        with _left_between_layers(self._model, cancel), contextlib.suppress(_CancelledError):
            yield from self._tokens(prompt_ids, sampling, cancel)

    def _tokens(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        import torch

        seen = torch.tensor([list(prompt_ids)], device=self._device)
        choose = _chooser(sampling, self._device)
        self._forget_longer_texts()
        cache = self._new_cache()
        pending = seen
        for _ in range(sampling.max_new_tokens):
            with torch.inference_mode():
                logits = self._forward(pending, cache)
                pending = choose(seen, logits)
                token = int(pending)
                seen = torch.cat([seen, pending], dim=1)
            if cancel.is_set() or token in sampling.end_tokens:
                return
            yield token

    def _forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits after the last of `ids`."""
        import torch

        for piece in torch.split(ids, self._prompt_piece(ids.shape[1]), dim=1):
            output = self._model(input_ids=piece, past_key_values=cache, use_cache=True, logits_to_keep=1)
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _prompt_piece(self, length: int) -> int:
        """Prompt tokens in one forward pass: what comes between two layers must fit the memory.

        A processor reads a prompt 1.7 times as quickly in pieces of 1,024 as of 128.
        """
        if self._longest_split is not None and length > self._longest_split:
            return length
        return 128 if self._small else 1024

    def _forget_longer_texts(self) -> None:
        """Dynamic NTK keeps the frequencies of the longest text since the last short one; start afresh."""
        rotary: Any = getattr(self._model.base_model, "rotary_emb", None)
        if getattr(rotary, "rope_type", None) == "dynamic":
            rotary.register_buffer("inv_freq", rotary.original_inv_freq, persistent=False)
            rotary.max_seq_len_cached = rotary.original_max_seq_len

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config, offloading=self._small)

    def shrink(self) -> None:
        """From now on the cache lives in host memory, one layer at a time on the device."""
        import torch

        self._small = self._device.type == "cuda"
        with contextlib.suppress(AttributeError):
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Let go of the model."""
        self._model = None


def _input_device(model: Any) -> torch.device:
    """Where a model takes its input; one spread over devices may keep its first weights on the host."""
    import torch

    places = [place for place in getattr(model, "hf_device_map", {}).values() if place not in ("cpu", "disk")]
    if not places:
        device: torch.device = model.device
        return device
    return torch.device("cuda", places[0]) if isinstance(places[0], int) else torch.device(places[0])


def _chooser(sampling: Sampling, device: torch.device) -> Any:
    """A function (ids so far, logits) -> next id of shape (1, 1), with transformers' own processors."""
    import torch
    from transformers import LogitsProcessorList, RepetitionPenaltyLogitsProcessor
    from transformers.generation import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

    processors = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.temperature > 0:
        processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
        if sampling.top_k > 0:
            processors.append(TopKLogitsWarper(sampling.top_k))
        if sampling.top_p < 1:
            processors.append(TopPLogitsWarper(sampling.top_p))
    # Its own generator, so that a seeded stream is the same whatever other threads draw meanwhile.
    generator = torch.Generator(device=device)
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)

    def choose(seen: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = processors(seen, logits)
        if sampling.temperature == 0:
            return scores.argmax(dim=-1, keepdim=True)
        return torch.multinomial(scores.softmax(dim=-1), 1, generator=generator)

    return choose


def stream_within_memory(
    engine: Engine, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event
) -> Generator[int]:
    """Stream from an engine; where memory runs out, let it shrink and go on from there, once.

    Raises OutOfMemoryError where that was not enough.
    """
    produced: list[int] = []
    try:
        with contextlib.closing(engine.stream(prompt_ids, sampling, cancel)) as tokens:
            for token in tokens:
                produced.append(token)
                yield token
        return
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
        _log.warning("out of memory after %d + %d tokens; retrying smaller", len(prompt_ids), len(produced))
    # Only here, with the error and the tensors its frames held gone, is there memory to give back.
    engine.shrink()
    rest = replace(sampling, max_new_tokens=sampling.max_new_tokens - len(produced))
    try:
        with contextlib.closing(engine.stream([*prompt_ids, *produced], rest, cancel)) as tokens:
            yield from tokens
        return
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
        reason = str(exc).partition("\n")[0]
    engine.shrink()
    raise OutOfMemoryError(
        "llm.out_of_memory", prompt_tokens=len(prompt_ids), new_tokens=sampling.max_new_tokens, why=reason
    )


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch failed for want of memory: on a GPU, in one of its libraries, or on the host."""
    import torch

    text = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in text for sign in ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")
    )
