"""The most tokens a text can have, for models whose tokenizer is not here.

LangChain's default count would download GPT-2's tokenizer, OpenAI's would download theirs.
"""

from __future__ import annotations

# Measured over the tokenizers in use: Chinese needs up to 1.5 tokens a character, Latin text under 0.4.
TOKENS_PER_ASCII, TOKENS_PER_OTHER = 0.4, 1.5
TOKENS_PER_MESSAGE = 8  # around each message of a chat


def most_tokens(text: str) -> int:
    """An upper bound of the text's tokens."""
    plain = sum(character.isascii() for character in text)
    return int(plain * TOKENS_PER_ASCII + (len(text) - plain) * TOKENS_PER_OTHER) + 1
