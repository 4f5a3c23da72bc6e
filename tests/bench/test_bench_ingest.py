"""`bench ingest` stores what it says, in this process and on Ray."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hashed_embedder import HashedEmbedder

from minicpm_rag.bench.ingest import PARAGRAPHS_IN_FILE, measure
from minicpm_rag.cli import main


def test_made_files_are_ingested_and_counted(tmp_path: Path) -> None:
    (found,) = measure(tmp_path, 2, HashedEmbedder(), ())  # type: ignore[arg-type]
    assert found.workers is None and found.seconds > 0
    assert found.chunks >= 2 * PARAGRAPHS_IN_FILE


@pytest.mark.slow
def test_the_command_measures_ray_beside_this_process(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("ray", reason="pip install '.[ray]'")
    assert main(["bench", "ingest", "--files", "1", "--ray", "--workers", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["workers"] for one in found] == [None, 1]
    assert found[0]["chunks"] == found[1]["chunks"] > 0
