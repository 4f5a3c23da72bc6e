"""Triton kernel of a matrix product for one row, by multiply-adds, fused with the operations around it as in `linear`.

Decoding one sequence is bound by reading weights, and between two products by how long it takes from the moment x is
there until the result is. So a program asks for its first weights before it waits for x, and each thread multiplies
the columns that it has loaded, of several rows, without moving a number to another thread before the end:

    lane             0        1      ...   31
    row 0         [8 cols][8 cols]      [8 cols]    16 bytes each
    row 1         [8 cols][8 cols]      [8 cols]    the same columns, so the same part of x
    x             [8 cols][8 cols]      [8 cols]    loaded once for all rows

For several rows the norm's gain is multiplied into x before it is stored (`linear`); here it is stored in float32, so
that nothing is rounded, or in two parts for `tensor`.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return,assignment"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.conversion import whole8, wide
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous


@triton.jit
def _tiles(w_ptr, begin, N, start, K: tl.constexpr, EACH: tl.constexpr, LANES: tl.constexpr, BLOCK_K: tl.constexpr,
           AHEAD: tl.constexpr):  # fmt: skip
    """Stored weights of the next AHEAD steps: for each, EACH times [LANES, BLOCK_K]."""
    tiles = ()
    for step in tl.static_range(AHEAD):
        ks = start + step * BLOCK_K + tl.arange(0, BLOCK_K)
        for each in tl.static_range(EACH):
            rows = begin + each * LANES + tl.arange(0, LANES)
            mask = (rows < N)[:, None] & (ks < K)[None, :]
            places = w_ptr + rows[:, None] * K + ks[None, :]
            tiles += (tl.load(places, mask=mask, other=0, eviction_policy="evict_first"),)
    return tiles


@triton.jit
def _columns(x_ptr, start, K: tl.constexpr, LANES: tl.constexpr, BLOCK_K: tl.constexpr, AHEAD: tl.constexpr):
    """x of the columns of AHEAD steps, [LANES, BLOCK_K] each: a thread gets x where it has weights."""
    xs = ()
    for step in tl.static_range(AHEAD):
        ks = tl.zeros([LANES], tl.int32)[:, None] + (start + step * BLOCK_K + tl.arange(0, BLOCK_K))[None, :]
        xs += (wide(tl.load(x_ptr + ks, mask=ks < K, other=0.0)),)
    return xs


@triton.jit
def _added(sums, tiles, xs, BITS: tl.constexpr, EACH: tl.constexpr, AHEAD: tl.constexpr):
    """The sums [LANES, BLOCK_K] of EACH rows a lane, with the products of AHEAD steps added."""
    for step in tl.static_range(AHEAD):
        more = ()
        for each in tl.static_range(EACH):
            stored = tiles[step * EACH + each]
            more += (sums[each] + (whole8(stored) if BITS == 8 else wide(stored)) * xs[step],)
        sums = more
    return sums


@triton.jit
def store_scaled(ptr, columns, K, scaled):
    """Store x times the norm's gain as the next product wants it: in float32, or as two bfloat16 numbers."""
    if ptr.dtype.element_ty == tl.float32:
        tl.store(ptr + columns, scaled, mask=columns < K)
    else:
        for part in tl.static_range(2):
            kept = scaled.to(tl.bfloat16)
            tl.store(ptr + part * K + columns, kept, mask=columns < K)
            scaled -= kept.to(tl.float32)


@triton.jit
def square_sums(squares_ptr, PARTS: tl.constexpr, ROWS: tl.constexpr, WIDTH: tl.constexpr):
    """Sums [WIDTH] of the squares of x, of which each program that made x has left a part."""
    part = tl.arange(0, ROWS)[:, None] * WIDTH + tl.arange(0, WIDTH)[None, :]
    return tl.sum(tl.load(squares_ptr + part, mask=part < PARTS, other=0.0), axis=0)


@triton.jit
def vector_kernel(x_ptr, squares_ptr, w_ptr, scale_ptr, residual_ptr, gain_ptr, out_ptr, scaled_ptr, new_squares_ptr,
                  N, epsilon, multiplier, K: tl.constexpr, NORM: tl.constexpr, PARTS: tl.constexpr,
                  PART_ROWS: tl.constexpr, PART_WIDTH: tl.constexpr, GATED: tl.constexpr, RESIDUAL: tl.constexpr,
                  BITS: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, LANES: tl.constexpr,
                  AHEAD: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """out [N] = [residual +] multiplier * x w, with x normed where NORM is set.

    With NORM, x comes multiplied by the norm's gain, with its squares in PARTS parts. With RESIDUAL, `gain` is the next
    norm's, and what that needs is stored in `scaled` and `new_squares`. GATED: w holds N gate rows, then N up rows. A
    program computes BLOCK_N outputs, LANES at a time, BLOCK_K columns a step, and loads AHEAD steps at once. The parts
    of the squares are loaded as [PART_ROWS, PART_WIDTH].
    """
    start_next(PDL)
    EACH: tl.constexpr = BLOCK_N // LANES
    TURNS: tl.constexpr = (K + AHEAD * BLOCK_K - 1) // (AHEAD * BLOCK_K)
    begin = tl.program_id(0).to(tl.int64) * BLOCK_N
    up_ptr = w_ptr + N.to(tl.int64) * K
    zeros = ()
    for _ in tl.static_range(EACH):
        zeros += (tl.zeros([LANES, BLOCK_K], tl.float32),)
    tiles = _tiles(w_ptr, begin, N, 0, K, EACH, LANES, BLOCK_K, AHEAD)
    up_tiles = _tiles(up_ptr, begin, N, 0, K, EACH, LANES, BLOCK_K, AHEAD) if GATED else tiles
    scales, up_scales, gains = (), (), ()
    for each in tl.static_range(EACH):
        rows = begin + each * LANES + tl.arange(0, LANES)
        if BITS == 8:
            scales += (tl.load(scale_ptr + rows, mask=rows < N, other=0.0),)
            up_scales += (tl.load(scale_ptr + N + rows, mask=rows < N, other=0.0) if GATED else 1.0,)
        gains += (tl.load(gain_ptr + rows, mask=rows < N, other=0.0).to(tl.float32) if RESIDUAL else 1.0,)
    wait_for_previous(PDL)  # the loads above are under way; x may still be being written
    # What the end needs is asked for now: there each load would be waited for on its own.
    olds = ()
    for each in tl.static_range(EACH):
        rows = begin + each * LANES + tl.arange(0, LANES)
        olds += (tl.load(residual_ptr + rows, mask=rows < N, other=0.0).to(tl.float32) if RESIDUAL else 0.0,)
    squares = square_sums(squares_ptr, PARTS, PART_ROWS, PART_WIDTH) if NORM else 0.0
    if BITS == 8:
        tl.debug_barrier()  # the compiler would move those loads to the end; in 16 bits that is quicker
    xs = _columns(x_ptr, 0, K, LANES, BLOCK_K, AHEAD)
    sums = _added(zeros, tiles, xs, BITS, EACH, AHEAD)
    up_sums = _added(zeros, up_tiles, xs, BITS, EACH, AHEAD) if GATED else zeros
    for turn in tl.range(1, TURNS):
        start = turn * (AHEAD * BLOCK_K)
        tiles = _tiles(w_ptr, begin, N, start, K, EACH, LANES, BLOCK_K, AHEAD)
        up_tiles = _tiles(up_ptr, begin, N, start, K, EACH, LANES, BLOCK_K, AHEAD) if GATED else tiles
        xs = _columns(x_ptr, start, K, LANES, BLOCK_K, AHEAD)
        sums = _added(sums, tiles, xs, BITS, EACH, AHEAD)
        up_sums = _added(up_sums, up_tiles, xs, BITS, EACH, AHEAD) if GATED else up_sums
    inverse = tl.rsqrt(tl.sum(squares, axis=0) / K + epsilon) if NORM else 1.0
    new_squares = tl.zeros([LANES], tl.float32)
    for each in tl.static_range(EACH):
        rows = begin + each * LANES + tl.arange(0, LANES)
        mask = rows < N
        value = tl.sum(sums[each], axis=1) * inverse
        if BITS == 8:
            value *= scales[each]
        if GATED:
            up = tl.sum(up_sums[each], axis=1) * inverse
            if BITS == 8:
                up *= up_scales[each]
            value = value * tl.sigmoid(value) * up
        value *= multiplier
        if RESIDUAL:
            value += olds[each]
            rounded = tl.where(mask, value.to(out_ptr.dtype.element_ty).to(tl.float32), 0.0)
            store_scaled(scaled_ptr, rows, N, rounded * gains[each])
            new_squares += rounded * rounded
        tl.store(out_ptr + rows, value, mask=mask)
    if RESIDUAL:
        tl.store(new_squares_ptr + tl.program_id(0), tl.sum(new_squares, axis=0))


@triton.jit
def embed_kernel(ids_ptr, table_ptr, scale_ptr, gain_ptr, out_ptr, scaled_ptr, squares_ptr, K, multiplier,
                 BITS: tl.constexpr, BLOCK: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """The embedding of one token, and what `vector_kernel` leaves for the norm: no product makes the embeddings."""
    start_next(PDL)
    wait_for_previous(PDL)
    ks = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    row = tl.load(ids_ptr)
    x = tl.load(table_ptr + row * K + ks, mask=ks < K, other=0).to(tl.float32)
    if BITS == 8:
        x *= tl.load(scale_ptr + row)
    dtype = out_ptr.dtype.element_ty
    x = (x.to(dtype).to(tl.float32) * multiplier).to(dtype)
    tl.store(out_ptr + ks, x, mask=ks < K)
    x = x.to(tl.float32)
    gain = tl.load(gain_ptr + ks, mask=ks < K, other=0.0).to(tl.float32)
    store_scaled(scaled_ptr, ks, K, x * gain)
    tl.store(squares_ptr + tl.program_id(0), tl.sum(x * x, axis=0))
