"""The reader: the body of multilingual-e5-small with three heads. It is given rows of the embedding table, not tokens.

One sequence holds everything, `<s> question </s> claim </s> title › headings › table header </s> passage </s>`; for a
question the claim is empty, for a statement by itself the question is. From each token: is it the first, is it the last
of the answer; from the first token: does the passage answer the question, does it say the claim. Where a passage does
not answer, first and last are the first token `<s>`.

The body is BERT's (Devlin et al. 2019), its weights named as transformers names them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS, EPSILON = 384, 12, 12, 1536, 512, 1e-12
DROPOUT = 0.1


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to what came in and normalised."""

    def __init__(self) -> None:
        super().__init__()
        projections = nn.ModuleDict({name: nn.Linear(HIDDEN, HIDDEN) for name in ("query", "key", "value")})
        self.attention = nn.ModuleDict({"self": projections, "output": _closing(HIDDEN)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(HIDDEN, WIDE)})
        self.output = _closing(WIDE)

    def forward(self, states: torch.Tensor, mask: torch.Tensor, dropout: float) -> torch.Tensor:
        """States (batch, length, 384) and a mask (batch, 1, 1, length)."""
        batch, length, _ = states.shape
        query, key, value = (
            self.attention["self"][name](states).view(batch, length, HEADS, -1).transpose(1, 2)  # type: ignore[index]
            for name in ("query", "key", "value")
        )
        seen = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        seen = seen.transpose(1, 2).reshape(batch, length, HIDDEN)
        states = _closed(self.attention["output"], seen, states, dropout)
        return _closed(self.output, F.gelu(self.intermediate["dense"](states)), states, dropout)


def _closing(width: int) -> nn.ModuleDict:
    return nn.ModuleDict({"dense": nn.Linear(width, HIDDEN), "LayerNorm": nn.LayerNorm(HIDDEN, eps=EPSILON)})


def _closed(part: nn.Module, new: torch.Tensor, before: torch.Tensor, dropout: float) -> torch.Tensor:
    return part["LayerNorm"](F.dropout(part["dense"](new), dropout) + before)  # type: ignore[index]


class Body(nn.Module):
    """Word rows (batch, length, 384) and a mask (batch, length) to states of the same shape as the rows."""

    def __init__(self) -> None:
        super().__init__()
        self.embeddings = nn.ModuleDict(
            {
                "position_embeddings": nn.Embedding(POSITIONS, HIDDEN),
                "token_type_embeddings": nn.Embedding(2, HIDDEN),
                "LayerNorm": nn.LayerNorm(HIDDEN, eps=EPSILON),
            }
        )
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(Layer() for _ in range(LAYERS))})

    def forward(self, words: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Read a batch."""
        dropout = DROPOUT if self.training else 0.0
        positions = self.embeddings["position_embeddings"].weight[: words.shape[1]]
        states = self.embeddings["LayerNorm"](words + positions + self.embeddings["token_type_embeddings"].weight[0])
        states = F.dropout(states, dropout)
        for layer in self.encoder["layer"]:  # type: ignore[union-attr]
            states = layer(states, mask[:, None, None], dropout)
        return states


class Reader(nn.Module):
    """Word rows (batch, length, 384) and a mask to logits: span (batch, length, 2), answers and says (batch,)."""

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.span = nn.Linear(HIDDEN, 2)
        self.answers = nn.Linear(HIDDEN, 1)
        self.says = nn.Linear(HIDDEN, 1)

    def forward(self, words: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read a batch."""
        states = self.body(words, mask).float()
        first = F.dropout(states[:, 0], DROPOUT if self.training else 0.0)
        return self.span(states), self.answers(first).squeeze(-1), self.says(first).squeeze(-1)
