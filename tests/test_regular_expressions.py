"""Rules that hold for every regular expression of the package; how long they take is asked in test_linear.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "minicpm_rag"
BLANK_IN_A_REPETITION = re.compile(r"\{\d+, +\d*\}|\{\d* +,\d*\}")


def test_no_repetition_has_a_blank() -> None:
    """Python reads `a{0, 3}` as those very characters, so that the pattern never matches."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and BLANK_IN_A_REPETITION.search(node.value)
    ]
    assert found == []
