"""The operations of a decoder as kernels: what `decoding_plain` does, for the few rows of a step on CUDA.

Chooses block sizes and launches; the kernels are in `decoding_linear`, `decoding_attention` and `decoding_choice`.
Nothing here reads a value back, so all of it can be captured.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from minicpm_rag.decoding_cache import PAGE, LayerCache
from minicpm_rag.decoding_weights import DecoderWeights
from minicpm_rag.quantization import Matrix

if TYPE_CHECKING:
    import torch

    from minicpm_rag.decoding_rope import RotaryTables
    from minicpm_rag.decoding_slots import Slots

_PASSES = 5  # 32**5 thresholds over 30 nats: 9e-7, the spacing of float32 scores
_SCORES_BLOCK = 1024


def linear(
    rows: torch.Tensor,
    matrix: Matrix,
    *,
    norm: torch.Tensor | None = None,
    epsilon: float = 0.0,
    gated: bool = False,
    residual: torch.Tensor | None = None,
    multiplier: float = 1.0,
    dtype: torch.dtype | None = None,
) -> torch.Tensor:
    """See `decoding_plain.linear`."""
    from minicpm_rag.decoding_linear import linear_kernel

    outputs = matrix.rows // 2 if gated else matrix.rows
    result = rows.new_empty((len(rows), outputs), dtype=dtype or rows.dtype)
    block = _linear_block(len(rows), outputs, matrix.columns, gated, matrix.bits)
    linear_kernel[(_blocks(outputs, block["BLOCK_N"]),)](
        rows,
        rows if norm is None else norm,
        matrix.data,
        matrix.scale,
        rows if residual is None else residual,
        result,
        outputs,
        epsilon,
        multiplier,
        len(rows),
        K=matrix.columns,
        NORM=norm is not None,
        GATED=gated,
        RESIDUAL=residual is not None,
        BITS=matrix.bits,
        **block,
        **_overlap(rows.device),
    )
    return result


def attention(
    qkv: torch.Tensor,
    weights: DecoderWeights,
    cache: LayerCache,
    rope: RotaryTables,
    state: Slots,
    slots: torch.Tensor,
    _pages: int,
) -> torch.Tensor:
    """See `decoding_plain.attention`; looks at the real length of each text."""
    from minicpm_rag.decoding_attention import attention_kernel

    sequences = len(slots)
    tokens = len(qkv) // sequences
    rows = tokens * (weights.heads // weights.key_heads)
    chunk = min(4, _power_of_two(rows))
    rows_kept = _blocks(rows, chunk) * chunk
    programs = sequences * weights.key_heads
    splits = _splits(programs, qkv.device)
    block_q, block_d = max(16, _power_of_two(rows)), max(16, _power_of_two(weights.head_dimension))
    new, device = qkv.new_empty, qkv.device
    result = new((len(qkv), weights.heads * weights.head_dimension))
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
        *_scratch(programs * splits * rows_kept, block_d, device),
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
        BLOCK_T=max(16, _power_of_two(tokens)),
        BLOCK_D=block_d,
        ROWS=rows_kept,
        CHUNK=chunk,
        BLOCK=64,
        STAGES=2,
        num_warps=4,
        **_overlap(device, ahead=False),
    )
    return result


def begin(state: Slots, slots: torch.Tensor, tokens: int) -> torch.Tensor:
    """See `decoding_plain.begin`."""
    from minicpm_rag.decoding_choice import begin_kernel

    ids = state.ids.new_empty((len(slots), tokens))
    begin_kernel[(len(slots),)](
        state.ids,
        state.length,
        slots,
        ids,
        state.ids.shape[1],
        T=tokens,
        BLOCK_T=_power_of_two(tokens),
        BLOCK=1024,
        **_overlap(ids.device, ahead=False),
    )
    return ids


def choose(logits: torch.Tensor, state: Slots, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """See `decoding_sampling.choose`."""
    import torch

    from minicpm_rag import decoding_choice as kernels

    sequences, tokens, vocabulary = logits.shape
    rows, blocks = sequences * tokens, _blocks(vocabulary, _SCORES_BLOCK)
    grid = (rows, blocks)
    common: dict[str, Any] = _overlap(logits.device, ahead=False)
    search: dict[str, Any] = {"PASSES": _PASSES, "BLOCKS": blocks, "BLOCKS_PADDED": _power_of_two(blocks)}
    block = {"T": tokens, "BLOCK": _SCORES_BLOCK}
    best = logits.new_empty((rows, blocks))
    bracket = logits.new_empty((rows, 2 * _PASSES + 1, 3))
    weight = logits.new_empty((rows, 2 * _PASSES, blocks, kernels.THRESHOLDS.value))
    value, index = torch.empty_like(best), torch.empty_like(best, dtype=torch.int32)
    out = ids.new_empty((sequences, 1 + tokens))
    kernels.scores_kernel[grid](
        logits, best, state.seen, slots, ids, state.temperature, state.penalty, vocabulary, **block, **common
    )
    for number in range(2 * _PASSES):
        kernels.narrow_kernel[grid](
            logits, best, bracket, weight, slots, state.top_k, state.top_p, vocabulary,
            number, **search, **block, **common, num_warps=8,
        )  # fmt: skip
    kernels.draw_kernel[grid](
        logits, best, bracket, weight, value, index, slots, state.length, state.temperature,
        state.top_k, state.top_p, state.seed, vocabulary, **search, **block, **common,
    )  # fmt: skip
    kernels.finish_kernel[(sequences,)](
        value, index, slots, ids, state.ids, state.length, state.seen, out,
        state.ids.shape[1], vocabulary, state.spare, T=tokens, BLOCK_T=_power_of_two(tokens),
        BLOCKS=blocks, BLOCKS_PADDED=_power_of_two(blocks), **common,
    )  # fmt: skip
    return out


@functools.cache
def _linear_block(rows: int, outputs: int, columns: int, gated: bool, bits: int) -> dict[str, int]:
    """Block sizes, measured on an H200 for MiniCPM-2B's shapes.

    One row: few outputs in long pieces where there are few of them, so that all multiprocessors have work.
    """
    if rows == 1:
        if outputs > 4096 and not gated:
            block_n, block_k, warps = 16, 512, 2
        elif gated:
            block_n, block_k, warps = 4, 256, 2
        else:
            block_n, block_k, warps = (2, 2048, 8) if columns > 4096 else (2, 1024, 4)
        return {"BLOCK_R": 1, "BLOCK_N": block_n, "BLOCK_K": block_k, "STAGES": 1, "num_warps": warps}
    stages = {16: 6, 8: 6, 4: 3}[bits]
    if outputs > 100_000:
        block = {"BLOCK_N": 32, "BLOCK_K": 128, "STAGES": 3, "num_warps": 2}
    elif outputs > 4096 and not gated:
        block = {"BLOCK_N": 32, "BLOCK_K": 256, "STAGES": min(stages, 5), "num_warps": 2}
    else:
        block = {"BLOCK_N": 16, "BLOCK_K": 256, "STAGES": min(stages, 4) if gated else stages, "num_warps": 1}
    if bits == 4:
        block["BLOCK_K"], block["STAGES"] = 128, 2
    return {"BLOCK_R": max(8, _power_of_two(rows)), **block}


def _splits(programs: int, device: torch.device) -> int:
    """Parts to cut a text's pages into, so that every multiprocessor has some two programs."""
    wanted = 4 * _multiprocessors(device) // programs
    return max(1, min(16, _power_of_two(max(1, wanted + 1)) // 2 or 1))


def _scratch(rows: int, width: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Where the parts of an attention leave their results: shared by all layers, as kernels follow each other."""
    import torch

    partial = torch.empty((rows, width), dtype=torch.float32, device=device)
    sums = torch.empty((rows, 2), dtype=torch.float32, device=device)
    return partial, sums, torch.zeros(rows, dtype=torch.int32, device=device)


def _overlap(device: torch.device, *, ahead: bool = True) -> dict[str, Any]:
    """Programmatic dependent launch, where the card and this Triton have it."""
    on = _dependent_launch(device)
    options: dict[str, Any] = {"PDL": on}
    if on:
        options["launch_pdl"] = True
    if ahead:
        options["AHEAD"] = 32768 if on else 0
    return options


@functools.cache
def _dependent_launch(device: torch.device) -> bool:
    import torch
    from triton.language.extra import cuda

    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 9 and hasattr(cuda, "gdc_wait")


@functools.cache
def _multiprocessors(device: torch.device) -> int:
    import torch

    return torch.cuda.get_device_properties(device).multi_processor_count if device.type == "cuda" else 8


def _blocks(count: int, size: int) -> int:
    return -(-count // size)


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
