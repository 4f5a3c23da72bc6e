"""/metrics counts what the API answered, and names nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

pytest.importorskip("prometheus_client")

from api_parts import TOKEN, client_of, get, serving, workspace_over

from minicpm_rag.api.server import create_app

QUESTION = "工龄满十年的员工年假有多少天？"


@pytest.fixture(scope="module")
def address(knowledge_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (
        workspace_over(knowledge_home, tmp_path_factory.mktemp("metrics")) as workspace,
        serving(create_app(workspace, token=TOKEN)) as found,
    ):
        yield found


def values(client: httpx.Client) -> dict[str, float]:
    lines = client.get("/metrics").raise_for_status().text.splitlines()
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def test_questions_refusals_stages_and_requests_are_counted(address: str) -> None:
    with client_of(address) as client:
        before = values(client)
        ask = "/api/knowledge-bases/default/ask"
        assert client.post(ask, json={"question": QUESTION}).json()["mode"] == "extractive"
        assert client.post(ask, json={"question": "Who won the chess tournament of 1866?"}).json()["mode"] == "refused"
        with client.stream("POST", ask, json={"question": QUESTION, "stream": True}) as streamed:
            assert "年假" in streamed.read().decode()
        assert get(f"{address}/api/version").status_code == 401
        after = values(client)
    grown = {name: value - before.get(name, 0) for name, value in after.items()}
    assert grown['minicpm_rag_questions_total{mode="extractive"}'] == 2
    assert grown['minicpm_rag_questions_total{mode="refused"}'] == 1
    assert grown['minicpm_rag_requests_total{status="401"}'] == 1
    assert grown['minicpm_rag_stage_seconds_count{stage="retrieve"}'] == 3
    assert after['minicpm_rag_jobs{status="queued"}'] == 0


def test_no_text_and_no_name_is_told(address: str) -> None:
    with client_of(address) as client:
        client.post("/api/knowledge-bases/default/ask", json={"question": QUESTION})
        told = client.get("/metrics").text
    assert not re.search(r"[一-鿿]", told)
    assert "default" not in told and ".pdf" not in told


def test_it_needs_the_token(address: str) -> None:
    assert get(f"{address}/metrics").status_code == 401
    assert get(f"{address}/health").json() == {"status": "ok"}
