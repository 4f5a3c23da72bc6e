"""A reranker that another program serves: TEI by its own form, vLLM and others by that of Jina and Cohere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from minicpm_rag.embedding.model_service import ModelService
from minicpm_rag.records import Service

BATCH = 32  # texts in a request; what TEI takes at most by itself


class ServedReranker:
    """Scores of a server's model, used as a Reranker is. Raises EmbeddingError."""

    def __init__(self, service: Service) -> None:
        self._service = ModelService(service, "MINICPM_RAG_RERANKER_URL")

    def scores(self, question: str, texts: Sequence[str]) -> list[float]:
        """How well each text answers the question, 0..1, in the order given."""
        found: list[float] = []
        for first in range(0, len(texts), BATCH):
            found += self._batch(question, list(texts[first : first + BATCH]))
        if any(not 0 <= score <= 1 for score in found):  # a server that gives logits
            found = [1 / (1 + math.exp(-max(min(score, 60.0), -60.0))) for score in found]
        return found

    def _batch(self, question: str, texts: list[str]) -> list[float]:
        service = self._service
        try:
            if service.is_openai:
                body: dict[str, Any] = {"model": service.model, "query": question, "documents": texts}
                rows = service.post("/rerank", body)["results"]
                scored = {int(row["index"]): float(row["relevance_score"]) for row in rows}
            else:
                body = {"query": question, "texts": texts, "raw_scores": False, "truncate": True}
                scored = {int(row["index"]): float(row["score"]) for row in service.post("/rerank", body)}
            found = [scored[place] for place in range(len(texts))]
            if not all(map(math.isfinite, found)):
                raise ValueError("a score that is no number")
        except (LookupError, TypeError, ValueError) as exc:
            raise service.no_answer(exc) from exc
        return found
