"""Sampling on the device: penalty, temperature, top-k, top-p, draw, in transformers' order.

Randomness is a hash of (seed, position, token), not a generator's state. A seeded answer is therefore the same
whether its tokens were made one by one, drafted and verified, or beside seven other sequences. It also makes
verification exact without speculative sampling's acceptance rule: each row draws from its own distribution, a draft
token is accepted where the draw equals it, which happens with exactly its probability, and where the draw differs,
the draw is the token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.decoding.slots import Slots

_WORD = 0xFFFFFFFF


def choose(logits: torch.Tensor, state: Slots, slots: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """Choose the next tokens from logits [sequences, tokens, vocabulary] after `ids`, and update the slots.

    `ids` [sequences, tokens] are the last known token and the draft tokens. Returns [sequences, 1 + tokens]: how many
    of the chosen tokens are accepted, then all of them.
    """
    import torch

    chosen = draw(logits, state, slots, ids[:, 1:])
    agreeing = (chosen[:, :-1] == ids[:, 1:]).long().cumprod(dim=1).sum(dim=1)
    ahead = torch.arange(chosen.shape[1], device=chosen.device)
    accepted = ahead <= agreeing[:, None]
    length = state.length[slots]
    # Tokens that are not accepted are written too, beyond the new length, where nothing reads them.
    state.ids[slots[:, None], (length[:, None] + ahead).long()] = chosen
    state.seen[slots[:, None], torch.where(accepted, chosen, chosen[:, :1])] = True
    # The spare row's length must not grow beyond its array.
    state.length[slots] = torch.where(slots == state.spare, 1, length + (agreeing + 1).to(length.dtype))
    return torch.cat((agreeing[:, None] + 1, chosen), dim=1)


def draw(logits: torch.Tensor, state: Slots, slots: torch.Tensor, drafts: torch.Tensor) -> torch.Tensor:
    """A token from each row [sequences, tokens]; in row t the draft tokens before t count as seen."""
    import torch

    tokens, vocabulary = logits.shape[1:]
    seen = state.seen[slots][:, None].repeat(1, tokens, 1)
    for place in range(tokens - 1):
        later = seen[:, place + 1 :]
        later.scatter_(2, drafts[:, place].view(-1, 1, 1).expand(-1, later.shape[1], 1), True)
    penalty = state.penalty[slots][:, None, None]
    scores = torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    scores = scores.masked_fill(~state.allowed[slots][:, None], float("-inf"))
    temperature = state.temperature[slots][:, None, None]
    greedy = temperature == 0
    scores = scores / torch.where(greedy, 1.0, temperature)
    lowest = _lowest_kept(scores, state.top_k[slots][:, None, None], state.top_p[slots][:, None, None])
    position = (state.length[slots][:, None] + torch.arange(tokens, device=logits.device)).long()
    keys = hashed(state.seed[slots][:, None] ^ ((position * 0x9E3779B1) & _WORD))
    noisy = scores + noise(keys, vocabulary)
    noisy = noisy.masked_fill(scores < lowest, float("-inf"))
    return torch.where(greedy, scores, noisy).argmax(dim=-1)


def _lowest_kept(scores: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor) -> torch.Tensor:
    """The lowest score that top-k, then top-p keep; scores equal to it are kept too, as in transformers' top-k."""
    import torch

    ordered = scores.sort(dim=-1, descending=True).values
    rank = torch.arange(scores.shape[-1], device=scores.device)
    kept = (rank < top_k) | (top_k == 0)
    share = ordered.masked_fill(~kept, float("-inf")).softmax(dim=-1)
    before = share.cumsum(dim=-1) - share  # the probability of all likelier tokens together
    kept = kept & ((before < top_p) | (top_p >= 1))
    last = kept.sum(dim=-1, keepdim=True) - 1
    return ordered.gather(-1, last.clamp(min=0))


def noise(keys: torch.Tensor, vocabulary: int) -> torch.Tensor:
    """Gumbel noise [..., vocabulary]: the argmax of scores plus noise is a draw from the scores' softmax.

    It is -log of an exponential number, which is -log1p(-u) of a uniform u. The largest noise comes from the smallest
    u, and there floating point is finest.
    """
    import torch

    index = torch.arange(vocabulary, device=keys.device)
    word = hashed(hashed(index + keys[..., None]) ^ hashed(keys + 0x85EBCA6B)[..., None])
    uniform = (word.float() + 0.5) * 2.0**-32
    return -torch.log(-torch.log1p(-uniform))


def hashed(word: torch.Tensor) -> torch.Tensor:
    """A 32-bit hash of multiply and xor-shift: flipping an input bit flips each output bit half of the time.

    Constants are lowbias32's, by Chris Wellons (public domain).
    """
    word = word & _WORD
    word = ((word ^ (word >> 16)) * 0x7FEB352D) & _WORD
    word = ((word ^ (word >> 15)) * 0x846CA68B) & _WORD
    return word ^ (word >> 16)
