"""Stored weights as the numbers that kernels compute with, a few instructions for each; all of it is exact.

Bits are put where they are the low bits of a number that is large enough, which is then subtracted: a GPU does both
several times as fast as it converts integers.
"""

# mypy: disable-error-code="no-untyped-def,untyped-decorator,no-untyped-call,no-any-return"

from __future__ import annotations

import triton
import triton.language as tl

# With 4 bits two weights share a byte, the first half of a row in the low bits; so many share a scale.
INT4_GROUP = tl.constexpr(64)


@triton.jit
def whole8(stored):
    """Integers of 8 bits as float32.

    A byte, made positive by adding 128, becomes the low bits of the number 2**23; 2**23 + 128 is subtracted.
    """
    return tl.inline_asm_elementwise(
        """
        {
            .reg .b32 positive;
            xor.b32 positive, $4, 0x80808080;
            prmt.b32 $0, positive, 0x4B000000, 0x7440;
            prmt.b32 $1, positive, 0x4B000000, 0x7441;
            prmt.b32 $2, positive, 0x4B000000, 0x7442;
            prmt.b32 $3, positive, 0x4B000000, 0x7443;
            sub.f32 $0, $0, 0f4B000080;
            sub.f32 $1, $1, 0f4B000080;
            sub.f32 $2, $2, 0f4B000080;
            sub.f32 $3, $3, 0f4B000080;
        }
        """,
        "=r,=r,=r,=r,r", [stored], dtype=tl.float32, is_pure=True, pack=4)  # fmt: skip


@triton.jit
def whole4(stored):
    """The low and the high halves of bytes as float32, less 8.

    As with 8 bits, but where they are in a word: at bit b they are low bits of the number 2**(23 - b).
    """
    return tl.inline_asm_elementwise(
        """
        {
            .reg .b32 upper;
            shr.u32 upper, $8, 12;
            lop3.b32 $0, $8, 0x0000000F, 0x4B000000, 0xEA;
            lop3.b32 $4, $8, 0x000000F0, 0x49000000, 0xEA;
            lop3.b32 $1, $8, 0x00000F00, 0x47000000, 0xEA;
            lop3.b32 $5, $8, 0x0000F000, 0x45000000, 0xEA;
            lop3.b32 $2, $8, 0x000F0000, 0x43000000, 0xEA;
            lop3.b32 $6, upper, 0x00000F00, 0x47000000, 0xEA;
            lop3.b32 $3, upper, 0x0000F000, 0x45000000, 0xEA;
            lop3.b32 $7, upper, 0x000F0000, 0x43000000, 0xEA;
            sub.f32 $0, $0, 0f4B000008;
            sub.f32 $4, $4, 0f49000080;
            sub.f32 $1, $1, 0f47000800;
            sub.f32 $5, $5, 0f45008000;
            sub.f32 $2, $2, 0f43080000;
            sub.f32 $6, $6, 0f47000800;
            sub.f32 $3, $3, 0f45008000;
            sub.f32 $7, $7, 0f43080000;
        }
        """,
        "=&r,=&r,=&r,=&r,=&r,=&r,=&r,=&r,r", [stored],
        dtype=(tl.float32, tl.float32), is_pure=True, pack=4)  # fmt: skip


@triton.jit
def wide(stored):
    """Numbers as float32; of two bfloat16 numbers in a word one instruction each, where the compiler takes two."""
    if stored.dtype.is_bf16():
        return tl.inline_asm_elementwise(
            """
            {
                shl.b32 $0, $2, 16;
                and.b32 $1, $2, 0xFFFF0000;
            }
            """,
            "=&r,=r,r", [stored], dtype=tl.float32, is_pure=True, pack=2)  # fmt: skip
    else:
        return stored.to(tl.float32)


@triton.jit
def whole(stored):
    """Numbers, or integers of 8 bits, as float32."""
    return whole8(stored) if stored.dtype.is_int8() else wide(stored)


@triton.jit
def narrow8(stored):
    """Integers of 8 bits as bfloat16: the low seven bits added to 128, less 128 or, with the eighth bit set, 256."""
    return tl.inline_asm_elementwise(
        """
        {
            .reg .b32 low, high, sum, less, minus;
            mov.b32 minus, 0xBF80BF80;
            prmt.b32 low, $2, 0, 0x4140;
            prmt.b32 high, $2, 0, 0x4342;
            lop3.b32 sum, low, 0x007F007F, 0x43004300, 0xEA;
            lop3.b32 less, low, 0x00800080, 0x43004300, 0xEA;
            fma.rn.bf16x2 $0, less, minus, sum;
            lop3.b32 sum, high, 0x007F007F, 0x43004300, 0xEA;
            lop3.b32 less, high, 0x00800080, 0x43004300, 0xEA;
            fma.rn.bf16x2 $1, less, minus, sum;
        }
        """,
        "=&r,=&r,r", [stored], dtype=tl.bfloat16, is_pure=True, pack=4)  # fmt: skip


@triton.jit
def narrow(stored, dtype):
    """Numbers, or integers of 8 bits, as numbers of this type of 16 or 32 bits."""
    return narrow8(stored) if stored.dtype.is_int8() and dtype == tl.bfloat16 else stored.to(dtype)


@triton.jit
def narrow4(stored):
    """The low and the high halves of bytes as bfloat16, less 8: added to 128, less 136."""
    return tl.inline_asm_elementwise(
        """
        {
            .reg .b32 low, high, one, less, word;
            mov.b32 one, 0x3F803F80;
            mov.b32 less, 0xC308C308;
            prmt.b32 low, $4, 0, 0x4140;
            prmt.b32 high, $4, 0, 0x4342;
            lop3.b32 word, low, 0x000F000F, 0x43004300, 0xEA;
            fma.rn.bf16x2 $0, word, one, less;
            lop3.b32 word, high, 0x000F000F, 0x43004300, 0xEA;
            fma.rn.bf16x2 $1, word, one, less;
            shr.u32 low, low, 4;
            shr.u32 high, high, 4;
            lop3.b32 word, low, 0x000F000F, 0x43004300, 0xEA;
            fma.rn.bf16x2 $2, word, one, less;
            lop3.b32 word, high, 0x000F000F, 0x43004300, 0xEA;
            fma.rn.bf16x2 $3, word, one, less;
        }
        """,
        "=&r,=&r,=&r,=&r,r", [stored], dtype=(tl.bfloat16, tl.bfloat16), is_pure=True, pack=4)  # fmt: skip
