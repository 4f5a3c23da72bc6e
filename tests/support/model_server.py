"""An OpenAI-compatible server on loopback that says what a test wrote down, as real servers do and do not."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from web_server import Handler, served

Request = dict[str, Any]


def said(text: str, ending: str | None = "stop", *, field_name: str = "content") -> list[dict[str, Any]]:
    """Events of a stream that says the text a character at a time, and how it ended."""
    events = [event({field_name: character}) for character in text]
    return events if ending is None else [*events, event({}, ending)]


def event(delta: dict[str, Any], ending: str | None = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": ending}
    return {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}


@dataclass
class Refusal:
    """An answer with a status instead of a stream."""

    status: int
    message: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Raw:
    """A body as it stands."""

    content: bytes
    kind: str = "text/event-stream"


class Reset:
    """In a stream: the connection is reset here."""


@dataclass
class ModelServer:
    """What it answers (the last of `answers` for ever, or what a function makes of the request); what it was asked."""

    answers: list[Any] = field(default_factory=lambda: [said("价格是 128 元。")])
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "chat-model", "object": "model"}])
    properties: dict[str, Any] | None = None
    requests: list[Request] = field(default_factory=list)
    address: str = ""

    def next(self, request: Request) -> Any:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return answer(request) if isinstance(answer, Callable) else answer  # type: ignore[arg-type]


@contextmanager
def model_server(**script: Any) -> Iterator[ModelServer]:
    state = ModelServer(**script)

    class ModelHandler(Handler):
        def do_GET(self) -> None:  # noqa: N802 (http.server asks for that name)
            if self.path == "/props" and state.properties is not None:
                self.send_json(200, state.properties)
            elif self.path == "/v1/models":
                self.send_json(200, {"object": "list", "data": state.models})
            else:
                self.send_json(404, {"detail": "Not Found"})

        def do_POST(self) -> None:  # noqa: N802
            answer = state.next(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            if isinstance(answer, Refusal):
                body = json.dumps({"error": {"message": answer.message}}).encode()
                self._head(answer.status, "application/json", {**answer.headers, "Content-Length": str(len(body))})
                self.wfile.write(body)
            elif isinstance(answer, Raw):
                self._head(200, answer.kind, {})
                self.wfile.write(answer.content)
            else:
                self._head(200, "text/event-stream", {})
                self._play(answer)

        def _play(self, events: list[Any]) -> None:
            for each in events:
                if isinstance(each, Reset):
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.connection.close()
                    return
                self.wfile.write(f"data: {json.dumps(each, ensure_ascii=False)}\n\n".encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")

        def _head(self, status: int, kind: str, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                return  # the reader has left, or a reset closed the file

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                return

    with served(ModelHandler) as address:
        state.address = f"{address}/v1"
        yield state
