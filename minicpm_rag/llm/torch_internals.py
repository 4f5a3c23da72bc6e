"""What this package uses of torch beyond its documented interface; no other module does.

tests/llm/test_foreign_surfaces.py says what changed, when a new version moves it.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware.

    AVX-512 alone does not count: there torch converts to float32 and back, three times slower than float32.
    """
    import torch

    if platform.machine().lower() in ("aarch64", "arm64"):
        supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
        return bool(supported and supported())
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(probe() for name in probes if (probe := getattr(torch.cpu, name, None)))


def int8_product(rows: torch.Tensor, weights: torch.Tensor, scales: torch.Tensor) -> torch.Tensor:
    """rows [n, columns] in bfloat16 times int8 weights [outputs, columns], each output times its scale [outputs]."""
    import torch

    return torch._weight_int8pack_mm(rows, weights, scales)


def int4_pack(whole: torch.Tensor) -> torch.Tensor:
    """Whole numbers 0..15 [outputs, columns] in the layout that `int4_product` reads on this processor."""
    import torch

    packed: torch.Tensor = torch.ops.aten._convert_weight_to_int4pack_for_cpu(whole.to(torch.int32).contiguous(), 1)
    return packed


def int4_product(rows: torch.Tensor, packed: torch.Tensor, group: int, scales: torch.Tensor) -> torch.Tensor:
    """rows [n, columns] in bfloat16 times packed weights; scales [groups, outputs, 2] are of whole - 8, and offsets."""
    import torch

    product: torch.Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(rows, packed, group, scales)
    return product


def give_back_workspaces() -> None:
    """Free what cuBLAS keeps for every thread and CUDA stream that multiplied, 32 MB each on a large GPU.

    torch takes it again at a thread's next product. Before torch 2.10 another thread's product could crash meanwhile,
    so nothing is freed there.
    """
    import torch

    version = tuple(int(part) for part in torch.__version__.split(".")[:2])
    if version >= (2, 10) and torch.cuda.is_available():
        torch._C._cuda_clearCublasWorkspaces()
