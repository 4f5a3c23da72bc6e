"""How quiet an idle page is, and what an open Library view costs an ingest: the real page, in a real browser.

Streamlit's garbage collection after every run made 300 small files take 280 s beside an open view; this would have
shown it. Measures the server's processor time, not the browser's.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from minicpm_rag.errors import RAGError

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 120
SETTLE_SECONDS = 20.0  # until models are loaded and the view is drawn


@dataclass(frozen=True)
class PageSpeed:
    """`idle_share` is of one core, with one open Library view; the other values are of an ingest beside that view."""

    idle_share: float
    files: int
    ingest_seconds: float
    ingest_cpu_seconds: float  # of the page's server, which does the work


def measure(*, files: int = 300, idle_seconds: float = 40.0) -> PageSpeed:
    """Measure in a home of its own. Raises RAGError where no browser can be driven."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise RAGError("system.no_browser") from error
    browser = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if browser is None:
        raise RAGError("system.no_browser")
    with TemporaryDirectory(prefix="minicpm-rag-bench-") as folder:
        documents = _write(Path(folder) / "files", files)
        environment = {**os.environ, "MINICPM_RAG_HOME": str(Path(folder) / "home")}
        with _served(environment) as (address, server), sync_playwright() as playwright:
            chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
            page: Any = chromium.new_context(locale="en-US").new_page()
            page.set_default_timeout(START_SECONDS * 1000)
            page.goto(address)
            page.get_by_role("button", name="Library", exact=True).click()
            page.locator("input[type=file]").first.wait_for(state="attached")
            page.wait_for_timeout(SETTLE_SECONDS * 1000)
            idle = _cpu_seconds(server)
            page.wait_for_timeout(idle_seconds * 1000)
            idle = _cpu_seconds(server) - idle
            before, began = _cpu_seconds(server), time.monotonic()
            ingest = subprocess.Popen([sys.executable, "-m", "minicpm_rag", "ingest", str(documents)], env=environment)
            while ingest.poll() is None:
                page.wait_for_timeout(200)  # the browser goes on meanwhile
            taken = time.monotonic() - began
            return PageSpeed(idle / idle_seconds, files, taken, _cpu_seconds(server) - before)


def _write(folder: Path, files: int) -> Path:
    folder.mkdir()
    for number in range(files):
        words = f"Note {number}. The pump of station {number} is checked every {number % 28 + 2} days."
        (folder / f"note-{number:03}.txt").write_text(words, encoding="utf-8")
    return folder


@contextmanager
def _served(environment: dict[str, str]) -> Iterator[tuple[str, int]]:
    """The page in a process of its own; yields its address and process id."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "minicpm_rag", "page", "--port", str(port), "--no-browser"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise RAGError("system.page_did_not_start") from None
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}", server.pid
    finally:
        server.terminate()
        server.wait(30)


def _cpu_seconds(process: int) -> float:
    """The processor time of a process and its children so far."""
    import psutil

    found = psutil.Process(process)
    times = [one.cpu_times() for one in (found, *found.children(recursive=True))]
    own = found.cpu_times()
    return float(sum(one.user + one.system for one in times) + own.children_user + own.children_system)
