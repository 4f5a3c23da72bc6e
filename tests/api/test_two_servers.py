"""Two servers with homes of their own over one database: what is done at one is seen at the other at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

import stores
from api_parts import TOKEN, client_of, serving

from minicpm_rag.api.server import create_app
from minicpm_rag.indexing import Worker
from minicpm_rag.settings import load_settings
from minicpm_rag.workspace import open_workspace

WORDS = "The pump of hall seven is serviced by Marta Olsen every March."


@pytest.fixture
def servers(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[httpx.Client]]:
    """Clients of two servers, each with a worker; originals lie where both read them."""
    monkeypatch.setenv(stores.SERVER, postgres)
    database = stores.database_of(tmp_path)
    with ExitStack() as stack:
        clients = []
        for number in (1, 2):
            settings = load_settings(
                home=tmp_path / f"home{number}", database=database, originals=str(tmp_path / "originals")
            )
            workspace = stack.enter_context(open_workspace(settings))
            stack.enter_context(Worker(workspace.library))
            address = stack.enter_context(serving(create_app(workspace, token=TOKEN, per_minute=100_000)))
            clients.append(stack.enter_context(client_of(address)))
        yield clients


def ended(client: httpx.Client, job: int) -> str:
    """How a job ended, whichever server's worker did it."""
    with client.stream("GET", f"/api/jobs/{job}/events", timeout=300) as events:
        events.read()
    return str(client.get(f"/api/jobs/{job}").json()["status"])


def ready(client: httpx.Client) -> list[int]:
    documents = client.get("/api/knowledge-bases/pumps/documents").json()
    return [row["id"] for row in documents if row["status"] == "ready"]


def found(client: httpx.Client) -> list[str]:
    hits = client.post("/api/knowledge-bases/pumps/search", json={"question": "Who services the pump?"}).json()
    return [hit["text"] for hit in hits["passages"]]


def test_what_is_added_and_removed_at_one_server_is_so_at_the_other(servers: list[httpx.Client]) -> None:
    one, other = servers
    added = one.post("/api/knowledge-bases/pumps/documents", files={"files": ("pump.txt", WORDS.encode())}).json()
    assert ended(other, added["job"]) == "done"
    (document,) = ready(other)
    assert ready(one) == [document]
    assert found(other) == found(one) == [WORDS]
    removed = other.delete(f"/api/documents/{document}").json()
    assert ended(one, removed["job"]) == "done"
    assert ready(one) == ready(other) == []
    assert found(one) == found(other) == []
