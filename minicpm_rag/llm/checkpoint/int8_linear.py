"""8-bit weights on a processor: half the bytes of bfloat16 for each token, which is what a processor waits for.

Only the weights are rounded, one scale a row, as in `quantization`; what goes in keeps its precision. Knows
torch modules, not models.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from minicpm_rag.llm.checkpoint.quantization import matrix


class Int8Linear(nn.Module):
    """A linear layer without its full weights: x [..., columns] -> [..., rows]."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        stored = matrix(linear.weight.detach(), "int8")
        self.register_buffer("whole", stored.data)
        self.register_buffer("scale", stored.scale)
        self.register_buffer("ones", torch.ones_like(stored.scale, dtype=torch.bfloat16))
        self.bias = linear.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Few rows read the 8 bits as they are; many are worth turning them back into numbers first.

        torch's kernel is made for one row: it takes a quarter of bfloat16's time for one, 2.5 times it for eight.
        Its own scales would be rounded to bfloat16, so they are left at 1.
        """
        whole, scale = self.get_buffer("whole"), self.get_buffer("scale")
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= 2:
            product = torch._weight_int8pack_mm(rows.to(torch.bfloat16).contiguous(), whole, self.get_buffer("ones"))
        else:
            product = nn.functional.linear(rows, whole.to(x.dtype))
        product = (product * scale).to(x.dtype)
        if self.bias is not None:
            product = product + self.bias
        return product.view(*x.shape[:-1], -1)


def quantize_linears(model: Any) -> None:
    """Replace every linear layer of a model in place, the head too; embeddings stay as they are."""
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear):
            parent, _, last = name.rpartition(".")
            setattr(model.get_submodule(parent), last, Int8Linear(layer))
