"""The operations of `plain` for many rows on CUDA: those of a portion of prompts, or of many sequences in one step.

With so many rows cuBLAS computes the products; the kernels in `rows` and `flash` are for what it and torch would do
slowly. Which rows are many is `fast`'s to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.checkpoint.quantization import Matrix
from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import BLOCK, LayerCache
from minicpm_rag.llm.decoding.launch import flash_stages, head_tiles, parts, power_of_two
from minicpm_rag.llm.decoding.plain import Attend, Residual, enter
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.portion import Portion

__all__ = ["Residual", "add", "enter", "prefill_attention", "project"]

_GATE_BLOCK = 1024
_DEQUANTIZED_BYTES = 1024  # by one program


def project(
    residual: Residual,
    matrix: Matrix,
    epsilon: float,
    *,
    gated: bool = False,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """See `plain.project`; a `dtype` asks for the scores of the vocabulary."""
    from torch.nn import functional

    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.rows import gate_kernel, head_kernel, norm_kernel

    rows, early = residual.rows, launch_options(residual.rows.device)
    normed, columns = rows.new_empty(rows.shape), rows.shape[1]
    sizes: dict[str, Any] = {"K": columns, "BLOCK_K": power_of_two(columns)}
    norm_kernel[(len(rows),)](rows, residual.gain, normed, epsilon, **sizes, **early)
    weights = _full(matrix, rows.dtype)
    if dtype is not None:
        out = rows.new_empty((len(rows), matrix.rows), dtype=dtype)
        tiles = head_tiles(len(rows), rows.element_size(), rows.device)
        grid = (parts(len(rows), tiles["BLOCK_R"]), parts(matrix.rows, tiles["BLOCK_N"]))
        head_kernel[grid](normed, weights, out, matrix.rows, len(rows), multiplier, K=matrix.columns, **tiles)
        return out
    product = functional.linear(normed, weights)
    if not gated:
        return product
    width = matrix.rows // 2
    out = product.new_empty((len(rows), width))
    gate_kernel[(len(rows), parts(width, _GATE_BLOCK))](product, out, N=width, BLOCK_N=_GATE_BLOCK, **early)
    return out


def add(residual: Residual, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor) -> Residual:
    """See `plain.add`; adds to the residual's own rows, as part of the product."""
    return Residual(residual.rows.addmm_(rows, _full(matrix, rows.dtype).t(), alpha=multiplier), gain)


def _full(matrix: Matrix, dtype: torch.dtype) -> torch.Tensor:
    """See `Matrix.full`."""
    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.rows import dequantize_kernel

    if matrix.bits == 16:
        return matrix.full(dtype)
    out = matrix.scale.new_empty((matrix.rows, matrix.columns), dtype=dtype)
    grid = (matrix.rows, parts(matrix.columns * matrix.bits // 8, _DEQUANTIZED_BYTES))
    dequantize_kernel[grid](
        matrix.data, matrix.scale, out, K=matrix.columns, BITS=matrix.bits, BLOCK=_DEQUANTIZED_BYTES,
        **launch_options(out.device),
    )  # fmt: skip
    return out


def prefill_attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    portion: Portion,
    attend: Attend | None = None,
) -> torch.Tensor:
    """See `plain.prefill_attention`."""
    from minicpm_rag.llm.decoding.flash import flash_kernel, rotate_kernel

    width = max(16, power_of_two(weights.head_dimension))
    result = qkv.new_empty((len(qkv), weights.heads * weights.head_dimension))
    constants = {
        "H": weights.heads,
        "KV": weights.key_heads,
        "D": weights.head_dimension,
        "KV_BLOCK": BLOCK,
        "BLOCK_D": width,
        "num_warps": 4,
    }
    _store(qkv, cache, portion, portion.new_blocks, constants)
    if attend is not None:
        every = qkv.view(len(qkv), weights.heads + 2 * weights.key_heads, weights.head_dimension)
        both = weights.heads + weights.key_heads
        rotated = qkv.new_empty((len(qkv), both, weights.head_dimension))
        rotate_kernel[(len(qkv) // BLOCK, both)](qkv, portion.cos, portion.sin, rotated, **constants)
        query, key = rotated[:, : weights.heads], rotated[:, weights.heads :]
        return plain.attend_parts(query, key, every[:, both:], weights, cache, portion, attend)
    tables = portion.tables
    if cache.quantized:
        cache, tables = _unrounded(qkv, cache, portion, constants), portion.copies.tables
    flash_kernel[(len(portion.tiles), weights.heads)](
        qkv,
        cache.keys,
        cache.values,
        portion.cos,
        portion.sin,
        portion.tiles,
        tables,
        result,
        tables.shape[1],
        weights.attention_multiplier,
        STAGES=flash_stages(width * cache.keys.element_size(), qkv.device),
        **constants,
    )
    return result


def _store(
    qkv: torch.Tensor, cache: LayerCache, portion: Portion, blocks: torch.Tensor, constants: dict[str, int]
) -> None:
    """Write a portion's keys and values to these blocks."""
    from minicpm_rag.llm.decoding.flash import store_kernel

    store_kernel[(len(qkv) // BLOCK, constants["KV"])](
        qkv, cache.keys, cache.values, cache.key_scales, cache.value_scales, portion.cos, portion.sin, blocks,
        INT8=cache.quantized, **constants,
    )  # fmt: skip


def _unrounded(qkv: torch.Tensor, cache: LayerCache, portion: Portion, constants: dict[str, int]) -> LayerCache:
    """Keys and values for this portion alone, of a cache in 8 bits: a prompt's first tokens attend as if it had 16.

    A part that continues a prompt reads what is cached, its own rows too, as `plain.attend_parts` does.
    """
    copies = portion.copies
    shape = (copies.count, *cache.keys.shape[1:])
    numbers = LayerCache(qkv.new_empty(shape), qkv.new_empty(shape), cache.key_scales[:0], cache.value_scales[:0])
    _store(qkv, numbers, portion, copies.new_blocks, constants)
    if len(copies.cached):
        keys, values = plain.read(cache, copies.cached, qkv.dtype)
        numbers.keys.index_copy_(0, copies.places, keys)
        numbers.values.index_copy_(0, copies.places, values)
    return numbers
