"""The operations of a decoder in plain torch: the kernels' reference, and what runs where they are not.

Every prompt goes through these also on a GPU: with hundreds of rows cuBLAS and torch's attention are the best
there is. Operations and their rounding follow transformers' Granite.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.llm.decoding.cache import PAGE, LayerCache
from minicpm_rag.llm.decoding.lookup import guess
from minicpm_rag.llm.decoding.sampling import choose
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.checkpoint.quantization import Matrix
    from minicpm_rag.llm.decoding.rope import RotaryTables
    from minicpm_rag.llm.decoding.slots import Slots

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
    """multiplier * norm(stream) * matrix; `gated`: the product's first half gates its second."""
    from torch.nn import functional

    rows = stream.rows
    normed = functional.rms_norm(rows, rows.shape[-1:], stream.gain, epsilon)
    product = functional.linear(normed, matrix.full(rows.dtype))
    if gated:
        gate, up = product.chunk(2, dim=-1)
        product = functional.silu(gate).mul_(up)
    product = product.to(dtype or product.dtype)
    return product * multiplier if multiplier != 1.0 else product


def add(stream: Stream, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor) -> Stream:
    """stream + multiplier * rows * matrix, to be read next by the norm with `gain`."""
    import torch
    from torch.nn import functional

    product = functional.linear(rows, matrix.full(rows.dtype))
    return Stream(torch.add(stream.rows, product, alpha=multiplier), gain)


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    pages: int,
) -> torch.Tensor:
    """New tokens [sequences * tokens] against the first `pages` pages of their slots; stores their keys."""
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
    table = state.pages[slots].long()
    page, place = table.gather(1, positions // PAGE).flatten(), positions.flatten() % PAGE
    _store(cache, key.flatten(0, 1), value.flatten(0, 1), page, place)
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
    """A piece of one prompt, from position `start` on, against itself and what is cached before it.

    `start` and the piece are whole pages, `rotation` is the piece's.
    """
    from torch.nn import functional
    from torch.nn.attention.bias import causal_lower_right

    query, key, value = _split(qkv, weights, *rotation)
    end = start + len(qkv)
    touched = pages[start // PAGE : end // PAGE]
    for part, numbers, scales in (
        (key, cache.keys, cache.key_scales),
        (value, cache.values, cache.value_scales),
    ):
        whole = part.reshape(-1, PAGE, *part.shape[1:]).transpose(1, 2)
        if cache.quantized:
            whole, scale = _quantized(whole)
            scales.index_copy_(0, touched, scale)
        numbers.index_copy_(0, touched, whole)
    if start:
        every = _read(cache, pages[: end // PAGE], qkv.dtype)
        key, value = (part.transpose(0, 1).flatten(1, 2).transpose(0, 1) for part in every)
    repeat = weights.heads // weights.key_heads
    if repeat > 1:
        key, value = key.repeat_interleave(repeat, 1), value.repeat_interleave(repeat, 1)
    mixed = functional.scaled_dot_product_attention(
        query.transpose(0, 1)[None],
        key.transpose(0, 1)[None],
        value.transpose(0, 1)[None],
        attn_mask=causal_lower_right(len(qkv), start + len(qkv)) if start else None,
        is_causal=not start,
        scale=weights.attention_multiplier,
    )
    return mixed[0].transpose(0, 1).reshape(len(qkv), -1)


def _store(cache: LayerCache, key: torch.Tensor, value: torch.Tensor, page: torch.Tensor, place: torch.Tensor) -> None:
    """Write keys and values [tokens, key heads, head dimension] to their places."""
    for new, numbers, scales in (
        (key, cache.keys, cache.key_scales),
        (value, cache.values, cache.value_scales),
    ):
        if cache.quantized:
            new, scales[page, :, place] = _quantized(new)
        numbers[page, :, place] = new


def _quantized(numbers: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whole numbers of 8 bits, and the scale of each row that brings them back."""
    import torch

    wide = numbers.float()
    scale = (wide.abs().amax(dim=-1) / 127).clamp(min=1e-6).half()
    return (wide / scale[..., None]).round().clamp(-127, 127).to(torch.int8), scale


def _read(cache: LayerCache, pages: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    """Keys and values [..., pages, key heads, PAGE, head dimension]."""
    if not cache.quantized:
        return cache.keys[pages], cache.values[pages]
    return (
        (cache.keys[pages].float() * cache.key_scales[pages][..., None]).to(dtype),
        (cache.values[pages].float() * cache.value_scales[pages][..., None]).to(dtype),
    )


def _split(
    qkv: torch.Tensor, weights: DecoderWeights, cos: torch.Tensor, sin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rotated queries and keys, and values [..., heads, dimension]; cos and sin are [..., 1, dimension]."""
    heads, keys, half = weights.heads, weights.key_heads, weights.head_dimension // 2
    rows = qkv.view(*qkv.shape[:-1], heads + 2 * keys, weights.head_dimension)
    both = rows[..., : heads + keys, :]
    first, second = both[..., :half], both[..., half:]
    rotated = both * cos
    rotated[..., :half].addcmul_(second, sin[..., :half], value=-1)
    rotated[..., half:].addcmul_(first, sin[..., half:])
    return rotated[..., :heads, :], rotated[..., heads:, :], rows[..., heads + keys :, :]
