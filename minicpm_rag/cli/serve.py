"""`serve` and `mcp`: the workspace for other programs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from minicpm_rag.cli.language import t

if TYPE_CHECKING:
    from minicpm_rag.workspace import Workspace

LEAST_TOKEN = 16  # characters

port_option = click.option("--port", type=click.IntRange(1, 65535), default=8600, show_default=True, help="serve.port")
token_option = click.option("--token", help="serve.token", envvar="MINICPM_RAG_API_TOKEN")
no_token_option = click.option("--no-token", is_flag=True, help="serve.no_token")


@click.command(help="serve.help")
@port_option
@token_option
@no_token_option
@click.option("--rate", type=click.IntRange(1), default=1200, show_default=True, help="serve.rate")
@click.option("--base-path", default="", help="serve.base_path")
def serve(port: int, token: str | None, no_token: bool, rate: int, base_path: str) -> None:
    """Serve the HTTP API until Ctrl-C."""
    needs("fastapi", "uvicorn", "multipart", "prometheus_client")
    from minicpm_rag.api.server import create_app, run

    chosen = _token(token, no_token)
    with working() as workspace:
        app = create_app(workspace, token=chosen, per_minute=rate, base_path=base_path.rstrip("/"))
        run(app, port=port, on_start=lambda: _started(port, token, chosen))


@click.command(help="mcp.help")
@click.option("--http", is_flag=True, help="mcp.http")
@port_option
@token_option
@no_token_option
def mcp(http: bool, port: int, token: str | None, no_token: bool) -> None:
    """Serve MCP clients: over stdin and stdout, or over streamable HTTP until Ctrl-C."""
    needs("fastapi", "mcp", "uvicorn")
    from minicpm_rag.api.mcp_server import create_server, http_application
    from minicpm_rag.api.server import run

    chosen = _token(token, no_token) if http else None
    with working() as workspace:
        server = create_server(workspace)
        if not http:
            server.run("stdio")
            return
        app = http_application(server, hosts=workspace.settings.hosts, token=chosen, per_minute=1200)
        run(app, port=port, on_start=lambda: _started(port, token, chosen))


def _token(token: str | None, no_token: bool) -> str | None:
    """The token that clients need; a new one where none is given."""
    from minicpm_rag.errors import RAGError

    if no_token:
        return None
    if token is not None and len(token) < LEAST_TOKEN:
        raise RAGError("api.token_too_short", count=len(token), least=LEAST_TOKEN)
    return token or secrets.token_urlsafe(24)


def _started(port: int, given: str | None, token: str | None) -> None:
    click.echo(t("serve.starting", port=port), err=True)
    if token is None:
        click.echo(t("serve.open"), err=True)
    elif given is None:
        click.echo(t("serve.new_token", token=token), err=True)


def needs(*modules: str) -> None:
    """Say which extra to install where a module is missing. Raises RAGError."""
    from importlib.util import find_spec

    from minicpm_rag.errors import RAGError

    for module in modules:
        if find_spec(module) is None:
            raise RAGError("api.not_installed", module=module)


@contextmanager
def working() -> Iterator[Workspace]:
    """The workspace, its models loaded, with a worker that does the jobs where no other process does."""
    from minicpm_rag import logs
    from minicpm_rag.cli.language import said
    from minicpm_rag.errors import RAGError
    from minicpm_rag.indexing import Worker
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

    settings = load_settings()
    if settings.log_format == "json":
        logs.write_json()
    with (
        open_workspace(settings) as workspace,
        Worker(workspace.library, settings.chunk_size, ocr=settings.ocr, ray=settings.ray),
    ):
        try:
            # Before the first request: two threads that import transformers for the first time at once get half of it.
            workspace.warm()
        except RAGError as error:
            click.echo(said(error.message), err=True)  # shown again with each question
        yield workspace


COMMANDS: tuple[click.Command, ...] = (serve, mcp)
