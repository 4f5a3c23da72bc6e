"""What a command costs from a shell, the start of Python included: `--help`, and a search in documents just read in.

Beside Python's own start, and beside loading sentence-transformers, which a search need not do.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from minicpm_rag.errors import RAGError
from minicpm_rag.messages import Message

QUESTIONS = {"search, zh": "年假有几天？", "search, en": "How long is the warranty?"}
_OURS = ("-m", "minicpm_rag")


@dataclass(frozen=True)
class StartSpeed:
    """Median seconds of a command, by the clock and of processors (0 on Windows, which does not tell)."""

    what: str
    seconds: float
    cpu_seconds: float


def measure(documents: Path, runs: int) -> Iterator[StartSpeed]:
    """Run each command so many times, in a home of its own. Raises RAGError where one fails."""
    with TemporaryDirectory(prefix="minicpm-rag-bench-") as folder:
        environment = os.environ | {"MINICPM_RAG_HOME": folder}
        yield _run("python", ["-c", "pass"], environment, runs)
        yield _run("--help", [*_OURS, "--help"], environment, runs)
        yield _run("ingest", [*_OURS, "ingest", str(documents)], environment, 1)  # makes the embedder's files, too
        for name, question in QUESTIONS.items():
            yield _run(name, [*_OURS, "search", question], environment, runs)
        if importlib.util.find_spec("sentence_transformers") is not None:
            yield _run("import sentence_transformers", ["-c", "import sentence_transformers"], environment, 1)


def _run(what: str, arguments: Sequence[str], environment: dict[str, str], runs: int) -> StartSpeed:
    walls, cpus = list[float](), list[float]()
    for _ in range(runs):
        wall, before = time.perf_counter(), os.times()
        done = subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
        walls.append(time.perf_counter() - wall)
        after = os.times()
        used = after.children_user - before.children_user + after.children_system - before.children_system
        cpus.append(used)
        if done.returncode:
            words = done.stderr.strip().rpartition("\n")[2]
            raise RAGError("system.command_failed", command=what, why=Message("system.words", words=words))
    return StartSpeed(what, median(walls), median(cpus))
