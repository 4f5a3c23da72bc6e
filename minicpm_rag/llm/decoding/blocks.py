"""How the kernels are cut into programs: block sizes, parts, and whether launches overlap.

Every number was measured; they depend on shapes and card, not on what is computed.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


@functools.cache
def linear_block(rows: int, outputs: int, columns: int, gated: bool, bits: int) -> dict[str, int]:
    """Block sizes of a product, the quickest of some 250 tried on an H200 with MiniCPM-2B's shapes.

    One row: the fewer outputs there are, the fewer a program takes and the longer the pieces it reads at
    once, so that every multiprocessor has enough bytes on the way: 35 us a layer, where cuBLAS takes 44.
    """
    wide = outputs > 4096
    if rows == 1:
        if bits == 4 and (gated or wide):
            block_n, block_k, warps = 16, 256, 4
        elif bits == 4:
            block_n, block_k, warps = (2, 1024, 4) if columns > 4096 else (2, 512, 2)
        elif gated:
            block_n, block_k, warps = (4, 256, 2) if bits == 16 else (4, 512, 2)
        elif wide:
            block_n, block_k, warps = 16, 512, 2
        else:
            block_n, block_k, warps = (4, 2048, 4) if columns > 4096 else (2, 1024, 4)
        return {
            "BLOCK_R": 1,
            "BLOCK_N": block_n,
            "BLOCK_K": block_k,
            "SLICES": 1,
            "STAGES": 1,
            "num_warps": warps,
        }
    # rows of weights a program, columns a slice, slices (a warp each), pieces asked for ahead
    if outputs > 100_000:
        block_n, block_k, slices, stages = 32, 128, 2, 3
    elif gated:
        block_n, block_k, slices, stages = 32, 64, 2, 4
    elif wide:
        block_n, block_k, slices, stages = 32, 64, 2, 6
    else:
        block_n, block_k, slices, stages = 16, 128, 2, 6
    if bits == 4:
        block_k, stages = 64, 4
    return {
        "BLOCK_R": max(8, power_of_two(rows)), "BLOCK_N": block_n, "BLOCK_K": block_k, "SLICES": slices,
        "STAGES": stages, "num_warps": slices,
    }  # fmt: skip


def attention_splits(programs: int, device: torch.device) -> int:
    """Parts to cut a text's pages into: at most nine programs for each multiprocessor.

    For one text 16 parts are 0.14 ms a step quicker than 8, for eight texts 4 are 0.8 ms quicker than 1. Only
    three kinds, since each is a kernel to compile.
    """
    most = 9 * _multiprocessors(device) // programs
    return 16 if most >= 16 else 4 if most >= 4 else 1


def overlap(device: torch.device) -> dict[str, Any]:
    """Programmatic dependent launch, where the card and this Triton have it: 0.25 ms of a one-row step."""
    on = _dependent_launch(device)
    options: dict[str, Any] = {"PDL": on}
    if on:
        options["launch_pdl"] = True
    return options


@functools.cache
def _dependent_launch(device: torch.device) -> bool:
    import torch
    from triton.language.extra import cuda

    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 9 and hasattr(cuda, "gdc_wait")


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    import torch

    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 8


def pieces(count: int, size: int) -> int:
    """How many pieces of a size it takes."""
    return -(-count // size)


def power_of_two(number: int) -> int:
    """The smallest power of two that is not below a number."""
    return 1 << (number - 1).bit_length()
