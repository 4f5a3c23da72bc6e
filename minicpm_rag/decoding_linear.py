"""Triton kernel of a matrix product for one to eight rows, with what stands before and behind it folded in.

It knows arrays, not models. Decoding is bound by reading weights, and a kernel of its own for a norm or a
residual costs as much as some megabytes of them: so the norm goes into the product behind it, SiLU and the
residual into the product before them.

Where the card has programmatic dependent launch (Hopper and newer) a kernel may start while the one before still
runs: it asks for its weights and waits (`gdc_wait`) before it reads what the other wrote. Every kernel of a step
must wait, or one two places back might still be writing.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

# Weights in `bits` 4: two in a byte, the low half of a row in the low nibbles; one scale for this many.
INT4_GROUP = tl.constexpr(64)


@triton.jit
def prefetch(ptr, size):
    """Ask for `size` bytes at `ptr`, both multiples of 16, to be brought into L2 (Hopper and newer)."""
    tl.inline_asm_elementwise(
        "{ .reg .pred first; .reg .u32 thread; mov.u32 thread, %tid.x; setp.eq.u32 first, thread, 0; "
        "@first cp.async.bulk.prefetch.L2.global [$1], $2; mov.u32 $0, 0; }",
        "=r,l,r", [ptr, size], dtype=tl.int32, is_pure=False, pack=1,
    )  # fmt: skip


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
        ks = start + tl.arange(0, BLOCK_K)
        w = _stored(w_ptr, rows, ks, row_mask, SPAN)
        if GATED:
            up = _stored(up_ptr, rows, ks, row_mask, SPAN)
        if PDL and start == 0:
            tl.extra.cuda.gdc_wait()  # the weights above are on their way; x may still be written
        for half in tl.static_range(HALVES):
            x = tl.load(x_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
            if NORM:
                square += x * x
                x *= tl.load(norm_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
            first += _decoded(w, scale_ptr, rows, ks, row_mask, K, BITS, half, tl.float32) * x[None, :]
            if GATED:
                second += _decoded(up, up_scale_ptr, rows, ks, row_mask, K, BITS, half, tl.float32) * x[None, :]
    return tl.sum(first, axis=1)[:, None], tl.sum(second, axis=1)[:, None], tl.sum(square)[None]


@triton.jit
def _matrix_product(x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
                    R, K: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
                    BITS: tl.constexpr, BLOCK_R: tl.constexpr, BLOCK_N: tl.constexpr,
                    BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Products of up to BLOCK_R rows of x on the tensor cores, weights as the tall left side."""
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    dtype = x_ptr.dtype.element_ty
    first = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    second = tl.zeros([BLOCK_N, BLOCK_R], tl.float32)
    square = tl.zeros([BLOCK_R], tl.float32)
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
            if NORM:
                wide = x.to(tl.float32)
                square += tl.sum(wide * wide, axis=0)
                gain = tl.load(norm_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
                x = (wide * gain[:, None]).to(dtype)
            left = _decoded(w, scale_ptr, rows, ks, row_mask, K, BITS, half, dtype)
            first = tl.dot(left, x, first, input_precision="ieee")
            if GATED:
                left = _decoded(up, up_scale_ptr, rows, ks, row_mask, K, BITS, half, dtype)
                second = tl.dot(left, x, second, input_precision="ieee")
    return first, second, square


@triton.jit
def linear_kernel(x_ptr, norm_ptr, w_ptr, scale_ptr, residual_ptr, out_ptr, N, epsilon, multiplier,
                   R, K: tl.constexpr, NORM: tl.constexpr, GATED: tl.constexpr,
                   RESIDUAL: tl.constexpr, BITS: tl.constexpr, BLOCK_R: tl.constexpr,
                   BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr, AHEAD: tl.constexpr):  # fmt: skip
    if PDL:
        tl.extra.cuda.gdc_launch_dependents()
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_mask = rows < N
    # Behind the N gate rows lie the N up rows.
    WIDTH: tl.constexpr = K // 2 if BITS == 4 else K
    GROUPS: tl.constexpr = K // INT4_GROUP if BITS == 4 else 1
    up_ptr = w_ptr + N.to(tl.int64) * WIDTH
    up_scale_ptr = scale_ptr + N * GROUPS
    if AHEAD > 0:  # bytes of this program's weights asked into L2 before it waits
        mine = tl.program_id(0).to(tl.int64) * BLOCK_N * WIDTH
        here = tl.minimum(BLOCK_N, N - tl.program_id(0) * BLOCK_N) * WIDTH * (w_ptr.dtype.element_ty.primitive_bitwidth // 8)
        prefetch(w_ptr + mine, tl.minimum(here, AHEAD) // 16 * 16)
        if GATED:
            prefetch(up_ptr + mine, tl.minimum(here, AHEAD) // 16 * 16)
    if BLOCK_R == 1:
        first, second, square = _vector_product(
            x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            K, NORM, GATED, BITS, BLOCK_N, BLOCK_K, PDL)  # fmt: skip
    else:
        first, second, square = _matrix_product(
            x_ptr, norm_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            R, K, NORM, GATED, BITS, BLOCK_R, BLOCK_N, BLOCK_K, STAGES, PDL)  # fmt: skip
    if NORM:  # the norm's division is the same for a whole row of x, so it can come last
        inverse = tl.rsqrt(square / K + epsilon)
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
