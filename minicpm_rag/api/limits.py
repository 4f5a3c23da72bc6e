"""Walls behind the gate, as ASGI middleware: the token, how often a client may ask, how much it may send."""

from __future__ import annotations

import hmac
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastapi import Request
from starlette.exceptions import HTTPException

from minicpm_rag.api import problems
from minicpm_rag.messages import Message
from minicpm_rag.records import User

if TYPE_CHECKING:
    from minicpm_rag.gate import Application, Receive, Scope, Send

# What a program may ask before it has a token, and what a browser opens by a signed link.
OPEN_PATHS = ("/health", "/open/")
UPLOAD_PATH = "/documents"
MOST_BODY_BYTES = 4_000_000  # of a question with a long conversation
MOST_CLIENTS = 10_000


class Walls:
    """Refuses requests without the token, too many of one client, and bodies that are too large."""

    def __init__(
        self,
        app: Application,
        *,
        token: str | None,
        per_minute: int,
        most_upload_bytes: int,
        user_of: Callable[[str], User | None] = lambda token: None,
    ) -> None:
        """`token` may everything; other tokens act for the users that `user_of` knows, in `request.state.user`."""
        self.app = app
        self._user_of = user_of
        self._token = token
        self._buckets = Buckets(per_minute)
        self._most_upload_bytes = most_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer why not."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        wait = self._buckets.wait(scope["client"][0] if scope.get("client") else "")
        if wait:
            headers = {"Retry-After": str(int(wait) + 1)}
            await problems.answer(request, 429, Message("api.too_many"), headers=headers)(scope, receive, send)
        elif not self._admits(request):
            headers = {"WWW-Authenticate": "Bearer"}
            await problems.answer(request, 401, Message("api.no_token"), headers=headers)(scope, receive, send)
        else:
            await self._within_size(request, scope, receive, send)

    def _admits(self, request: Request) -> bool:
        request.state.user = None
        # Not `request.url`: that is put together with the Host header, in which a client may write "/open/?".
        if request.scope["path"].startswith(OPEN_PATHS):
            return True
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        token = given.strip() if kind.lower() == "bearer" else ""
        if self._token is not None and hmac.compare_digest(token.encode(), self._token.encode()):
            return True
        request.state.user = self._user_of(token) if token else None
        return self._token is None or request.state.user is not None

    async def _within_size(self, request: Request, scope: Scope, receive: Receive, send: Send) -> None:
        uploads = request.method == "POST" and request.scope["path"].endswith(UPLOAD_PATH)
        most = self._most_upload_bytes if uploads else MOST_BODY_BYTES
        received = 0

        async def counted() -> Any:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                raise HTTPException(413)  # the application answers it, where it reads the body
            return message

        try:
            stated = int(request.headers.get("content-length", "0"))
        except ValueError:
            stated = 0
        if stated > most:
            await problems.answer(request, 413, Message("api.too_large"), most_bytes=most)(scope, receive, send)
        else:
            await self.app(scope, counted, send)


class Buckets:
    """A token bucket for each client: so many requests a minute, of which a sixth may come at once."""

    def __init__(self, per_minute: int) -> None:
        self._per_second = per_minute / 60
        self._room = max(1.0, per_minute / 6)
        self._lock = threading.Lock()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, client: str) -> float:
        """Count a request; returns the seconds after which the client may ask again, 0 where it may now."""
        now = time.monotonic()
        with self._lock:
            left, then = self._left.pop(client, (self._room, now))
            left = min(self._room, left + (now - then) * self._per_second)
            wait = 0.0 if left >= 1 else (1 - left) / self._per_second
            self._left[client] = (left if wait else left - 1, now)
            while len(self._left) > MOST_CLIENTS:
                self._left.popitem(last=False)
        return wait
