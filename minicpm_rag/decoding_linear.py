"""Triton kernels of a matrix product for one to eight rows, with what stands before and behind it folded in.

They know arrays, not models. Decoding is bound by reading weights, and a kernel of its own for a norm or a residual
costs as much as some megabytes of them. So SiLU and the residual go into the product before them, and a norm is
split in three: its gain is multiplied in where the rows are made, the sum of their squares is left there in
parts, and the product behind it, being linear, divides by the root last.

Where the card has programmatic dependent launch (Hopper and newer) a kernel may start while the one before still
runs: it asks for its weights and waits (`gdc_wait`) before it reads what the other wrote. Every kernel of a step
must wait, or one two places back might still be writing.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

# With 4 bits two weights share a byte, the first half of a row in the low bits; one scale serves this many.
INT4_GROUP = tl.constexpr(64)


@triton.jit
def _stored(w_ptr, rows, ks, row_mask, SPAN: tl.constexpr):
    """Weights [rows, ks] as they are stored, SPAN numbers or bytes a row."""
    mask = row_mask[:, None] & (ks < SPAN)[None, :]
    return tl.load(w_ptr + rows[:, None] * SPAN + ks[None, :], mask=mask, other=0, eviction_policy="evict_first")


@triton.jit
def _decoded(stored, scale_ptr, rows, ks, row_mask, K: tl.constexpr, BITS: tl.constexpr, HALF: tl.constexpr, dtype):
    """What the stored weights stand for: 4 bits with their group's scale, 8 bits still without their row's."""
    if BITS == 4:
        GROUPS: tl.constexpr = K // INT4_GROUP
        nibble = (stored >> 4) if HALF == 1 else (stored & 15)
        group = (ks + HALF * (K // 2)) // INT4_GROUP
        mask = row_mask[:, None] & (ks < K // 2)[None, :]
        scale = tl.load(scale_ptr + rows[:, None] * GROUPS + group[None, :], mask=mask, other=0.0)
        weights = ((nibble.to(tl.float32) - 8.0) * scale).to(dtype)
    else:
        weights = stored.to(dtype)
    return weights


@triton.jit
def _vector_product(x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask, K: tl.constexpr,
                    GATED: tl.constexpr, BITS: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
                    PDL: tl.constexpr):  # fmt: skip
    """Products of one row of x: plain multiply-adds, since a tensor core would be fed one row in eight."""
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    first = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    second = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    for start in tl.static_range(0, SPAN, BLOCK_K):
        ks = start + tl.arange(0, BLOCK_K)
        w = _stored(w_ptr, rows, ks, row_mask, SPAN)
        if GATED:
            up = _stored(up_ptr, rows, ks, row_mask, SPAN)
        if PDL and start == 0:
            tl.extra.cuda.gdc_wait()  # the weights above are on their way; x may still be written
        for half in tl.static_range(HALVES):
            x = tl.load(x_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
            first += _decoded(w, scale_ptr, rows, ks, row_mask, K, BITS, half, tl.float32) * x[None, :]
            if GATED:
                second += _decoded(up, up_scale_ptr, rows, ks, row_mask, K, BITS, half, tl.float32) * x[None, :]
    return tl.sum(first, axis=1)[:, None], tl.sum(second, axis=1)[:, None]


@triton.jit
def _matrix_product(x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask, R, K: tl.constexpr,
                    GATED: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_N: tl.constexpr,
                    BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Products of up to BLOCK_R rows of x on the tensor cores, weights as the tall left side."""
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    dtype = x_ptr.dtype.element_ty
    first = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    second = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    r = tl.arange(0, BLOCK_R)
    if PDL:
        tl.extra.cuda.gdc_wait()
    for start in tl.range(0, SPAN, BLOCK_K, num_stages=STAGES):
        ks = start + tl.arange(0, BLOCK_K)
        w = _stored(w_ptr, rows, ks, row_mask, SPAN)
        if GATED:
            up = _stored(up_ptr, rows, ks, row_mask, SPAN)
        for half in tl.static_range(HALVES):
            x_mask = (ks < SPAN)[:, None] & (r < R)[None, :]
            x = tl.load(x_ptr + r[None, :] * K + half * SPAN + ks[:, None], mask=x_mask, other=0.0)
            left = _decoded(w, scale_ptr, rows, ks, row_mask, K, BITS, half, dtype)
            first = tl.dot(left, x, first, input_precision="ieee")
            if GATED:
                left = _decoded(up, up_scale_ptr, rows, ks, row_mask, K, BITS, half, dtype)
                second = tl.dot(left, x, second, input_precision="ieee")
    return first, second


@triton.jit(do_not_specialize=["R"])
def linear_kernel(x_ptr, squares_ptr, w_ptr, scale_ptr, residual_ptr, gain_ptr, out_ptr, scaled_ptr, new_squares_ptr,
                  N, R, epsilon, multiplier, K: tl.constexpr, PARTS: tl.constexpr, PARTS_PADDED: tl.constexpr,
                  GATED: tl.constexpr, RESIDUAL: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr,
                  BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """out = [residual +] multiplier * x w, of normed x where PARTS > 0: its squares are in that many parts.

    With RESIDUAL it also leaves out * gain in `scaled` and its squares in one part a program.
    """
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_mask = rows < N
    # Behind the N gate rows lie the N up rows.
    WIDTH: tl.constexpr = K // 2 if BITS == 4 else K
    GROUPS: tl.constexpr = K // INT4_GROUP if BITS == 4 else 1
    up_ptr = w_ptr + N.to(tl.int64) * WIDTH
    up_scale_ptr = scale_ptr + N * GROUPS
    if BLOCK_R == 1:
        first, second = _vector_product(
            x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            K, GATED, BITS, BLOCK_N, BLOCK_K, PDL)  # fmt: skip
    else:
        first, second = _matrix_product(
            x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            R, K, GATED, BITS, BLOCK_R, BLOCK_N, BLOCK_K, STAGES, PDL)  # fmt: skip
    r = tl.arange(0, BLOCK_R)
    if PARTS > 0:
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
        square = tl.sum(tl.where(mask, rounded * rounded, 0.0), axis=0)
        tl.store(new_squares_ptr + tl.program_id(0) * R + r, square, mask=r < R)
    tl.store(out_ptr + offsets, first, mask=mask)


@triton.jit
def scale_kernel(x_ptr, gain_ptr, scaled_ptr, squares_ptr, K: tl.constexpr, BLOCK_K: tl.constexpr, PDL: tl.constexpr):
    """What `linear_kernel` leaves for a norm, for rows that no product made: the embeddings."""
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
        tl.extra.cuda.gdc_wait()
    row = tl.program_id(0)
    ks = tl.arange(0, BLOCK_K)
    x = tl.load(x_ptr + row * K + ks, mask=ks < K, other=0.0).to(tl.float32)
    gain = tl.load(gain_ptr + ks, mask=ks < K, other=0.0).to(tl.float32)
    tl.store(scaled_ptr + row * K + ks, x * gain, mask=ks < K)
    tl.store(squares_ptr + row, tl.sum(x * x, axis=0))
