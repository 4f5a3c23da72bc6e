"""Draft tokens by prompt lookup: how a sequence may continue, taken from the sequence itself.

Answers quote their passages. The last three tokens, else two, else one, are looked up earlier in prompt and answer;
what followed them there, the last time, is the draft. A step verifies it; a wrong draft costs only its rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def draft(ids: torch.Tensor, length: torch.Tensor, count: int) -> torch.Tensor:
    """`count` draft tokens for each row of ids [sequences, room], of which the first `length` are known."""
    import torch

    room = ids.shape[1]
    place = torch.arange(room, device=ids.device)
    end = (length - 1).long()[:, None]
    agreeing = torch.zeros_like(ids)
    same = (place < end) & (place >= 2)
    for back in range(3):
        tail = ids.gather(1, (end - back).clamp(min=0))
        same = same & (ids.roll(back, dims=1) == tail)
        agreeing += same
    best = (agreeing * room + place).argmax(dim=1, keepdim=True)
    # Where the place found is so near the end that the draft would run past it, the repetition goes on repeating.
    ahead = torch.arange(count, device=ids.device) % (end - best).clamp(min=1)
    return ids.gather(1, (best + 1 + ahead).clamp(max=room - 1))
