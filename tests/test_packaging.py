"""The container, the compose file and the systemd unit: checked by their own tools where those are installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import REPOSITORY

from minicpm_rag.settings import Settings

DOCKERFILE = (REPOSITORY / "Dockerfile").read_text(encoding="utf-8")


def tool(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path=Path(sys.executable).parent)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    checked = subprocess.run([tool("hadolint"), str(REPOSITORY / "Dockerfile")], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_compose_reads_its_file() -> None:
    command = [tool("docker"), "compose", "-f", str(REPOSITORY / "compose.yaml"), "config", "--quiet"]
    if subprocess.run([*command[:2], "version"], capture_output=True).returncode:
        pytest.skip("docker has no compose")
    without = subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert without.returncode and "16 characters" in without.stderr, "the API does not start without a token"
    token = {"PATH": "/usr/bin:/bin", "MINICPM_RAG_API_TOKEN": "x" * 16}
    assert subprocess.run(command, env=token).returncode == 0


def test_the_departments_containers_set_only_what_there_is() -> None:
    """And each server that a setting names is one of the file's."""
    text = (REPOSITORY / "compose.department.yaml").read_text(encoding="utf-8")
    known = {f"MINICPM_RAG_{name.upper()}" for name in Settings.model_fields} | {"MINICPM_RAG_API_TOKEN"}
    assert set(re.findall(r"MINICPM_RAG_[A-Z_]+", text)) <= known
    services = set(re.findall(r"^  (\w+):$", text, re.MULTILINE))
    assert set(re.findall(r"https?://(\w+):\d+", text)) | set(re.findall(r"@(\w+)/", text)) <= services


def test_systemd_finds_nothing_in_the_unit(tmp_path: Path) -> None:
    text = (REPOSITORY / "packaging" / "minicpm-rag.service").read_text(encoding="utf-8")
    unit = tmp_path / "minicpm-rag.service"
    unit.write_text(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
    checked = subprocess.run([tool("systemd-analyze"), "verify", "--user", str(unit)], capture_output=True, text=True)
    assert "minicpm-rag.service" not in checked.stderr, checked.stderr


def test_the_script_of_the_container_is_a_shell_script_that_starts_what_it_is_told() -> None:
    script = REPOSITORY / "packaging" / "in-container"
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert "--port 8501 --no-browser" in script.read_text() and "--port 8600" in script.read_text()


@pytest.mark.parametrize(("address", "handed_on"), [("127.0.0.1", False), ("172.17.0.2", True)])
def test_the_script_hands_on_the_containers_address_only(tmp_path: Path, address: str, handed_on: bool) -> None:
    for name in ("socat", "minicpm-rag"):
        played = tmp_path / name
        played.write_text(f'#!/bin/sh\necho "{name} $*" >> {tmp_path}/called\n')
        played.chmod(0o755)
    script = str(REPOSITORY / "packaging" / "in-container")
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "CONTAINER_ADDRESS": address}
    subprocess.run(["sh", script, "serve", "--rate", "5"], env=environment, check=True, timeout=300)
    subprocess.run(["sh", script, "ingest", "/documents"], env=environment, check=True, timeout=300)
    expected = {"minicpm-rag serve --port 8600 --rate 5", "minicpm-rag ingest /documents"}
    if handed_on:
        expected.add(f"socat TCP-LISTEN:8600,bind={address},fork,max-children=256,reuseaddr TCP:127.0.0.1:8600")
    end = time.monotonic() + 300
    while (called := set((tmp_path / "called").read_text().splitlines())) != expected:  # socat runs in the background
        assert time.monotonic() < end, called
        time.sleep(0.05)


def test_what_the_dockerfile_copies_is_let_through_by_dockerignore() -> None:
    let_through = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+) \S+$", DOCKERFILE, flags=re.MULTILINE)
    names = {name.split("/")[0] for line in copied for name in line.split()}
    assert names and names <= let_through
    assert all((REPOSITORY / name).exists() for name in names)


def test_no_server_in_the_container_listens_beyond_its_own_address_by_itself() -> None:
    assert "0.0.0.0" not in DOCKERFILE + (REPOSITORY / "packaging" / "in-container").read_text()
    assert "USER 10001" in DOCKERFILE
