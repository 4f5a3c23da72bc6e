"""Child processes whose readers misbehave, for tests of what contains them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from minicpm_rag.loaders import isolated


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Children that a test starts have the readers of `misbehaving_reader`."""
    begin, end = isolated._PROGRAM.split("from minicpm_rag")
    monkeypatch.setattr(isolated, "_PROGRAM", f"{begin}import misbehaving_reader; from minicpm_rag{end}")
    idle: list[isolated._Child] = []
    monkeypatch.setattr(isolated, "_idle", idle)
    yield
    for child in idle:
        child.end()
