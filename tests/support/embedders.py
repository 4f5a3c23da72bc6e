"""The packaged embedders, converted once for all tests of a process."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from pathlib import Path

from minicpm_rag.embedding.choice import MINILM, load_embedder, load_embedders
from minicpm_rag.embedding.embedder import Embedder

HOME = Path(tempfile.mkdtemp(prefix="minicpm-rag-tests-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def minilm() -> Embedder:
    """all-MiniLM-L6-v2 as the program runs it."""
    return load_embedder(MINILM, HOME)


def prepared(home: Path) -> None:
    """Let a home have the embedders that were converted already."""
    found = load_embedders(MINILM, HOME)
    for embedder in (found.default, *found.older):
        embedder.prepare()
    home.mkdir(parents=True, exist_ok=True)
    (home / "embedders").symlink_to(HOME / "embedders", target_is_directory=True)
