"""Text to vectors: the embedder, the signs of its token vectors, the reranker."""
