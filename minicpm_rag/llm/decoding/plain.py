"""The operations of a decoder in plain torch: the reference for the kernels, and what runs without them.

Prefill uses these on a GPU too: for hundreds of rows no kernel of ours beats cuBLAS and torch's attention. The order
of operations and the rounding are those of transformers' Granite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.cache import BLOCK, LayerCache
from minicpm_rag.llm.decoding.drafting import draft
from minicpm_rag.llm.decoding.sampling import choose
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.checkpoint.quantization import Matrix
    from minicpm_rag.llm.decoding.portion import Portion
    from minicpm_rag.llm.decoding.rope import RotaryTables
    from minicpm_rag.llm.decoding.slots import Slots

__all__ = [
    "Attend", "Residual", "add", "are_many", "attention", "begin", "choose", "enter", "prefill_attention", "project",
]  # fmt: skip

# Causal attention of queries [rows, heads, head dimension] to keys and values [tokens, key heads, head dimension], the
# last of which are the rows' own, with a multiplier for the scores. Returns [rows, heads, head dimension].
Attend = Callable[["torch.Tensor", "torch.Tensor", "torch.Tensor", float], "torch.Tensor"]


def begin(state: Slots, slots: torch.Tensor, tokens: int) -> torch.Tensor:
    """The last known token of slots [sequences] and `tokens` - 1 draft tokens: [sequences, tokens]."""
    import torch

    known, length = state.ids[slots], state.length[slots]
    last = known.gather(1, (length - 1).long()[:, None])
    return torch.cat((last, draft(known, length, tokens - 1)), dim=1) if tokens > 1 else last


@dataclass
class Residual:
    """The residual stream between layers [rows, hidden], and the gain of the norm that reads it next."""

    rows: torch.Tensor
    gain: torch.Tensor


def are_many(rows: int, weights: DecoderWeights) -> bool:
    """Whether so many rows have products of another kind; here all have the same."""
    return False


def enter(ids: torch.Tensor, weights: DecoderWeights) -> Residual:
    """The embeddings of ids [rows]."""
    rows = weights.embedding.some_rows(ids, weights.dtype) * weights.embedding_multiplier
    return Residual(rows, weights.layers[0].attention_norm)


def project(
    residual: Residual,
    matrix: Matrix,
    epsilon: float,
    *,
    gated: bool = False,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """multiplier * norm(residual) * matrix; `gated`: SiLU of the product's first half times its second half."""
    from torch.nn import functional

    rows = residual.rows
    normed = functional.rms_norm(rows, rows.shape[-1:], residual.gain, epsilon)
    product = functional.linear(normed, matrix.full(rows.dtype))
    if gated:
        gate, up = product.chunk(2, dim=-1)
        product = functional.silu(gate).mul_(up)
    product = product.to(dtype or product.dtype)
    return product * multiplier if multiplier != 1.0 else product


def add(residual: Residual, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor) -> Residual:
    """residual + multiplier * rows * matrix; the norm with `gain` reads it next."""
    import torch
    from torch.nn import functional

    product = functional.linear(rows, matrix.full(rows.dtype))
    return Residual(torch.add(residual.rows, product, alpha=multiplier), gain)


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    blocks: int,
) -> torch.Tensor:
    """Attention of the new tokens to the first `blocks` cache blocks of their slots, which get their keys and values.

    qkv [sequences * tokens, heads and key heads] -> [sequences * tokens, heads * head dimension].
    """
    import torch
    from torch.nn import functional

    sequences = len(slots)
    tokens = len(qkv) // sequences
    positions = state.length[slots].long()[:, None] - 1 + torch.arange(tokens, device=qkv.device)
    query, key, value = _split(
        qkv.view(sequences, tokens, -1),
        weights,
        rope.cos[positions, None].to(qkv.dtype),
        rope.sin[positions, None].to(qkv.dtype),
    )
    table = state.blocks[slots].long()
    block, place = table.gather(1, positions // BLOCK).flatten(), positions.flatten() % BLOCK
    _store(cache, key.flatten(0, 1), value.flatten(0, 1), block, place)
    table = table[:, :blocks]
    keys, values = (part.transpose(1, 2).flatten(2, 3) for part in read(cache, table, qkv.dtype))
    visible = torch.arange(blocks * BLOCK, device=qkv.device) <= positions[:, :, None]
    mixed = functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        keys,
        values,
        attn_mask=visible[:, None],
        scale=weights.attention_multiplier,
        enable_gqa=weights.heads != weights.key_heads,
    )
    return mixed.transpose(1, 2).reshape(sequences * tokens, -1)


def prefill_attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    portion: Portion,
    attend: Attend | None = None,
) -> torch.Tensor:
    """Attention of each part of a portion to itself and to what is cached before it; the cache gets keys and values.

    qkv [rows, heads and key heads] -> [rows, heads * head dimension]. `attend` computes it where one is given.
    """
    query, key, value = _split(qkv, weights, portion.cos[:, None], portion.sin[:, None])
    touched = portion.new_blocks.long()
    for part, numbers, scales in (
        (key, cache.keys, cache.key_scales),
        (value, cache.values, cache.value_scales),
    ):
        whole = part.reshape(-1, BLOCK, *part.shape[1:]).transpose(1, 2)
        if cache.quantized:
            whole, scale = _quantized(whole)
            scales.index_copy_(0, touched, scale)
        numbers.index_copy_(0, touched, whole)
    return attend_parts(query, key, value, weights, cache, portion, attend or _sdpa)


def attend_parts(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    portion: Portion,
    attend: Attend,
) -> torch.Tensor:
    """`attend` for each part of a portion, whose rotated queries, keys and values are given and in the cache."""
    import torch

    mixed = []
    for row, part, blocks in zip(portion.first_rows, portion.parts, portion.tables.long(), strict=True):
        rows = slice(row, row + part.rows)
        keys, values = key[rows], value[rows]
        if part.start:
            every = read(cache, blocks[: (part.start + part.rows) // BLOCK], query.dtype)
            keys, values = (cached.transpose(1, 2).flatten(0, 1) for cached in every)
        mixed.append(attend(query[rows], keys, values, weights.attention_multiplier).flatten(1))
    return torch.cat(mixed) if len(mixed) > 1 else mixed[0]


def _sdpa(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, multiplier: float) -> torch.Tensor:
    """See `Attend`."""
    from torch.nn import functional
    from torch.nn.attention.bias import causal_lower_right

    repeat = query.shape[1] // key.shape[1]
    if repeat > 1:
        key, value = key.repeat_interleave(repeat, 1), value.repeat_interleave(repeat, 1)
    cached = len(key) > len(query)
    mixed = functional.scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        key.transpose(0, 1)[None],
        value.transpose(0, 1)[None],
        attn_mask=causal_lower_right(len(query), len(key)) if cached else None,
        is_causal=not cached,
        scale=multiplier,
    )
    return mixed[0].transpose(0, 1)


def _store(cache: LayerCache, key: torch.Tensor, value: torch.Tensor, block: torch.Tensor, place: torch.Tensor) -> None:
    """Write keys and values [tokens, key heads, head dimension] to their places [tokens] in their blocks [tokens]."""
    for new, numbers, scales in (
        (key, cache.keys, cache.key_scales),
        (value, cache.values, cache.value_scales),
    ):
        if cache.quantized:
            new, scales[block, :, place] = _quantized(new)
        numbers[block, :, place] = new


def _quantized(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers of 8 bits, and the scale of each row to multiply them with."""
    import torch

    wide = numbers.float()
    scale = (wide.abs().amax(dim=-1) / 127).clamp(min=1e-6).half()
    return (wide / scale[..., None]).round().clamp(-127, 127).to(torch.int8), scale


def read(cache: LayerCache, blocks: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values of blocks [..., blocks, key heads, BLOCK, head dimension]."""
    if not cache.quantized:
        return cache.keys[blocks], cache.values[blocks]
    return (
        (cache.keys[blocks].float() * cache.key_scales[blocks][..., None]).to(dtype),
        (cache.values[blocks].float() * cache.value_scales[blocks][..., None]).to(dtype),
    )


def _split(
    qkv: torch.Tensor, weights: DecoderWeights, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rotated queries and keys, and values [..., heads, head dimension]; cos and sin are [..., 1, head dimension]."""
    heads, keys, half = weights.heads, weights.key_heads, weights.head_dimension // 2
    rows = qkv.view(*qkv.shape[:-1], heads + 2 * keys, weights.head_dimension)
    both = rows[..., : heads + keys, :]
    first, second = both[..., :half], both[..., half:]
    rotated = both * cos
    rotated[..., :half].addcmul_(second, sin[..., :half], value=-1)
    rotated[..., half:].addcmul_(first, sin[..., half:])
    return rotated[..., :heads, :], rotated[..., heads:, :], rows[..., heads + keys :, :]
