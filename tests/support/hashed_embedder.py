"""A light embedder for tests of the library: words and Chinese character pairs hashed into a vector.

Deterministic and meaningful (shared words give similarity), and it starts in no time, which crash tests need.
"""

from __future__ import annotations

import re
import zlib
from typing import Any

import numpy
from langchain_core.embeddings import Embeddings

from minicpm_rag.embedding.embedder import ReadPassage, ReadQuestion
from minicpm_rag.embedding.token_signs import packed
from minicpm_rag.text.scripts import is_han


class HashedEmbedder(Embeddings):
    def __init__(self, name: str = "hashed", dimension: int = 64, revision: str | None = None) -> None:
        self.name = name
        self.dimension = dimension
        self.revision = revision or ("1" if name == "hashed" else name)
        self.limit_tokens = 2_000
        self.embedded = 0  # texts, so that a test can say that nothing was embedded again

    @property
    def is_prepared(self) -> bool:
        return True

    def readable_share(self, text: str) -> float:
        return 1.0

    def count_tokens(self, text: str) -> int:
        return len(text)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return [self._vector(text) for text in texts]

    def read_passages(self, texts: list[str]) -> list[ReadPassage]:
        vectors = self.embed_documents(texts)
        return [ReadPassage(vector, packed(self._tokens(text)[1])) for vector, text in zip(vectors, texts, strict=True)]

    def read_question(self, text: str) -> ReadQuestion:
        return ReadQuestion(self.embed_query(text), *self._tokens(text))

    def embed_query(self, text: str) -> list[float]:
        return self._vector(text)

    def _tokens(self, text: str) -> tuple[list[str], Any]:
        words = re.findall(r"\w+", text.lower())
        return words, numpy.asarray([self._vector(word) for word in words], "f4").reshape(-1, self.dimension)

    def _vector(self, text: str) -> list[float]:
        vector = [0.0] * self.dimension
        pairs = [text[at : at + 2] for at in range(len(text) - 1) if is_han(text[at])]
        for word in re.findall(r"[a-z0-9]+", text.lower()) + pairs:
            vector[zlib.crc32(word.encode()) % self.dimension] += 1.0
        length = sum(number * number for number in vector) ** 0.5
        return [number / length for number in vector] if length else [1.0, *vector[1:]]
