"""Triton kernels of prefill's attention: all parts of a portion in one launch, over KV-cache blocks.

Each program takes one tile, as many rows of one part as a block has tokens, and one head:

    rows of a portion   [ part of prompt A           ][ part of prompt B    ]
    tiles             [   0    |   1    |    2     ][   3    |     4      ]     each: (first row, its position, part)

    1. store      rotate the keys; write keys and values to the blocks of their prompts (a kernel of its own, so that
                  every key is in the cache before a program reads it)
    2. attend     for each tile, to all keys before its first position without a mask, then to those of its own rows

Where the cache has 8 bits, keys and values are stored there and, as they are, in blocks for this portion alone, to
which it attends (`many`). Where the flash-attn package attends instead, `rotate_kernel` gives it queries and keys.

Online softmax: Dao et al., FlashAttention.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.attention import quantized, rotate


@triton.jit
def store_kernel(qkv_ptr, k_ptr, v_ptr, k_scale_ptr, v_scale_ptr, cos_ptr, sin_ptr, block_ptr, H: tl.constexpr,
                 KV: tl.constexpr, D: tl.constexpr, KV_BLOCK: tl.constexpr, INT8: tl.constexpr,
                 BLOCK_D: tl.constexpr):  # fmt: skip
    """Write the keys and values of one head and KV_BLOCK rows of qkv [rows, (H + 2 KV) D] to their block."""
    ROW: tl.constexpr = (H + 2 * KV) * D
    part = tl.program_id(0)
    head = tl.program_id(1)
    n = tl.arange(0, KV_BLOCK)
    d = tl.arange(0, BLOCK_D)
    row = (part * KV_BLOCK + n).to(tl.int64)
    mask = (n >= 0)[:, None] & (d < D)[None, :]
    k = rotate(qkv_ptr, cos_ptr, sin_ptr, row, row * ROW + (H + head) * D, d, mask, D)
    v = tl.load(qkv_ptr + (row * ROW + (H + KV + head) * D)[:, None] + d[None, :], mask=mask, other=0.0)
    place = (tl.load(block_ptr + part).to(tl.int64) * KV + head) * KV_BLOCK + n
    spots = place[:, None] * D + d[None, :]
    if INT8:  # of what a cache in 16 bits would hold
        k, k_scale = quantized(k.to(qkv_ptr.dtype.element_ty).to(tl.float32))
        v, v_scale = quantized(v.to(tl.float32))
        tl.store(k_scale_ptr + place, k_scale)
        tl.store(v_scale_ptr + place, v_scale)
    tl.store(k_ptr + spots, k.to(k_ptr.dtype.element_ty), mask=mask)
    tl.store(v_ptr + spots, v.to(v_ptr.dtype.element_ty), mask=mask)


@triton.jit
def rotate_kernel(qkv_ptr, cos_ptr, sin_ptr, out_ptr, H: tl.constexpr, KV: tl.constexpr, D: tl.constexpr,
                  KV_BLOCK: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """Queries and keys of qkv [rows, (H + 2 KV) D], rotated -> out [rows, (H + KV) D], for another's attention."""
    head = tl.program_id(1)
    n = tl.arange(0, KV_BLOCK)
    d = tl.arange(0, BLOCK_D)
    row = (tl.program_id(0) * KV_BLOCK + n).to(tl.int64)
    mask = (n >= 0)[:, None] & (d < D)[None, :]
    rotated = rotate(qkv_ptr, cos_ptr, sin_ptr, row, row * (H + 2 * KV) * D + head * D, d, mask, D)
    tl.store(out_ptr + row[:, None] * ((H + KV) * D) + head * D + d[None, :], rotated, mask=mask)


@triton.jit
def _attended(q, k_ptr, v_ptr, block, head, visible, d, factor, best, total, mixed, MASKED: tl.constexpr,
              KV: tl.constexpr, D: tl.constexpr, KV_BLOCK: tl.constexpr):  # fmt: skip
    """One block of keys added to online softmax; `best`, `total` and `mixed` as in `attention`."""
    place = (block.to(tl.int64) * KV + head) * KV_BLOCK + tl.arange(0, KV_BLOCK)
    spots = place[:, None] * D + d[None, :]
    if d.shape[0] == D:
        k = tl.load(k_ptr + spots)
        v = tl.load(v_ptr + spots)
    else:
        k = tl.load(k_ptr + spots, mask=(d < D)[None, :], other=0.0)
        v = tl.load(v_ptr + spots, mask=(d < D)[None, :], other=0.0)
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * factor
    if MASKED:
        scores = tl.where(visible, scores, -1e30)
    new_best = tl.maximum(best, tl.max(scores, axis=1))
    weights = tl.exp2(scores - new_best[:, None])
    shrink = tl.exp2(best - new_best)
    total = total * shrink + tl.sum(weights, axis=1)
    mixed = tl.dot(weights.to(v.dtype), v, mixed * shrink[:, None], input_precision="ieee")
    return new_best, total, mixed


@triton.jit(do_not_specialize=["table_width"])
def flash_kernel(qkv_ptr, k_ptr, v_ptr, cos_ptr, sin_ptr, tile_ptr, table_ptr, out_ptr, table_width, scaling,
                 H: tl.constexpr, KV: tl.constexpr, D: tl.constexpr, KV_BLOCK: tl.constexpr, BLOCK_D: tl.constexpr,
                 STAGES: tl.constexpr):  # fmt: skip
    """qkv [rows, (H + 2 KV) D] -> out [rows, H D], one tile and head a program."""
    ROW: tl.constexpr = (H + 2 * KV) * D
    tile_ptr += (tl.num_programs(0) - 1 - tl.program_id(0)) * 3  # a part's last has most to read, so it starts first
    head = tl.program_id(1)
    row = tl.load(tile_ptr).to(tl.int64) + tl.arange(0, KV_BLOCK)
    before = tl.load(tile_ptr + 1) // KV_BLOCK  # blocks that all rows attend to
    table_ptr += tl.load(tile_ptr + 2) * table_width
    i = tl.arange(0, KV_BLOCK)
    d = tl.arange(0, BLOCK_D)
    mask = (i >= 0)[:, None] & (d < D)[None, :]
    q = rotate(qkv_ptr, cos_ptr, sin_ptr, row, row * ROW + head * D, d, mask, D).to(qkv_ptr.dtype.element_ty)
    factor = scaling * 1.4426950408889634  # softmax in base 2
    causal = i[None, :] <= i[:, None]
    key_head = head // (H // KV)
    best = tl.full([KV_BLOCK], -1e30, tl.float32)
    total = tl.zeros([KV_BLOCK], tl.float32)
    mixed = tl.zeros([KV_BLOCK, BLOCK_D], tl.float32)
    for number in tl.range(0, before, num_stages=STAGES):
        best, total, mixed = _attended(
            q, k_ptr, v_ptr, tl.load(table_ptr + number), key_head, causal, d, factor, best, total, mixed,
            False, KV, D, KV_BLOCK)  # fmt: skip
    best, total, mixed = _attended(
        q, k_ptr, v_ptr, tl.load(table_ptr + before), key_head, causal, d, factor, best, total, mixed,
        True, KV, D, KV_BLOCK)  # fmt: skip
    tl.store(out_ptr + row[:, None] * (H * D) + head * D + d[None, :], mixed / total[:, None], mask=mask)
