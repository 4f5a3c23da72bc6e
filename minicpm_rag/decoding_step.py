"""One decode step: known token and guesses in, accepted tokens out, everything in device arrays.

    ids = last known token + guesses
    hidden = layers(ids)
    chosen = choose(head(hidden)); guesses that agree with it stand, and the state moves on

The operations come from `decoding_plain` or, as kernels, from `decoding_fast`: the same four functions.

Nothing here depends on a value the host would have to read, so a step can be captured as one CUDA graph and
replayed while the host still reads the tokens of the step before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minicpm_rag import decoding_plain
from minicpm_rag.decoding_cache import PagePool
from minicpm_rag.decoding_rope import RotaryTables
from minicpm_rag.decoding_slots import Slots
from minicpm_rag.decoding_weights import DecoderWeights

if TYPE_CHECKING:
    import torch


class Decoder:
    """Weights, cache and slots together: what a step works on."""

    def __init__(self, weights: DecoderWeights, rope: RotaryTables, pool: PagePool, state: Slots) -> None:
        self.weights = weights
        self.rope = rope
        self.pool = pool
        self.state = state

    def prompt(self, ids: torch.Tensor, pages: torch.Tensor, start: int, length: int) -> None:
        """Fill the cache for ids at positions `start` and on, of a prompt of `length` tokens."""
        weights = self.weights
        rotation = self.rope.prompt(length)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return decoding_plain.prompt_attention(qkv, weights, cache, rotation, pages, start)

        self._layers(ids, decoding_plain.linear, attend)

    def step(self, slots: torch.Tensor, tokens: int, operations: Any, pages: int) -> torch.Tensor:
        """Decode the next tokens of `slots`; returns [sequences, 1 + tokens]: how many stand, and which.

        `tokens` is 1 plus the guesses. `pages` bounds how much cache plain attention looks at; the kernel
        reads the real lengths.
        """
        import torch

        weights, state = self.weights, self.state
        ids = operations.begin(state, slots, tokens)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return operations.attention(qkv, weights, cache, self.rope, state, slots, pages)  # type: ignore[no-any-return]

        hidden = self._layers(ids.flatten(), operations.linear, attend)
        logits = operations.linear(
            hidden,
            weights.head,
            norm=weights.norm,
            epsilon=weights.epsilon,
            multiplier=weights.logits_multiplier,
            dtype=torch.float32,
        )
        return operations.choose(logits.unflatten(0, ids.shape), state, slots, ids)  # type: ignore[no-any-return]

    def _layers(
        self,
        ids: torch.Tensor,
        linear: Callable[..., torch.Tensor],
        attend: Callable[[torch.Tensor, int], torch.Tensor],
    ) -> torch.Tensor:
        weights = self.weights
        hidden = weights.embedding.some_rows(ids, weights.dtype) * weights.embedding_multiplier
        for number, layer in enumerate(weights.layers):
            qkv = linear(hidden, layer.qkv, norm=layer.attention_norm, epsilon=weights.epsilon)
            mixed = attend(qkv, number)
            hidden = linear(mixed, layer.out, residual=hidden, multiplier=weights.residual_multiplier)
            wide = linear(hidden, layer.gate_up, norm=layer.mlp_norm, epsilon=weights.epsilon, gated=True)
            hidden = linear(wide, layer.down, residual=hidden, multiplier=weights.residual_multiplier)
        return hidden
