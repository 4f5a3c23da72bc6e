"""The operations of a decoder as kernels: what `plain` does, for the few rows of a step on CUDA.

The kernels are in `linear`, `attention` and `choice`, how they are cut into programs in `blocks`. Nothing here
reads a value back, so all of it can be captured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.checkpoint.quantization import Matrix
from minicpm_rag.llm.decoding.blocks import attention_splits, linear_block, overlap, pieces, power_of_two
from minicpm_rag.llm.decoding.cache import PAGE, LayerCache
from minicpm_rag.llm.decoding.weights import DecoderWeights

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.rope import RotaryTables
    from minicpm_rag.llm.decoding.slots import Slots

_PASSES = 5  # 32**5 thresholds over 30 nats: 9e-7, the spacing of float32 scores
_SCORES_BLOCK = 2048
_SCORES_CHUNK = 128


@dataclass
class Stream:
    """The residual stream, the gain of the norm that reads it next, and what that needs of several rows."""

    rows: torch.Tensor
    gain: torch.Tensor
    scaled: torch.Tensor  # rows times gain; for one row the kernel multiplies itself
    squares: torch.Tensor  # [parts, rows]


def enter(ids: torch.Tensor, weights: DecoderWeights) -> Stream:
    """See `plain.enter`."""
    import torch

    from minicpm_rag.llm.decoding.linear import scale_kernel

    rows = weights.embedding.some_rows(ids, weights.dtype) * weights.embedding_multiplier
    gain = weights.layers[0].attention_norm
    if len(ids) == 1:
        return Stream(rows, gain, rows, rows)
    # As many parts as the products leave, so that the same kernel serves the first layer.
    parts = _parts(len(ids), weights.layers[0].down)
    squares = torch.zeros((parts, len(ids)), dtype=torch.float32, device=rows.device)
    stream = Stream(rows, gain, torch.empty_like(rows), squares)
    width = rows.shape[1]
    options: dict[str, Any] = {"K": width, "BLOCK_K": power_of_two(width), "PDL": False}
    scale_kernel[(len(ids),)](rows, gain, stream.scaled, stream.squares, **options)
    return stream


def project(
    stream: Stream,
    matrix: Matrix,
    epsilon: float,
    *,
    gated: bool = False,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """See `plain.project`."""
    outputs = matrix.rows // 2 if gated else matrix.rows
    out = stream.rows.new_empty((len(stream.rows), outputs), dtype=dtype or stream.rows.dtype)
    _product(stream.scaled, matrix, out, multiplier, stream, gated=gated, epsilon=epsilon)
    return out


def add(stream: Stream, rows: torch.Tensor, matrix: Matrix, multiplier: float, gain: torch.Tensor) -> Stream:
    """See `plain.add`."""
    import torch

    out = torch.empty_like(stream.rows)
    if len(rows) == 1:
        result = Stream(out, gain, out, out)
    else:
        squares = stream.squares.new_empty((_parts(len(rows), matrix), len(rows)))
        result = Stream(out, gain, torch.empty_like(out), squares)
    _product(rows, matrix, out, multiplier, result, residual=stream.rows)
    return result


def _parts(rows: int, matrix: Matrix) -> int:
    return pieces(matrix.rows, linear_block(rows, matrix.rows, matrix.columns, False, matrix.bits)["BLOCK_N"])


def _product(
    rows: torch.Tensor,
    matrix: Matrix,
    out: torch.Tensor,
    multiplier: float,
    stream: Stream,
    *,
    gated: bool = False,
    epsilon: float = 0.0,
    residual: torch.Tensor | None = None,
) -> None:
    """Launch the kernel: it reads a normed `stream`, or with `residual` leaves one."""
    from minicpm_rag.llm.decoding.linear import linear_kernel

    block = linear_block(len(rows), out.shape[1], matrix.columns, gated, matrix.bits)
    parts = len(stream.squares) if residual is None and len(rows) > 1 else 0
    linear_kernel[(pieces(out.shape[1], block["BLOCK_N"]),)](
        rows,
        stream.squares,
        matrix.data,
        matrix.scale,
        rows if residual is None else residual,
        stream.gain,
        out,
        stream.scaled,
        stream.squares,
        out.shape[1],
        len(rows),
        epsilon,
        multiplier,
        K=matrix.columns,
        NORM=residual is None,
        PARTS=parts,
        PARTS_PADDED=power_of_two(max(1, parts)),
        GATED=gated,
        RESIDUAL=residual is not None,
        BITS=matrix.bits,
        **block,
        # The tensor cores' kernels ask for no weights before they wait: there it gains nothing (measured).
        **(overlap(rows.device) if len(rows) == 1 else {"PDL": False}),
    )


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    _pages: int,
) -> torch.Tensor:
    """See `plain.attention`; looks at the real length of each text."""
    from minicpm_rag.llm.decoding.attention import attention_kernel

    sequences = len(slots)
    tokens = len(qkv) // sequences
    rows = tokens * (weights.heads // weights.key_heads)
    chunk = min(4, power_of_two(rows))
    rows_kept = pieces(rows, chunk) * chunk
    programs = sequences * weights.key_heads
    splits = attention_splits(programs, qkv.device)
    block_q, block_d = max(16, power_of_two(rows)), max(16, power_of_two(weights.head_dimension))
    result = qkv.new_empty((len(qkv), weights.heads * weights.head_dimension))
    attention_kernel[(programs, splits)](
        qkv,
        cache.keys,
        cache.values,
        cache.key_scales,
        cache.value_scales,
        rope.cos,
        rope.sin,
        slots,
        state.length,
        state.pages,
        *_scratch(state, programs, splits * rows_kept, block_d),
        result,
        state.pages.shape[1],
        weights.attention_multiplier,
        T=tokens,
        H=weights.heads,
        KV=weights.key_heads,
        D=weights.head_dimension,
        PAGE=PAGE,
        INT8=cache.quantized,
        SPLITS=splits,
        BLOCK_Q=block_q,
        BLOCK_T=max(16, power_of_two(tokens)),
        BLOCK_D=block_d,
        ROWS=rows_kept,
        CHUNK=chunk,
        STAGES=2,
        num_warps=4,
        **overlap(qkv.device),
    )
    return result


def begin(state: Slots, slots: torch.Tensor, tokens: int) -> torch.Tensor:
    """See `plain.begin`."""
    from minicpm_rag.llm.decoding.choice import begin_kernel

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
        **overlap(ids.device),
    )
    return ids


def choose(logits: torch.Tensor, state: Slots, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """See `sampling.choose`."""
    import torch

    from minicpm_rag.llm.decoding import choice as kernels

    sequences, tokens, vocabulary = logits.shape
    rows, blocks = sequences * tokens, pieces(vocabulary, _SCORES_BLOCK)
    grid = (rows, blocks)
    common: dict[str, Any] = overlap(logits.device)
    search: dict[str, Any] = {"PASSES": _PASSES, "BLOCKS": blocks, "BLOCKS_PADDED": power_of_two(blocks)}
    best = logits.new_empty((rows, blocks))
    bracket = logits.new_empty((rows, 2 * _PASSES + 1, 3))
    weight = logits.new_empty((rows, 2 * _PASSES, blocks, kernels.THRESHOLDS.value))
    value, index = torch.empty_like(best), torch.empty_like(best, dtype=torch.int32)
    out = ids.new_empty((sequences, 1 + tokens))
    kernels.scores_kernel[grid](
        logits, best, state.seen, slots, ids, state.temperature, state.penalty, vocabulary,
        T=tokens, BLOCK=_SCORES_BLOCK, **common,
    )  # fmt: skip
    for number in range(2 * _PASSES):
        kernels.narrow_kernel[grid](
            logits, best, bracket, weight, slots, state.top_k, state.top_p, vocabulary,
            number, tokens, BLOCK=_SCORES_BLOCK, CHUNK=_SCORES_CHUNK, **search, **common,
        )  # fmt: skip
    kernels.draw_kernel[grid](
        logits, best, bracket, weight, value, index, slots, state.length, state.temperature,
        state.top_k, state.top_p, state.seed, vocabulary, tokens, BLOCK=_SCORES_BLOCK, **search, **common,
    )  # fmt: skip
    kernels.finish_kernel[(sequences,)](
        value, index, slots, ids, state.ids, state.length, state.seen, out,
        state.ids.shape[1], vocabulary, state.spare, T=tokens, BLOCK_T=power_of_two(tokens),
        BLOCKS=blocks, BLOCKS_PADDED=power_of_two(blocks), **common,
    )  # fmt: skip
    return out


def _scratch(state: Slots, programs: int, rows: int, width: int) -> tuple[torch.Tensor, ...]:
    """Where the parts of an attention leave their results: one for all layers, since one follows the other.

    Kept with the slots: the counters are zero whenever no attention runs, and setting them to zero in every
    step would put forty more kernels into it.
    """
    import torch

    device = state.ids.device
    key = (programs, rows, width)
    if key not in state.scratch:
        partial = torch.empty((programs * rows, width), dtype=torch.float32, device=device)
        sums = torch.empty((programs * rows, 2), dtype=torch.float32, device=device)
        state.scratch[key] = partial, sums, torch.zeros(programs, dtype=torch.int32, device=device)
    return state.scratch[key]
