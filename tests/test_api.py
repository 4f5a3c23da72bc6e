"""The public face: each name is documented, imported on first use, and its example runs as printed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY
from gguf_files import write_gguf
from golden import SHARDED_BIN, SINGLE_SAFETENSORS

import minicpm_rag

DOCUMENT = (REPOSITORY / "docs" / "api.md").read_text(encoding="utf-8")
# (code, what it prints; None where nothing is promised)
EXAMPLES = re.findall(r"```python\n(.*?)```\n(?:\n```text\n(.*?)```)?", DOCUMENT, flags=re.DOTALL)
NAMES = [name for name in minicpm_rag.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", NAMES)
def test_each_public_name_has_a_heading_and_an_example(name: str) -> None:
    assert f"\n## {name}\n" in DOCUMENT
    assert any(f"from minicpm_rag import {name}\n" in code for code, _ in EXAMPLES)


def test_every_example_runs_as_printed(
    knowledge_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gguf")
    models = {
        "/path/to/MiniCPM-2B-sft-bf16": SHARDED_BIN,
        "/path/to/MiniCPM5-1B-Q4_K_M.gguf": write_gguf(SINGLE_SAFETENSORS, tmp_path / "m.gguf"),
    }
    home = shutil.copytree(knowledge_home, tmp_path / "copy")
    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))
    monkeypatch.chdir(REPOSITORY)
    names: dict[str, Any] = {}
    for code, printed in EXAMPLES:
        capsys.readouterr()
        for place, model in models.items():
            code = code.replace(place, str(model))
        exec(compile(code, "docs/api.md", "exec"), names)
        shown = capsys.readouterr().out
        assert shown == printed if printed else shown


def test_the_public_face_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, minicpm_rag; heavy = {'langchain_core', 'torch', 'pydantic', 'chromadb'} & set(sys.modules);"
        "assert not heavy, heavy; minicpm_rag.RAGError; assert 'langchain_core' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=REPOSITORY)


def test_any_other_name_is_unknown() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        minicpm_rag.nothing_like_it  # noqa: B018
