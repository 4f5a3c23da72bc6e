"""A running API over a copy of the knowledge that the project brings, for tests that speak HTTP to it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from minicpm_rag.indexing import Worker
from minicpm_rag.settings import load_settings
from minicpm_rag.workspace import Workspace, open_workspace

TOKEN = "a token of the tests, long enough"
PATIENCE = 300  # seconds; httpx has 5, of which a busy machine may take more


@contextmanager
def workspace_over(knowledge_home: Path, folder: Path, **settings: Any) -> Iterator[Workspace]:
    """A workspace with its worker, over a copy of the knowledge."""
    home = folder / "home"
    shutil.copytree(knowledge_home, home)
    with open_workspace(load_settings(home=home, **settings)) as workspace, Worker(workspace.library):
        yield workspace


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Run an application for the time of the block; yields its address."""
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            thread.join(0.02)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(300)


def client_of(address: str, **headers: str) -> httpx.Client:
    """A client with the tests' token."""
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {TOKEN}", **headers}, timeout=PATIENCE)


def get(address: str, **headers: str) -> httpx.Response:
    """What is answered without a token."""
    return httpx.get(address, headers=headers, timeout=PATIENCE)
