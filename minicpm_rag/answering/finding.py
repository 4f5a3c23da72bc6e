"""Ask a retriever for passages and the evidence they give; any LangChain retriever will do.

Knows no model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.records import EVIDENCE
from minicpm_rag.retrieval import HybridRetriever

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.retrievers import BaseRetriever
    from langchain_core.runnables import RunnableConfig

    from minicpm_rag.answering.citations.proof import Similarity

READS_WHOLLY = 0.4  # of the dense search's possible 0.5: from here on the embedder reads the question


@dataclass(frozen=True)
class Evidence:
    """The passages, best first, and the probability that they answer; `bar` is where answering begins.

    `similarity` compares texts by meaning where the embedder reads the question.
    """

    documents: list[Document]
    evidence: float
    bar: float
    similarity: Similarity | None = None


def find(retriever: BaseRetriever, question: str, config: RunnableConfig | None = None) -> Evidence:
    """Find passages. A retriever that gives no evidence is trusted: what it finds counts as evidence."""
    if isinstance(retriever, HybridRetriever):
        found = retriever.find(question)
        reads = found.dense_weight >= READS_WHOLLY
        similarity = embedding_similarity(retriever.embedder) if reads else None
        return Evidence(found.documents, found.evidence, found.bar, similarity)
    documents = retriever.invoke(question, config)
    evidence = max((float(document.metadata.get(EVIDENCE, 1.0)) for document in documents), default=0.0)
    return Evidence(documents, evidence, 0.0)


def embedding_similarity(embedder: Any) -> Similarity:
    """Compare texts by the cosine of their vectors; one too long for the embedder is like nothing."""

    def cosines(text: str, others: Sequence[str]) -> list[float]:
        wanted = embedder.embed_query(text)
        short = [other for other in others if embedder.count_tokens(other) <= embedder.limit_tokens]
        vectors = dict(zip(short, embedder.embed_documents(short), strict=True))
        return [
            sum(a * b for a, b in zip(wanted, vectors[other], strict=True)) if other in vectors else 0.0
            for other in others
        ]

    return cosines
