"""Choose the next token as transformers does: penalty, temperature, top-k, top-p, draw; with a seed, the same tokens.

transformers sorts the whole vocabulary for top-p. Where top-k comes first only its few candidates are sorted here,
which gives the same probabilities and so the same draws.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from minicpm_rag.llm.generation import Sampling

if TYPE_CHECKING:
    import torch


def chooser(
    sampling: Sampling, device: torch.device, *, among_best: bool = False
) -> Callable[[torch.Tensor, torch.Tensor], int]:
    """A function (ids so far [1, tokens], logits [1, vocabulary]) -> next id.

    `among_best` draws among the candidates only, which is faster; a seed then gives other tokens than in transformers.
    """
    import torch

    # Its own generator, so that a seeded stream is the same whatever other threads draw meanwhile.
    generator = torch.Generator(device=device)
    if sampling.seed is None:
        generator.seed()
    else:
        generator.manual_seed(sampling.seed)

    def choose(seen: torch.Tensor, logits: torch.Tensor) -> int:
        scores = logits
        if sampling.repetition_penalty != 1:
            known = scores.gather(1, seen)
            penalty = sampling.repetition_penalty
            scores = scores.scatter(1, seen, torch.where(known < 0, known * penalty, known / penalty))
        if sampling.temperature == 0:
            return int(scores.argmax(dim=-1))
        places, shares = _candidates(scores / sampling.temperature, sampling)
        if among_best:
            return int(places[torch.multinomial(shares, 1, generator=generator)])
        whole = torch.zeros_like(scores).index_copy_(1, places, shares[None])
        return int(torch.multinomial(whole, 1, generator=generator))

    return choose


def _candidates(scores: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """What top-k and top-p leave of the scores [1, vocabulary]: ids and their probabilities."""
    import torch

    size = scores.shape[-1]
    if 0 < sampling.top_k < size:
        lowest = scores.topk(sampling.top_k).values[:, -1:]
        places = (scores[0] >= lowest[0]).nonzero()[:, 0]  # more than top-k where scores are equal
    else:
        places = torch.arange(size, device=scores.device)
    left = scores[0, places]
    if sampling.top_p < 1:
        ordered, order = left.sort()
        dropped = ordered.softmax(dim=-1).cumsum(dim=-1) <= 1 - sampling.top_p
        dropped[-1] = False
        left = left.masked_fill(dropped.scatter(0, order, dropped), float("-inf"))
    return places, left.softmax(dim=-1)
