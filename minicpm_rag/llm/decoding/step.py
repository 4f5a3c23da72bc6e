"""One decode step: known token and guesses in, accepted tokens out, everything in device arrays.

    ids = last known token + guesses
    stream = layers(enter(ids))
    chosen = choose(head(stream)); guesses that agree with it stand, and the state moves on

The operations come from `plain` or, as kernels, from `fast`: the same six functions.

Nothing here depends on a value the host would have to read, so a step can be captured as one CUDA graph and
replayed while the host still reads the tokens of the step before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import PAGE, PagePool
from minicpm_rag.llm.decoding.rope import RotaryTables
from minicpm_rag.llm.decoding.slots import Slots
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch


class Decoder:
    """Weights, cache and slots together: what a step works on."""

    def __init__(self, weights: DecoderWeights, rope: RotaryTables, pool: PagePool, state: Slots) -> None:
        self.weights = weights
        self.rope = rope
        self.pool = pool
        self.state = state

    def prompt(self, ids: torch.Tensor, pages: torch.Tensor, start: int, length: int) -> plain.Stream:
        """Fill the cache for ids at positions `start` and on, of a prompt of `length` tokens.

        Goes by whole pages: `start` is the beginning of one, and what is missing from the last is filled
        with rows that mean nothing. They come after all others, so that none looks at them, and steps write
        over them.
        """
        from torch.nn import functional

        weights = self.weights
        ids = functional.pad(ids, (0, -len(ids) % PAGE))
        rotation = self.rope.prompt(start, start + len(ids), length)
        cos, sin = (table[:, None].to(weights.dtype) for table in rotation)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return plain.prompt_attention(qkv, weights, cache, (cos, sin), pages, start)

        stream: plain.Stream = self._layers(ids, plain, attend)
        return stream

    def step(self, slots: torch.Tensor, tokens: int, operations: Any, pages: int) -> torch.Tensor:
        """Decode the next tokens of `slots`; returns [sequences, 1 + tokens]: how many stand, and which.

        `tokens` is 1 plus the guesses. `pages` bounds how much cache plain attention looks at; the kernel
        reads the real lengths.
        """
        weights, state = self.weights, self.state
        ids = operations.begin(state, slots, tokens)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return operations.attention(qkv, weights, cache, self.rope, state, slots, pages)  # type: ignore[no-any-return]

        stream = self._layers(ids.flatten(), operations, attend)
        logits = self.logits(stream, operations)
        chosen: torch.Tensor = operations.choose(logits.view(*ids.shape, -1), state, slots, ids)
        return chosen

    def logits(self, stream: Any, operations: Any = plain) -> torch.Tensor:
        """What comes next, in float32, for every row of the stream."""
        import torch

        weights, multiplier = self.weights, self.weights.logits_multiplier
        logits: torch.Tensor = operations.project(
            stream, weights.head, weights.epsilon, multiplier=multiplier, dtype=torch.float32
        )
        return logits

    def _layers(self, ids: torch.Tensor, operations: Any, attend: Callable[[torch.Tensor, int], torch.Tensor]) -> Any:
        weights = self.weights
        add, project, epsilon = operations.add, operations.project, weights.epsilon
        gains = [layer.attention_norm for layer in weights.layers[1:]] + [weights.norm]
        stream = operations.enter(ids, weights)
        for number, (layer, next_gain) in enumerate(zip(weights.layers, gains, strict=True)):
            mixed = attend(project(stream, layer.qkv, epsilon), number)
            stream = add(stream, mixed, layer.out, weights.residual_multiplier, layer.mlp_norm)
            wide = project(stream, layer.gate_up, epsilon, gated=True)
            stream = add(stream, wide, layer.down, weights.residual_multiplier, next_gain)
        return stream
