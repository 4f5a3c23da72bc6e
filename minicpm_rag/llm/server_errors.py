"""What went wrong with a model server, said as our errors: what openai and httpx raise, with its cause and a remedy."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from minicpm_rag.errors import ModelError
from minicpm_rag.messages import Message, reason_of

_TOO_LONG = ("context length", "context window", "context size", "too long", "maximum context", "longer than the model")


class ServerSaysError(Exception):
    """An error that came inside a stream, where no status code could tell it."""


def translated(
    error: BaseException, *, url: str, model: str | None, seconds: float, window: int, has_begun: bool
) -> ModelError:
    """Our error for what openai or httpx raised.

    `window` is the context length that was counted on; `has_begun` says that the server had accepted the request.
    """
    import httpx
    import openai

    words = words_of(error)
    if isinstance(error, ModelError):
        return error
    if isinstance(error, (openai.APITimeoutError, httpx.TimeoutException)):
        return ModelError("llm.server_timeout", url=url, seconds=seconds)
    if has_begun and isinstance(error, (openai.APIConnectionError, httpx.TransportError, ConnectionError)):
        return ModelError("llm.server_broke_off", url=url)
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error, url)
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return ModelError("llm.server_refuses_key", url=url)
    if isinstance(error, openai.NotFoundError) and model is None:
        return ModelError("llm.server_not_found", url=url, words=words)
    if isinstance(error, openai.NotFoundError):
        return ModelError("llm.server_no_model", url=url, model=model, words=words)
    if isinstance(error, openai.BadRequestError) and any(word in str(error).lower() for word in _TOO_LONG):
        return ModelError("llm.server_prompt_too_long", url=url, words=words, limit=window)
    if isinstance(error, openai.RateLimitError):
        return ModelError("llm.server_overloaded", url=url, words=words)
    if isinstance(error, (openai.OpenAIError, ServerSaysError)):
        return ModelError("llm.server_error", url=url, words=words)
    return ModelError("llm.server_no_answer", url=url, why=f"{type(error).__name__}: {error}")


def words_of(error: Any) -> str:
    """What the server says: OpenAI's field, or FastAPI's, which openai leaves in the response."""
    body = getattr(error, "body", None)
    words = body if isinstance(body, str) else None
    if isinstance(body, dict):
        words = body.get("message") or body.get("detail")
    if not words and (response := getattr(error, "response", None)) is not None:
        try:
            words = response.json()["detail"]
        except (ValueError, LookupError, TypeError):
            words = None
    return " ".join(str(words or error).split())[:300]


def _unreachable(error: BaseException, url: str) -> ModelError:
    """Say the cause by its name. Libraries wrap it several times, so the whole chain is looked through."""
    import httpx

    chain = list(_causes(error))
    for cause in chain:
        if isinstance(cause, (httpx.ProxyError, httpx.UnsupportedProtocol)):
            return ModelError("llm.server_proxy", url=url, why=reason_of(cause))
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = Message("system.words", words=cause.verify_message or str(cause))
            return ModelError("llm.server_certificate", url=url, why=why)
        if isinstance(cause, ssl.SSLError):
            return ModelError("llm.server_no_tls", url=url, why=reason_of(cause))
        if isinstance(cause, socket.gaierror):
            return ModelError("llm.server_unknown_host", url=url)
    systems = [cause for cause in chain if isinstance(cause, OSError) and cause.errno is not None]
    return ModelError("llm.server_unreachable", url=url, why=reason_of(systems[-1] if systems else chain[-1]))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it came from, the outermost first."""
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found
