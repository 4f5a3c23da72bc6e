"""Which hosts and sites may talk to a server of ours, whether it serves the page or programs.

An evil page that points its own name at 127.0.0.1 (DNS rebinding) has the wrong Host, a script of another site the
wrong Origin. Knows no paths, logins or tokens: those who use it add their own walls.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from minicpm_rag.messages import Message, guess_language, text

if TYPE_CHECKING:
    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


class Gate:
    """ASGI middleware that refuses requests from elsewhere with 403 and a sentence that names the remedy.

    `hosts` are the names under which the server may be reached, without ports.
    """

    def __init__(self, app: Application, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        refusal = self.refusal(scope, headers) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": str(refusal)[:120]})  # no browser shows it
        else:
            sentence = text(guess_language(headers.get("accept-language")), refusal)
            plain = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": plain})
            await send({"type": "http.response.body", "body": sentence.encode()})

    def refusal(self, scope: Scope, headers: Mapping[str, str]) -> Message | None:
        """Why the request is refused; None where it may pass."""
        host = headers.get("host", "")
        if _name(host) not in self.hosts:
            return Message("door.unknown_host", host=host)
        origin = headers.get("origin")
        # A page under another port of this machine is another program's: only the very same address will do, or
        # the name of a proxy that the administrator listed.
        if origin is not None and urlsplit(origin).netloc != host:
            name = _name(urlsplit(origin).netloc)
            if name in LOCAL_HOSTS or name not in self.hosts:
                return Message("door.unknown_site", site=origin)
        return None


def _name(host: str) -> str:
    """The name of a Host header without its port, lower case; "" where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
