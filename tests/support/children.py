"""Child processes with other readers or bounds, for tests of what contains them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from minicpm_rag.loaders import isolated


@contextmanager
def children_that_import(module: str) -> Iterator[None]:
    """Children that are started in the block import a module of the tests first; they end with it."""
    program, idle = isolated._PROGRAM, isolated._idle
    begin, end = program.split("from minicpm_rag")
    isolated._PROGRAM, isolated._idle = f"{begin}import {module}; from minicpm_rag{end}", []
    try:
        yield
    finally:
        for child in isolated._idle:
            child.end()
        isolated._PROGRAM, isolated._idle = program, idle


@pytest.fixture
def misbehaving() -> Iterator[None]:
    """Children have the readers of `misbehaving_reader`."""
    with children_that_import("misbehaving_reader"):
        yield


@pytest.fixture(scope="module")
def small_bounds() -> Iterator[None]:
    """Children stop documents at a tenth of the real bounds."""
    with children_that_import("small_bounds"):
        yield
