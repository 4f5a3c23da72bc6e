"""The reader: the body of multilingual-e5-small with three heads. It is given rows of the embedding table, not tokens.

One sequence holds everything, `<s> question </s> claim </s> title › headings › table header </s> passage </s>`; for a
question the claim is empty, for a statement by itself the question is. From each token: is it the first, is it the last
of the answer; from the first token: does the passage answer the question, does it say the claim.
"""

from __future__ import annotations

import torch
from torch import nn
from transformers import BertConfig, BertModel

HIDDEN = 384


class Reader(nn.Module):
    """Embeddings (batch, length, 384) and a mask to logits: span (batch, length, 2), answers and says (batch,)."""

    def __init__(self, attention: str = "sdpa") -> None:
        super().__init__()
        config = BertConfig(
            vocab_size=2,
            hidden_size=HIDDEN,
            num_hidden_layers=12,
            num_attention_heads=12,
            intermediate_size=1536,
            max_position_embeddings=512,
            type_vocab_size=2,
            layer_norm_eps=1e-12,
            attention_probs_dropout_prob=0.0,
        )
        config._attn_implementation = attention
        self.body = BertModel(config, add_pooling_layer=False)
        self.body.embeddings.word_embeddings = None  # the table stays with the embedder
        self.dropout = nn.Dropout(0.1)
        self.span = nn.Linear(HIDDEN, 2)
        self.answers = nn.Linear(HIDDEN, 1)
        self.says = nn.Linear(HIDDEN, 1)

    def forward(self, embeddings: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Read a batch."""
        states = self.body(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state.float()
        first = self.dropout(states[:, 0])
        return self.span(states), self.answers(first).squeeze(-1), self.says(first).squeeze(-1)
