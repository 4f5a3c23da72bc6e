"""Triton kernel of one step's attention: rotary embedding, cache write and flash decoding over KV-cache blocks.

T new tokens of each sequence attend to the tokens before them and to each other. Flash decoding cuts the cached tokens
into SPLITS parts, so that one long sequence keeps the whole GPU busy: there is one program for each sequence, key head
and split.

    blocks of a sequence     [ 0 ][ 1 ][ 2 ][ 3 ][ 4 ][ 5 ][ 6 ] + T new tokens
    SPLITS = 3               |-- split 0 --||-- split 1 --||------- split 2 ----|

    1. rotate      rotate the T x H/KV queries that share this key head; they are the rows of one small matrix
    2. cached      for each block of this split: scores = q k, online softmax, weighted sum of v
    3. new         the last split only: rotate the T new keys, store them and the T values in the cache, and attend
                   to them causally
    4. store       this split's maximum, total and weighted sum for each row (with SPLITS = 1 the result)
    5. combine     a kernel of its own adds the splits up, one program for each row of a sequence and key head

         split 0  --1--2--4
         split 1  --1--2----4
         split 2  --1--2-3---4
         combine              --5--> out

The keys and values of a split's first block, which usually is its only one, are asked for before the kernel before has
ended. Online softmax and splitting: Dao et al., FlashAttention and Flash-Decoding. The kernel knows positions and
blocks, not requests: `cache` decides which blocks belong to whom. One token whose queries share no keys has a kernel
of its own for phases 1 to 4, `vector_attention`.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.conversion import narrow
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous


@triton.jit
def rotate(ptr, cos_ptr, sin_ptr, positions, offsets, d, mask, D: tl.constexpr):
    """Rows of `ptr + offsets`, rotated: their halves (a, b) become (a cos - b sin, b cos + a sin)."""
    HALF: tl.constexpr = D // 2
    partner = tl.where(d < HALF, d + HALF, d - HALF)
    sign = tl.where(d < HALF, -1.0, 1.0)
    own = tl.load(ptr + offsets[:, None] + d[None, :], mask=mask, other=0.0).to(tl.float32)
    other = tl.load(ptr + offsets[:, None] + partner[None, :], mask=mask, other=0.0).to(tl.float32)
    cos = tl.load(cos_ptr + positions[:, None] * D + d[None, :], mask=mask, other=0.0)
    sin = tl.load(sin_ptr + positions[:, None] * D + d[None, :], mask=mask, other=0.0)
    return own * cos + other * sign[None, :] * sin


@triton.jit
def _attend(q, k, v, k_scale, v_scale, mask, best, total, mixed):
    """One update of online softmax, in base 2, with keys k [n, d] and values v [n, d] where mask [rows, n] is set.

    `best` [rows] is the largest score so far, `total` [rows] the sum of the weights, `mixed` [rows, d] that of the
    weighted values, both relative to `best`. Returns the three updated.
    """
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * k_scale[None, :]
    scores = tl.where(mask, scores, -1e30)
    new_best = tl.maximum(best, tl.max(scores, axis=1))
    weights = tl.where(mask, tl.exp2(scores - new_best[:, None]), 0.0)
    shrink = tl.exp2(best - new_best)
    shares = (weights * v_scale[None, :]).to(v.dtype)
    mixed = mixed * shrink[:, None] + tl.dot(shares, v, input_precision="ieee")
    return new_best, total * shrink + tl.sum(weights, axis=1), mixed


@triton.jit
def quantized(values):
    """Rows as integers of -127..127, and the scale [rows], as it is stored, to multiply each with."""
    scale = tl.maximum(tl.max(tl.abs(values), axis=1) / 127.0, 1e-6).to(tl.float16)
    rounded = values / scale.to(tl.float32)[:, None]
    rounded = tl.where(rounded >= 0, tl.floor(rounded + 0.5), tl.ceil(rounded - 0.5))
    return tl.minimum(tl.maximum(rounded, -127.0), 127.0), scale


@triton.jit
def split_of(old, KV_BLOCK: tl.constexpr, SPLITS: tl.constexpr):
    """How many blocks the cached tokens fill, how many of them a split takes, and the last split that has any work."""
    blocks = tl.cdiv(old, KV_BLOCK)
    part = tl.maximum(tl.cdiv(blocks, SPLITS), 1)
    return blocks, part, tl.minimum(tl.cdiv(blocks, part), SPLITS - 1)


@triton.jit
def _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, block, first, old, head, d, factor, dtype, D: tl.constexpr,
           KV: tl.constexpr, KV_BLOCK: tl.constexpr, INT8: tl.constexpr):  # fmt: skip
    """Keys and values of the cached tokens from `first` on, which are in this block, what to multiply, and a mask."""
    n = tl.arange(0, KV_BLOCK)
    here = first + n < old
    place = (block * KV + head) * KV_BLOCK + n
    mask = here[:, None] & (d < D)[None, :]
    k = tl.load(k_ptr + place[:, None] * D + d[None, :], mask=mask, other=0.0)
    v = tl.load(v_ptr + place[:, None] * D + d[None, :], mask=mask, other=0.0)
    k_scale = tl.full([KV_BLOCK], factor, tl.float32)
    v_scale = tl.full([KV_BLOCK], 1.0, tl.float32)
    if INT8:  # integers up to 127 are exact in 16 bits; the scales multiply scores and weights
        k, v = narrow(k, dtype), narrow(v, dtype)
        k_scale *= tl.load(k_scale_ptr + place, mask=here, other=0.0).to(tl.float32)
        v_scale *= tl.load(v_scale_ptr + place, mask=here, other=0.0).to(tl.float32)
    return k, v, k_scale, v_scale, here


@triton.jit
def attention_kernel(qkv_ptr, k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, cos_ptr, sin_ptr,
                     slots_ptr, length_ptr, table_ptr, partial_ptr, sums_ptr, out_ptr,
                     table_width, scaling,
                     T: tl.constexpr, H: tl.constexpr, KV: tl.constexpr, D: tl.constexpr, KV_BLOCK: tl.constexpr,
                     INT8: tl.constexpr, SPLITS: tl.constexpr, BLOCK_Q: tl.constexpr, BLOCK_T: tl.constexpr,
                     BLOCK_D: tl.constexpr, STAGES: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """qkv [sequences * T, (H + 2 KV) D] -> out [sequences * T, H D], or with SPLITS > 1 what phase 5 needs.

    `slots` are the sequences' rows of `length` (with the first new token) and of `table` (their cache blocks).
    """
    start_next(PDL)
    EARLY: tl.constexpr = PDL and T == 1  # with draft tokens it would take more shared memory than most cards have
    REP: tl.constexpr = H // KV
    ROWS: tl.constexpr = T * REP
    ROW: tl.constexpr = (H + 2 * KV) * D
    sequence = tl.program_id(0) // KV
    head = tl.program_id(0) % KV
    split = tl.program_id(1)
    slot = tl.load(slots_ptr + sequence).to(tl.int64)
    old = tl.load(length_ptr + slot).to(tl.int32) - 1  # tokens whose keys are in the cache
    table_ptr += slot * table_width
    dtype = qkv_ptr.dtype.element_ty
    d = tl.arange(0, BLOCK_D)
    in_head = d < D

    # This program's blocks.
    blocks, part, last = split_of(old, KV_BLOCK, SPLITS)
    if split > last:
        return
    end = tl.minimum(blocks, (split + 1) * part)
    first = split * part
    factor = scaling * 1.4426950408889634  # softmax in base 2
    if EARLY:  # cached keys do not depend on the kernel before
        block = tl.load(table_ptr + first, mask=first < blocks, other=0).to(tl.int64)
        k, v, k_scale, v_scale, here = _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, block, first * KV_BLOCK, old,
                                              head, d, factor, dtype, D, KV, KV_BLOCK, INT8)  # fmt: skip
    wait_for_previous(PDL)

    # Phase 1. Query row i is token i // REP with query head i % REP of this key head.
    i = tl.arange(0, BLOCK_Q)
    token = i // REP
    q_offsets = (sequence * T + token) * ROW + (head * REP + i % REP) * D
    q_mask = (i < T * REP)[:, None] & in_head[None, :]
    q = rotate(qkv_ptr, cos_ptr, sin_ptr, old + token, q_offsets, d, q_mask, D)
    q = q.to(dtype)

    # Phase 2.
    best = tl.full([BLOCK_Q], -1e30, tl.float32)
    total = tl.zeros([BLOCK_Q], tl.float32)
    mixed = tl.zeros([BLOCK_Q, BLOCK_D], tl.float32)
    if EARLY:
        best, total, mixed = _attend(q, k, v, k_scale, v_scale, here[None, :], best, total, mixed)
        first += 1
    for number in tl.range(first, end, num_stages=STAGES):
        block = tl.load(table_ptr + number).to(tl.int64)
        k, v, k_scale, v_scale, here = _block(k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, block, number * KV_BLOCK, old,
                                              head, d, factor, dtype, D, KV, KV_BLOCK, INT8)  # fmt: skip
        best, total, mixed = _attend(q, k, v, k_scale, v_scale, here[None, :], best, total, mixed)

    if split == last:  # phase 3, in the last split because it has the fewest blocks
        t = tl.arange(0, BLOCK_T)
        t_mask = (t < T)[:, None] & in_head[None, :]
        row = (sequence * T + t) * ROW
        new_k = rotate(qkv_ptr, cos_ptr, sin_ptr, old + t, row + (H + head) * D, d, t_mask, D).to(dtype)
        new_v = tl.load(qkv_ptr + (row + (H + KV + head) * D)[:, None] + d[None, :], mask=t_mask, other=0.0)
        new_block = tl.load(table_ptr + (old + t) // KV_BLOCK, mask=t < T, other=0).to(tl.int64)
        place = (new_block * KV + head) * KV_BLOCK + (old + t) % KV_BLOCK
        new_k_scale = tl.full([BLOCK_T], factor, tl.float32)
        new_v_scale = tl.full([BLOCK_T], 1.0, tl.float32)
        if INT8:
            new_k, stored_k_scale = quantized(new_k.to(tl.float32))
            new_v, stored_v_scale = quantized(new_v.to(tl.float32))
            tl.store(k_scale_ptr + place, stored_k_scale, mask=t < T)
            tl.store(v_scale_ptr + place, stored_v_scale, mask=t < T)
            new_k_scale *= stored_k_scale.to(tl.float32)
            new_v_scale *= stored_v_scale.to(tl.float32)
        tl.store(k_ptr + place[:, None] * D + d[None, :], new_k.to(k_ptr.dtype.element_ty), mask=t_mask)
        tl.store(v_ptr + place[:, None] * D + d[None, :], new_v.to(v_ptr.dtype.element_ty), mask=t_mask)
        causal = (t[None, :] <= token[:, None]) & (t < T)[None, :]
        best, total, mixed = _attend(q, new_k.to(dtype), new_v.to(dtype), new_k_scale, new_v_scale, causal,
                                     best, total, mixed)  # fmt: skip

    out_offsets = (sequence * T + token) * (H * D) + (head * REP + i % REP) * D
    out_ptrs = out_ptr + out_offsets[:, None] + d[None, :]
    if SPLITS == 1:
        tl.store(out_ptrs, mixed / total[:, None], mask=q_mask)
        return

    # Phase 4.
    group = tl.program_id(0) * SPLITS
    partial = partial_ptr + (group + split) * ROWS * BLOCK_D + i[:, None] * BLOCK_D + d[None, :]
    sums = sums_ptr + ((group + split) * ROWS + i) * 2
    real = i < ROWS
    tl.store(partial, mixed, mask=real[:, None])
    tl.store(sums, best, mask=real)
    tl.store(sums + 1, total, mask=real)


@triton.jit
def combine_kernel(partial_ptr, sums_ptr, slots_ptr, length_ptr, out_ptr, T: tl.constexpr, H: tl.constexpr,
                   KV: tl.constexpr, D: tl.constexpr, KV_BLOCK: tl.constexpr, SPLITS: tl.constexpr,
                   BLOCK_D: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """Phase 5 for one row of one sequence and key head a program."""
    start_next(PDL)
    REP: tl.constexpr = H // KV
    group = tl.program_id(0)
    q_row = tl.program_id(1)
    d = tl.arange(0, BLOCK_D)
    slot = tl.load(slots_ptr + group // KV).to(tl.int64)
    blocks = tl.cdiv(tl.load(length_ptr + slot).to(tl.int32) - 1, KV_BLOCK)
    used = tl.arange(0, SPLITS) <= tl.cdiv(blocks, tl.maximum(tl.cdiv(blocks, SPLITS), 1))
    wait_for_previous(PDL)
    spot = (group * SPLITS + tl.arange(0, SPLITS)) * (T * REP) + q_row
    bests = tl.load(sums_ptr + spot * 2, mask=used, other=-1e30)
    share = tl.exp2(bests - tl.max(bests, axis=0))
    whole = tl.sum(tl.load(sums_ptr + spot * 2 + 1, mask=used, other=0.0) * share, axis=0)
    values = tl.load(partial_ptr + spot[:, None] * BLOCK_D + d[None, :], mask=used[:, None], other=0.0)
    value = tl.sum(values * share[:, None], axis=0) / whole
    row = (group // KV * T + q_row // REP) * H + group % KV * REP + q_row % REP
    tl.store(out_ptr + row * D + d, value, mask=d < D)
