"""Schemathesis sends what the specification allows, and what it does not: nothing is answered with 500."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("schemathesis")

from api_parts import TOKEN, serving, workspace_over

from minicpm_rag.api.server import create_app


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_request_that_schemathesis_finds_is_answered_with_500(knowledge_home: Path, tmp_path: Path) -> None:
    command = shutil.which("schemathesis", path=Path(sys.executable).parent)
    assert command
    with (
        workspace_over(knowledge_home, tmp_path) as workspace,
        serving(create_app(workspace, token=TOKEN, per_minute=1_000_000)) as address,
    ):
        arguments = ("--checks", "not_a_server_error", "--max-examples", "40", "--phases", "examples,coverage,fuzzing")
        run = subprocess.run(
            [command, "run", f"{address}/openapi.json", "-H", f"Authorization: Bearer {TOKEN}", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=1100,
        )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
    assert "passed" in run.stdout
