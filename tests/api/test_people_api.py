"""Tokens of users: every route of the API gives a stranger nothing, and their own to its people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi")
pytest.importorskip("uvicorn")

from api_parts import TOKEN, client_of, get, serving, workspace_over

from minicpm_rag.api.mcp_server import create_server, http_application
from minicpm_rag.api.server import create_app
from minicpm_rag.indexing import follow, save_upload, submit_ingest
from minicpm_rag.records import User
from minicpm_rag.workspace import Workspace

PRIVATE, SECRET = "Heron", "The launch of project Heron is on the third of May."
ANN = User("login:i:ann", frozenset({"login:i:ann", "ann@x.org"}), frozenset({"sales"}), "ann@x.org")
ANNS, EVES, BOSSES = "token-of-ann", "token-of-eve", "token-of-boss"


@pytest.fixture(scope="module")
def workspace(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    with workspace_over(knowledge_home, tmp_path_factory.mktemp("people"), administrators="boss@x.org") as opened:
        library = opened.library
        ann = library.seen_by(ANN)
        ann.sign_in()
        path = save_upload(ann, PRIVATE, "heron.txt", SECRET.encode())
        list(follow(ann, submit_ingest(ann, PRIVATE, [path])))
        for token, name in ((ANNS, "ann@x.org"), (EVES, "eve@x.org"), (BOSSES, "boss@x.org")):
            library.add_token(token, name)
        yield opened


@pytest.fixture(scope="module")
def address(workspace: Workspace) -> Iterator[str]:
    with serving(create_app(workspace, token=TOKEN, per_minute=100_000)) as found:
        yield found


def client(address: str, token: str) -> httpx.Client:
    return client_of(address, Authorization=f"Bearer {token}")


def body_of(path: str) -> dict[str, Any]:
    """What a request of any route is sent with."""
    if path.endswith("/documents"):
        return {"files": {"files": ("x.txt", b"x")}}
    messages = [{"role": "user", "content": "When is the launch of Heron?"}]
    share = {"kind": "everyone", "name": PRIVATE, "level": "manage"}
    return {"json": {"question": "When is the launch of Heron?", "model": PRIVATE, "messages": messages, **share}}


def test_no_route_gives_a_stranger_anything(workspace: Workspace, address: str) -> None:
    document = workspace.library.documents(PRIVATE)[0].id
    values = {"name": PRIVATE, "number": str(document), "page": "1"}
    with client(address, EVES) as eve:
        routes = eve.get("/openapi.json").json()["paths"]
        assert len(routes) > 15
        for route, operations in routes.items():
            for method in operations:
                path = re.sub(r"{(\w+)(:path)?}", lambda found: values[found.group(1)], route)
                sent = body_of(path) if method in ("post", "patch", "put") else {}
                answer = eve.request(method, path, **sent)
                told = answer.text.replace("When is the launch of Heron", "")
                assert "third of May" not in told and "heron.txt" not in told, f"{method} {path}"
                if PRIVATE in path:
                    assert answer.status_code in (404, 409), f"{method} {path}: {answer.status_code}"
    assert [row.title for row in workspace.library.documents(PRIVATE)] == ["heron.txt"]


def test_its_maker_asks_and_whoever_was_granted_it(workspace: Workspace, address: str) -> None:
    ask = f"/api/knowledge-bases/{PRIVATE}/ask"
    question = {"question": "When is the launch of Heron?"}
    with client(address, ANNS) as ann, client(address, EVES) as eve:
        assert "third of May" in ann.post(ask, json=question).json()["answer"]
        assert PRIVATE in [model["id"] for model in ann.get("/v1/models").json()["data"]]
        sharing = f"/api/knowledge-bases/{PRIVATE}/sharing"
        shared = ann.put(sharing, json={"kind": "user", "name": "eve@x.org", "level": "read"}).json()
        assert {"kind": "user", "name": "eve@x.org", "level": "read"} in shared["grants"]
        assert "third of May" in eve.post(ask, json=question).json()["answer"]
        assert eve.delete(f"/api/knowledge-bases/{PRIVATE}").status_code == 403
        assert eve.get(sharing).status_code == 403
        assert ann.put(sharing, json={"kind": "user", "name": "eve@x.org", "level": None}).status_code == 200
        assert eve.post(ask, json=question).status_code == 404


def test_a_link_opens_as_long_as_she_whose_question_it_was_may_read(workspace: Workspace, address: str) -> None:
    ask = f"/api/knowledge-bases/{PRIVATE}/ask"
    with client(address, ANNS) as ann, client(address, EVES) as eve, client(address, TOKEN) as operator:
        sharing = f"/api/knowledge-bases/{PRIVATE}/sharing"
        eves_right = {"kind": "user", "name": "eve@x.org", "level": "read"}
        assert ann.put(sharing, json=eves_right).status_code == 200
        question = {"question": "When is the launch of Heron?"}
        anns, eves, operators = (
            one.post(ask, json=question).json()["citations"][0]["link"] for one in (ann, eve, operator)
        )
        assert [get(link).status_code for link in (anns, eves, operators)] == [200, 200, 200]
        assert ann.put(sharing, json=eves_right | {"level": None}).status_code == 200
        assert [get(link).status_code for link in (anns, eves, operators)] == [200, 404, 200]
        assert get(eves.replace("eve%40x.org", "ann%40x.org")).status_code == 404
        assert get(re.sub("&user=.*", "", eves)).status_code == 404


def test_the_servers_own_token_may_everything_and_metrics_are_for_administrators(address: str) -> None:
    with client(address, TOKEN) as operator, client(address, EVES) as eve, client(address, BOSSES) as boss:
        assert PRIVATE in [row["name"] for row in operator.get("/api/knowledge-bases").json()]
        assert [one.get("/metrics").status_code for one in (operator, boss, eve)] == [200, 200, 403]
    assert client(address, "no-such-token").get("/api/jobs").status_code == 401


def test_tokens_of_users_open_no_door_to_mcp(workspace: Workspace) -> None:
    app = http_application(create_server(workspace), hosts=(), token=TOKEN, per_minute=1000)
    with serving(app) as address:
        assert client(address, ANNS).post("/mcp", json={}).status_code == 401
        assert client(address, TOKEN).post("/mcp", json={}).status_code != 401
