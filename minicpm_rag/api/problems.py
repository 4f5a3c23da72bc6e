"""Errors as answers: problem+json (RFC 9457) in the caller's language, and OpenAI's form under /v1."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from minicpm_rag import errors
from minicpm_rag.api.context import language_of
from minicpm_rag.messages import Message, text

_log = logging.getLogger(__name__)

# The first that fits, from the most special to the most general.
_STATUS: tuple[tuple[type[errors.RAGError], int], ...] = (
    (errors.NotFoundError, 404),
    (errors.AccessError, 403),
    (errors.LibraryBusyError, 503),
    (errors.OutOfMemoryError, 503),
    (errors.PromptTooLongError, 413),
    (errors.LibraryError, 409),
    (errors.DocumentError, 422),
    (errors.ModelError, 502),
    (errors.SettingsError, 500),
    (errors.RAGError, 422),
)
_HTTP = {
    401: Message("api.no_token"),
    404: Message("api.no_such_path"),
    405: Message("api.no_such_method"),
    413: Message("api.too_large"),
    429: Message("api.too_many"),
}


def status_of(error: errors.RAGError) -> int:
    """The HTTP status that says what kind of error it is."""
    return next(status for kind, status in _STATUS if isinstance(error, kind))


def answer(request: Request, status: int, message: Message, **more: Any) -> JSONResponse:
    """The answer to a request that failed."""
    words = text(language_of(request), message)
    headers = more.pop("headers", None)
    if request.url.path.startswith("/v1/"):
        kind = "invalid_request_error" if status < 500 else "server_error"
        return JSONResponse({"error": {"message": words, "type": kind, "code": message.key}}, status, headers)
    problem = {"type": f"urn:minicpm-rag:{message.key}", "title": words, "status": status, **more}
    return JSONResponse(problem, status, headers, media_type="application/problem+json")


def _says_json(request: Request) -> bool:
    """Whether the request calls its body JSON."""
    return request.headers.get("content-type", "").partition(";")[0].strip().endswith("json")


def install(app: FastAPI) -> None:
    """Have the application answer errors so."""

    def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, errors.RAGError)
        return answer(request, status_of(error), error.message)

    def invalid(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        # Not the values: they may be text that cannot be sent back.
        places = [
            {"at": ".".join(map(str, one["loc"])), "what": str(one["msg"])} for one in error.errors()
        ]  # fmt: skip
        is_json = _says_json(request)
        if any(one["type"] == "json_invalid" or (one["loc"] == ("body",) and not is_json) for one in error.errors()):
            return answer(request, 422, Message("api.no_json"), errors=places)
        named = Message("api.invalid", places=[place["at"] for place in places])
        return answer(request, 422, named, errors=places)

    def http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        message = _HTTP.get(error.status_code, Message("system.words", words=str(error.detail)))
        if error.status_code == 400 and _says_json(request):  # nested too deep, or no text in an encoding of JSON
            message = Message("api.no_json")
        return answer(request, error.status_code, message, headers=error.headers)

    def fault(request: Request, error: Exception) -> JSONResponse:
        _log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return answer(request, 500, Message("system.fault"))

    app.add_exception_handler(errors.RAGError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(Exception, fault)
