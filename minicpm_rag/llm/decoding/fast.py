"""The operations of `plain` as kernels, for a step on CUDA; where its rows are many, `many` has the products.

The kernels are in `linear`, `split_linear`, `vector`, `tensor`, `attention` and `choice`, their launch constants in
`launch`. Nothing here reads a value back to the host, so all of it can be captured in a graph.
"""

from __future__ import annotations

import functools
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.checkpoint.quantization import Matrix, Weights
from minicpm_rag.llm.decoding import many, plain
from minicpm_rag.llm.decoding.cache import BLOCK, LayerCache
from minicpm_rag.llm.decoding.launch import (
    attention_splits,
    linear_tiles,
    parts,
    power_of_two,
    split_tiles,
    tensor_tiles,
    vector_tiles,
)
from minicpm_rag.llm.decoding.many import prefill_attention
from minicpm_rag.llm.decoding.weights import DecoderWeights

__all__ = ["add", "are_many", "attention", "begin", "choose", "enter", "prefill_attention", "project"]

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.rope import RotaryTables
    from minicpm_rag.llm.decoding.slots import Slots

_log = logging.getLogger(__name__)

# Above so many rows cuBLAS is quicker than `linear`. It would first write quantized weights out in full.
_FEW_ROWS = 8
_FEW_QUANTIZED_ROWS = 32
# So many rows `split_linear` multiplies quicker than both, with weights of 16 bits on Hopper.
_SPLIT_ROWS = 32

# Outputs of a program of the tensor kernel: a warp multiplies 16 rows, with a gate 8 of it and 8 of what it gates.
_TENSOR_ROWS = 16

_SCORES_BLOCK = 2048
_SCORES_CHUNK = 128


@dataclass
class Residual:
    """The residual stream, the gain of the norm that reads it next, and what that norm needs.

    One row of 16-bit numbers has kernels of its own, for which `scaled` is of float32 or, for quantized weights,
    [2, hidden] of bfloat16.
    """

    rows: torch.Tensor
    gain: torch.Tensor
    scaled: torch.Tensor  # rows times gain
    squares: torch.Tensor  # [parts, rows]: sums of squares, to be added up
    finished: torch.Tensor | None = None  # [tiles] zeros: how `split_linear` counts, where it multiplies these rows

    @property
    def alone(self) -> bool:
        """Whether it is one row for the kernels of one row."""
        return len(self.rows) == 1 and (len(self.scaled) == 2 or self.scaled.dtype != self.rows.dtype)


def enter(ids: torch.Tensor, weights: DecoderWeights) -> Residual | many.Residual:
    """See `plain.enter`; decides for all layers whether the rows are many."""
    import torch

    from minicpm_rag.llm.decoding.linear import scale_kernel

    if are_many(len(ids), weights):
        return many.enter(ids, weights)
    if len(ids) == 1 and _served_alone(weights, weights.layers[0].qkv.bits):
        return _enter_alone(ids, weights)
    rows = weights.embedding.some_rows(ids, weights.dtype) * weights.embedding_multiplier
    layer = weights.layers[0]
    gain = layer.attention_norm
    finished = None
    if _is_split(len(ids), weights):
        most = max(matrix.rows for matrix in (layer.qkv, layer.out, layer.gate_up, layer.down))
        finished = torch.zeros(most, dtype=torch.int32, device=rows.device)
    # As many parts as a product leaves behind, so that the same kernel serves the first layer.
    count = _square_parts(rows, layer.down, finished is not None)
    squares = torch.zeros((count, len(ids)), dtype=torch.float32, device=rows.device)
    residual = Residual(rows, gain, torch.empty_like(rows), squares, finished)
    width = rows.shape[1]
    options: dict[str, Any] = {"K": width, "BLOCK_K": power_of_two(width), "PDL": False}
    scale_kernel[(len(ids),)](rows, gain, residual.scaled, residual.squares, **options)
    return residual


def are_many(rows: int, weights: DecoderWeights) -> bool:
    """Whether cuBLAS computes the products of so many rows."""
    if _is_split(rows, weights):
        return False
    return rows > (_FEW_ROWS if weights.layers[0].qkv.bits == 16 else _FEW_QUANTIZED_ROWS)


def _is_split(rows: int, weights: DecoderWeights) -> bool:
    """Whether `split_linear` multiplies so many rows."""
    if not _FEW_ROWS < rows <= _SPLIT_ROWS or weights.layers[0].qkv.bits < 16 or weights.dtype.itemsize > 2:
        return False
    layer = weights.layers[0]
    whole_words = all(matrix.columns % 8 == 0 for matrix in (layer.qkv, layer.out, layer.down))
    return whole_words and _has_bulk_copies(weights.device)


@functools.cache
def _has_bulk_copies(device: torch.device) -> bool:
    """Whether `split_linear` can be compiled: its instructions are Hopper's, and newer cards have others."""
    import torch

    if device.type != "cuda" or torch.cuda.get_device_capability(device)[0] != 9:
        return False
    try:
        from minicpm_rag.llm.decoding import split_linear  # noqa: F401
    except ImportError:
        _log.warning("nine sequences and more are decoded more slowly: this version of Triton has no Gluon for Hopper")
        return False
    return True


def _served_alone(weights: DecoderWeights, bits: int) -> bool:
    """Whether one row has kernels of its own: not in float32; with quantized weights in bfloat16 and whole words."""
    import torch

    if bits == 16:
        return weights.dtype in (torch.bfloat16, torch.float16)
    return weights.dtype == torch.bfloat16 and len(weights.norm) % 8 == 0 and _lanes_hold_rows(weights.device)


def _enter_alone(ids: torch.Tensor, weights: DecoderWeights) -> Residual:
    """The embedding of one id for the kernels of one row."""
    import torch

    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.vector import embed_kernel

    table, gain, down = weights.embedding, weights.layers[0].attention_norm, weights.layers[0].down
    rows = torch.empty((1, table.columns), dtype=weights.dtype, device=weights.device)
    quantized = weights.layers[0].qkv.bits < 16
    scaled = rows.new_empty((2, table.columns)) if quantized else torch.empty_like(rows, dtype=torch.float32)
    # As many parts as a product leaves behind, so that the same kernel serves the first layer.
    block = _alone_tiles(down, down.rows, False, False)[1]
    squares = torch.empty((parts(table.columns, block), 1), dtype=torch.float32, device=weights.device)
    embed_kernel[(len(squares),)](
        ids, table.data, table.scale, gain, rows, scaled, squares, table.columns, weights.embedding_multiplier,
        BITS=table.bits, BLOCK=block, num_warps=1, **launch_options(weights.device),
    )  # fmt: skip
    return Residual(rows, gain, scaled, squares)


def _on_tensor_cores(bits: int, normed: bool) -> bool:
    """Whether one row is multiplied by `tensor_kernel`: of 8 bits what is not normed is quicker by `vector_kernel`."""
    return bits == 4 or (bits == 8 and normed)


def _alone_tiles(matrix: Matrix, outputs: int, gated: bool, normed: bool) -> tuple[dict[str, int], int]:
    """Constants of the kernel for one row, and how many outputs a program of it computes."""
    if _on_tensor_cores(matrix.bits, normed):
        return tensor_tiles(outputs, matrix.columns, gated, matrix.bits), _TENSOR_ROWS // (2 if gated else 1)
    tiles = vector_tiles(outputs, matrix.columns, gated, matrix.bits)
    return tiles, tiles["BLOCK_N"]


@functools.cache
def _lanes_hold_rows(device: torch.device) -> bool:
    """Whether this Triton lays out what a warp loads as `tensor_kernel` takes for granted: a small product tells."""
    import torch

    from minicpm_rag.llm.checkpoint.quantization import matrix

    generator = torch.Generator(device).manual_seed(0)
    weight = torch.randn((32, 256), generator=generator, device=device)
    rows = torch.randn((1, 256), generator=generator, device=device).to(torch.bfloat16)
    gain = torch.ones(256, dtype=torch.bfloat16, device=device)
    scaled = torch.cat((rows, torch.zeros((1, 256), dtype=torch.bfloat16, device=device)))
    residual = Residual(rows, gain, scaled, rows.float().square().sum(dim=1)[None])
    kinds: tuple[Weights, ...] = ("int8", "int4")
    for kind in kinds:
        stored = matrix(weight, kind)
        ours = project(residual, stored, 0.0, dtype=torch.float32)
        wanted = plain.project(plain.Residual(rows.float(), gain.float()), stored, 0.0)
        if not torch.allclose(ours, wanted, rtol=1e-3, atol=1e-3):
            _log.warning("one sequence of a quantized model is decoded slowly: this Triton lays out warps differently")
            return False
    return True


def project(
    residual: Residual | many.Residual,
    matrix: Matrix,
    epsilon: float,
    *,
    gated: bool = False,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """See `plain.project`."""
    if isinstance(residual, many.Residual):
        return many.project(residual, matrix, epsilon, gated=gated, multiplier=multiplier, dtype=dtype)
    outputs = matrix.rows // 2 if gated else matrix.rows
    rows = residual.rows
    out = rows.new_empty((len(rows), outputs), dtype=dtype or rows.dtype)
    _product(residual.scaled, matrix, out, multiplier, residual, gated=gated, epsilon=epsilon)
    return out


def add(
    residual: Residual | many.Residual, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor
) -> Residual | many.Residual:
    """See `plain.add`."""
    import torch

    if isinstance(residual, many.Residual):
        return many.add(residual, rows, matrix, multiplier, gain)
    out = torch.empty_like(residual.rows)
    if residual.alone:
        count = parts(matrix.rows, _alone_tiles(matrix, matrix.rows, False, False)[1])
    else:
        count = _square_parts(rows, matrix, residual.finished is not None)
    squares = residual.squares.new_empty((count, len(rows)))
    result = Residual(out, gain, torch.empty_like(residual.scaled), squares, residual.finished)
    _product(rows, matrix, out, multiplier, result, added_to=residual.rows)
    return result


def _square_parts(rows: torch.Tensor, matrix: Matrix, split: bool) -> int:
    """Into how many parts a product with this matrix leaves the squares of its result: one for each tile."""
    return parts(matrix.rows, _tiles(rows, matrix, matrix.rows, False, split)["BLOCK_N"])


def _tiles(rows: torch.Tensor, matrix: Matrix, outputs: int, gated: bool, split: bool) -> dict[str, int]:
    """Constants of the kernel for several rows."""
    if split:
        return split_tiles(len(rows), outputs, matrix.columns, gated, rows.device)
    return linear_tiles(len(rows), outputs, gated, matrix.bits, rows.element_size())


def _product(
    rows: torch.Tensor,
    matrix: Matrix,
    out: torch.Tensor,
    multiplier: float,
    residual: Residual,
    *,
    gated: bool = False,
    epsilon: float = 0.0,
    added_to: torch.Tensor | None = None,
) -> None:
    """Launch the kernel: without `added_to` it norms the residual's rows, with it it fills the new `residual`."""
    from minicpm_rag.llm.decoding.linear import linear_kernel

    normed = added_to is None
    square_parts = len(residual.squares) if normed else 0
    arguments = (
        rows, residual.squares, matrix.data, matrix.scale, rows if added_to is None else added_to, residual.gain, out,
        residual.scaled, residual.squares, out.shape[1],
    )  # fmt: skip
    constants: dict[str, Any] = {
        "K": matrix.columns, "NORM": normed, "PARTS": square_parts, "GATED": gated, "RESIDUAL": not normed,
        "BITS": matrix.bits,
    }  # fmt: skip
    if residual.alone:
        _product_alone(arguments, constants, matrix, gated, normed, epsilon, multiplier)
        return
    split = residual.finished is not None
    tiles = _tiles(rows, matrix, out.shape[1], gated, split)
    count = parts(out.shape[1], tiles["BLOCK_N"])
    constants["PARTS_PADDED"] = power_of_two(max(1, square_parts))
    if split:
        _product_split(arguments, constants, residual, tiles, epsilon, multiplier)
        return
    # It loads no weights before it waits, so an early start would gain nothing.
    linear_kernel[(count,)](*arguments, len(rows), epsilon, multiplier, PDL=False, **constants, **tiles)


def _product_split(
    arguments: tuple[Any, ...],
    constants: dict[str, Any],
    residual: Residual,
    tiles: dict[str, int],
    epsilon: float,
    multiplier: float,
) -> None:
    """Launch the kernel of nine to 32 rows."""
    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.split_linear import described, split_linear_kernel

    rows, squares, weights, _, *others, outputs = arguments
    count, splits = parts(outputs, tiles["BLOCK_N"]), tiles["SPLITS"]
    sums = count * splits * (2 if constants["GATED"] else 1) * tiles["BLOCK_N"] * tiles["BLOCK_R"]
    partial = residual.squares.new_empty(sums if splits > 1 else 1)
    del constants["BITS"]
    split_linear_kernel[(count, splits)](
        described(rows, tiles["BLOCK_R"], tiles["BLOCK_K"]), squares,
        described(weights, tiles["BLOCK_N"], tiles["BLOCK_K"]), *others, outputs, partial, residual.finished,
        len(rows), epsilon, multiplier, **constants, **tiles, **launch_options(rows.device),
    )  # fmt: skip


def _product_alone(
    arguments: tuple[Any, ...],
    constants: dict[str, Any],
    matrix: Matrix,
    gated: bool,
    normed: bool,
    epsilon: float,
    multiplier: float,
) -> None:
    """Launch the kernel for one row."""
    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.tensor import tensor_kernel
    from minicpm_rag.llm.decoding.vector import vector_kernel

    rows, outputs = arguments[0], arguments[-1]
    tiles, each = _alone_tiles(matrix, outputs, gated, normed)
    grid = (parts(outputs, each),)
    early = launch_options(rows.device)
    on_tensor_cores = _on_tensor_cores(matrix.bits, normed)
    # Sums of squares are loaded as [rows, width]: a thread of `vector_kernel` adds its own up as they come.
    square_parts = constants["PARTS"]
    width = power_of_two(max(1, square_parts)) if on_tensor_cores else 128 * tiles["num_warps"]
    squares = {"PART_ROWS": power_of_two(max(1, parts(square_parts, width))), "PART_WIDTH": width}
    if on_tensor_cores:
        tensor_kernel[grid](*arguments, epsilon, multiplier, XS=len(rows), **constants, **squares, **tiles, **early)
    else:
        vector_kernel[grid](*arguments, epsilon, multiplier, **constants, **squares, **tiles, **early)


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    _blocks: int,
) -> torch.Tensor:
    """See `plain.attention`; reads the real length of each sequence."""
    from minicpm_rag.llm.decoding.attention import attention_kernel, combine_kernel
    from minicpm_rag.llm.decoding.dependent_launch import launch_options
    from minicpm_rag.llm.decoding.vector_attention import vector_attention_kernel

    sequences = len(slots)
    tokens = len(qkv) // sequences
    rows = tokens * (weights.heads // weights.key_heads)
    programs = sequences * weights.key_heads
    splits = attention_splits(programs, rows, weights.head_dimension, qkv.device)
    width = max(16, power_of_two(weights.head_dimension))
    result = qkv.new_empty((len(qkv), weights.heads * weights.head_dimension))
    partial, sums = _scratch(state, programs * splits * rows, width)
    common = (
        qkv, cache.keys, cache.values, cache.key_scales, cache.value_scales, rope.cos, rope.sin, slots, state.length,
        state.blocks, partial, sums,
    )  # fmt: skip
    sizes: dict[str, Any] = {"H": weights.heads, "D": weights.head_dimension, "KV_BLOCK": BLOCK, "SPLITS": splits,
                             "BLOCK_D": width, **launch_options(qkv.device)}  # fmt: skip
    row_bytes = width * qkv.element_size()  # of keys as they are multiplied
    if rows == 1:
        cached_bytes = width * cache.keys.element_size()  # of keys as they are loaded
        warps = min(4, max(1, cached_bytes // 64))
        vector_attention_kernel[(programs, splits)](
            *common, state.blocks.shape[1], weights.attention_multiplier, INT8=cache.quantized,
            ROWS=min(BLOCK, warps * 512 // cached_bytes), num_warps=warps, **sizes,
        )  # fmt: skip
    else:
        attention_kernel[(programs, splits)](
            *common, result, state.blocks.shape[1], weights.attention_multiplier,
            T=tokens, KV=weights.key_heads, INT8=cache.quantized, BLOCK_Q=max(16, power_of_two(rows)),
            BLOCK_T=max(16, power_of_two(tokens)), STAGES=2 if row_bytes <= 256 else 1, num_warps=4, **sizes,
        )  # fmt: skip
    if splits > 1:
        combine_kernel[(programs, rows)](
            partial, sums, slots, state.length, result, T=tokens, KV=weights.key_heads, **sizes
        )
    return result


def begin(state: Slots, slots: torch.Tensor, tokens: int) -> torch.Tensor:
    """See `plain.begin`."""
    from minicpm_rag.llm.decoding.choice import begin_kernel
    from minicpm_rag.llm.decoding.dependent_launch import launch_options

    ids = state.ids.new_empty((len(slots), tokens))
    begin_kernel[(len(slots),)](
        state.ids,
        state.length,
        slots,
        ids,
        state.ids.shape[1],
        T=tokens,
        BLOCK_T=power_of_two(tokens),
        BLOCK=1024,
        **launch_options(ids.device),
    )
    return ids


def choose(logits: torch.Tensor, state: Slots, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """See `sampling.choose`."""
    import torch

    from minicpm_rag.llm.decoding import choice as kernels
    from minicpm_rag.llm.decoding.dependent_launch import launch_options

    sequences, tokens, vocabulary = logits.shape
    rows, blocks = sequences * tokens, parts(vocabulary, _SCORES_BLOCK)
    grid = (rows, blocks)
    common = launch_options(logits.device)
    counts: dict[str, Any] = {"BLOCKS": blocks, "BLOCKS_PADDED": power_of_two(blocks)}
    best = logits.new_empty((rows, blocks))
    coarse = logits.new_empty((rows, blocks, kernels.COARSE.value))
    candidates = logits.new_empty((rows, blocks, kernels.ROOM.value))
    peaks = logits.new_empty((rows, blocks * (_SCORES_BLOCK // kernels.PEAK.value)))
    found, lowest = torch.empty_like(best, dtype=torch.int32), logits.new_empty(rows)
    value, index = torch.empty_like(best), torch.empty_like(best, dtype=torch.int32)
    out = ids.new_empty((sequences, 1 + tokens))
    kernels.scores_kernel[grid](
        logits, best, peaks, state.seen, slots, ids, state.temperature, state.penalty, vocabulary,
        T=tokens, BLOCK=_SCORES_BLOCK, **common,
    )  # fmt: skip
    kernels.bound_kernel[grid](
        logits, best, peaks, coarse, lowest, slots, state.top_k, vocabulary, tokens,
        BLOCK=_SCORES_BLOCK, CHUNK=_SCORES_CHUNK, **counts, **common,
    )  # fmt: skip
    kernels.gather_kernel[grid](
        logits, best, coarse, lowest, candidates, found, slots, state.top_k, state.top_p, vocabulary, tokens,
        BLOCK=_SCORES_BLOCK, num_warps=8, **counts, **common,
    )  # fmt: skip
    kernels.search_kernel[(rows,)](
        logits, best, coarse, candidates, found, lowest, slots, state.temperature, state.top_k, state.top_p,
        vocabulary, tokens, num_warps=16, **counts, **common,
    )  # fmt: skip
    kernels.draw_kernel[grid](
        logits, lowest, value, index, slots, state.length, state.temperature, state.seed, vocabulary, tokens,
        BLOCKS=blocks, BLOCK=_SCORES_BLOCK, **common,
    )  # fmt: skip
    kernels.finish_kernel[(sequences,)](
        value, index, slots, ids, state.ids, state.length, state.seen, out,
        state.ids.shape[1], vocabulary, state.spare, T=tokens, BLOCK_T=power_of_two(tokens),
        BLOCKS=blocks, BLOCKS_PADDED=power_of_two(blocks), **common,
    )  # fmt: skip
    return out


def _scratch(state: Slots, rows: int, width: int) -> tuple[torch.Tensor, ...]:
    """Memory for the splits' results: (weighted sums, maxima and totals), see the attention kernel.

    One for all layers, since they run one after the other, and kept between steps.
    """
    import torch

    key = (rows, width)
    if key not in state.scratch:
        partial = torch.empty((rows, width), dtype=torch.float32, device=state.ids.device)
        state.scratch[key] = partial, partial.new_empty((rows, 2))
    return state.scratch[key]
