"""8-bit weights on a processor: decoding waits for memory, and they are half the bytes of bfloat16.

Only the weights are rounded, with one scale a row, as in `quantization`; activations keep their precision. Knows
torch modules, not models.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from minicpm_rag.llm.checkpoint.quantization import matrix
from minicpm_rag.llm.torch_internals import int8_product


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
        """One or two rows are multiplied with the 8 bits as they are; for more, the weights are converted first.

        torch's 8-bit kernel is fast for one row and slow for many. It would round the scales to bfloat16, so it gets
        ones, and the scales are applied here.
        """
        whole, scale = self.get_buffer("whole"), self.get_buffer("scale")
        rows = x.reshape(-1, x.shape[-1])
        if len(rows) <= 2:
            product = int8_product(rows.to(torch.bfloat16).contiguous(), whole, self.get_buffer("ones"))
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
