"""Kernel of a matrix product for nine to 32 rows on Hopper, fused with the operations around it as in `linear`.

So many rows fill a tensor core instruction: 64 outputs by all rows. The weights go from memory to shared memory by
bulk copies, which cost no instructions, and from there to the tensor cores; the first of them are under way before x
is there. A matrix of few outputs has too few such tiles for a whole card, so the columns of each are split:

    program (tile, split)     sums of its columns          -> partial[tile, split]
    the last one of a tile    adds all its splits' sums up, in their order, and does what comes after the product

Which program is the last does not change the result. Gluon is the part of Triton in which a kernel places its copies
itself. It is not documented as stable, so this is the only module that uses it; it compiles with Triton 3.5 to 3.7.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

from typing import TYPE_CHECKING

from triton.experimental import gluon
from triton.experimental.gluon import language as gl
from triton.experimental.gluon.language.nvidia.hopper import mbarrier, tma, warpgroup_mma, warpgroup_mma_wait
from triton.experimental.gluon.nvidia.hopper import TensorDescriptor

if TYPE_CHECKING:
    import torch

barrier = gl.barrier if hasattr(gl, "barrier") else gl.thread_barrier  # its name until Triton 3.6


def described(matrix: torch.Tensor, rows: int, columns: int) -> TensorDescriptor:
    """What bulk copies of tiles [rows, columns] of a matrix of 16-bit numbers need to know of it."""
    layout = gl.NVMMASharedLayout.get_default_for([rows, columns], gl.bfloat16)
    return TensorDescriptor.from_tensor(matrix, [rows, columns], layout)


@gluon.jit
def _control(PDL: gl.constexpr, WAIT: gl.constexpr):
    """See `dependent_launch`, whose functions Gluon cannot call."""
    if PDL:
        if WAIT:
            gl.inline_asm_elementwise("griddepcontrol.wait; // $0", "=r", [], gl.int32, False, 1)
        else:
            gl.inline_asm_elementwise("griddepcontrol.launch_dependents; // $0", "=r", [], gl.int32, False, 1)


@gluon.jit
def _load_weights(w_desc, row, N, step, present, bar, tiles, stage, GATED: gl.constexpr, BLOCK_K: gl.constexpr,
                  BYTES: gl.constexpr):  # fmt: skip
    """Begin to copy a tile of weights, and say how many bytes its barrier is to wait for, those of x included."""
    mbarrier.expect(bar, BYTES, present)
    if GATED:
        tma.async_copy_global_to_shared(w_desc, [row, step * BLOCK_K], bar, tiles.index(2 * stage), present)
        tma.async_copy_global_to_shared(w_desc, [N + row, step * BLOCK_K], bar, tiles.index(2 * stage + 1), present)
    else:
        tma.async_copy_global_to_shared(w_desc, [row, step * BLOCK_K], bar, tiles.index(stage), present)


@gluon.jit(do_not_specialize=["R"])
def split_linear_kernel(x_desc, squares_ptr, w_desc, residual_ptr, gain_ptr, out_ptr, scaled_ptr, new_squares_ptr, N,
                        partial_ptr, finished_ptr, R, epsilon, multiplier, K: gl.constexpr, NORM: gl.constexpr,
                        PARTS: gl.constexpr, PARTS_PADDED: gl.constexpr, GATED: gl.constexpr,
                        RESIDUAL: gl.constexpr, BLOCK_R: gl.constexpr, BLOCK_N: gl.constexpr,
                        BLOCK_K: gl.constexpr, SPLITS: gl.constexpr, STAGES: gl.constexpr,
                        PDL: gl.constexpr):  # fmt: skip
    """What `linear.linear_kernel` computes, for weights of 16 bits.

    `finished` counts the programs of each tile that are done: it is zero before and after. `partial` has room for
    SPLITS sums [BLOCK_N, BLOCK_R] of each tile, with GATED twice as many.
    """
    _control(PDL, False)
    tile, split = gl.program_id(0), gl.program_id(1)
    COUNT: gl.constexpr = 2 if GATED else 1
    BYTES: gl.constexpr = 2 * BLOCK_K * (COUNT * BLOCK_N + BLOCK_R)
    ALL: gl.constexpr = (K + BLOCK_K - 1) // BLOCK_K
    STEPS: gl.constexpr = (ALL + SPLITS - 1) // SPLITS
    begin = split * STEPS
    steps = gl.minimum(STEPS, ALL - begin)
    tiles = gl.allocate_shared_memory(w_desc.dtype, [COUNT * STAGES, BLOCK_N, BLOCK_K], w_desc.layout)
    xs = gl.allocate_shared_memory(x_desc.dtype, [STAGES, BLOCK_R, BLOCK_K], x_desc.layout)
    bars = gl.allocate_shared_memory(gl.int64, [STAGES, 1], mbarrier.MBarrierLayout())
    for early in gl.static_range(STAGES):
        mbarrier.init(bars.index(early), count=1)
    for early in gl.static_range(STAGES):
        _load_weights(w_desc, tile * BLOCK_N, N, begin + early, early < steps, bars.index(early), tiles, early,
                      GATED, BLOCK_K, BYTES)  # fmt: skip
    _control(PDL, True)
    for early in gl.static_range(STAGES):
        tma.async_copy_global_to_shared(
            x_desc, [0, (begin + early) * BLOCK_K], bars.index(early), xs.index(early), early < steps
        )
    lanes: gl.constexpr = gl.BlockedLayout([8, 1], [8, 4], [1, 4], [0, 1])
    rows = tile * BLOCK_N + gl.arange(0, BLOCK_N, layout=gl.SliceLayout(1, lanes))
    r = gl.arange(0, BLOCK_R, layout=gl.SliceLayout(0, lanes))
    row_mask = rows < N
    offsets = r[None, :] * N + rows[:, None]
    mask = row_mask[:, None] & (r < R)[None, :]
    # What the end needs is asked for now, as in `vector`.
    if NORM:
        wide: gl.constexpr = gl.BlockedLayout([1, 1], [1, 32], [4, 1], [1, 0])
        part = gl.arange(0, PARTS_PADDED, layout=gl.SliceLayout(1, wide))
        column = gl.arange(0, BLOCK_R, layout=gl.SliceLayout(0, wide))
        part_mask = (part < PARTS)[:, None] & (column < R)[None, :]
        squares = gl.load(squares_ptr + part[:, None] * R + column[None, :], mask=part_mask, other=0.0)
    if RESIDUAL:
        old = gl.load(residual_ptr + offsets, mask=mask, other=0.0)
        gain = gl.load(gain_ptr + rows, mask=row_mask, other=0.0)
    sums: gl.constexpr = gl.NVMMADistributedLayout([3, 0], [4, 1], [16, BLOCK_R, 16])
    first = gl.zeros([BLOCK_N, BLOCK_R], gl.float32, sums)
    second = gl.zeros([BLOCK_N, BLOCK_R], gl.float32, sums)
    for step in range(steps):
        stage = step % STAGES
        mbarrier.wait(bars.index(stage), (step // STAGES) & 1)
        x = xs.index(stage).permute((1, 0))
        if GATED:
            first = warpgroup_mma(tiles.index(2 * stage), x, first, is_async=True)
            second = warpgroup_mma(tiles.index(2 * stage + 1), x, second, is_async=True)
            first, second = warpgroup_mma_wait(0, deps=[first, second])
        else:
            first = warpgroup_mma(tiles.index(stage), x, first, is_async=True)
            first = warpgroup_mma_wait(0, deps=[first])
        barrier()  # all warps have read this stage
        ahead = step + STAGES
        _load_weights(w_desc, tile * BLOCK_N, N, begin + ahead, ahead < steps, bars.index(stage), tiles, stage,
                      GATED, BLOCK_K, BYTES)  # fmt: skip
        tma.async_copy_global_to_shared(
            x_desc, [0, (begin + ahead) * BLOCK_K], bars.index(stage), xs.index(stage), ahead < steps
        )
    value = gl.convert_layout(first, lanes)
    up = gl.convert_layout(second, lanes)
    last = True
    if SPLITS > 1:
        SIZE: gl.constexpr = BLOCK_N * BLOCK_R
        within = gl.arange(0, BLOCK_N, layout=gl.SliceLayout(1, lanes))[:, None] + r[None, :] * BLOCK_N
        of_tile = partial_ptr + tile * (SPLITS * COUNT * SIZE) + within
        gl.store(of_tile + split * (COUNT * SIZE), value)
        if GATED:
            gl.store(of_tile + split * (COUNT * SIZE) + SIZE, up)
        barrier()  # all of this program's sums are written before it says so
        last = gl.atomic_add(finished_ptr + tile, 1) == SPLITS - 1
        if last:
            gl.store(finished_ptr + tile, 0)
            value = gl.zeros([BLOCK_N, BLOCK_R], gl.float32, lanes)
            up = gl.zeros([BLOCK_N, BLOCK_R], gl.float32, lanes)
            for each in gl.static_range(SPLITS):
                value += gl.load(of_tile + each * (COUNT * SIZE), cache_modifier=".cg")
                if GATED:
                    up += gl.load(of_tile + each * (COUNT * SIZE) + SIZE, cache_modifier=".cg")
    if last:
        if NORM:
            total = gl.convert_layout(gl.sum(squares, axis=0), gl.SliceLayout(0, lanes))
            inverse = gl.rsqrt(total / K + epsilon)
            value *= inverse[None, :]
            up *= inverse[None, :]
        if GATED:
            value = value / (1 + gl.exp(-value)) * up
        value *= multiplier
        if RESIDUAL:
            value += old.to(gl.float32)
            rounded = value.to(out_ptr.dtype.element_ty).to(gl.float32)
            scaled = rounded * gain.to(gl.float32)[:, None]
            gl.store(scaled_ptr + offsets, scaled.to(scaled_ptr.dtype.element_ty), mask=mask)
            new_squares = gl.sum(gl.where(mask, rounded * rounded, 0.0), axis=0)
            gl.store(new_squares_ptr + tile * R + r, new_squares, mask=r < R)
        gl.store(out_ptr + offsets, value.to(out_ptr.dtype.element_ty), mask=mask)
