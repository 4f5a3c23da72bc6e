"""Rotary embedding as tables: the cosines and sines of every position, as transformers would compute them.

For most models position p has one rotation. With dynamic NTK and longrope it depends on the length of the
text at the time: transformers rotates a prompt by the prompt's length and each later token by its own, and
leaves what is cached as it is. The tables do the same, so `decode` row p is the rotation in a text of p + 1
tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


class RotaryTables:
    """Cosines and sines [positions, head dimension] in float32."""

    def __init__(self, model: Any, positions: int, device: torch.device) -> None:
        import torch

        self._config = model.config
        rope = model.config.rope_parameters
        self._kind = rope["rope_type"]
        self.depends_on_length = self._kind in ("dynamic", "longrope")
        # Up to this length the rotation is the usual one.
        self.plain_length = positions
        if self.depends_on_length:
            self.plain_length = rope.get("original_max_position_embeddings", model.config.max_position_embeddings)
        self._rotary = model.model.rotary_emb
        self._device = device
        frequencies = self._rotary.original_inv_freq.float().to(device)
        everywhere = torch.arange(positions, device=device)
        self.cos, self.sin = self._rotations(everywhere, frequencies, self._rotary.attention_scaling)
        self._filled = min(positions, self.plain_length)

    def prompt(self, start: int, end: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Rotations of the positions from `start` up to `end`, when the prompt has `length` tokens."""
        import torch

        if not self.depends_on_length or length <= self.plain_length:
            return self.cos[start:end], self.sin[start:end]
        return self._rotations(torch.arange(start, end, device=self._device), *self._frequencies(length))

    def prepare(self, length: int) -> None:
        """Fill the decode rows up to `length` where they depend on it; one row costs some 50 us on a CPU."""
        import torch

        if not self.depends_on_length:
            return
        for position in range(self._filled, min(length, len(self.cos))):
            row = torch.tensor([position], device=self._device)
            cos, sin = self._rotations(row, *self._frequencies(position + 1))
            self.cos[position], self.sin[position] = cos[0], sin[0]
        self._filled = max(self._filled, min(length, len(self.cos)))

    def _frequencies(self, length: int) -> tuple[torch.Tensor, float]:
        from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

        frequencies, scaling = ROPE_INIT_FUNCTIONS[self._kind](self._config, self._device, seq_len=length)
        return frequencies.float(), float(scaling)

    def _rotations(
        self, positions: torch.Tensor, frequencies: torch.Tensor, scaling: float
    ) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        angles = positions[:, None].float() * frequencies
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos() * scaling, angles.sin() * scaling
