"""The web server of the page, and who may talk to it: known hosts, the page's own scripts, users who logged in.

Streamlit answers every Host and, with a login set up, takes uploads from anybody. So each request passes `Gate`
first: an evil page that points its own name at 127.0.0.1 (DNS rebinding) has the wrong Host, a script of another
site the wrong Origin, an upload before login no valid cookie. Knows nothing of what the page shows.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from minicpm_rag.messages import Message, guess_language, text
from minicpm_rag.page import door, streamlit_private
from minicpm_rag.page.door import read_toml

if TYPE_CHECKING:
    from starlette.middleware import Middleware

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SCRIPT = Path(__file__).parent / "entry" / "script.py"  # alone there: page/html would hide the standard html
CONFIGURATION = Path(__file__).with_name("streamlit.toml")
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
# Paths that carry users' files; the rest of the page shows a login by itself.
_FILE_PATHS = ("/_stcore/upload_file", "/media")


def middleware() -> list[Middleware]:
    """What `streamlit.App` must be given so that the page is guarded."""
    from starlette.middleware import Middleware

    from minicpm_rag.settings import load_settings

    streamlit_private.look_up_no_address()
    Gate.is_in_place = True
    return [Middleware(Gate, hosts=LOCAL_HOSTS | set(load_settings().hosts))]


def run(**options: Any) -> None:
    """Serve the page until stopped, with the project's own configuration of Streamlit wherever it is started.

    `options` are options of Streamlit that go before it, with "_" for ".": `server_port=8600`.
    """
    import streamlit as st

    app = st.App(SCRIPT, middleware=middleware())
    app.run(config=configuration() | {name.replace("_", ".", 1): value for name, value in options.items()})


def configuration() -> dict[str, Any]:
    """The project's configuration of Streamlit: option -> value."""
    return dict(_flat(read_toml(CONFIGURATION), ""))


def _flat(section: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class Gate:
    """ASGI middleware that refuses requests from elsewhere with 403 and a sentence that names the remedy.

    `hosts` are the names under which the page may be opened, without ports.
    """

    is_in_place = False  # whether this process serves the page behind a gate

    def __init__(self, app: Application, hosts: Collection[str]) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope.get("headers", ())}
        refusal = self._refusal(scope, headers) if scope["type"] in ("http", "websocket") else None
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

    def _refusal(self, scope: Scope, headers: Mapping[str, str]) -> Message | None:
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
        if scope["type"] == "http" and _carries_files(scope) and not door.admits(headers.get("cookie", "")):
            return Message("door.no_login")
        return None


def _carries_files(scope: Scope) -> bool:
    return scope["method"] != "OPTIONS" and any(path in scope["path"] for path in _FILE_PATHS)


def _name(host: str) -> str:
    """The name of a Host header without its port, lower case; "" where it is none."""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""
