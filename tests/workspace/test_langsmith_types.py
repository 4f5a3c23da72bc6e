"""LangSmith's types are not its public promise: these tests say when another version has them otherwise."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
from minicpm_rag.workspace import prepare_environment
prepare_environment()
import langchain_core.retrievers
assert sum(name.startswith("langsmith.types.") for name in sys.modules) < 10
import langsmith
assert langsmith.types is sys.modules["langsmith.types"]
from langsmith.types import Run
assert Run is langsmith.types.Run and "Run" in dir(langsmith.types)
assert not hasattr(langsmith.types, "no_such_name")
"""


def test_types_are_loaded_when_one_is_asked_for() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
