"""The page is started by one command, wherever the program is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from conftest import REPOSITORY
from free_port import free_port


def test_one_command_serves_a_guarded_page_from_any_folder(tmp_path: Path) -> None:
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen(
        [sys.executable, "-m", "minicpm_rag", "page", "--port", str(port), "--no-browser"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY), "MINICPM_RAG_HOME": str(tmp_path / "home")},
    )
    try:
        for _ in range(3000):
            try:
                with urllib.request.urlopen(address, timeout=5) as answer:
                    assert answer.status == 200
                break
            except OSError:
                assert process.poll() is None
                time.sleep(0.1)
        foreign = urllib.request.Request(address, headers={"Host": "evil.example"})
        try:
            urllib.request.urlopen(foreign, timeout=300)
            raise AssertionError("a foreign host was let in")
        except urllib.error.HTTPError as refused:
            assert refused.code == 403
    finally:
        process.terminate()
        assert process.wait(300) in (0, -15)
