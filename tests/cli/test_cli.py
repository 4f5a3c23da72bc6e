"""The command line as a user meets it: output, streams and exit codes of the whole program."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import REPOSITORY

from minicpm_rag import cli

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "chromadb",
    "langchain_core",
    "streamlit",
    "pydantic",
)


def run(*arguments: str, home: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m minicpm_rag` in a process of its own, as a shell would."""
    import os

    environment = {**os.environ, "MINICPM_RAG_HOME": str(home), **variables}
    return subprocess.run(
        [sys.executable, "-m", "minicpm_rag", *arguments],
        capture_output=True, encoding="utf-8", env=environment, cwd=REPOSITORY, timeout=300, check=False,
    )  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from minicpm_rag.cli import main; main(['--help']);"
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", cwd=REPOSITORY, check=True
    )
    assert "ingest" in done.stdout
    assert done.stderr.strip() == "[]"


def test_wrong_usage_exits_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["no-such-command"]) == 2
    assert "no-such-command" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
@pytest.mark.parametrize(("language", "why"), [("en", "no space left on the disk"), ("zh", "磁盘空间不足")])
def test_output_to_a_full_disk_is_told_in_one_line(language: str, why: str) -> None:
    command = [sys.executable, "-m", "minicpm_rag", "--lang", language, "--help"]
    with Path("/dev/full").open("w") as full:
        told = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, encoding="utf-8", cwd=REPOSITORY)
        assert told.returncode == 1 and told.stderr.count("\n") == 1 and why in told.stderr
        # With nowhere to say it, the code alone does.
        assert subprocess.run(command, stdout=full, stderr=full, cwd=REPOSITORY).returncode == 1


def test_our_error_is_one_line_and_exits_1(tmp_path: Path) -> None:
    done = run("search", "x", home=tmp_path, MINICPM_RAG_PASSAGES="many")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert "MINICPM_RAG_PASSAGES='many'" in done.stderr


def test_ingest_ask_list_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "文档"
    folder.mkdir()
    (folder / "价格.md").write_text(
        "# 价格\n\n云杉空气检测仪的单价是一千二百九十九元。保修期为二十四个月。\n", encoding="utf-8"
    )
    (folder / "office.txt").write_text("The office in Rotterdam opens at 7:30. The front desk has extension 204.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nothing")
    home = tmp_path / "home"

    done = run("ingest", str(folder), home=home)
    assert done.returncode == 3, done.stderr  # one file could not be read
    assert "broken.pdf" in done.stderr + done.stdout
    assert "2" in done.stdout

    answer = run("ask", "云杉空气检测仪的单价是多少？", home=home)
    assert answer.returncode == 0, answer.stderr
    assert "一千二百九十九元" in answer.stdout
    assert "价格.md" in answer.stdout
    assert "MiniCPM" in answer.stderr  # says that no model is there, and how to get one

    monkeypatch.setenv("MINICPM_RAG_HOME", str(home))  # the others need no process of their own
    capsys.readouterr()
    assert cli.main(["ingest", str(folder), "--json"]) == 3
    statuses = {Path(verdict["source"]).name: verdict["status"] for verdict in json.loads(capsys.readouterr().out)}
    assert statuses == {"价格.md": "unchanged", "office.txt": "unchanged", "broken.pdf": "failed"}

    assert cli.main(["search", "front desk extension", "--json"]) == 0
    assert "extension 204" in json.loads(capsys.readouterr().out)["passages"][0]["text"]

    assert cli.main(["list"]) == 0
    assert "office.txt" in capsys.readouterr().out
    assert cli.main(["remove", str(folder / "office.txt")]) == 0
    capsys.readouterr()
    assert cli.main(["list"]) == 0
    assert "office.txt" not in capsys.readouterr().out
    assert cli.main(["remove", "nothing.txt"]) == 1
    assert "nothing.txt" in capsys.readouterr().err
