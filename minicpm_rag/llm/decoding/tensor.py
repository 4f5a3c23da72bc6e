"""Triton kernel of a matrix product for one row of bfloat16 with weights of 8 or 4 bits, on the tensor cores.

By multiply-adds (`vector`) such a product is bound by its instructions. Here a lane makes bfloat16 numbers of the bytes
that it has loaded and gives them to a tensor core as they are: `mma` multiplies 16 rows of 16 columns by 16 columns of
x, and which columns these are does not matter, as long as weights and x have the same. So a lane loads 16 bytes of one
row, and lane 4 r + c of a warp has rows r and r + 8:

    lane                 0        1        2        3        4       ...
    rows 0 and 8     [16 bytes][16 bytes][16 bytes][16 bytes]
    rows 1 and 9                                            [16 bytes] ...

x has two rows: the product of two bfloat16 numbers, x and the norm's gain, is the sum of two bfloat16 numbers.
Sums are of float32.

That a warp's lanes have those rows is how Triton lays out what is loaded 16 bytes at a time; it does not promise it.
`fast` computes a small product first and compares.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return,assignment"
# ruff: noqa: N803, N806 - compile-time constants are upper case in Triton

from __future__ import annotations

import triton
import triton.language as tl

from minicpm_rag.llm.decoding.conversion import INT4_GROUP
from minicpm_rag.llm.decoding.dependent_launch import start_next, wait_for_previous
from minicpm_rag.llm.decoding.vector import square_sums, store_scaled


def _multiplied(sums: str, low: int, high: int, word: int, x: int) -> str:
    """PTX: one product with the columns of a word in rows r (`w`) and r + 8 (`v`), in registers `low` and `high`."""
    left = f"w{word}_{low}, v{word}_{low}, w{word}_{high}, v{word}_{high}"
    mma = "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
    return f"{mma} {{{sums}}}, {{{left}}}, {{x{2 * x}, x{2 * x + 1}}}, {{{sums}}};"


def _steps(bits: int) -> str:
    """PTX: a lane's 16 bytes of rows r and r + 8, as bfloat16, times x.

    A word is spread into two registers of two bytes. 8 bits: the low seven are added to 128, and 128 is subtracted
    or, where the eighth is set, 256. 4 bits: both halves of a byte are added to 128 and 136 is subtracted, in registers
    0 and 1 (low halves), 2 and 3 (high halves); the sums over a group are multiplied by their scales.
    """
    names = [f"{side}{word}_{part}" for side in "wv" for word in range(4) for part in range(4)]
    registers = ["w<4>", "v<4>", "x<16>", "pair", "sum", "less", "one", "minus", "offset", *names]
    text = [f".reg .b32 {', '.join(registers)};", ".reg .f32 low<4>, high<4>;"]
    text += ["mov.b32 one, 0x3F803F80;", "mov.b32 minus, 0xBF80BF80;", "mov.b32 offset, 0xC308C308;"]
    for number, pair in enumerate(("w0, w1", "w2, w3", "v0, v1", "v2, v3")):
        text.append(f"mov.b64 {{{pair}}}, ${4 + number};")
    count = 4 if bits == 8 else 8
    text += [f"mov.b64 {{x{2 * number}, x{2 * number + 1}}}, ${8 + number};" for number in range(count)]
    if bits == 8:
        text += [f"mov.f32 ${number}, ${12 + number};" for number in range(4)]
    else:
        text += [f"mov.f32 {half}{number}, 0f00000000;" for half in ("low", "high") for number in range(4)]
    for word in range(4):
        for side in "wv":
            for part, spread in enumerate(("0x4140", "0x4342")):
                text.append(f"prmt.b32 pair, {side}{word}, 0, {spread};")
                result = f"{side}{word}_{part}"
                if bits == 8:
                    text.append("lop3.b32 sum, pair, 0x007F007F, 0x43004300, 0xEA;")
                    text.append("lop3.b32 less, pair, 0x00800080, 0x43004300, 0xEA;")
                    text.append(f"fma.rn.bf16x2 {result}, less, minus, sum;")
                    continue
                text.append("lop3.b32 sum, pair, 0x000F000F, 0x43004300, 0xEA;")
                text.append(f"fma.rn.bf16x2 {result}, sum, one, offset;")
                text.append("shr.u32 pair, pair, 4;")
                text.append("lop3.b32 sum, pair, 0x000F000F, 0x43004300, 0xEA;")
                text.append(f"fma.rn.bf16x2 {side}{word}_{part + 2}, sum, one, offset;")
        if bits == 8:
            text.append(_multiplied("$0, $1, $2, $3", 0, 1, word, word))
        else:
            text.append(_multiplied("low0, low1, low2, low3", 0, 1, word, word))
            text.append(_multiplied("high0, high1, high2, high3", 2, 3, word, 4 + word))
    if bits == 4:
        for number in range(4):
            scale = 16 + number // 2 * 2
            text.append(f"fma.rn.f32 ${number}, low{number}, ${scale}, ${20 + number};")
            text.append(f"fma.rn.f32 ${number}, high{number}, ${scale + 1}, ${number};")
    return "{" + "\n".join(text) + "}"


_STEP_8 = tl.constexpr(_steps(8))
_STEP_4 = tl.constexpr(_steps(4))
_OPERANDS_8 = tl.constexpr(",".join(["=&f"] * 4 + ["l"] * 8 + ["f"] * 4))
_OPERANDS_4 = tl.constexpr(",".join(["=&f"] * 4 + ["l"] * 12 + ["f"] * 8))


@triton.jit
def _step8(w, v, x, y, first, second):
    """`first` and `second`, the sums of rows r and r + 8, with the products of 16 bytes a lane added."""
    return tl.inline_asm_elementwise(
        _STEP_8, _OPERANDS_8, [w, v, x, y, first, second],
        dtype=(tl.float32, tl.float32), is_pure=True, pack=2)  # fmt: skip


@triton.jit
def _step4(w, v, x, y, high_x, high_y, w_scales, v_scales, first, second):
    """As `_step8`; `high_x` and `high_y` are what the high halves are multiplied with."""
    return tl.inline_asm_elementwise(
        _STEP_4, _OPERANDS_4, [w, v, x, y, high_x, high_y, w_scales, v_scales, first, second],
        dtype=(tl.float32, tl.float32), is_pure=True, pack=2)  # fmt: skip


@triton.jit
def _words(ptr, rows, N, turn, WORDS: tl.constexpr, SLICES: tl.constexpr, AHEAD: tl.constexpr):
    """Stored weights of AHEAD steps, as words of 8 bytes, [8, SLICES, 8] each: of eight rows 64 bytes a slice."""
    tiles = ()
    for step in tl.static_range(AHEAD):
        piece = (turn * AHEAD + step) * SLICES + tl.arange(0, SLICES)[None, :, None]
        word = piece * 8 + tl.arange(0, 8)[None, None, :]
        mask = (rows < N)[:, None, None] & (word < WORDS)
        tiles += (tl.load(ptr + rows[:, None, None] * WORDS + word, mask=mask, other=0, eviction_policy="evict_first"),)
    return tiles


@triton.jit
def _scales(ptr, rows, N, turn, PAIRS: tl.constexpr, BITS: tl.constexpr, SLICES: tl.constexpr, AHEAD: tl.constexpr):
    """With 4 bits, the scales of what `_words` loads, of the low and of the high halves side by side."""
    tiles = ()
    for step in tl.static_range(AHEAD):
        if BITS == 4:
            group = (turn * AHEAD + step) * SLICES + tl.arange(0, SLICES)[None, :, None]
            half = tl.arange(0, 8)[None, None, :] % 2
            mask = (rows < N)[:, None, None] & (group < PAIRS)
            tiles += (tl.load(ptr + (rows[:, None, None] * PAIRS + group) * 2 + half, mask=mask, other=0.0),)
        else:
            tiles += (N,)
    return tiles


@triton.jit
def _columns(x_ptr, turn, K: tl.constexpr, XS: tl.constexpr, BITS: tl.constexpr, SLICES: tl.constexpr,
             AHEAD: tl.constexpr):  # fmt: skip
    """What lanes multiply their bytes with in AHEAD steps: x [XS, K] as words of four numbers, [8, SLICES, 8] each."""
    COUNT: tl.constexpr = 2 if BITS == 8 else 4
    SPAN: tl.constexpr = K // 8 if BITS == 4 else K // 4
    part = tl.arange(0, 8)[:, None, None]
    place = tl.arange(0, 8)[None, None, :]
    words = x_ptr.to(tl.pointer_type(tl.int64))
    xs = ()
    for step in tl.static_range(AHEAD):
        start = (turn * AHEAD + step) * SLICES + tl.arange(0, SLICES)[None, :, None]
        for number in tl.static_range(COUNT):
            word = start * 16 + (place // 2) * 4 + (number % 2) * 2 + place % 2
            mask = (part < XS) & (word < SPAN)
            xs += (tl.load(words + part * (K // 4) + (number // 2) * SPAN + word, mask=mask, other=0),)
    return xs


@triton.jit
def _added(first, second, w, v, w_scales, v_scales, xs, BITS: tl.constexpr, AHEAD: tl.constexpr):
    """The sums of rows r and r + 8, with the products of AHEAD steps added."""
    for step in tl.static_range(AHEAD):
        if BITS == 8:
            first, second = _step8(w[step], v[step], xs[2 * step], xs[2 * step + 1], first, second)
        else:
            first, second = _step4(w[step], v[step], xs[4 * step], xs[4 * step + 1], xs[4 * step + 2], xs[4 * step + 3],
                                   w_scales[step], v_scales[step], first, second)  # fmt: skip
    return first, second


@triton.jit
def tensor_kernel(x_ptr, squares_ptr, w_ptr, scale_ptr, residual_ptr, gain_ptr, out_ptr, scaled_ptr, new_squares_ptr,
                  N, epsilon, multiplier, K: tl.constexpr, XS: tl.constexpr, NORM: tl.constexpr, PARTS: tl.constexpr,
                  PART_ROWS: tl.constexpr, PART_WIDTH: tl.constexpr, GATED: tl.constexpr, RESIDUAL: tl.constexpr,
                  BITS: tl.constexpr, SLICES: tl.constexpr, AHEAD: tl.constexpr, PDL: tl.constexpr):  # fmt: skip
    """What `vector_kernel` computes, with x [XS, K], whose rows are added up.

    A program multiplies two times eight rows: eight of the gate and eight of what it gates, or 16 neighbours. Each of
    its SLICES warps takes 64 bytes of a row a step, and loads AHEAD steps at once.
    """
    start_next(PDL)
    WORDS: tl.constexpr = K * BITS // 64
    PAIRS: tl.constexpr = K // (2 * INT4_GROUP)
    STEPS: tl.constexpr = (WORDS + 8 * SLICES - 1) // (8 * SLICES)
    TURNS: tl.constexpr = (STEPS + AHEAD - 1) // AHEAD
    words = w_ptr.to(tl.pointer_type(tl.int64))
    if GATED:
        rows = tl.program_id(0).to(tl.int64) * 8 + tl.arange(0, 8)
        others = rows
        other_words = words + N.to(tl.int64) * WORDS
        other_scale_ptr = scale_ptr + N * (2 * PAIRS if BITS == 4 else 1)
    else:
        rows = tl.program_id(0).to(tl.int64) * 16 + tl.arange(0, 8)
        others = rows + 8
        other_words = words
        other_scale_ptr = scale_ptr
    w = _words(words, rows, N, 0, WORDS, SLICES, AHEAD)
    v = _words(other_words, others, N, 0, WORDS, SLICES, AHEAD)
    w_scales = _scales(scale_ptr, rows, N, 0, PAIRS, BITS, SLICES, AHEAD)
    v_scales = _scales(other_scale_ptr, others, N, 0, PAIRS, BITS, SLICES, AHEAD)
    both = tl.join(rows, others)
    mask = both < N
    scales, gains, olds, inverse = 1.0, 1.0, 0.0, 1.0
    if BITS == 8:
        scales = tl.load(tl.join(scale_ptr + rows, other_scale_ptr + others), mask=mask, other=0.0)
    if RESIDUAL:
        gains = tl.load(gain_ptr + both, mask=mask, other=0.0).to(tl.float32)
    wait_for_previous(PDL)
    # What the end needs is asked for now, as in `vector_kernel`.
    if NORM:
        squares = square_sums(squares_ptr, PARTS, PART_ROWS, PART_WIDTH)
    if RESIDUAL:
        olds = tl.load(residual_ptr + both, mask=mask, other=0.0).to(tl.float32)
    if BITS == 8:
        tl.debug_barrier()
    xs = _columns(x_ptr, 0, K, XS, BITS, SLICES, AHEAD)
    zeros = tl.zeros([8, SLICES, 8], tl.float32)
    first, second = _added(zeros, zeros, w, v, w_scales, v_scales, xs, BITS, AHEAD)
    for turn in tl.range(1, TURNS):
        w = _words(words, rows, N, turn, WORDS, SLICES, AHEAD)
        v = _words(other_words, others, N, turn, WORDS, SLICES, AHEAD)
        w_scales = _scales(scale_ptr, rows, N, turn, PAIRS, BITS, SLICES, AHEAD)
        v_scales = _scales(other_scale_ptr, others, N, turn, PAIRS, BITS, SLICES, AHEAD)
        xs = _columns(x_ptr, turn, K, XS, BITS, SLICES, AHEAD)
        first, second = _added(first, second, w, v, w_scales, v_scales, xs, BITS, AHEAD)
    if NORM:
        inverse = tl.rsqrt(tl.sum(squares, axis=0) / K + epsilon)
    value = tl.sum(tl.sum(tl.join(first, second), axis=2), axis=1) * inverse * scales
    if GATED:
        gate, up = tl.split(value)
        tl.store(out_ptr + rows, gate * tl.sigmoid(gate) * up * multiplier, mask=rows < N)
    else:
        value = value * multiplier + olds
        if RESIDUAL:
            rounded = tl.where(mask, value.to(out_ptr.dtype.element_ty).to(tl.float32), 0.0)
            store_scaled(scaled_ptr, both, N, rounded * gains)
            tl.store(new_squares_ptr + tl.program_id(0), tl.sum(tl.sum(rounded * rounded, axis=1), axis=0))
        tl.store(out_ptr + both, value, mask=mask)
