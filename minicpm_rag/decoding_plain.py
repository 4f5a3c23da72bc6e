"""The operations of a decoder in plain torch: the reference for the kernels, and what runs where they are not.

Every prompt goes through these also on a GPU: with hundreds of rows cuBLAS and torch's attention are the best
there is. Operations and their rounding follow transformers' Granite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.decoding_cache import PAGE, LayerCache
from minicpm_rag.decoding_lookup import guess
from minicpm_rag.decoding_sampling import choose
from minicpm_rag.decoding_weights import DecoderWeights

if TYPE_CHECKING:
    import torch

    from minicpm_rag.decoding_rope import RotaryTables
    from minicpm_rag.decoding_slots import Slots
    from minicpm_rag.quantization import Matrix

__all__ = ["Stream", "add", "attention", "begin", "choose", "enter", "project", "prompt_attention"]


def begin(state: Slots, slots: torch.Tensor, tokens: int) -> torch.Tensor:
    """The last known token of each slot and `tokens` - 1 guesses after it."""
    import torch

    known, length = state.ids[slots], state.length[slots]
    last = known.gather(1, (length - 1).long()[:, None])
    return torch.cat((last, guess(known, length, tokens - 1)), dim=1) if tokens > 1 else last


@dataclass
class Stream:
    """The residual stream between layers, and the gain of the norm that reads it next."""

    rows: torch.Tensor
    gain: torch.Tensor


def enter(ids: torch.Tensor, weights: DecoderWeights) -> Stream:
    """The embeddings of ids."""
    rows = weights.embedding.some_rows(ids, weights.dtype) * weights.embedding_multiplier
    return Stream(rows, weights.layers[0].attention_norm)


def project(
    stream: Stream,
    matrix: Matrix,
    epsilon: float,
    *,
    gated: bool = False,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """multiplier * norm(stream) * matrix; `gated` the product's first half gates its second."""
    import torch
    from torch.nn import functional

    wide = stream.rows.float()
    wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    product = functional.linear(stream.gain * wide.to(stream.rows.dtype), matrix.full(stream.rows.dtype))
    if gated:
        gate, up = product.chunk(2, dim=-1)
        product = functional.silu(gate) * up
    product = product.to(dtype or product.dtype)
    return product * multiplier if multiplier != 1.0 else product


def add(
    stream: Stream, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor
) -> Stream:
    """stream + multiplier * rows * matrix, to be read next by the norm with `gain`."""
    from torch.nn import functional

    return Stream(stream.rows + functional.linear(rows, matrix.full(rows.dtype)) * multiplier, gain)


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    pages: int,
) -> torch.Tensor:
    """New tokens [sequences * tokens] against the first `pages` pages of their slots; their own keys are stored."""
    import torch
    from torch.nn import functional

    sequences = len(slots)
    tokens = len(qkv) // sequences
    positions = state.length[slots].long()[:, None] - 1 + torch.arange(tokens, device=qkv.device)
    query, key, value = _split(qkv.view(sequences, tokens, -1), weights)
    cos, sin = rope.cos[positions, None], rope.sin[positions, None]
    query, key = _rotated(query, cos, sin), _rotated(key, cos, sin)
    table = state.pages[slots].long()
    store(cache, key.flatten(0, 1), value.flatten(0, 1), table.gather(1, positions // PAGE).flatten(), positions.flatten() % PAGE)
    table = table[:, :pages]
    keys, values = (part.transpose(1, 2).flatten(2, 3) for part in _read(cache, table, qkv.dtype))
    visible = torch.arange(pages * PAGE, device=qkv.device) <= positions[:, :, None]
    mixed = functional.scaled_dot_product_attention(
        query.transpose(1, 2),
        keys,
        values,
        attn_mask=visible[:, None],
        scale=weights.attention_multiplier,
        enable_gqa=weights.heads != weights.key_heads,
    )
    return mixed.transpose(1, 2).reshape(sequences * tokens, -1)


def prompt_attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rotation: tuple[torch.Tensor, torch.Tensor],
    pages: torch.Tensor,
    start: int,
) -> torch.Tensor:
    """A piece of one prompt, from position `start` on, against itself and what is cached before it."""
    import torch
    from torch.nn import functional
    from torch.nn.attention.bias import causal_lower_right

    positions = torch.arange(start, start + len(qkv), device=qkv.device)
    query, key, value = _split(qkv, weights)
    cos, sin = rotation[0][positions, None], rotation[1][positions, None]
    query, key = _rotated(query, cos, sin), _rotated(key, cos, sin)
    store(cache, key, value, pages[positions // PAGE], positions % PAGE)
    if start:
        # Whole pages only are reused, and pieces are whole pages, so `start` is a multiple of PAGE.
        before = (part.transpose(0, 1).flatten(1, 2).transpose(0, 1) for part in _read(cache, pages[: start // PAGE], qkv.dtype))
        key, value = (torch.cat(pair) for pair in zip(before, (key, value), strict=True))
    repeat = weights.heads // weights.key_heads
    if repeat > 1:
        key, value = key.repeat_interleave(repeat, 1), value.repeat_interleave(repeat, 1)
    mixed = functional.scaled_dot_product_attention(
        *(part.transpose(0, 1)[None] for part in (query, key, value)),
        attn_mask=causal_lower_right(len(qkv), start + len(qkv)) if start else None,
        is_causal=not start,
        scale=weights.attention_multiplier,
    )
    return mixed[0].transpose(0, 1).reshape(len(qkv), -1)


def store(
    cache: LayerCache, key: torch.Tensor, value: torch.Tensor, page: torch.Tensor, place: torch.Tensor
) -> None:
    """Write keys and values [tokens, key heads, head dimension] to their places."""
    if not cache.quantized:
        cache.keys[page, :, place] = key
        cache.values[page, :, place] = value
        return
    for new, whole, scales in ((key, cache.keys, cache.key_scales), (value, cache.values, cache.value_scales)):
        wide = new.float()
        scale = wide.abs().amax(dim=-1).clamp(min=1e-8) / 127
        whole[page, :, place] = (wide / scale[..., None]).round().to(whole.dtype)
        scales[page, :, place] = scale


def _read(cache: LayerCache, pages: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values [..., pages, key heads, PAGE, head dimension]."""
    if not cache.quantized:
        return cache.keys[pages], cache.values[pages]
    return (
        (cache.keys[pages] * cache.key_scales[pages][..., None]).to(dtype),
        (cache.values[pages] * cache.value_scales[pages][..., None]).to(dtype),
    )


def _split(qkv: torch.Tensor, weights: DecoderWeights) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values [..., heads, head dimension]."""
    heads, keys = weights.heads, weights.key_heads
    rows = qkv.unflatten(-1, (heads + 2 * keys, weights.head_dimension))
    return rows[..., :heads, :], rows[..., heads : heads + keys, :], rows[..., heads + keys :, :]


def _rotated(rows: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    import torch

    first, second = rows.chunk(2, dim=-1)
    turned = torch.cat((-second, first), dim=-1)
    return rows * cos.to(rows.dtype) + turned * sin.to(rows.dtype)
