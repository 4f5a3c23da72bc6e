"""Triton kernels of a matrix product for one to eight rows, fused with the operations around it.

They know arrays, not models. Decoding is bound by reading weights, and a kernel of its own for a norm or a residual
takes as long as reading some megabytes of them. So SiLU and the residual are fused into the product before them, and
an RMS norm into the product after it:

    norm(x) w = (x * gain) w / rms(x)        the product is linear: the division can come last

    one row       each program sums the squares of x itself
    several rows  that would keep the tensor cores waiting: the product that makes the rows also stores them times the
                  next norm's gain, and the sum of squares of each program's columns, to be added up
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous

# With 4 bits two weights share a byte, the first half of a row in the low bits; so many share a scale.
INT4_GROUP = tl.constexpr(64)


@triton.jit
def _stored(w_ptr, rows, ks, row_mask, SPAN: tl.constexpr):
    """Weights [rows, ks] as they are stored: SPAN numbers, or for 4 bits bytes, a row."""
    mask = row_mask[:, None] & (ks < SPAN)[None, :]
    return tl.load(w_ptr + rows[:, None] * SPAN + ks[None, :], mask=mask, other=0, eviction_policy="evict_first")


@triton.jit
def _decoded(stored, BITS: tl.constexpr, HALF: tl.constexpr, dtype):
    """The stored weights as numbers, not yet multiplied by their scale.

    4 bits are put into the low bits of the bfloat16 number 128, whose last bit is worth 1, and 136 is subtracted:
    a GPU adds four times as fast as it converts integers.
    """
    if BITS == 4:
        whole = ((stored >> 4) if HALF == 1 else (stored & 15)).to(tl.int16)
        weights = ((whole | 0x4300).to(tl.bfloat16, bitcast=True).to(tl.float32) - 136.0).to(dtype)
    elif BITS == 8:  # integers up to 127 are exact in bfloat16, and this is faster than converting to float32
        weights = stored.to(tl.bfloat16)
    else:
        weights = stored
    return weights.to(dtype)


@triton.jit
def _grouped(products, scale_ptr, rows, row_mask, start, K: tl.constexpr, HALF: tl.constexpr,
             BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr):  # fmt: skip
    """Products [rows, BLOCK_K] of 4-bit weights, summed by group and multiplied by its scale: [rows, groups]."""
    COUNT: tl.constexpr = BLOCK_K // INT4_GROUP
    GROUPS: tl.constexpr = K // INT4_GROUP
    group = HALF * (GROUPS // 2) + start // INT4_GROUP + tl.arange(0, COUNT)
    mask = row_mask[:, None] & (start // INT4_GROUP + tl.arange(0, COUNT) < GROUPS // 2)[None, :]
    scale = tl.load(scale_ptr + rows[:, None] * GROUPS + group[None, :], mask=mask, other=0.0)
    return tl.sum(tl.reshape(products, [BLOCK_N, COUNT, INT4_GROUP]), axis=2) * scale


@triton.jit
def _vector_product(x_ptr, gain_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask, K: tl.constexpr,
                    NORM: tl.constexpr, GATED: tl.constexpr, BITS: tl.constexpr, BLOCK_N: tl.constexpr,
                    BLOCK_K: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The product with one row of x, by multiply-adds: a tensor core would compute eight rows to use one.

    Returns (first matrix' sums [BLOCK_N, 1], second matrix' sums [BLOCK_N, 1], sum of squares of x [1]).
    """
    HALVES: tl.constexpr = 2 if BITS == 4 else 1
    SPAN: tl.constexpr = K // HALVES
    WIDTH: tl.constexpr = BLOCK_K // INT4_GROUP if BITS == 4 else BLOCK_K
    first = tl.zeros([BLOCK_N, WIDTH], tl.float32)
    second = tl.zeros([BLOCK_N, WIDTH], tl.float32)
    squares = tl.zeros([BLOCK_K], tl.float32)
    for start in tl.static_range(0, SPAN, BLOCK_K):
        ks = start + tl.arange(0, BLOCK_K)
        w = _stored(w_ptr, rows, ks, row_mask, SPAN)
        if GATED:
            up = _stored(up_ptr, rows, ks, row_mask, SPAN)
        if start == 0:
            wait_for_previous(PDL)  # the loads above are under way; x may still be being written
        for half in tl.static_range(HALVES):
            x = tl.load(x_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
            if NORM:
                squares += x * x
                x *= tl.load(gain_ptr + half * SPAN + ks, mask=ks < SPAN, other=0.0).to(tl.float32)
            products = _decoded(w, BITS, half, tl.float32) * x[None, :]
            if BITS == 4:
                first += _grouped(products, scale_ptr, rows, row_mask, start, K, half, BLOCK_N, BLOCK_K)
            else:
                first += products
            if GATED:
                products = _decoded(up, BITS, half, tl.float32) * x[None, :]
                if BITS == 4:
                    second += _grouped(products, up_scale_ptr, rows, row_mask, start, K, half, BLOCK_N, BLOCK_K)
                else:
                    second += products
    return tl.sum(first, axis=1)[:, None], tl.sum(second, axis=1)[:, None], tl.sum(squares, axis=0)[None]


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
        for half in tl.static_range(HALVES):
            x_mask = (ks < SPAN)[:, :, None] & (r < R)
            x = tl.load(x_ptr + r * K + half * SPAN + ks[:, :, None], mask=x_mask, other=0.0)
            left = _decoded(w, BITS, half, dtype)
            if BITS == 4:  # BLOCK_K is one group
                group = half * (GROUPS // 2) + (start + slices) // INT4_GROUP
                scale_mask = row_mask[None, :] & (start + slices < SPAN)
                scale = tl.load(scale_ptr + rows[None, :] * GROUPS + group, mask=scale_mask, other=0.0)
                first += tl.dot(left, x, input_precision="ieee") * scale[:, :, None]
            else:
                first = tl.dot(left, x, first, input_precision="ieee")
            if GATED:
                left = _decoded(up, BITS, half, dtype)
                if BITS == 4:
                    scale = tl.load(up_scale_ptr + rows[None, :] * GROUPS + group, mask=scale_mask, other=0.0)
                    second += tl.dot(left, x, input_precision="ieee") * scale[:, :, None]
                else:
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

    With NORM, one row of x comes as it is, with the norm's gain; several come multiplied by the gain, with their
    squares in PARTS parts. With RESIDUAL and several rows, `gain` is the next norm's: the rows times it are stored in
    `scaled`, this program's part of their squares in `new_squares`. GATED: w holds N gate rows, then N up rows.
    """
    start_next(PDL)
    rows = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)
    row_mask = rows < N
    WIDTH: tl.constexpr = K // 2 if BITS == 4 else K
    GROUPS: tl.constexpr = K // INT4_GROUP if BITS == 4 else 1
    up_ptr = w_ptr + N.to(tl.int64) * WIDTH
    up_scale_ptr = scale_ptr + N * GROUPS
    r = tl.arange(0, BLOCK_R)
    if BLOCK_R == 1:
        first, second, squares = _vector_product(
            x_ptr, gain_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            K, NORM, GATED, BITS, BLOCK_N, BLOCK_K, PDL)  # fmt: skip
    else:
        wait_for_previous(PDL)
        first, second = _matrix_product(
            x_ptr, w_ptr, scale_ptr, up_ptr, up_scale_ptr, rows, row_mask,
            R, K, GATED, BITS, BLOCK_R, BLOCK_N, BLOCK_K, SLICES, STAGES)  # fmt: skip
        part = tl.arange(0, PARTS_PADDED)
        part_mask = (part < PARTS)[:, None] & (r < R)[None, :]
        squares = tl.sum(tl.load(squares_ptr + part[:, None] * R + r[None, :], mask=part_mask, other=0.0), axis=0)
    if NORM:
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
        if BLOCK_R > 1:
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
