"""How kernels are launched: into how many programs the work is divided, and how much each computes.

The numbers were measured (docs/decisions.md); they change the speed on a card, not the result.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@functools.cache
def linear_tiles(rows: int, outputs: int, gated: bool, bits: int, number_bytes: int = 2) -> dict[str, int]:
    """Constants of `linear_kernel` for rows of such numbers times weights of so many outputs and bits."""
    wide = outputs > 4096
    # Outputs of a program, columns of a slice, slices (one warp each), loads issued ahead.
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
    # With more in each load fewer: so many fit a card that gives a program 99 kB.
    if number_bytes > 2:
        stages = 2 if rows <= 16 else 1
    elif rows > 8:
        stages = min(stages, 3)
    return {
        "BLOCK_R": max(8, power_of_two(rows)), "BLOCK_N": block_n, "BLOCK_K": block_k, "SLICES": slices,
        "STAGES": stages, "num_warps": slices,
    }  # fmt: skip


@functools.cache
def split_tiles(rows: int, outputs: int, columns: int, gated: bool, device: torch.device) -> dict[str, int]:
    """Constants of `split_linear_kernel` for rows times weights [outputs, columns], all of 16 bits.

    A program loads as far ahead as its multiprocessor has shared memory: that is quicker than room for the next
    kernel's programs beside it. Where a multiprocessor has more than one program, two share it.
    """
    block_r, block_n, block_k = max(16, power_of_two(rows)), 64, 128
    count, multiprocessors = parts(outputs, block_n), _multiprocessors(device)
    steps = parts(columns, block_k)
    each = parts(steps, min(8, max(1, multiprocessors // count)))
    stage_bytes = 2 * block_k * (block_n * (2 if gated else 1) + block_r)
    room = _shared_memory(device) // (1 if count <= multiprocessors else 2) - _BARRIER_BYTES
    return {
        "BLOCK_R": block_r, "BLOCK_N": block_n, "BLOCK_K": block_k, "SPLITS": parts(steps, each),
        "STAGES": max(1, min(room // stage_bytes, each)), "num_warps": 4,
    }  # fmt: skip


@functools.cache
def vector_tiles(outputs: int, columns: int, gated: bool, bits: int) -> dict[str, int]:
    """Constants of `vector_kernel` for weights [outputs, columns] of 16 or 8 bits.

    Many programs of one warp each keep more loads in flight than fewer of several warps, and wait for nobody.
    """
    steps = parts(columns, 256)  # where a program loads 256 columns at a time
    if bits == 8:
        tiles = (2, 1024, 1, 3, 2) if columns > 4096 else (2, 256, 2, 9, 1)
    elif gated and steps % 4 == 0:
        tiles = 2, 256, 1, 4, 1
    elif gated or outputs > 16_384:
        tiles = 4, 256, 1, 3, 1
    elif columns > 4096:
        tiles = 2, 1024, 1, 2, 4
    else:
        tiles = 2, 256, 1, 3 if outputs > 4096 else min(9, steps), 1
    return dict(zip(("BLOCK_N", "BLOCK_K", "LANES", "AHEAD", "num_warps"), tiles, strict=True))


def tensor_tiles(outputs: int, columns: int, gated: bool, bits: int) -> dict[str, int]:
    """Constants of `tensor_kernel` for weights [outputs, columns] of 8 or 4 bits: a warp for each slice."""
    if bits == 8:
        slices, ahead = (4, 3) if gated else (4, 5)
    else:
        slices, ahead = (2, 9) if gated else (4, 5)
    steps = parts(columns * bits, 8 * 64 * slices)
    return {"SLICES": slices, "AHEAD": _evenly(steps, ahead), "num_warps": slices}


def _evenly(steps: int, most: int) -> int:
    """How many of so many steps to take in a turn, at most `most`, so that the last turn has as many as possible."""
    return parts(steps, parts(steps, most))


# Bytes of shared memory that a card gives one program, where torch does not say: what every card since 2020 has.
_SHARED_MEMORY = 99 << 10
_BARRIER_BYTES = 1024  # room for what tells that bulk copies are there


def head_tiles(rows: int, number_bytes: int, device: torch.device) -> dict[str, int]:
    """Constants of `rows.head_kernel` for so many rows of numbers of this size."""
    block_r, block_n, block_k = min(64, max(16, power_of_two(rows))), 64, 256 // number_bytes
    stages = min(4, _shared_memory(device) // ((block_r + block_n) * block_k * number_bytes))
    return {"BLOCK_R": block_r, "BLOCK_N": block_n, "BLOCK_K": block_k, "STAGES": stages, "num_warps": 4}


def flash_stages(row_bytes: int, device: torch.device) -> int:
    """Blocks of keys and values that `flash.flash_kernel` loads ahead, each of 64 such rows twice."""
    return max(1, min(3, (_shared_memory(device) - 64 * row_bytes) // (2 * 64 * row_bytes)))


@functools.cache
def _shared_memory(device: torch.device) -> int:
    import torch

    if device.type != "cuda":
        return _SHARED_MEMORY
    return getattr(torch.cuda.get_device_properties(device), "shared_memory_per_block_optin", _SHARED_MEMORY)


def attention_splits(programs: int, rows: int, width: int, device: torch.device) -> int:
    """Splits of a sequence's blocks, so that there are up to nine programs for each multiprocessor.

    `programs` is what there is without splitting, `rows` the queries of each; with heads wider than 64 numbers fewer
    keep as much in flight. Only few values, since each is a kernel to compile; the large ones are for few sequences of
    a model with few key heads, which would leave most of the card idle. Programs of one row have two warps, not four,
    and always leave parts behind.
    """
    most = 9 * _multiprocessors(device) * 64 // (programs * max(64, width))
    if rows == 1:
        return 64 if most >= 32 else 16 if most >= 4 else 4
    return next((splits for splits in (128, 64, 16, 4) if most >= splits), 1)


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    import torch

    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 8


def parts(count: int, size: int) -> int:
    """How many parts of a size it takes."""
    return -(-count // size)


def power_of_two(number: int) -> int:
    """The smallest power of two that is not below a number."""
    return 1 << (number - 1).bit_length()
