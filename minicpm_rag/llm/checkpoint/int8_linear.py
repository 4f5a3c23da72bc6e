"""8-bit weights on a processor: decoding waits for memory, and they are half the bytes of bfloat16.

Only the weights are rounded, with one scale a row, as in `quantization`; activations keep their precision. Knows
torch modules, not models.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from minicpm_rag.llm.checkpoint.quantization import matrix
from minicpm_rag.llm.torch_internals import int8_product

FEW_ROWS = 8  # for so many torch's 8-bit kernel is faster than a product of converted weights


class Int8Linear(nn.Module):
    """A linear layer without its full weights: x [..., columns] -> [..., rows]."""

    def __init__(self, linear: nn.Linear | None = None) -> None:
        super().__init__()
        self.bias: nn.Parameter | None = None
        if linear is not None:
            stored = matrix(linear.weight.detach(), "int8")
            self._store(stored.data, stored.scale)
            self.bias = linear.bias

    @classmethod
    def joined(cls, layers: Sequence[Int8Linear]) -> Int8Linear:
        """One layer whose output is theirs one after another; theirs become views of its weights."""
        whole = torch.cat([layer.get_buffer("whole") for layer in layers])
        scale = torch.cat([layer.get_buffer("scale") for layer in layers])
        start = 0
        for layer in layers:
            end = start + len(layer.get_buffer("scale"))
            layer._store(whole[start:end], scale[start:end])
            start = end
        together = cls()
        together._store(whole, scale)
        return together

    def _store(self, whole: torch.Tensor, scale: torch.Tensor) -> None:
        self.register_buffer("whole", whole)
        self.register_buffer("scale", scale)
        # Exact: the scales were rounded to bfloat16 before the weights were.
        self.register_buffer("kernel_scale", scale.to(torch.bfloat16))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Few rows are multiplied with the 8 bits as they are; for more, the weights are converted first."""
        whole = self.get_buffer("whole")
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= FEW_ROWS:
            product = int8_product(rows.to(torch.bfloat16).contiguous(), whole, self.get_buffer("kernel_scale")).to(
                x.dtype
            )
        else:
            product = nn.functional.linear(rows, whole.to(x.dtype)).mul_(self.get_buffer("kernel_scale").to(x.dtype))
        if self.bias is not None:
            product = product + self.bias
        return product.view(*x.shape[:-1], -1)


def quantize_linears(model: Any) -> None:
    """Replace every linear layer of a model in place, the head too; embeddings stay as they are."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, Int8Linear(layer))
