"""A short soak in the long tests; `python tests/support/soak.py 3000` is the whole one."""

from __future__ import annotations

from pathlib import Path

import pytest
import soak


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_questions_from_five_threads_beside_an_ingest_leave_nothing_behind(tmp_path: Path) -> None:
    held = soak.run(tmp_path / "home", questions=200)
    assert held.errors == []
    assert held.ingests
    growth = held.growth()
    assert max(growth["descriptors"], growth["threads"], growth["children"]) <= 2
