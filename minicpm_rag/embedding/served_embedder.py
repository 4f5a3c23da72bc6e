"""An embedder that another program serves: vLLM, TEI, Infinity, Ollama, or a service that takes OpenAI's requests.

Its tokenizer is not on this machine, so tokens are counted by an upper bound, and single tokens are not compared.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import Any

from minicpm_rag.embedding.embedder import Embedder, Kind, RunText, Vocabulary
from minicpm_rag.embedding.model_service import ModelService
from minicpm_rag.embedding.tokenizer import Token, Tokenizer
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.records import Service

BATCH = 32  # texts in a request; what TEI takes at most by itself
REQUESTS = 4  # at once
USUAL_LIMIT_TOKENS = 512  # where the server does not say
MOST_LIMIT_TOKENS = 8192
# What models read before a question and a passage, by the words in their names.
_PREFIXES = (
    (
        re.compile(r"qwen3-embedding|e5-.*instruct", re.IGNORECASE),
        {"query": "Instruct: Given a question, retrieve passages that answer it\nQuery: ", "document": ""},
    ),
    (re.compile(r"(^|[-_/])e5[-_]", re.IGNORECASE), {"query": "query: ", "document": "passage: "}),
    (re.compile(r"nomic-embed", re.IGNORECASE), {"query": "search_query: ", "document": "search_document: "}),
)
_PIECE = re.compile(r"[A-Za-z]{1,2}|\s+|.", re.DOTALL)


class ServedEmbedder(Embedder):
    """Vectors of a server's model. Batches of BATCH texts, REQUESTS at once; a busy server is asked again."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._given = service
        self._service = ModelService(service, "MINICPM_RAG_EMBEDDER_URL")

    def __reduce__(self) -> tuple[Any, ...]:
        """How another process makes the same."""
        return ServedEmbedder, (self._given,)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        """The model's name at the server, which is asked for it where no setting names one."""
        return self._service.model

    @cached_property
    def revision(self) -> str:
        """The model's name and prefixes; a server does not tell of other weights under the same name."""
        parts = "\0".join((self.name, *(f"{kind} {prefix}" for kind, prefix in sorted(self._prefixes.items()))))
        return f"served-{hashlib.sha256(parts.encode()).hexdigest()[:16]}"

    @cached_property
    def _prefixes(self) -> dict[str, str]:
        known = next((prefixes for words, prefixes in _PREFIXES if words.search(self.name)), {})
        given = {"query": self._given.query_prefix, "document": self._given.passage_prefix}
        return {kind: known.get(kind, "") if prefix is None else prefix for kind, prefix in given.items()}

    def _load(self) -> Vocabulary:
        limit = self._service.limit_tokens() or USUAL_LIMIT_TOKENS
        self._threads = ThreadPoolExecutor(REQUESTS, thread_name_prefix="embedder")
        return Vocabulary(
            tokenizer=_MostTokens(),
            prefixes=self._prefixes,
            limit_tokens=min(limit, MOST_LIMIT_TOKENS),
            dimension=len(self._batch(["dimension"], is_patient=False)[0]),
            mean_pooled=False,
        )

    def _run(self, texts: list[str], kind: Kind, *, tokens: bool) -> Sequence[RunText]:
        import numpy

        prefixed = [self._prefix(kind) + text for text in texts]
        batches = [prefixed[first : first + BATCH] for first in range(0, len(prefixed), BATCH)]
        is_patient = kind == "document"
        rows = [row for found in self._threads.map(lambda one: self._batch(one, is_patient), batches) for row in found]
        none = numpy.zeros((0, self.dimension), dtype=numpy.float32) if tokens else None
        found = []
        for row in rows:
            vector = numpy.asarray(row, dtype=numpy.float32)
            if len(vector) != self.dimension:
                raise EmbeddingError(
                    "embedding.service_other_dimension",
                    url=self._service.address, name=self.name, before=self.dimension, now=len(vector),
                )  # fmt: skip
            found.append(RunText(vector / max(float(numpy.linalg.norm(vector)), 1e-12), none))
        return found

    def _batch(self, texts: list[str], is_patient: bool) -> list[list[float]]:
        service = self._service
        try:
            if service.is_openai:
                body: dict[str, Any] = {"model": self.name, "input": texts, "encoding_format": "float"}
                rows = service.post("/embeddings", body, is_patient=is_patient)["data"]
                vectors = [row["embedding"] for row in sorted(rows, key=lambda row: row["index"])]
            else:
                body = {"inputs": texts, "normalize": True, "truncate": False}
                vectors = service.post("/embed", body, is_patient=is_patient)
            if len(vectors) != len(texts):
                raise ValueError(f"{len(vectors)} vectors for {len(texts)} texts")
            return [[float(number) for number in vector] for vector in vectors]
        except (LookupError, TypeError, ValueError) as exc:
            raise service.no_answer(exc) from exc


class _MostTokens(Tokenizer):
    """Counts at least as many tokens as a text has: one for two Latin letters, one for every other character.

    Measured in docs/decisions.md. A text that has more all the same is refused by the server, not cut.
    """

    unknown_id = None

    def ids(self, text: str) -> list[int]:
        """A number for each piece and for the special tokens around them."""
        return [0] * len(self.tokens(text))

    def tokens(self, text: str) -> list[Token]:
        """The pieces with their places."""
        pieces = [Token(0, piece.start(), piece.end(), False) for piece in _PIECE.finditer(text)]
        return [Token(0, 0, 0, True), *pieces, Token(0, 0, 0, True)]

    def save(self, folder: Path) -> None:
        """Nothing is converted for a server."""
        raise NotImplementedError
