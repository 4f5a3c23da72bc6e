"""A step of one sequence as one kernel, `step.cu`: which models it serves, its constants, what it is given.

Everything that the kernel's compiler can know is a constant: one kernel is compiled for a model on a card.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.llm.checkpoint.quantization import INT4_GROUP, Matrix
from minicpm_rag.llm.decoding.cache import BLOCK

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.step import Decoder
    from minicpm_rag.llm.decoding.weights import DecoderWeights
    from minicpm_rag.llm.decoding.whole.nvrtc import Kernel

_WARPS = 8
_ROUNDS = 13  # in which the programs exchange numbers to choose a token
_CANDIDATES = 512  # of a program that are exchanged to choose among them
_STEP_BYTES = 64  # of a row of weights that a warp reads at once
_LONGEST_PIECE = 2304  # bytes of a row that are copied together
_MOST_SPLITS = 32  # of the cached tokens: a lane for each


def source() -> str:
    """The kernel's text."""
    return Path(__file__).with_name("step.cu").read_text(encoding="utf-8")


def serves(weights: DecoderWeights, quantized_cache: bool) -> bool:
    """Whether the kernel computes this model: bfloat16 in any number of bits, or float32 as it is.

    Rows of weights must divide into steps, and a head's numbers into 2 to 32 vectors of 16 bytes. Only the matrices for
    q, k and v, for what attention gives, and for gate and up can have 4 bits, all or none.
    """
    import torch

    layer = weights.layers[0]
    matrices = (layer.qkv, layer.out, layer.gate_up, layer.down, weights.head)
    if weights.dtype == torch.float32:
        kinds = all(matrix.bits == 16 for matrix in matrices)
    else:
        kinds = weights.dtype == torch.bfloat16
    fitting = all(matrix.columns * _bits(matrix) // 8 % _STEP_BYTES == 0 for matrix in matrices)
    vectors = weights.head_dimension * (1 if quantized_cache else weights.dtype.itemsize) / 16
    whole = all(matrix.rows % 8 == 0 for matrix in matrices[:4]) and (layer.gate_up.rows // 2) % 8 == 0
    alike = len({matrix.bits for matrix in matrices[:3]}) == 1 and layer.down.bits > 4 and weights.head.bits > 4
    return kinds and fitting and whole and alike and vectors in (2, 4, 8, 16, 32)


def programs(weights: DecoderWeights, multiprocessors: int) -> int:
    """How many programs run: one a multiprocessor, and not more than have a tile of 8 rows of each matrix."""
    layer = weights.layers[0]
    return min(multiprocessors, layer.out.rows // 8, layer.down.columns // 8, layer.qkv.rows // 8)


def constants(decoder: Decoder, programs: int, warps: int = _WARPS) -> dict[str, int]:
    """The constants of the kernel's text, except how many pieces the rings have: see `stages`."""
    weights, pool = decoder.weights, decoder.pool
    layer = weights.layers[0]
    group = weights.heads // weights.key_heads
    together = next(count for count in (4, 3, 2, 1) if group % count == 0)
    return {
        "NUMBER_BITS": 8 * weights.dtype.itemsize,
        "BITS": _bits(layer.qkv),
        "DOWN_BITS": _bits(layer.down),
        "HEAD_BITS": _bits(weights.head),
        "EMBEDDING_BITS": _bits(weights.embedding),
        "CACHE_BITS": 8 if pool.quantized else 8 * weights.dtype.itemsize,
        "CACHE_BLOCK": BLOCK,
        "GROUP": INT4_GROUP,
        "LAYERS": len(weights.layers),
        "HIDDEN": layer.out.rows,
        "WIDE": layer.down.columns,
        "HEADS": weights.heads,
        "KEY_HEADS": weights.key_heads,
        "DIMENSION": weights.head_dimension,
        "VOCABULARY": weights.head.rows,
        "GRID": programs,
        "WARPS": warps,
        "LONGEST_PIECE": _LONGEST_PIECE,
        "MOST_CANDIDATES": _CANDIDATES,
        "QUERIES": together,
        "SPLITS": max(1, min(_MOST_SPLITS, programs // (weights.heads // together))),
    }


def shared_bytes(known: dict[str, int], stages: int) -> int:
    """What a program takes of its multiprocessor's memory, as the kernel's text lays it out."""

    def whole(number: int) -> int:
        return -(-number // 128) * 128

    warps, number, bits = known["WARPS"], known["NUMBER_BITS"] // 8, known["BITS"]
    attended = known["HEADS"] * known["DIMENSION"]
    rows = [known["HIDDEN"] * bits, attended * bits, known["WIDE"] * known["DOWN_BITS"]]
    rows = [row // 8 for row in (*rows, known["HIDDEN"] * known["HEAD_BITS"])]
    pieces = [-(-row // known["LONGEST_PIECE"]) for row in rows]
    steps = max(-(-(row // _STEP_BYTES) // count) for row, count in zip(rows, pieces, strict=True))
    piece = whole(8 * (whole(steps * _STEP_BYTES) + 64) + (steps * 64 if bits == 4 else 0))
    batch = 32 if warps >= 8 else 4 * warps
    longest = max(known["HIDDEN"], known["WIDE"], attended)
    product = whole(longest * number) + 4 * (batch * (8 * max(pieces) + 8) + warps)
    attention = 4 * (warps * known["QUERIES"] * (known["DIMENSION"] + 2) + (known["QUERIES"] + 2) * known["DIMENSION"])
    scores = whole(-(-known["VOCABULARY"] // 8) // -known["GRID"] * -32)
    table = 16 * (4 * known["LAYERS"] + 1)
    work = whole(max(product, attention)) + whole(known["HIDDEN"] * number) + scores + table
    return work + stages * (piece + 16)


def stages(known: dict[str, int], shared_memory: int) -> int:
    """How many pieces the ring can have in so many bytes of shared memory; 0 where they are fewer than warps."""
    left = shared_memory - shared_bytes(known, 0)
    count = left // (shared_bytes(known, 1) - shared_bytes(known, 0))
    return count if count >= known["WARPS"] else 0


def is_quicker(weights: DecoderWeights) -> bool:
    """Whether one kernel was measured to be quicker than many (docs/decisions.md): steps that read little."""
    bits = weights.layers[0].qkv.bits
    return bits == 4 or (bits == 16 and weights.heads > weights.key_heads)


def compiled(decoder: Decoder) -> Kernel | None:
    """The kernel for a decoder, None where it cannot serve it or is not the quicker way.

    Raises OSError or RuntimeError where it cannot be made.
    """
    import torch

    from minicpm_rag.llm.decoding.whole.nvrtc import Kernel, compile_kernel, largest_shared_memory

    weights = decoder.weights
    device = weights.device
    # Bulk copies came with this generation, and others were not measured.
    if torch.cuda.get_device_capability(device) != (9, 0):
        return None
    if not serves(weights, decoder.pool.quantized) or not is_quicker(weights):
        return None
    known = constants(decoder, programs(weights, torch.cuda.get_device_properties(device).multi_processor_count))
    known["STAGES"] = stages(known, largest_shared_memory(device))
    if not known["STAGES"]:
        return None
    code, memory = compile_kernel(source(), known, device), shared_bytes(known, known["STAGES"])
    return Kernel(code, "decode_step", known["GRID"], 32 * (known["WARPS"] + 1), memory, device)


class WholeStep:
    """The kernel for one decoder, and what it keeps between its products."""

    def __init__(self, decoder: Decoder, kernel: Kernel) -> None:
        """Take the memory, and note where weights and cache are: another cache needs another of these."""
        import torch

        weights, state, pool = decoder.weights, decoder.state, decoder.pool
        device, layer = weights.device, weights.layers[0]
        parts, each = weights.heads * _MOST_SPLITS, 4 // weights.dtype.itemsize  # numbers in a word
        words = [layer.qkv.rows // each, layer.out.rows // each, layer.down.columns // each, layer.out.rows // each]
        words += [layer.out.columns // each, parts * weights.head_dimension, parts * 2]
        words += [(_ROUNDS * 32 + 2 * _CANDIDATES) * kernel.programs]
        self._scratch = [torch.zeros(count, dtype=torch.int64, device=device) for count in words]
        self._launches = torch.zeros(1, dtype=torch.int64, device=device)
        self._kept: list[torch.Tensor] = []
        layers = b"".join(
            self._matrices(layer.qkv, layer.out, layer.gate_up, layer.down)
            + self._pointers(layer.attention_norm, layer.mlp_norm)
            + self._pointers(cache.keys, cache.values, cache.key_scales, cache.value_scales)
            for layer, cache in zip(weights.layers, pool.layers, strict=True)
        )
        self._layers = torch.frombuffer(bytearray(layers), dtype=torch.uint8).to(device)
        rope = decoder.rope
        self._model = (
            self._pointers(self._layers)
            + self._matrices(weights.head, weights.embedding)
            + self._pointers(weights.norm, rope.cos, rope.sin, state.ids, state.length, state.blocks)
            + struct.pack("2q", state.ids.shape[1], state.blocks.shape[1])
            + self._pointers(*self._scratch)
            + self._pointers(state.seen, state.temperature, state.penalty, state.top_p, state.top_k, state.seed)
            + struct.pack("q", state.spare)
            + self._pointers(self._launches)
            + struct.pack(
                "5f4x",
                weights.epsilon,
                weights.embedding_multiplier,
                weights.residual_multiplier,
                weights.attention_multiplier * 1.4426950408889634,  # softmax in base 2
                weights.logits_multiplier,
            )
        )
        self._kernel = kernel
        self._rows = weights.head.rows

    def logits(self, slots: torch.Tensor, chosen: torch.Tensor | None = None) -> torch.Tensor:
        """The logits [1, vocabulary] after the last known token of the one slot in slots [1]; see `choose`."""
        import torch

        logits = torch.empty((1, self._rows), dtype=torch.float32, device=slots.device)
        self._kernel.launch(self._model, slots, logits, chosen)
        return logits

    def choose(self, slots: torch.Tensor) -> torch.Tensor:
        """Choose the next token too, and update the slot: [1, 2], see `sampling.choose`."""
        chosen = slots.new_empty((1, 2))
        self.logits(slots, chosen)
        return chosen

    def _matrices(self, *matrices: Matrix) -> bytes:
        return b"".join(self._pointers(matrix.data, self._scale(matrix)) for matrix in matrices)

    def _scale(self, matrix: Matrix) -> torch.Tensor:
        """With 4 bits the scales of 8 rows must lie together, so they are copied: [rows / 8, groups, 8]."""
        if matrix.bits != 4:
            return matrix.scale
        self._kept.append(matrix.scale.view(matrix.rows // 8, 8, -1).transpose(1, 2).contiguous())
        return self._kept[-1]

    @staticmethod
    def _pointers(*tensors: torch.Tensor) -> bytes:
        return struct.pack(f"{len(tensors)}Q", *(tensor.data_ptr() for tensor in tensors))


def _bits(matrix: Matrix) -> int:
    """Bits of a number as it is stored."""
    return 8 * int(matrix.data.dtype.itemsize) if matrix.bits == 16 else matrix.bits
