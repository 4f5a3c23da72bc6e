"""The most tokens that a text can have, for models whose tokenizer is not on this machine.

LangChain's own counters would download a tokenizer.
"""

from __future__ import annotations

# Measured over the tokenizers in use: Chinese needs up to 1.5 tokens a character, Latin text under 0.4.
TOKENS_PER_ASCII, TOKENS_PER_OTHER = 0.4, 1.5
TOKENS_PER_MESSAGE = 8  # around each message of a chat


def most_tokens(text: str) -> int:
    """An upper bound of the text's tokens."""
    plain = sum(character.isascii() for character in text)
    return int(plain * TOKENS_PER_ASCII + (len(text) - plain) * TOKENS_PER_OTHER) + 1
