"""Triton kernels of a matrix product for two to 32 rows, fused with the operations around it.

They know arrays, not models. Decoding is bound by reading weights, and a kernel of its own for a norm or a residual
takes as long as reading some megabytes of them. So SiLU and the residual are fused into the product before them, and
an RMS norm into the product after it:

    norm(x) w = (x * gain) w / rms(x)        the product is linear: the division can come last

So the product that makes the rows also stores them times the next norm's gain, and the sum of squares of each
program's columns, to be added up. Where `vector` and `tensor` do not serve one row, this does.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.conversion import INT4_GROUP, narrow4, narrow8, whole4, whole8
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous


@triton.jit
def _halves(stored, dtype: tl.constexpr):
    """The low and the high halves of bytes in the precision of x, less 8."""
    if dtype == tl.bfloat16:
        return narrow4(stored)
    else:
        low, high = whole4(stored)
        return low.to(dtype), high.to(dtype)


@triton.jit
def _bytes(stored, BITS: tl.constexpr, dtype: tl.constexpr):
    """Weights of 8 or 16 bits in the precision of x."""
    if BITS == 16:
        return stored.to(dtype)
    elif dtype == tl.bfloat16:
        return narrow8(stored)
    else:
        return whole8(stored).to(dtype)


@triton.jit
def _matrix_product(x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask, R, K: tl.constexpr,
                    GATED: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_N: tl.constexpr,
                    BLOCK_K: tl.constexpr, SLICES: tl.constexpr, STAGES: tl.constexpr):  # fmt: skip
    """The product with up to BLOCK_R rows of x on the tensor cores, the weights as the tall left side.

    So few rows are work for one warp; two warps keep more loads in flight. So each warp takes a slice of the columns,
    and the slices are summed at the end. Returns (first matrix' sums, second matrix' sums) [BLOCK_N, BLOCK_R].
    """
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    GROUPS: tl.constexpr = K // INT4_GROUP
    dtype = x_ptr.dtype.element_ty
    first = tl.zeros([SLICES, BLOCK_N, BLOCK_R], tl.float32)
    second = tl.zeros([SLICES, BLOCK_N, BLOCK_R], tl.float32)
    r = tl.arange(0, BLOCK_R)[None, None, :]
    slices = tl.arange(0, SLICES)[:, None] * BLOCK_K
    for start in tl.range(0, SPAN, BLOCK_K * SLICES, num_stages=STAGES):
        ks = start + slices + tl.arange(0, BLOCK_K)[None, :]
        places = rows[None, :, None] * SPAN + ks[:, None, :]
        mask = row_mask[None, :, None] & (ks < SPAN)[:, None, :]
        w = tl.load(w_ptr + places, mask=mask, other=0, eviction_policy="evict_first")
        if GATED:
            up = tl.load(up_ptr + places, mask=mask, other=0, eviction_policy="evict_first")
        if BITS == 4:
            low, high = _halves(w, dtype)
            if GATED:
                low_up, high_up = _halves(up, dtype)
        for half in tl.static_range(HALVES):
            x_mask = (ks < SPAN)[:, :, None] & (r < R)
            x = tl.load(x_ptr + r * K + half * SPAN + ks[:, :, None], mask=x_mask, other=0.0)
            if BITS == 4:  # BLOCK_K is one group
                left = low if half == 0 else high
                group = 2 * ((start + slices) // INT4_GROUP) + half
                scale_mask = row_mask[None, :] & (start + slices < SPAN)
                scale = tl.load(scale_ptr + rows[None, :] * GROUPS + group, mask=scale_mask, other=0.0)
                first += tl.dot(left, x, input_precision="ieee") * scale[:, :, None]
            else:
                left = _bytes(w, BITS, dtype)
                first = tl.dot(left, x, first, input_precision="ieee")
            if GATED:
                if BITS == 4:
                    left = low_up if half == 0 else high_up
                    scale = tl.load(up_scale_ptr + rows[None, :] * GROUPS + group, mask=scale_mask, other=0.0)
                    second += tl.dot(left, x, input_precision="ieee") * scale[:, :, None]
                else:
                    left = _bytes(up, BITS, dtype)
                    second = tl.dot(left, x, second, input_precision="ieee")
    return tl.sum(first, axis=0), tl.sum(second, axis=0)


@triton.jit(do_not_specialize=["R"])
def linear_kernel(x_ptr, squares_ptr, w_ptr, scale_ptr, residual_ptr, gain_ptr, out_ptr, scaled_ptr,
                  new_squares_ptr, N, R, epsilon, multiplier, K: tl.constexpr, NORM: tl.constexpr,
                  PARTS: tl.constexpr, PARTS_PADDED: tl.constexpr, GATED: tl.constexpr,
                  RESIDUAL: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_N: tl.constexpr,
                  BLOCK_K: tl.constexpr, SLICES: tl.constexpr, STAGES: tl.constexpr,
                  PDL: tl.constexpr):  # fmt: skip
    """out = [residual +] multiplier * x w, with x normed where NORM is set.

    With NORM, x comes multiplied by the norm's gain, with its squares in PARTS parts. With RESIDUAL, `gain` is the next
    norm's: the rows times it are stored in `scaled`, this program's part of their squares in `new_squares`. GATED: w
    holds N gate rows, then N up rows.
    """
    start_next(PDL)
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_mask = rows < N
    WIDTH: tl.constexpr = K // 2 if BITS == 4 else K
    GROUPS: tl.constexpr = K // INT4_GROUP if BITS == 4 else 1
    up_ptr = w_ptr + N.to(tl.int64) * WIDTH
    up_scale_ptr = scale_ptr + N * GROUPS
    r = tl.arange(0, BLOCK_R)
    wait_for_previous(PDL)
    first, second = _matrix_product(
        x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
        R, K, GATED, BITS, BLOCK_R, BLOCK_N, BLOCK_K, SLICES, STAGES)  # fmt: skip
    if NORM:
        part = tl.arange(0, PARTS_PADDED)
        part_mask = (part < PARTS)[:, None] & (r < R)[None, :]
        squares = tl.sum(tl.load(squares_ptr + part[:, None] * R + r[None, :], mask=part_mask, other=0.0), axis=0)
        inverse = tl.rsqrt(squares / K + epsilon)
        first *= inverse[None, :]
        second *= inverse[None, :]
    if BITS == 8:
        first *= tl.load(scale_ptr + rows, mask=row_mask, other=0.0)[:, None]
        if GATED:
            second *= tl.load(up_scale_ptr + rows, mask=row_mask, other=0.0)[:, None]
    if GATED:
        first = first * tl.sigmoid(first) * second
    offsets = r[None, :] * N + rows[:, None]
    mask = row_mask[:, None] & (r < R)[None, :]
    first *= multiplier
    if RESIDUAL:
        first += tl.load(residual_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
        rounded = first.to(out_ptr.dtype.element_ty).to(tl.float32)
        gain = tl.load(gain_ptr + rows, mask=row_mask, other=0.0).to(tl.float32)
        tl.store(scaled_ptr + offsets, rounded * gain[:, None], mask=mask)
        new_squares = tl.sum(tl.where(mask, rounded * rounded, 0.0), axis=0)
        tl.store(new_squares_ptr + tl.program_id(0) * R + r, new_squares, mask=r < R)
    tl.store(out_ptr + offsets, first, mask=mask)


@triton.jit
def scale_kernel(x_ptr, gain_ptr, scaled_ptr, squares_ptr, K: tl.constexpr, BLOCK_K: tl.constexpr, PDL: tl.constexpr):
    """`scaled` and squares for the first norm, as `linear_kernel` stores them: no product makes the embeddings."""
    start_next(PDL)
    wait_for_previous(PDL)
    row = tl.program_id(0)
    ks = tl.arange(0, BLOCK_K)
    x = tl.load(x_ptr + row * K + ks, mask=ks < K, other=0.0).to(tl.float32)
    gain = tl.load(gain_ptr + ks, mask=ks < K, other=0.0).to(tl.float32)
    tl.store(scaled_ptr + row * K + ks, x * gain, mask=ks < K)
    tl.store(squares_ptr + row, tl.sum(x * x, axis=0))
