"""The engine that runs every model on every device: a plain loop over transformers' own forward pass.

Knows nothing of text, nor of other requests.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator, Sequence
from threading import Event
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.choosing import chooser
from minicpm_rag.llm.transformers_internals import cache_argument, reset_rotary

if TYPE_CHECKING:
    import torch


class _CancelledError(Exception):
    """Ends the forward pass of a cancelled request; never leaves the engine."""


@contextlib.contextmanager
def _cancellable_between_layers(model: Any, cancel: Event) -> Iterator[None]:
    """Within this context a set `cancel` ends a forward pass before its next layer: a whole one can take seconds."""

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
    """Serves one request at a time with a growing cache; see `generation.Engine`.

    Not `generate` in a thread: that has one global seed, does not stop between the layers of a prompt, and loses
    exceptions of its thread.
    """

    slots = 1

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = _input_device(model)
        self._cache_argument = cache_argument(model)
        self._small = False
        # Beyond the trained window these choose their frequencies by the length of one forward pass: a longer
        # prompt must go in whole to give the reference's numbers.
        rope = getattr(model.config, "rope_parameters", None) or {}
        self._longest_split = (
            rope.get("original_max_position_embeddings", model.config.max_position_embeddings)
            if rope.get("rope_type") in ("dynamic", "longrope")
            else None
        )

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`."""
        with _cancellable_between_layers(self._model, cancel), contextlib.suppress(_CancelledError):
            yield from self._tokens(prompt_ids, sampling, cancel)

    def _tokens(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        import torch

        seen = torch.tensor([list(prompt_ids)], device=self._device)
        choose = chooser(sampling, self._device)
        reset_rotary(self._model)
        cache = self._new_cache()
        pending = seen
        for _ in range(sampling.max_new_tokens):
            with torch.inference_mode():
                logits = self._forward(pending, cache)
                if logits.isnan().any():
                    raise ModelError("llm.not_a_number")
                if sampling.constraint is not None:
                    logits = sampling.constraint.restrict(logits)
                token = choose(seen, logits)
                if sampling.constraint is not None:
                    sampling.constraint.add(token)
                pending = torch.tensor([[token]], device=self._device)
                seen = torch.cat([seen, pending], dim=1)
            if cancel.is_set() or token in sampling.end_tokens:
                return
            yield token

    def _forward(self, ids: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits after the last of `ids`."""
        import torch

        for piece in torch.split(ids, self._prefill_tokens(ids.shape[1]), dim=1):
            output = self._model(input_ids=piece, use_cache=True, logits_to_keep=1, **{self._cache_argument: cache})
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    def _prefill_tokens(self, length: int) -> int:
        """Prompt tokens in one forward pass: more are faster, but the activations of one layer must fit the memory."""
        if self._longest_split is not None and length > self._longest_split:
            return length
        return 128 if self._small else 1024

    def _new_cache(self) -> Any:
        from transformers import DynamicCache

        return DynamicCache(config=self._model.config, offloading=self._small)

    def shrink(self) -> None:
        """From now on the cache lives in host memory, one layer at a time on the device."""
        import torch

        self._small = self._device.type == "cuda"
        if self._small:
            torch.cuda.empty_cache()

    def close(self) -> None:
        """Drop the reference to the model."""
        self._model = None


def _input_device(model: Any) -> torch.device:
    """Where a model takes its input; one spread over devices may keep its first weights on the host."""
    import torch

    places = [place for place in getattr(model, "hf_device_map", {}).values() if place not in ("cpu", "disk")]
    if not places:
        device: torch.device = model.device
        return device
    return torch.device("cuda", places[0]) if isinstance(places[0], int) else torch.device(places[0])
