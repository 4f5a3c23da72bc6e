"""One decode step: the last known token and draft tokens in, accepted tokens out, everything in device arrays.

    ids = begin(slots)                    the last known token of each sequence, and draft tokens
    residual = layers(enter(ids))
    chosen = choose(head(residual))       draft tokens that equal the chosen ones are accepted

The operations come from `plain` or, as kernels, from `fast`: the same functions. A portion of prompts goes through the
same layers, with an attention of its own.

Nothing here depends on a value that the host would have to read, so a step can be captured as one CUDA graph and
replayed while the host still reads the tokens of the step before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import BlockPool
from minicpm_rag.llm.decoding.plain import Attend
from minicpm_rag.llm.decoding.portion import Part, Portion
from minicpm_rag.llm.decoding.rope import RotaryTables
from minicpm_rag.llm.decoding.slots import Slots
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch


class Decoder:
    """What a step works on: weights, KV cache and slots; and what attends in prompts, where not the operations do."""

    def __init__(
        self, weights: DecoderWeights, rope: RotaryTables, pool: BlockPool, state: Slots, attend: Attend | None = None
    ) -> None:
        self.weights = weights
        self.rope = rope
        self.pool = pool
        self.state = state
        self._attend = attend

    def prefill(self, ids: torch.Tensor, parts: Sequence[Part], operations: Any = plain) -> torch.Tensor:
        """Cache the keys and values of ids [tokens], those of all parts of a portion, one after the other.

        Returns the residual of each part's last token [parts, hidden].
        """
        weights = self.weights
        portion = Portion(parts, self.rope, weights.dtype, weights.device)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return operations.prefill_attention(qkv, weights, cache, portion, self._attend)  # type: ignore[no-any-return]

        residual = self._layers(portion.padded(ids), operations, attend)
        last: torch.Tensor = residual.rows[portion.last_rows]
        return last

    def step(self, slots: torch.Tensor, tokens: int, operations: Any, blocks: int) -> torch.Tensor:
        """Decode the next tokens of slots [sequences]; `tokens` is 1 plus the draft tokens.

        Returns [sequences, 1 + tokens]: how many of the chosen tokens are accepted, then all of them. `blocks` is
        how many cache blocks plain attention reads; the kernel reads each sequence's real length.
        """
        weights, state = self.weights, self.state
        ids = operations.begin(state, slots, tokens)

        def attend(qkv: torch.Tensor, layer: int) -> torch.Tensor:
            cache = self.pool.layers[layer]
            return operations.attention(qkv, weights, cache, self.rope, state, slots, blocks)  # type: ignore[no-any-return]

        residual = self._layers(ids.flatten(), operations, attend)
        logits = self.logits(residual, operations)
        chosen: torch.Tensor = operations.choose(logits.view(*ids.shape, -1), state, slots, ids)
        return chosen

    def logits(self, residual: Any, operations: Any = plain) -> torch.Tensor:
        """Logits [rows, vocabulary] in float32, for every row of the residual."""
        import torch

        weights, multiplier = self.weights, self.weights.logits_multiplier
        logits: torch.Tensor = operations.project(
            residual, weights.head, weights.epsilon, multiplier=multiplier, dtype=torch.float32
        )
        return logits

    def _layers(self, ids: torch.Tensor, operations: Any, attend: Callable[[torch.Tensor, int], torch.Tensor]) -> Any:
        weights = self.weights
        add, project, epsilon = operations.add, operations.project, weights.epsilon
        gains = [layer.attention_norm for layer in weights.layers[1:]] + [weights.norm]
        residual = operations.enter(ids, weights)
        for number, (layer, next_gain) in enumerate(zip(weights.layers, gains, strict=True)):
            mixed = attend(project(residual, layer.qkv, epsilon), number)
            residual = add(residual, mixed, layer.out, weights.residual_multiplier, layer.mlp_norm)
            wide = project(residual, layer.gate_up, epsilon, gated=True)
            residual = add(residual, wide, layer.down, weights.residual_multiplier, next_gain)
        return residual
