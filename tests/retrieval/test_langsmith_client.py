"""What LangSmith's client needs is not its public promise: this test says when another version needs more."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import minicpm_rag.retrieval
assert "langsmith.run_trees" in sys.modules
assert sum(name.startswith("langsmith.types") for name in sys.modules) < 10
import langsmith
from langsmith._internal import _v2_migration_utils
from langsmith.types import Run, RunSelectField
assert langsmith.types is sys.modules["langsmith.types"]
assert RunSelectField is _v2_migration_utils.RunSelectField
assert Run is langsmith.types.Run
"""


def test_the_types_are_imported_when_one_is_wanted() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
