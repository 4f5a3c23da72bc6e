"""The HTTP application over a workspace, its walls, and running it."""

from __future__ import annotations

import html
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from minicpm_rag import __version__
from minicpm_rag.api import metrics, openai_routes, problems, rest
from minicpm_rag.api.context import Context
from minicpm_rag.api.limits import Walls
from minicpm_rag.api.links import Links
from minicpm_rag.gate import LOCAL_HOSTS, Gate
from minicpm_rag.records import User
from minicpm_rag.workspace import Workspace

if TYPE_CHECKING:
    from minicpm_rag.gate import Application, Receive, Scope, Send

THREADS = 100  # requests at work at once; others wait
REQUESTS_PER_MINUTE = 1200  # of one client


def create_app(
    workspace: Workspace, *, token: str | None, per_minute: int = REQUESTS_PER_MINUTE, base_path: str = ""
) -> FastAPI:
    """The application. Without a `token` every program of this machine may ask it; `base_path` is a proxy's."""
    settings = workspace.settings
    most_upload_bytes = settings.upload_megabytes * 1_000_000

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        yield

    app = FastAPI(
        title="MiniCPM-RAG",
        version=__version__,
        docs_url=None,  # FastAPI's pages load scripts from another host
        redoc_url=None,
        lifespan=lifespan,
    )
    # Without a token, links live as long as the process.
    counters = metrics.Metrics(workspace.library)
    app.state.context = Context(workspace, Links(token or secrets.token_hex()), most_upload_bytes, counters)
    problems.install(app)
    app.include_router(openai_routes.router)
    app.include_router(rest.router)
    app.include_router(metrics.router)
    app.add_api_route("/docs", _documentation, include_in_schema=False, response_class=HTMLResponse)
    app.add_middleware(
        Walls,
        token=token,
        per_minute=per_minute,
        most_upload_bytes=most_upload_bytes + 1_000_000,
        user_of=lambda given: _user_of(workspace, given),
    )
    app.add_middleware(BasePath, base_path=base_path)
    app.add_middleware(Gate, hosts=LOCAL_HOSTS | set(settings.hosts))
    app.add_middleware(metrics.Counted, metrics=counters)
    return app


def _user_of(workspace: Workspace, token: str) -> User | None:
    user = workspace.library.user_of_token(token)
    is_administrator = user is not None and bool(user.names & set(workspace.settings.administrators))
    return None if user is None else replace(user, is_administrator=is_administrator)


class BasePath:
    """ASGI middleware that tells the application under which path a proxy offers it, whether that strips it or not."""

    def __init__(self, app: Application, base_path: str) -> None:
        self.app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] in ("http", "websocket"):
            path = scope["path"]
            if self._base_path and path.startswith(f"{self._base_path}/"):
                path = path.removeprefix(self._base_path)
            scope = {**scope, "path": path, "root_path": self._base_path}
        await self.app(scope, receive, send)


def run(app: Any, *, port: int, on_start: Callable[[], None] = lambda: None) -> None:
    """Serve an application on this machine until Ctrl-C."""
    import uvicorn

    on_start()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=5,
        forwarded_allow_ips="127.0.0.1",
    )


def _documentation(request: Request) -> HTMLResponse:
    """The OpenAPI specification as a page that loads nothing from elsewhere."""
    specification = request.app.openapi()
    rows = "".join(
        f"<tr><td><b>{method.upper()}</b></td><td><code>{html.escape(path)}</code></td>"
        f"<td>{html.escape(operation.get('description') or operation.get('summary', ''))}</td></tr>"
        for path, operations in specification["paths"].items()
        for method, operation in operations.items()
    )
    title = html.escape(f"{specification['info']['title']} {specification['info']['version']}")
    style = "body{font:16px/1.5 sans-serif;margin:2rem}td{padding:.3rem .8rem;border-top:1px solid #ccc}"
    link = f'<a href="{html.escape(request.scope.get("root_path", ""))}/openapi.json">openapi.json</a>'
    return HTMLResponse(
        f'<!doctype html><meta charset="utf-8"><title>{title}</title><style>{style}</style>'
        f"<h1>{title}</h1><p>{link}</p><table>{rows}</table>"
    )
