"""The page in a window of its own, and its entry among the desktop's programs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from minicpm_rag.cli import main
from minicpm_rag.errors import RAGError
from minicpm_rag.page import desktop, window


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    monkeypatch.setattr(sys, "platform", "linux")
    return folder


def fields_of(data: Path) -> dict[str, str]:
    lines = (data / "applications" / "minicpm-rag.desktop").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "[Desktop Entry]"
    return dict(line.split("=", 1) for line in lines[1:])


def test_an_entry_and_its_icon_are_written_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["desktop", "install"]) == 0
    files = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(files) == 2 and all(file.is_relative_to(data) and file.is_file() for file in files)
    assert files[1].read_bytes() == desktop.ICON.read_bytes()
    assert main(["desktop", "remove"]) == 0
    assert not any(file.exists() for file in files)


@pytest.mark.parametrize("python", ["/opt/venv/bin/python", '/home/an n/a"b$c`d\\e/100%/python'])
def test_the_entry_starts_this_python_whatever_its_path(
    data: Path, monkeypatch: pytest.MonkeyPatch, python: str
) -> None:
    monkeypatch.setattr(sys, "executable", python)
    desktop.install(window=True)
    fields = fields_of(data)
    # Undone as the specification says: first the escapes of every value, then the quotes of Exec, then %%.
    value = fields["Exec"].replace("\\\\", "\\")
    quoted = re.match(r'"((?:\\.|[^"\\])*)"', value)
    first = re.sub(r"\\(.)", r"\1", quoted.group(1)) if quoted else value.split()[0]
    assert first.replace("%%", "%") == python
    assert value.endswith(" -m minicpm_rag page --window")
    assert fields["Terminal"] == "false"
    if validator := shutil.which("desktop-file-validate"):
        subprocess.run([validator, str(data / "applications" / "minicpm-rag.desktop")], check=True)


def test_other_systems_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(RAGError, match="for Linux"):
        desktop.install(window=False)


def test_without_pywebview_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "webview", None)
    with pytest.raises(RAGError, match=r"minicpm-rag\[window\]"):
        window.open_window("t", storage=tmp_path)


def test_the_server_ends_with_the_window(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Here without a screen: what draws the window is played."""
    opened: list[Any] = []
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def remembered(*arguments: Any, **options: Any) -> subprocess.Popen[bytes]:
        processes.append(popen(*arguments, **options))
        return processes[-1]

    def start(drawn: object, **options: Any) -> None:
        assert processes[0].poll() is None, "the page is served while the window is there"
        opened.append(options)

    played = SimpleNamespace(
        create_window=lambda title, address, **_: opened.append(address),
        start=start,
        errors=SimpleNamespace(WebViewException=OSError),
    )
    monkeypatch.setitem(sys.modules, "webview", played)
    monkeypatch.setattr(subprocess, "Popen", remembered)
    window.open_window("t", storage=tmp_path / "window")
    assert opened[0].startswith("http://127.0.0.1:")
    assert opened[1]["private_mode"] is False, "the cookies that name the user are kept"
    assert processes[0].poll() is not None
