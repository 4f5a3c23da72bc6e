"""Weights in fewer bits: integers with scales, which are converted back as they are multiplied.

Decoding waits for weights to be read, so fewer bytes take less time and less memory. Only the weights are rounded;
sums stay in float32. Knows matrices, not models.

    8 bits   one scale a row
    4 bits   one scale for each group of 64 numbers of a row: with one for the whole row, a single large weight would
             leave the others only a few of the 16 values
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch

Weights = Literal["full", "int8", "int4"]
INT4_GROUP = 64
_SHARES = (1.0, 0.9, 0.8, 0.7)  # of the scale at which nothing is cut off


@dataclass
class Matrix:
    """A weight matrix [rows, columns] as it is stored: `bits` 16 means unchanged, whatever its precision."""

    data: torch.Tensor
    scale: torch.Tensor  # empty for 16 bits; 8: [rows]; 4: [rows, groups / 2, 2], both halves of a row side by side
    bits: int
    rows: int
    columns: int

    @property
    def bytes(self) -> int:
        """What it takes in memory."""
        return self.data.nbytes + self.scale.nbytes

    def full(self, dtype: torch.dtype) -> torch.Tensor:
        """The matrix [rows, columns] in `dtype`."""
        import torch

        if self.bits == 16:
            return self.data.to(dtype)
        if self.bits == 8:
            return (self.data * self.scale[:, None]).to(dtype)
        low, high = (self.data & 15), (self.data >> 4)
        whole = torch.cat((low, high), dim=1).float() - 8
        grouped = whole.view(self.rows, 2, -1, INT4_GROUP) * self.scale.transpose(1, 2)[..., None]
        return grouped.view(self.rows, self.columns).to(dtype)

    def some_rows(self, index: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
        """The rows of these numbers [index, columns]: how an embedding reads a matrix."""
        if self.bits == 16:
            return self.data[index].to(dtype)
        picked = Matrix(self.data[index], self.scale[index], self.bits, len(index), self.columns)
        return picked.full(dtype)


def matrix(weight: torch.Tensor, weights: Weights = "full") -> Matrix:
    """Store a weight matrix [rows, columns] in the wanted number of bits.

    A matrix whose columns do not divide into pairs of groups gets 8 bits instead of 4.
    """
    rows, columns = weight.shape
    if weights == "full":
        return Matrix(weight, weight.new_empty(0), 16, rows, columns)
    if weights == "int4" and columns % (2 * INT4_GROUP) == 0:
        return _int4(weight)
    return _int8(weight)


def _int8(weight: torch.Tensor) -> Matrix:
    import torch

    wide = weight.float()
    # In bfloat16, as a processor's kernel wants it: so the weights are rounded to the scale that is used.
    scale = (wide.abs().amax(dim=1).clamp(min=1e-8) / 127).to(torch.bfloat16).float()
    whole = (wide / scale[:, None]).round().clamp(-127, 127)
    return Matrix(whole.to(torch.int8), scale, 8, *weight.shape)


def _int4(weight: torch.Tensor) -> Matrix:
    """Byte j of a row holds column j in its low half and column j + columns/2 in its high half.

    So a kernel that loads neighbouring bytes gets neighbouring columns and need not interleave them.
    """
    import torch

    rows, columns = weight.shape
    grouped = weight.float().view(rows, -1, INT4_GROUP)
    # The scale's sign is such that the weight of largest magnitude becomes -8: all 16 values are used.
    extreme = grouped.gather(2, grouped.abs().argmax(dim=2, keepdim=True))
    scale = _fitted(grouped, (extreme / -8).where(extreme != 0, torch.ones_like(extreme)))
    whole = ((grouped / scale).round().clamp(-8, 7) + 8).to(torch.uint8).view(rows, columns)
    packed = whole[:, : columns // 2] | (whole[:, columns // 2 :] << 4)
    pairs = scale.view(rows, 2, -1).transpose(1, 2)
    return Matrix(packed.contiguous(), pairs.contiguous(), 4, rows, columns)


def _fitted(grouped: torch.Tensor, widest: torch.Tensor) -> torch.Tensor:
    """The scales [rows, groups, 1] of least squared error among some that cut off the largest weights.

    Each is fitted to its own whole numbers: where these are fixed, the best scale is <weights, whole> / <whole, whole>.
    """
    import torch

    best, least = widest, torch.full_like(widest, float("inf"))
    for share in _SHARES:
        scale = widest * share
        for _ in range(2):
            whole = (grouped / scale).round().clamp(-8, 7)
            square = whole.square().sum(dim=2, keepdim=True)
            scale = ((grouped * whole).sum(dim=2, keepdim=True) / square.clamp(min=1)).where(square > 0, scale)
            scale = scale.where(scale != 0, widest)
        error = (grouped - (grouped / scale).round().clamp(-8, 7) * scale).square().sum(dim=2, keepdim=True)
        best, least = scale.where(error < least, best), error.minimum(least)
    return best
