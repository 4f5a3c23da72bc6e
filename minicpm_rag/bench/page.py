"""How quick and how quiet the page is: the real page, in a real browser, with a model that writes without end.

Streamlit's garbage collection after every run made 300 small files take 280 s beside an open view; this would have
shown it. Processor time is the server's, not the browser's; seconds are what a person waits.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from minicpm_rag.errors import RAGError

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
START_SECONDS = 120
PEOPLE = 5
QUESTION = "How often is the pump of station 7 checked?"
SETTLE_SECONDS = 20.0  # until models are loaded and the view is drawn


@dataclass(frozen=True)
class PageSpeed:
    """`idle_share` is of one core, with one open Library view; the other values are of an ingest beside that view."""

    idle_share: float
    files: int
    ingest_seconds: float
    ingest_cpu_seconds: float  # of the page's server, which does the work
    library_seconds: float  # from the click until the Library with these files stands
    feedback_seconds: float  # from Enter until the question stands
    stop_seconds: float  # from the click on "stop" until the answer is stopped
    people: int
    people_seconds: float  # from their asking at once until each sees the first words of an answer


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
        with (
            _endless_model() as model,
            _served(environment := _environment(folder, model)) as (address, server),
            sync_playwright() as playwright,
        ):
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
            cpu = _cpu_seconds(server) - before
            asking = _asking(page, min(files, 20))
            together = _together(chromium, address)
            return PageSpeed(idle / idle_seconds, files, taken, cpu, *asking, PEOPLE, together)


def _environment(folder: str, model: str) -> dict[str, str]:
    return {**os.environ, "MINICPM_RAG_HOME": str(Path(folder) / "home"), "MINICPM_RAG_LLM_URL": model}


def _asking(page: Any, rows: int) -> tuple[float, float, float]:
    """Seconds until the Library stands with that many rows, a question is shown, and an answer has stopped."""
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.locator(".rag-hello").wait_for()
    page.wait_for_timeout(2000)
    began = time.monotonic()
    page.get_by_role("button", name="Library", exact=True).click()
    page.wait_for_function(
        "rows => document.querySelectorAll('[class*=\"st-key-document-\"]').length >= rows", arg=rows
    )
    library = time.monotonic() - began
    page.get_by_role("button", name="Conversation", exact=True).click()
    page.locator(".rag-hello").wait_for()
    feedback = _ask(page, QUESTION)
    page.locator(".rag-caret").wait_for()
    began = time.monotonic()
    page.locator(".st-key-stop-answer button").click()
    page.locator(".st-key-stop").wait_for(state="detached")
    return library, feedback, time.monotonic() - began


def _ask(page: Any, question: str) -> float:
    page.locator("textarea").first.fill(question)
    began = time.monotonic()
    page.keyboard.press("Enter")
    page.locator(".rag-question").first.wait_for()
    return time.monotonic() - began


def _together(browser: Any, address: str) -> float:
    """Seconds until each of several people who ask at once sees the first words of an answer."""
    pages = [browser.new_context(locale="en-US").new_page() for _ in range(PEOPLE)]
    for page in pages:
        page.set_default_timeout(START_SECONDS * 1000)
        page.goto(address)
        page.locator(".rag-lead").wait_for()
        page.locator("textarea").first.fill(QUESTION)
    began = time.monotonic()
    for page in pages:
        page.keyboard.press("Enter")
    for page in pages:
        page.locator(".rag-caret").wait_for()
    return time.monotonic() - began


@contextmanager
def _endless_model() -> Iterator[str]:
    """A server of a model that writes twenty words a second; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EndlessModel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()


class _EndlessModel(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._send({"data": [{"id": "endless", "max_model_len": 32768}]})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not asked.get("stream"):
            message = {"role": "assistant", "content": QUESTION}
            self._send({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        with suppress(OSError):  # whoever asked has stopped
            for number in range(2000):
                words = {"choices": [{"index": 0, "delta": {"content": f"word{number} "}, "finish_reason": None}]}
                self.wfile.write(f"data: {json.dumps(words)}\n\n".encode())
                self.wfile.flush()
                time.sleep(0.05)

    def _send(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


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
