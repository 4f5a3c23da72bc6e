"""Draft tokens by prompt lookup: how a sequence may continue, taken from the sequence itself.

Answers quote their passages. The last three tokens, else two, else one, are looked up earlier in prompt and answer;
what followed them there, the last time, is the draft. A step verifies it; a wrong draft costs only its rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

_LONGEST = 3  # tokens that are looked up
_PAUSE_STEPS = 16
_WORTH = 1.3  # tokens a step: with fewer, drafts cost more time than they save


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


class Lookup:
    """The same for one sequence on the host, found in a table instead of by comparing all places.

    Pauses for some steps where drafts are seldom right.
    """

    def __init__(self, ids: Sequence[int]) -> None:
        self._ids: list[int] = []
        self._place: dict[tuple[int, ...], int] = {}  # where these tokens ended, the last time but now
        self._steps = self._made = self._paused = 0
        for token in ids:
            self.add(token)

    def add(self, token: int) -> None:
        """Append a token to the sequence."""
        end = len(self._ids)
        for count in range(1, min(_LONGEST, end) + 1):
            self._place[tuple(self._ids[end - count :])] = end - 1
        self._ids.append(token)

    def draft(self, count: int) -> list[int]:
        """Up to `count` tokens that may follow; none where nothing is found, or during a pause."""
        if self._paused:
            self._paused -= 1
            return []
        end = len(self._ids)
        for known in range(min(_LONGEST, end), 0, -1):
            place = self._place.get(tuple(self._ids[end - known :]))
            if place is not None:
                return [self._ids[place + 1 + ahead % (end - 1 - place)] for ahead in range(count)]
        return []

    def hear(self, made: int) -> None:
        """Hear how many tokens a step with drafts made."""
        self._steps, self._made = self._steps + 1, self._made + made
        if self._steps == _PAUSE_STEPS:
            self._paused = _PAUSE_STEPS if self._made < _WORTH * self._steps else 0
            self._steps = self._made = 0
