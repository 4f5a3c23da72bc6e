"""Attention of prompts by the flash-attn package, for who sets ATTENTION=flash_attention_2 (extra `gpu`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, multiplier: float) -> torch.Tensor:
    """See `plain.Attend`; its causal mask, too, is aligned to the last row and the last token."""
    from flash_attn import flash_attn_func

    mixed: torch.Tensor = flash_attn_func(query[None], key[None], value[None], softmax_scale=multiplier, causal=True)
    return mixed[0]
