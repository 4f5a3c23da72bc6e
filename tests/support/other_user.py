"""Tests as a user whose rights count: root may look and write everywhere."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def rights_count() -> Iterator[None]:
    """Run as somebody whose rights count: root may look everywhere."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@contextmanager
def open_to_others() -> Iterator[Path]:
    """A folder that others may enter, which pytest's own may not be."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for closed in [folder, *folder.rglob("*")]:
        if closed.is_dir():
            closed.chmod(0o755)
    shutil.rmtree(folder)
