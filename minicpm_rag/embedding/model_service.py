"""Ask a server that embeds or reranks: one request with a bounded answer, asked again where the server is busy.

Knows HTTP and how such servers say no; not what is asked. Two forms are spoken: OpenAI's (an address that ends in
/v1), which vLLM, Infinity, Ollama and others serve, and that of Hugging Face's text-embeddings-inference (TEI).
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

from minicpm_rag.errors import EmbeddingError
from minicpm_rag.llm.openai_server import is_this_machine
from minicpm_rag.messages import reason_of
from minicpm_rag.records import Service

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS = 10
READ_SECONDS = 120  # a batch on a slow machine
RETRY_SECONDS = (1.0, 2.0, 4.0, 8.0)  # while documents are read in; a question does not wait
MOST_BYTES = 64_000_000  # of one answer: 32 vectors of 8,192 numbers take about 6 MB
_BUSY = (429, 502, 503, 504)


class ModelService:
    """A server at an address. Threads may share it. Raises EmbeddingError, with the cause and what to do."""

    def __init__(self, service: Service, setting: str) -> None:
        """Name the `setting` that gave the address, for errors."""
        self.address = service.address.strip().rstrip("/")
        parts = urlparse(self.address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise EmbeddingError("embedding.service_address", setting=setting, address=service.address)
        self.setting = setting
        self._key = service.key
        self._model = service.model

    @property
    def is_openai(self) -> bool:
        """Whether the address speaks OpenAI's form, else TEI's own."""
        return self.address.endswith(("/v1", "/v2"))

    @cached_property
    def model(self) -> str:
        """The model's name: the user's, else the first that the server lists, or the one TEI runs."""
        if self._model:
            return self._model
        try:
            listed = self.get("/models")["data"][0]["id"] if self.is_openai else self.get("/info")["model_id"]
        except (LookupError, TypeError) as exc:
            raise self.no_answer(exc) from exc
        return str(listed)

    def limit_tokens(self) -> int | None:
        """The longest text that the model reads, where the server says so."""
        try:
            if not self.is_openai:
                stated = self.get("/info").get("max_input_length")
            else:
                entries = self.get("/models")["data"]
                stated = next((entry.get("max_model_len") for entry in entries if entry["id"] == self.model), None)
        except (LookupError, TypeError, AttributeError):
            return None
        return stated if isinstance(stated, int) and stated > 0 else None

    def get(self, path: str) -> Any:
        """What the server tells at a path, as JSON values."""
        return self._ask("GET", path, None, ())

    def post(self, path: str, body: Any, *, is_patient: bool = False) -> Any:
        """What the server answers, as JSON values; a patient caller waits while it is busy or starts again."""
        return self._ask("POST", path, body, RETRY_SECONDS if is_patient else ())

    def no_answer(self, why: Exception | str) -> EmbeddingError:
        """The error for an answer that is none."""
        reason = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why
        return EmbeddingError("embedding.service_no_answer", url=self.address, why=reason, setting=self.setting)

    def _ask(self, method: str, path: str, body: Any, retry_seconds: Sequence[float]) -> Any:
        import httpx

        waits = list(retry_seconds)
        while True:
            try:
                with self._client.stream(method, self.address + path, json=body) as response:
                    content = self._content(response)
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as exc:
                if not waits:
                    raise EmbeddingError(
                        "embedding.service_unreachable", url=self.address, why=reason_of(exc), setting=self.setting
                    ) from exc
            else:
                if response.status_code == 200:
                    try:
                        return json.loads(content)
                    except ValueError as exc:
                        raise self.no_answer(exc) from exc
                if response.status_code not in _BUSY or not waits:
                    raise self._refused(response.status_code, content)
            time.sleep(waits.pop(0))

    def _content(self, response: httpx.Response) -> bytes:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > MOST_BYTES:
                raise self.no_answer(f"> {MOST_BYTES // 1_000_000} MB")
        return bytes(content)

    def _refused(self, status: int, content: bytes) -> EmbeddingError:
        if status in (401, 403):
            setting = self.setting.replace("_URL", "_API_KEY")
            return EmbeddingError("embedding.service_refuses_key", url=self.address, setting=setting)
        words = content.decode(errors="replace")
        try:
            said = json.loads(content)
            error = said.get("error", said)  # OpenAI's field is an object, TEI's a sentence
            words = error if isinstance(error, str) else error.get("message") or said.get("detail") or words
        except (ValueError, AttributeError):
            pass  # another program's page: its beginning is told
        said_shortly = " ".join(str(words).split())[:300]
        return EmbeddingError(
            "embedding.service_refused", url=self.address, status=status, words=said_shortly, setting=self.setting
        )

    @cached_property
    def _client(self) -> httpx.Client:
        import httpx

        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            return httpx.Client(
                headers=headers,
                timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
                trust_env=not is_this_machine(self.address),
                verify=httpx.create_ssl_context(),
            )
        except (ImportError, ValueError, OSError) as exc:  # a SOCKS proxy without socksio, an unreadable certificate
            raise EmbeddingError(
                "embedding.service_unreachable", url=self.address, why=reason_of(exc), setting=self.setting
            ) from exc
