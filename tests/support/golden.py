"""The golden checkpoints: tiny random models laid out as real folders, with the reference's numbers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CHECKPOINTS = sorted(path.name for path in GOLDEN.iterdir())
SHARDED_BIN = GOLDEN / "minicpm-2b-tiny"
SINGLE_SAFETENSORS = GOLDEN / "minicpm-1b-tiny"
CHATML = GOLDEN / "minicpm4-tiny"


def expected(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((GOLDEN / name / "expected.json").read_text(encoding="utf-8"))
    return content


def copy_of(folder: Path, target: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(folder, target)
    return target


def edit_json(path: Path, **changes: Any) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    content.update(changes)
    path.write_text(json.dumps(content), encoding="utf-8")
