"""Rotary embedding as tables: the cosines and sines of every position, as transformers computes them.

For most models position p has one rotation. With dynamic NTK and longrope the rotation also depends on how long the
sequence is when it is computed: transformers rotates a whole prompt by the prompt's length, each later token by the
length at its own step, and does not rotate cached keys again. The tables do the same: row p is the rotation of
position p in a sequence of p + 1 tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.transformers_internals import rotary_frequencies, rotary_frequencies_at

if TYPE_CHECKING:
    import torch


class RotaryTables:
    """Cosines and sines [positions, head dimension] in float32."""

    def __init__(self, model: Any, positions: int, device: torch.device) -> None:
        import torch

        self._config = model.config
        rope = model.config.rope_parameters
        self.depends_on_length = rope["rope_type"] in ("dynamic", "longrope")
        # Up to this length the rotation does not depend on the length.
        self.plain_length = positions
        if self.depends_on_length:
            self.plain_length = rope.get("original_max_position_embeddings", model.config.max_position_embeddings)
        self._device = device
        frequencies, scaling = rotary_frequencies(model)
        everywhere = torch.arange(positions, device=device)
        self.cos, self.sin = self._rotations(everywhere, frequencies.to(device), scaling)
        self._filled = min(positions, self.plain_length)

    def prefill(self, start: int, end: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines [end - start, head dimension] of these positions in a prompt of `length` tokens."""
        import torch

        if not self.depends_on_length or length <= self.plain_length:
            return self.cos[start:end], self.sin[start:end]
        positions = torch.arange(start, end, device=self._device)
        return self._rotations(positions, *rotary_frequencies_at(self._config, self._device, length))

    def prepare(self, length: int) -> None:
        """Compute the rows up to `length` where they depend on the length; row by row, so only as far as needed."""
        import torch

        if not self.depends_on_length:
            return
        for position in range(self._filled, min(length, len(self.cos))):
            row = torch.tensor([position], device=self._device)
            cos, sin = self._rotations(row, *rotary_frequencies_at(self._config, self._device, position + 1))
            self.cos[position], self.sin[position] = cos[0], sin[0]
        self._filled = max(self._filled, min(length, len(self.cos)))

    def _rotations(
        self, positions: torch.Tensor, frequencies: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        angles = positions[:, None].float() * frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * scaling, angles.sin() * scaling
