"""The page as a window of its own: the server in a process, the window in this one; closing it ends both."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import reason_of

START_SECONDS = 120.0
SIZE = (1280, 860)


def open_window(title: str, *, port: int | None = None, storage: Path, drawn: Callable[[], None] | None = None) -> None:
    """Show the page in a window until that is closed; `drawn` is called in a thread of its own once it is there.

    `storage` keeps its cookies, by which the page knows the user's conversations. Raises RAGError where pywebview, or
    what draws its windows, is missing, and where the page does not start.
    """
    try:
        import webview
    except ImportError as error:
        raise RAGError("system.no_pywebview") from error
    chosen = port or _free_port()
    command = [sys.executable, "-m", "minicpm_rag", "page", "--port", str(chosen), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        _wait_for(chosen, server)
        webview.create_window(title, f"http://127.0.0.1:{chosen}", width=SIZE[0], height=SIZE[1])
        storage.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            webview.start(drawn, private_mode=False, storage_path=str(storage))
        except webview.errors.WebViewException as error:
            raise RAGError("system.no_renderer", why=reason_of(error)) from error
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    """Wait until the server answers. Raises RAGError where it ends before."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RAGError("system.page_did_not_start")
