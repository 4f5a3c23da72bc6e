"""4-bit weights on a processor: decoding waits for memory, and reads a quarter of bfloat16's bytes.

torch's kernel wants (whole - 8) * scale + offset, so a weight's zero becomes the offset (8 - zero) * scale. Groups
of columns in any order (act-order) are sorted, and the input with them. A long prompt is faster with weights that
were converted first, and the kernel's layout is its own; so a plain copy is kept too, two weights a byte, and both
together take what 8 bits take. Knows torch modules, not models.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from minicpm_rag.llm.checkpoint.packed import Packed
from minicpm_rag.llm.torch_internals import int4_pack, int4_product

FEW_ROWS = 16  # for so many torch's 4-bit kernel is faster than a product of converted weights
_GROUPS = (32, 64, 128, 256)  # columns; what the kernel knows
_MIDDLE = 8
GROUP = 32  # columns of a weight that is packed here: with 64 a small model loses several times as much


def fits_kernel(packed: Packed) -> bool:
    """Whether torch's kernel multiplies with this matrix: rows by 16, and groups of a size that it knows."""
    rows, columns = packed.shape
    size = columns // len(packed.scale)
    equal = bool((torch.bincount(packed.group, minlength=len(packed.scale)) == size).all())
    return rows % 16 == 0 and size in _GROUPS and equal


class Int4Linear(nn.Module):
    """A linear layer without bias of a packed weight: x [..., columns] -> [..., rows]."""

    def __init__(self, packed: Packed) -> None:
        super().__init__()
        order = packed.group.argsort(stable=True)
        self.rows, self.columns = packed.shape
        self.group = self.columns // len(packed.scale)
        in_order = bool((order == torch.arange(self.columns)).all())
        self.register_buffer("order", torch.empty(0, dtype=torch.int64) if in_order else order)
        whole = packed.whole if in_order else packed.whole[:, order]
        self.register_buffer("packed", int4_pack(whole))
        # As in `quantization`: column j in the low half of a byte, column j + columns/2 in the high one.
        half = self.columns // 2
        self.register_buffer("plain", (whole[:, :half] | (whole[:, half:] << 4)).contiguous())
        offset = (_MIDDLE - packed.zero) * packed.scale
        self.register_buffer("scales", torch.stack((packed.scale, offset), dim=-1).to(torch.bfloat16).contiguous())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Few rows are multiplied with the 4 bits as they are; for more, the weights are converted first."""
        rows = x.reshape(-1, x.shape[-1])
        order = self.get_buffer("order")
        if len(order):
            rows = rows[:, order]
        if len(rows) <= FEW_ROWS:
            few = rows.to(torch.bfloat16).contiguous()
            product = int4_product(few, self.get_buffer("packed"), self.group, self.get_buffer("scales"))
        else:
            product = nn.functional.linear(rows, self._full(x.dtype))
        return product.to(x.dtype).view(*x.shape[:-1], -1)

    def _full(self, dtype: torch.dtype) -> torch.Tensor:
        """The weights [rows, columns], their columns in the groups' order."""
        plain = self.get_buffer("plain")
        scale, offset = self.get_buffer("scales").to(dtype).unbind(dim=-1)
        whole = torch.cat((plain & 15, plain >> 4), dim=1).to(dtype).sub_(_MIDDLE).view(self.rows, -1, self.group)
        return whole.mul_(scale.T[:, :, None]).add_(offset.T[:, :, None]).view(self.rows, self.columns)


def replace_linear(model: Any, name: str, packed: Packed) -> bool:
    """Put the packed weight in place of a linear layer of the model; False where the kernel does not fit it."""
    layer = model.get_submodule(name)
    if not isinstance(layer, nn.Linear) or layer.bias is not None or not fits_kernel(packed):
        return False
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, Int4Linear(packed))
    return True


def pack_linears(model: Any) -> None:
    """Replace the linear layers of a model in place where the kernel fits them; the head and embeddings stay.

    No later layer evens out the rounding of the head.
    """
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Linear) and name != "lm_head" and layer.weight.shape[1] % GROUP == 0:
            replace_linear(model, name, pack(layer.weight.detach()))


def pack(weight: torch.Tensor) -> Packed:
    """Round a weight [rows, columns] to 16 values a group, with the scale and zero of least squared error for these.

    From least to largest at first; then scale and zero are those that fit the whole numbers best (a line through the
    points), and the numbers are rounded anew, twice.
    """
    grouped = weight.float().view(len(weight), -1, GROUP)
    least, largest = grouped.amin(2, keepdim=True), grouped.amax(2, keepdim=True)
    scale, start = ((largest - least) / 15).clamp(min=1e-8), least
    mean = grouped.mean(2, keepdim=True)
    for _ in range(2):
        whole = ((grouped - start) / scale).round().clamp(0, 15)
        middle = whole.mean(2, keepdim=True)
        spread = (whole - middle).square().sum(2, keepdim=True)
        fitted = ((whole - middle) * (grouped - mean)).sum(2, keepdim=True) / spread.clamp(min=1e-8)
        scale = fitted.where(spread > 0, scale).clamp(min=1e-8)
        start = mean - scale * middle
    whole = ((grouped - start) / scale).round().clamp(0, 15).to(torch.uint8).view_as(weight)
    scales = scale[:, :, 0].T.contiguous()
    group = torch.arange(weight.shape[1]) // GROUP
    return Packed(whole, scales, (-start / scale)[:, :, 0].T.contiguous(), group)
