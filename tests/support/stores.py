"""The same tests over both stores: a home folder's SQLite and Chroma, or a database of its own in PostgreSQL.

Child processes of a test use the same store, by a variable of the environment.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import minicpm_rag.library
from minicpm_rag.library.ledger import Ledger
from minicpm_rag.library.ledger.opening import open_ledger

SERVER = "TESTS_POSTGRES"  # the address of a database of the server, to which others may be added
embedded_only = pytest.mark.parametrize("store", ["embedded"], indirect=True)


def database_of(home: Path) -> str | None:
    """The database that stands for a home folder in this test, made where it is missing; None for the home itself."""
    server = os.environ.get(SERVER)
    if server is None:
        return None
    import psycopg

    name = f"home_{hashlib.sha1(str(home.absolute()).encode()).hexdigest()[:20]}"
    exists_already = (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation)
    with psycopg.connect(server, autocommit=True) as connection, suppress(*exists_already):
        connection.execute(f"CREATE DATABASE {name}")
    return server.replace("/postgres?", f"/{name}?", 1)


def open_store(home: Path, database: str | None = None) -> Ledger:
    """The ledger of a home folder in the store that is being tested."""
    return open_ledger(home, database or database_of(home))


def use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each library that is opened use the store that is being tested."""
    monkeypatch.setattr(minicpm_rag.library, "open_ledger", open_store)


@contextmanager
def chosen(request: pytest.FixtureRequest) -> Iterator[None]:
    """Within the block libraries open in the store that is the parameter of a fixture."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "postgres":
            patch.setenv(SERVER, request.getfixturevalue("postgres"))
            use(patch)
        yield


@contextmanager
def short_folder() -> Iterator[str]:
    """A folder for a server's files, whose path is short enough for that of a socket in it."""
    folder = tempfile.mkdtemp(prefix="postgres-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if SERVER in os.environ:  # a child process of a test
    use(pytest.MonkeyPatch())
