"""Turn new tokens into text that can be shown at once: whole characters, and nothing of a stop string.

Knows a tokenizer's `decode` and nothing of models.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping, Sequence
from typing import Any

_HALF = "\ufffd"  # what decoding gives for bytes that are not, or not yet, a character


def byte_tokens(tokenizer: Any) -> dict[int, bytes]:
    """The tokens that stand for one byte each ("<0x0A>"), by id; empty for byte-level tokenizers."""
    ids = tokenizer.convert_tokens_to_ids([f"<0x{value:02X}>" for value in range(256)])
    return {token: bytes([value]) for value, token in enumerate(ids) if token not in (None, tokenizer.unk_token_id)}


class Detokenizer:
    """Turns token ids into text, one token at a time.

    Rare characters are several byte tokens: nothing is returned until the character is complete, and bytes that never
    complete one are dropped. `bytes_of` is the result of `byte_tokens`, which is too slow to compute for each answer.
    """

    def __init__(self, tokenizer: Any, bytes_of: Mapping[int, bytes]) -> None:
        self._tokenizer = tokenizer
        self._bytes_of = bytes_of
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._ids: list[int] = []
        self._context = 0  # where decoding starts: a token's text depends on the token before it
        self._given = 0  # tokens whose text was returned

    def add(self, token: int) -> str:
        """The text that is complete with this token; often empty."""
        self._ids.append(token)
        byte = self._bytes_of.get(token)
        if byte is not None:
            # Not by `decode`: it would change the text of earlier bytes where later ones do not fit.
            self._context, self._given = self._given, len(self._ids)
            return self._utf8.decode(byte)
        self._utf8.reset()
        text = self._decode(self._context, None)
        if text.endswith(_HALF):
            return ""
        return self._advance(text)

    def finish(self) -> str:
        """What is left after the last token."""
        return self._advance(self._decode(self._context, None))

    def _advance(self, text: str) -> str:
        known = self._decode(self._context, self._given)
        self._context, self._given = self._given, len(self._ids)
        return text[len(known) :].replace(_HALF, "")

    def _decode(self, start: int, end: int | None) -> str:
        text: str = self._tokenizer.decode(
            self._ids[start:end], skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text


class StopStrings:
    """Passes text through up to the first stop string, and holds back an end that may be the start of one."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = [stop for stop in stops if stop]
        self._held = ""
        self.found = False

    def add(self, text: str) -> str:
        """The text that is certainly before any stop string."""
        if self.found:
            return ""
        self._held += text
        places = [place for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if places:
            self.found = True
            return self._give(min(places))
        return self._give(len(self._held) - self._possible_start())

    def finish(self) -> str:
        """What was held back, now that no more text comes."""
        return "" if self.found else self._give(len(self._held))

    def _give(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        return text

    def _possible_start(self) -> int:
        """Length of the longest end of the held text that begins a stop string."""
        return max(
            (
                length
                for stop in self._stops
                for length in range(1, min(len(stop), len(self._held) + 1))
                if self._held.endswith(stop[:length])
            ),
            default=0,
        )
