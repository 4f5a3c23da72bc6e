"""Triton kernel of attention for one new token a sequence whose queries share no keys, by multiply-adds.

It does what `attention` does in phases 1 to 4. There a query is a row of a matrix for the tensor cores; one row alone
would leave 15 of 16 empty, and keys and values would take the way through shared memory. Here a thread multiplies what
it has loaded, as in `vector`:

    lane             0        1      ...   7        8     ...
    token 0      [8 numbers][8 numbers]  [8 numbers]                16 bytes each
    token 1                                      [8 numbers]  ...   the same numbers of q

and the keys and values of a program's first block, which usually is its only one, are in registers before the kernel
before has ended. Each row of lanes keeps a softmax of the tokens that it has seen; these are merged after the last
block, so that no block waits for numbers of other threads.

Shapes below: [n, t, d] are the rows of lanes, the tokens of each in a block, and a head's numbers.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.attention import quantized, split_of
from minicpm_rag.llm.decoding.conversion import whole
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous


@triton.jit
def _halves(ptr, d, mask, D: tl.constexpr):
    """A row, and the same row with its halves exchanged."""
    HALF: tl.constexpr = D // 2
    own = tl.load(ptr + d, mask=mask, other=0.0).to(tl.float32)
    other = tl.load(ptr + tl.where(d < HALF, d + HALF, d - HALF), mask=mask, other=0.0).to(tl.float32)
    return own, other


@triton.jit
def _rotated(halves, cos, sin, d, D: tl.constexpr):
    """A row, rotated: its halves (a, b) become (a cos - b sin, b cos + a sin)."""
    own, other = halves
    return own * cos + tl.where(d < D // 2, -other, other) * sin


@triton.jit
def _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, table_ptr, number, old, head, d, factor, H: tl.constexpr,
           D: tl.constexpr, KV_BLOCK: tl.constexpr, ROWS: tl.constexpr, INT8: tl.constexpr):  # fmt: skip
    """Keys and values [n, t, d] of a block's cached tokens, what to multiply them with [n, t], and a mask [n, t]."""
    token = tl.arange(0, ROWS)[:, None] + ROWS * tl.arange(0, KV_BLOCK // ROWS)[None, :]
    here = number * KV_BLOCK + token < old
    block = tl.load(table_ptr + number, mask=number * KV_BLOCK < old, other=0).to(tl.int64)
    place = (block * H + head) * KV_BLOCK + token
    mask = here[:, :, None] & (d < D)[None, None, :]
    k = tl.load(k_ptr + place[:, :, None] * D + d[None, None, :], mask=mask, other=0)
    v = tl.load(v_ptr + place[:, :, None] * D + d[None, None, :], mask=mask, other=0)
    k_scale = tl.full(token.shape, factor, tl.float32)
    v_scale = tl.full(token.shape, 1.0, tl.float32)
    if INT8:
        k_scale *= tl.load(k_scale_ptr + place, mask=here, other=0.0).to(tl.float32)
        v_scale *= tl.load(v_scale_ptr + place, mask=here, other=0.0).to(tl.float32)
    return k, v, k_scale, v_scale, here


@triton.jit
def _attend(q, k, v, k_scale, v_scale, mask, best, total, mixed):
    """One update of online softmax, in base 2, for each row of lanes: `best` and `total` [n], `mixed` [n, d]."""
    scores = tl.sum(q[None, None, :] * whole(k), axis=2) * k_scale
    scores = tl.where(mask, scores, -1e30)
    new_best = tl.maximum(best, tl.max(scores, axis=1))
    weights = tl.where(mask, tl.exp2(scores - new_best[:, None]), 0.0)
    shrink = tl.exp2(best - new_best)
    mixed = mixed * shrink[:, None] + tl.sum((weights * v_scale)[:, :, None] * whole(v), axis=1)
    return new_best, total * shrink + tl.sum(weights, axis=1), mixed


@triton.jit
def vector_attention_kernel(qkv_ptr, k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, cos_ptr, sin_ptr, slots_ptr, length_ptr,
                            table_ptr, partial_ptr, sums_ptr, table_width, scaling, H: tl.constexpr, D: tl.constexpr,
                            KV_BLOCK: tl.constexpr, ROWS: tl.constexpr, INT8: tl.constexpr, SPLITS: tl.constexpr,
                            BLOCK_D: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """qkv [sequences, 3 H D] -> `partial` and `sums` of each split; the arguments are those of `attention_kernel`.

    ROWS is how many rows of lanes the program has: so many tokens' keys are loaded at once, 16 bytes a lane.
    """
    start_next(PDL)
    sequence = tl.program_id(0) // H
    head = tl.program_id(0) % H
    split = tl.program_id(1)
    slot = tl.load(slots_ptr + sequence).to(tl.int64)
    old = tl.load(length_ptr + slot).to(tl.int32) - 1  # tokens whose keys are in the cache
    table_ptr += slot * table_width
    dtype = qkv_ptr.dtype.element_ty
    d = tl.arange(0, BLOCK_D)

    # This program's blocks.
    blocks, part, last = split_of(old, KV_BLOCK, SPLITS)
    if split > last:
        return
    first = split * part
    end = tl.minimum(blocks, first + part)
    factor = scaling * 1.4426950408889634  # softmax in base 2
    k, v, k_scale, v_scale, here = _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, table_ptr, first, old, head, d,
                                          factor, H, D, KV_BLOCK, ROWS, INT8)  # fmt: skip
    cos = tl.load(cos_ptr + old * D + d, mask=d < D, other=0.0)
    sin = tl.load(sin_ptr + old * D + d, mask=d < D, other=0.0)
    new_block = tl.load(table_ptr + old // KV_BLOCK).to(tl.int64)
    wait_for_previous(PDL)

    row = qkv_ptr + sequence * (3 * H * D) + head * D
    query = _halves(row, d, d < D, D)
    new = (d < D) & (split == last)  # asked for now: below it would be waited for once more
    new_key = _halves(row + H * D, d, new, D)
    new_v = tl.load(row + 2 * H * D + d, mask=new, other=0.0)
    tl.debug_barrier()
    q = _rotated(query, cos, sin, d, D).to(dtype).to(tl.float32)
    bests = tl.full([ROWS], -1e30, tl.float32)
    totals = tl.zeros([ROWS], tl.float32)
    sums = tl.zeros([ROWS, BLOCK_D], tl.float32)
    bests, totals, sums = _attend(q, k, v, k_scale, v_scale, here, bests, totals, sums)
    for number in tl.range(first + 1, end):
        k, v, k_scale, v_scale, here = _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, table_ptr, number, old, head, d,
                                              factor, H, D, KV_BLOCK, ROWS, INT8)  # fmt: skip
        bests, totals, sums = _attend(q, k, v, k_scale, v_scale, here, bests, totals, sums)
    best = tl.max(bests, axis=0)  # the rows of lanes together
    shares = tl.exp2(bests - best)
    total = tl.sum(totals * shares, axis=0)
    mixed = tl.sum(sums * shares[:, None], axis=0)

    if split == last:  # the new token's own, as the last split has the fewest blocks
        new_k = _rotated(new_key, cos, sin, d, D).to(dtype)
        place = (new_block * H + head) * KV_BLOCK + old % KV_BLOCK
        score_factor = factor
        if INT8:
            wide_k, new_k_scale = quantized(new_k.to(tl.float32)[None, :])
            wide_v, new_v_scale = quantized(new_v.to(tl.float32)[None, :])
            score_factor *= tl.max(new_k_scale.to(tl.float32), axis=0)
            tl.store(k_scale_ptr + place + tl.arange(0, 1), new_k_scale)
            tl.store(v_scale_ptr + place + tl.arange(0, 1), new_v_scale)
            new_k_row = tl.reshape(wide_k, [BLOCK_D])
            new_v_row = tl.reshape(wide_v, [BLOCK_D])
            value = new_v_row * tl.max(new_v_scale.to(tl.float32), axis=0)
        else:
            new_k_row = new_k.to(tl.float32)
            new_v_row = new_v.to(tl.float32)
            value = new_v_row
        tl.store(k_ptr + place * D + d, new_k_row.to(k_ptr.dtype.element_ty), mask=d < D)
        tl.store(v_ptr + place * D + d, new_v_row.to(v_ptr.dtype.element_ty), mask=d < D)
        score = tl.sum(q * new_k_row, axis=0) * score_factor
        new_best = tl.maximum(best, score)
        shrink = tl.exp2(best - new_best)
        weight = tl.exp2(score - new_best)
        mixed = mixed * shrink + weight * value
        total = total * shrink + weight
        best = new_best

    spot = tl.program_id(0) * SPLITS + split
    tl.store(partial_ptr + spot * BLOCK_D + d, mixed)
    tl.store(sums_ptr + spot * 2, best)
    tl.store(sums_ptr + spot * 2 + 1, total)
