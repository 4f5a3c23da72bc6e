"""Holds a model to JSON of a schema while it writes: tokens that would break it are not chosen.

llguidance knows which tokens those are; this applies it to one request.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import torch


# Without it a model may write blanks for ever.
_NO_SPACES = {"x-guidance": {"whitespace_flexible": False}}


class Vocabulary:
    """A tokenizer as llguidance knows it; made once for a model, which takes a second."""

    def __init__(self, tokenizer: Any, size: int, end_token: int) -> None:
        """Take a fast tokenizer of transformers, the number of the model's logits and its end token."""
        try:
            import llguidance.hf
        except ImportError as error:
            raise ModelError("llm.no_constraint", why=reason_of(error)) from error
        self.size = size
        self.tokens = llguidance.hf.from_tokenizer(tokenizer, n_vocab=size, eos_token=end_token)


class Constraint:
    """The JSON schema that one answer keeps to."""

    def __init__(self, vocabulary: Vocabulary, schema: dict[str, Any]) -> None:
        """Raises ModelError where the schema is none that can be kept to."""
        import llguidance

        try:
            grammar = llguidance.LLMatcher.grammar_from_json_schema(json.dumps(schema | _NO_SPACES))
            self._matcher = llguidance.LLMatcher(vocabulary.tokens, grammar)
            problem = self._matcher.get_error()
        except ValueError as error:
            raise ModelError("llm.no_constraint", why=reason_of(error)) from error
        if problem:
            raise ModelError("llm.no_constraint", why=problem[:300])
        self._size = vocabulary.size

    def allowed(self) -> torch.Tensor:
        """Which tokens [vocabulary] may come next, as booleans on the host."""
        import llguidance.torch

        mask = llguidance.torch.allocate_token_bitmask(1, self._size)
        llguidance.torch.fill_next_token_bitmask(self._matcher, mask)
        bits: torch.Tensor = mask.view(-1, 1).bitwise_right_shift(_shifts()).bitwise_and(1).bool()
        return bits.reshape(-1)[: self._size]

    def restrict(self, logits: torch.Tensor) -> torch.Tensor:
        """The logits of shape (1, vocabulary), minus infinity for tokens that would break the schema."""
        return logits.masked_fill(~self.allowed().to(logits.device), float("-inf"))

    def add(self, token: int) -> None:
        """Take the token that was chosen."""
        self._matcher.consume_token(token)


def _shifts() -> torch.Tensor:
    import torch

    return torch.arange(32, dtype=torch.int32)
