"""Triton kernels of one decode step: a matrix product for a few rows, and attention over a paged cache.

They know arrays, not models: which weights and which cache is the caller's business (`decoding_step`).
Decoding is bound by reading the weights, so everything else is folded into the kernel that needs it: the norm
into the product behind it, SiLU and the residual into the product before them, rotary embedding and cache
write into attention. Five kernels a layer.

Every kernel is launched with programmatic dependent launch where the card has it (Hopper and newer): it may
start while the one before still runs, asks for its weights, and waits (`gdc_wait`) before it reads what the
other wrote. All of them must wait, or a kernel two steps back might still be writing.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

from typing import Any

import torch
import triton
import triton.language as tl

# Weights in `bits` 4: two in a byte, the low half of a row in the low nibbles; one scale for this many.
INT4_GROUP = tl.constexpr(64)


@triton.jit
def _weight_tile(w_ptr, scale_ptr, rows, ks, row_mask, K: tl.constexpr, BITS: tl.constexpr, HIGH: tl.constexpr):
    """Weights [rows, ks] as stored (16 and 8 bits) or as floats with their group's scale (4 bits)."""
    if BITS == 4:
        HALF: tl.constexpr = K // 2
        mask = row_mask[:, None] & (ks < HALF)[None, :]
        packed = tl.load(w_ptr + rows[:, None] * HALF + ks[None, :], mask=mask, other=0, eviction_policy="evict_first")
        nibble = (packed >> 4) if HIGH else (packed & 15)
        column = ks + HALF if HIGH else ks
        groups: tl.constexpr = K // INT4_GROUP
        scale = tl.load(scale_ptr + rows[:, None] * groups + (column // INT4_GROUP)[None, :], mask=mask, other=0.0)
        return (nibble.to(tl.float32) - 8.0) * scale.to(tl.float32)
    mask = row_mask[:, None] & (ks < K)[None, :]
    return tl.load(w_ptr + rows[:, None] * K + ks[None, :], mask=mask, other=0, eviction_policy="evict_first")


@triton.jit
def _vector_product(x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
                    K: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr, BITS: tl.constexpr,
                    BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Products of one row of x: plain multiply-adds, since a tensor core would be fed one row in eight."""
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    first = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    second = tl.zeros([BLOCK_N, BLOCK_K], tl.float32)
    square = tl.zeros([BLOCK_K], tl.float32)
    for start in tl.static_range(0, SPAN, BLOCK_K):
        for half in tl.static_range(HALVES):
            ks = start + tl.arange(0, BLOCK_K)
            w = _weight_tile(w_ptr, scale_ptr, rows, ks, row_mask, K, BITS, half == 1)
            if GATED:
                up = _weight_tile(up_ptr, up_scale_ptr, rows, ks, row_mask, K, BITS, half == 1)
            if PDL and start == 0 and half == 0:
                tl.extra.cuda.gdc_wait()  # the weights above are on their way; x may still be written
            ks_mask = ks < SPAN
            x = tl.load(x_ptr + half * SPAN + ks, mask=ks_mask, other=0.0).to(tl.float32)
            if NORM:
                square += x * x
                x *= tl.load(norm_ptr + half * SPAN + ks, mask=ks_mask, other=0.0).to(tl.float32)
            first += w.to(tl.float32) * x[None, :]
            if GATED:
                second += up.to(tl.float32) * x[None, :]
    return tl.sum(first, axis=1)[:, None], tl.sum(second, axis=1)[:, None], tl.sum(square)[None]


@triton.jit
def _matrix_product(x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
                    R: tl.constexpr, K: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
                    BITS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_N: tl.constexpr,
                    BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Products of up to 16 rows of x on the tensor cores, weights as the tall left side."""
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    first = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    second = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    square = tl.zeros([BLOCK_R], tl.float32)
    r = tl.arange(0, BLOCK_R)
    if PDL:
        tl.extra.cuda.gdc_wait()
    for start in tl.range(0, SPAN, BLOCK_K, num_stages=STAGES):
        for half in tl.static_range(HALVES):
            ks = start + tl.arange(0, BLOCK_K)
            w = _weight_tile(w_ptr, scale_ptr, rows, ks, row_mask, K, BITS, half == 1)
            x_mask = (ks < SPAN)[:, None] & (r < R)[None, :]
            x = tl.load(x_ptr + r[None, :] * K + half * SPAN + ks[:, None], mask=x_mask, other=0.0)
            if NORM:
                wide = x.to(tl.float32)
                square += tl.sum(wide * wide, axis=0)
                gain = tl.load(norm_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
                x = (wide * gain[:, None]).to(x.dtype)
            first = tl.dot(w.to(x.dtype), x, first, input_precision="ieee")
            if GATED:
                up = _weight_tile(up_ptr, up_scale_ptr, rows, ks, row_mask, K, BITS, half == 1)
                second = tl.dot(up.to(x.dtype), x, second, input_precision="ieee")
    return first, second, square


@triton.jit
def _linear_kernel(x_ptr, norm_ptr, w_ptr, scale_ptr, residual_ptr, out_ptr, N, eps, multiplier,
                   R: tl.constexpr, K: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
                   RESIDUAL: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr,
                   BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
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
        first, second, square = _vector_product(
            x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            K, NORM, GATED, BITS, BLOCK_N, BLOCK_K, PDL)  # fmt: skip
    else:
        first, second, square = _matrix_product(
            x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            R, K, NORM, GATED, BITS, BLOCK_R, BLOCK_N, BLOCK_K, STAGES, PDL)  # fmt: skip
    if NORM:  # the norm's division is the same for a whole row of x, so it can come last
        inverse = tl.rsqrt(square / K + eps)
        first *= inverse[None, :]
        second *= inverse[None, :]
    if BITS == 8:
        first *= tl.load(scale_ptr + rows, mask=row_mask, other=0.0).to(tl.float32)[:, None]
        if GATED:
            second *= tl.load(up_scale_ptr + rows, mask=row_mask, other=0.0).to(tl.float32)[:, None]
    if GATED:
        first = first * tl.sigmoid(first) * second
    r = tl.arange(0, BLOCK_R)
    offsets = r[None, :] * N + rows[:, None]
    mask = row_mask[:, None] & (r < R)[None, :]
    first *= multiplier
    if RESIDUAL:
        first += tl.load(residual_ptr + offsets, mask=mask, other=0.0).to(tl.float32)
    tl.store(out_ptr + offsets, first, mask=mask)
