"""Every example of examples/ runs as it stands, over the knowledge that the project brings."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from api_parts import TOKEN, serving, workspace_over
from conftest import REPOSITORY
from model_server import model_server, said

EXAMPLES = sorted(path.name for path in (REPOSITORY / "examples").glob("*.py"))


def output_of(example: str, home: Path, *arguments: str, **variables: str) -> str:
    environment = {**os.environ, "MINICPM_RAG_HOME": str(home), "PYTHONPATH": str(REPOSITORY), **variables}
    run = subprocess.run(
        [sys.executable, str(REPOSITORY / "examples" / example), *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stdout


@pytest.fixture
def home(knowledge_home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(knowledge_home, tmp_path / "home"))


@pytest.mark.timeout(1200)
def test_the_chain_prints_its_runs_and_a_cited_answer(home: Path) -> None:
    shown = output_of("chain.py", home)
    assert "· rewrite" in shown and "· proof" in shown
    assert "200 parts per million" in shown and "[1] supplier_agreement.md" in shown


@pytest.mark.timeout(1200)
def test_the_agent_answers_with_a_servers_model(home: Path) -> None:
    with model_server(answers=[said("The agreed defect rate is not told.")]) as server:
        assert "not told" in output_of("agent.py", home, MINICPM_RAG_LLM_URL=server.address)


@pytest.mark.timeout(1200)
def test_the_retriever_is_a_node_of_a_graph(home: Path) -> None:
    assert "enough evidence\n- supplier_agreement.md" in output_of("retriever_in_langgraph.py", home)


@pytest.mark.timeout(1200)
def test_the_openai_client_asks_the_server(knowledge_home: Path, tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    from minicpm_rag.api.server import create_app

    with (
        workspace_over(knowledge_home, tmp_path) as workspace,
        serving(create_app(workspace, token=TOKEN)) as address,
    ):
        shown = output_of("openai_client.py", tmp_path, f"{address}/v1", TOKEN)
    assert "200 parts per million" in shown and f"{address}/open/" in shown


@pytest.mark.timeout(1200)
def test_the_mcp_client_starts_the_server(home: Path) -> None:
    pytest.importorskip("mcp")
    shown = output_of("mcp_client.py", home)
    assert "search" in shown and "- supplier_agreement.md, page 1" in shown


def test_no_example_is_left_out() -> None:
    assert EXAMPLES == ["agent.py", "chain.py", "mcp_client.py", "openai_client.py", "retriever_in_langgraph.py"]
