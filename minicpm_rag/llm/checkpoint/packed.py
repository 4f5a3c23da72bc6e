"""Checkpoints in 4 bits as AutoGPTQ, AutoAWQ and llm-compressor publish them, read by their layouts.

A weight is (whole - zero) * scale, with a zero and a scale for each group of columns. Eight whole numbers lie in an
int32, the first in its low bits:

    gptq    qweight [columns/8, rows], qzeros [groups, rows/8] less one, scales [groups, rows]; g_idx [columns] names
            each column's group, in any order where act-order was used ("gptq_v2" stores the zeros as they are)
    awq     qweight [columns, rows/8], qzeros [groups, rows/8], scales [groups, rows]; of eight rows the order is
            0 2 4 6 1 3 5 7
    compressed-tensors, pack-quantized   weight_packed [rows, columns/8], weight_scale [rows, groups], where not
            symmetric weight_zero_point [rows/8, groups], weight_g_idx [columns] with act-order

Knows these formats, not architectures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError

if TYPE_CHECKING:
    import torch

_AWQ_ROWS = (0, 2, 4, 6, 1, 3, 5, 7)
_PARTS = {
    "gptq": ("qweight", "qzeros", "scales", "g_idx"),
    "awq": ("qweight", "qzeros", "scales"),
    "compressed-tensors": ("weight_packed", "weight_scale", "weight_zero_point", "weight_g_idx", "weight_shape"),
}
PACKED_NAMES = (".qweight", ".weight_packed")
_NEEDED = {
    "gptq": {"qweight", "qzeros", "scales"},
    "awq": {"qweight", "qzeros", "scales"},
    "compressed-tensors": {"weight_packed", "weight_scale"},
}
_MIDDLE = 8  # the zero of a symmetric weight


@dataclass(frozen=True)
class Packing:
    """How a checkpoint's weights are packed."""

    method: str
    zeros_less_one: bool = False


@dataclass
class Packed:
    """A weight matrix [rows, columns] of whole numbers 0..15, before they are scaled."""

    whole: torch.Tensor  # uint8 [rows, columns]
    scale: torch.Tensor  # float32 [groups, rows]
    zero: torch.Tensor  # float32 [groups, rows]
    group: torch.Tensor  # int64 [columns]

    @property
    def shape(self) -> torch.Size:
        """(rows, columns)."""
        return self.whole.shape

    def float(self) -> torch.Tensor:
        """The weights in float32."""
        return (self.whole.float() - self.zero[self.group].T) * self.scale[self.group].T


def packing(config: Mapping[str, Any], path: Path) -> Packing | None:
    """How the checkpoint with this config.json is packed; None where it is not.

    Raises CheckpointError where it is packed otherwise than can be read.
    """
    told = config.get("quantization_config") or config.get("compression_config")
    if not told:
        return None
    method = str(told.get("quant_method"))
    if method == "compressed-tensors":
        groups = (told.get("config_groups") or {}).values()
        weights = [group.get("weights") or {} for group in groups]
        right = told.get("format") == "pack-quantized" and all(each.get("num_bits") == 4 for each in weights)
    else:
        layout = str(told.get("version") or "gemm").casefold()
        right = told.get("bits") == 4 and (method == "gptq" or (method == "awq" and layout == "gemm"))
    if not right:
        kind = " ".join(str(told.get(key)) for key in ("quant_method", "format", "bits", "version") if told.get(key))
        raise CheckpointError("llm.packing_unknown", path=path, kind=kind)
    return Packing(method, method == "gptq" and told.get("checkpoint_format") != "gptq_v2")


def unpacked(
    stored: Iterable[tuple[Path, str, torch.Tensor]], kind: Packing
) -> Iterator[tuple[Path, str, torch.Tensor | Packed]]:
    """The weights by the architecture's names, the packed ones put together from their parts.

    Raises CheckpointError where a part is missing.
    """
    waiting: dict[str, dict[str, torch.Tensor]] = {}
    last: Path | None = None
    for path, name, tensor in stored:
        if path != last:  # the parts of a weight lie in one file, in any order; few lie in two
            yield from _complete(waiting, kind, last or path)
            last = path
        module, _, part = name.rpartition(".")
        if part in _PARTS[kind.method]:
            waiting.setdefault(module, {})[part] = tensor.clone()
        else:
            yield path, name, tensor
    assert last is not None
    yield from _complete(waiting, kind, last)
    for module, parts in waiting.items():
        lost = min(_NEEDED[kind.method] - parts.keys())
        raise CheckpointError("llm.weights_missing", folder=last.parent, count=1, name=f"{module}.{lost}")


def _complete(
    waiting: dict[str, dict[str, torch.Tensor]], kind: Packing, path: Path
) -> Iterator[tuple[Path, str, Packed]]:
    """Take out the weights whose parts are all there."""
    for module in [module for module, parts in waiting.items() if _NEEDED[kind.method] <= parts.keys()]:
        parts = waiting.pop(module)
        yield path, f"{module}.weight", (_compressed(parts) if "weight_packed" in parts else _grouped(parts, kind))


def _grouped(parts: Mapping[str, torch.Tensor], kind: Packing) -> Packed:
    import torch

    if kind.method == "awq":
        whole = _numbers(parts["qweight"], _AWQ_ROWS).T
        zero = _numbers(parts["qzeros"], _AWQ_ROWS)
    else:
        whole = _numbers(parts["qweight"].T)
        zero = _numbers(parts["qzeros"])
        if kind.zeros_less_one:
            zero = (zero + 1) & 15
    columns, groups = whole.shape[1], len(parts["scales"])
    group = parts.get("g_idx")
    if group is None:
        group = torch.arange(columns) // -(-columns // groups)
    return Packed(whole.contiguous(), parts["scales"].float(), zero.float(), group.long())


def _compressed(parts: Mapping[str, torch.Tensor]) -> Packed:
    import torch

    scale = parts["weight_scale"].float().T
    whole = _numbers(parts["weight_packed"])
    if "weight_shape" in parts:
        rows, columns = (int(size) for size in parts["weight_shape"])
        whole = whole[:rows, :columns]
    zero = torch.full_like(scale, _MIDDLE)
    if "weight_zero_point" in parts:
        zero = _numbers(parts["weight_zero_point"].T)[:, : scale.shape[1]].float()
    columns = whole.shape[1]
    group = parts.get("weight_g_idx")
    if group is None or bool((group < 0).any()):
        group = torch.arange(columns) // -(-columns // len(scale))
    return Packed(whole.contiguous(), scale, zero, group.long())


def _numbers(packed: torch.Tensor, order: tuple[int, ...] = tuple(range(8))) -> torch.Tensor:
    """Whole numbers [a, 8 b] of int32 [a, b]; of each eight, that in the n-th bits from below comes at `order[n]`."""
    import torch

    parts = torch.empty(*packed.shape, 8, dtype=torch.uint8)
    for place, column in enumerate(order):
        parts[..., column] = ((packed >> (4 * place)) & 15).to(torch.uint8)
    return parts.flatten(1)
