"""Triton kernels around the products of many rows, which cuBLAS computes better than `linear` would.

The norm starts while the product before it still ends, see `dependent_launch`; the gate reads the product once, where
torch reads and writes it twice; quantized weights are written out for cuBLAS in one pass instead of six. The head is a
product after all: cuBLAS takes four times as long for it, because MiniCPM's vocabulary of 122,753 is an odd number.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.conversion import INT4_GROUP, whole4, whole8
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous


@triton.jit
def norm_kernel(rows_ptr, gain_ptr, out_ptr, epsilon, K: tl.constexpr, BLOCK_K: tl.constexpr, PDL: tl.constexpr):
    """out [rows, K] = rows / their root mean square * gain."""
    start_next(PDL)
    ks = tl.arange(0, BLOCK_K)
    places = tl.program_id(0).to(tl.int64) * K + ks
    gain = tl.load(gain_ptr + ks, mask=ks < K, other=0.0).to(tl.float32)
    wait_for_previous(PDL)
    row = tl.load(rows_ptr + places, mask=ks < K, other=0.0).to(tl.float32)
    tl.store(out_ptr + places, row * tl.rsqrt(tl.sum(row * row, axis=0) / K + epsilon) * gain, mask=ks < K)


@triton.jit
def gate_kernel(product_ptr, out_ptr, N: tl.constexpr, BLOCK_N: tl.constexpr, PDL: tl.constexpr):
    """out [rows, N] = SiLU(product[:, :N]) * product[:, N:]."""
    start_next(PDL)
    wait_for_previous(PDL)
    row = tl.program_id(0).to(tl.int64)
    ns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    mask = ns < N
    gate = tl.load(product_ptr + row * 2 * N + ns, mask=mask, other=0.0).to(tl.float32)
    up = tl.load(product_ptr + row * 2 * N + N + ns, mask=mask, other=0.0).to(tl.float32)
    tl.store(out_ptr + row * N + ns, gate * tl.sigmoid(gate) * up, mask=mask)


@triton.jit
def dequantize_kernel(data_ptr, scale_ptr, out_ptr, K: tl.constexpr, BITS: tl.constexpr, BLOCK: tl.constexpr,
                      PDL: tl.constexpr):  # fmt: skip
    """out [rows, K]: a matrix of 8 or 4 bits, rounded as `Matrix.full` rounds it. A program takes BLOCK bytes."""
    start_next(PDL)
    row = tl.program_id(0).to(tl.int64)
    byte = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    WIDTH: tl.constexpr = K * BITS // 8
    mask = byte < WIDTH
    stored = tl.load(data_ptr + row * WIDTH + byte, mask=mask, other=0, eviction_policy="evict_first")
    if BITS == 8:
        scale = tl.load(scale_ptr + row)
        wait_for_previous(PDL)  # it may still be reading what was written out before
        tl.store(out_ptr + row * K + byte, whole8(stored) * scale, mask=mask)
    else:
        low, high = whole4(stored)
        group = scale_ptr + row * (K // INT4_GROUP) + byte // INT4_GROUP * 2
        low_scale, high_scale = tl.load(group, mask=mask, other=0.0), tl.load(group + 1, mask=mask, other=0.0)
        wait_for_previous(PDL)
        tl.store(out_ptr + row * K + byte, low * low_scale, mask=mask)
        tl.store(out_ptr + row * K + WIDTH + byte, high * high_scale, mask=mask)


@triton.jit(do_not_specialize=["R"])
def head_kernel(x_ptr, w_ptr, out_ptr, N, R, multiplier, K: tl.constexpr, BLOCK_R: tl.constexpr,
                BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, STAGES: tl.constexpr):  # fmt: skip
    """out [R, N] = multiplier * x [R, K] w [N, K], the weights as the tall left side of the tensor cores.

    Programs that read the same weights follow each other, so that all but the first find them in the L2 cache.
    """
    rs = tl.program_id(0) * BLOCK_R + tl.arange(0, BLOCK_R)
    ns = tl.program_id(1).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    sums = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    for start in tl.range(0, K, BLOCK_K, num_stages=STAGES):
        ks = start + tl.arange(0, BLOCK_K)
        w_mask = (ns < N)[:, None] & (ks < K)[None, :]
        x_mask = (ks < K)[:, None] & (rs < R)[None, :]
        w = tl.load(w_ptr + ns[:, None] * K + ks[None, :], mask=w_mask, other=0.0)
        x = tl.load(x_ptr + rs[None, :] * K + ks[:, None], mask=x_mask, other=0.0)
        sums = tl.dot(w, x, sums, input_precision="ieee")
    places = rs[None, :].to(tl.int64) * N + ns[:, None]
    tl.store(out_ptr + places, sums * multiplier, mask=(ns < N)[:, None] & (rs < R)[None, :])
