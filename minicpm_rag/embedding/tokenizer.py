"""Texts in tokens, by either of two libraries, each token with the characters it stands for.

SentencePiece for models that are made for it: a vocabulary of 250,000 pieces takes 55 MB there and 280 MB in
Hugging Face's tokenizers, which read everything else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

HUGGING_FACE, SENTENCE_PIECE = "tokenizer.json", "tokenizer.model"


class Token(NamedTuple):
    """A token and its characters in the text, from `start` to `end`; a special one stands for none."""

    id: int
    start: int
    end: int
    special: bool


class Tokenizer(ABC):
    """Neither cuts nor pads. Safe to share between threads."""

    unknown_id: int | None

    @abstractmethod
    def ids(self, text: str) -> list[int]:
        """The tokens of a text with the special ones around it."""

    @abstractmethod
    def tokens(self, text: str) -> list[Token]:
        """The same tokens with their places."""

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write it where `load_tokenizer` finds it. Raises OSError."""


class FastTokenizer(Tokenizer):
    """One of Hugging Face's tokenizers."""

    def __init__(self, tokenizer: Any, unknown_id: int | None) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        self._tokenizer = tokenizer
        self.unknown_id = unknown_id

    def ids(self, text: str) -> list[int]:
        """The tokens of a text with the special ones around it."""
        return list(self._tokenizer.encode(text).ids)

    def tokens(self, text: str) -> list[Token]:
        """The same tokens with their places."""
        encoding = self._tokenizer.encode(text)
        return [
            Token(number, start, end, bool(special))
            for number, (start, end), special in zip(
                encoding.ids, encoding.offsets, encoding.special_tokens_mask, strict=True
            )
        ]

    def save(self, folder: Path) -> None:
        """Write tokenizer.json."""
        self._tokenizer.save(str(folder / HUGGING_FACE), pretty=False)


class SentencePieceTokenizer(Tokenizer):
    """A SentencePiece model, with its own tokens for start and end around a text."""

    def __init__(self, model: bytes) -> None:
        from sentencepiece import SentencePieceProcessor

        self._model = model
        self._processor = SentencePieceProcessor(model_proto=model)
        self._start, self._end = self._processor.bos_id(), self._processor.eos_id()
        self.unknown_id = self._processor.unk_id()

    def ids(self, text: str) -> list[int]:
        """The tokens of a text with the special ones around it."""
        return [self._start, *self._processor.encode(text), self._end]

    def tokens(self, text: str) -> list[Token]:
        """The same tokens with their places."""
        found = self._processor.encode(text, return_type="offset_mapping")
        pieces = [
            Token(number, start, end, False)
            for number, (start, end) in zip(found["ids"], found["offsets"], strict=True)
        ]
        return [Token(self._start, 0, 0, True), *pieces, Token(self._end, 0, 0, True)]

    def save(self, folder: Path) -> None:
        """Write tokenizer.model."""
        (folder / SENTENCE_PIECE).write_bytes(self._model)


def load_tokenizer(folder: Path, unknown_id: int | None) -> Tokenizer:
    """The tokenizer that was saved in a folder; the libraries raise what they like where it is damaged."""
    if (folder / SENTENCE_PIECE).is_file():
        return SentencePieceTokenizer((folder / SENTENCE_PIECE).read_bytes())
    from tokenizers import Tokenizer as HuggingFace

    return FastTokenizer(HuggingFace.from_file(str(folder / HUGGING_FACE)), unknown_id)
