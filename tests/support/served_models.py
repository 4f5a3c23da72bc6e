"""Servers on loopback that embed and rerank as vLLM and TEI do, with the hashed embedder's vectors."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hashed_embedder import HashedEmbedder
from web_server import Handler, served

from minicpm_rag.text.terms import terms


@dataclass
class ServedModels:
    """What it serves and what it was asked. `failures` are statuses that the next requests get instead."""

    model: str = "bge-tiny"
    dimension: int = 64
    limit_tokens: int | None = 512
    most_texts: int = 32
    key: str | None = None
    failures: list[int] = field(default_factory=list)
    requests: list[tuple[str, Any]] = field(default_factory=list)
    address: str = ""
    lock: Any = field(default_factory=threading.Lock)

    @property
    def openai(self) -> str:
        return f"{self.address}/v1"

    def texts(self) -> list[str]:
        return [text for _, body in self.requests for text in body.get("input") or body.get("inputs") or ()]

    def vectors(self, texts: list[str]) -> list[list[float]]:
        return [
            [2 * number for number in vector] for vector in HashedEmbedder("x", self.dimension).embed_documents(texts)
        ]

    def scores(self, query: str, texts: list[str]) -> list[tuple[int, float]]:
        """As servers give them: best first."""
        wanted = set(terms(query))
        shares = [len(wanted & set(terms(text))) / (len(wanted) or 1) for text in texts]
        return sorted(enumerate(shares), key=lambda pair: -pair[1])


@contextmanager
def served_models(**script: Any) -> Iterator[ServedModels]:
    state = ServedModels(**script)

    class Models(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
            if self.path == "/v1/models":
                entry = {"id": state.model, "object": "model", "max_model_len": state.limit_tokens}
                self.send_json(200, {"object": "list", "data": [entry]})
            elif self.path == "/info":
                self.send_json(200, {"model_id": state.model, "max_input_length": state.limit_tokens})
            else:
                self.send_json(404, {"detail": "Not Found"})

        def do_POST(self) -> None:  # noqa: N802
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with state.lock:
                failure = state.failures.pop(0) if state.failures else None
                state.requests.append((self.path, body))
            texts = body.get("input") or body.get("inputs") or body.get("texts") or body.get("documents")
            if state.key is not None and self.headers.get("Authorization") != f"Bearer {state.key}":
                self.send_json(401, {"error": {"message": "no key"}})
            elif failure is not None:
                self.send_json(failure, {"error": "model is overloaded", "error_type": "overloaded"})
            elif len(texts) > state.most_texts:
                self.send_json(413, {"error": f"batch size {len(texts)} > maximum allowed batch size"})
            elif self.path == "/v1/embeddings":
                rows = [{"index": place, "embedding": row} for place, row in enumerate(state.vectors(texts))]
                self.send_json(200, {"object": "list", "data": rows[::-1], "model": state.model})
            elif self.path == "/embed":
                self.send_json(200, state.vectors(texts))
            elif self.path == "/rerank":
                scored = [{"index": place, "score": score} for place, score in state.scores(body["query"], texts)]
                self.send_json(200, scored)
            elif self.path == "/v1/rerank":
                scored = [
                    {"index": place, "relevance_score": score} for place, score in state.scores(body["query"], texts)
                ]
                self.send_json(200, {"id": "1", "model": state.model, "results": scored})
            else:
                self.send_json(404, {"detail": "Not Found"})

    with served(Models) as address:
        state.address = address
        yield state
