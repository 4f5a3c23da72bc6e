"""`bench embedding`, `bench rerun`, `bench start`: speed on a processor; `bench goals`: all of it beside its goals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from minicpm_rag.cli.language import t
from minicpm_rag.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from minicpm_rag.bench.embedding import EmbeddingSpeed
    from minicpm_rag.bench.goals import Goal
    from minicpm_rag.bench.rerun import RerunSpeed
    from minicpm_rag.bench.start import StartSpeed

DOCUMENTS = 10_000
CHUNKS = 100_000
RUNS = 5
_folder = click.Path(file_okay=False, path_type=Path)


@contextmanager
def made_home(home: Path | None, total: int) -> Iterator[tuple[Path, Callable[[int], object]]]:
    """The folder of a made library, a temporary one for None, and what shows how far its making is."""
    from tempfile import TemporaryDirectory

    from rich.console import Console
    from rich.progress import Progress

    from minicpm_rag.workspace import prepare_environment

    prepare_environment()  # as whatever searches does
    if home is not None and (home / "ledger.sqlite3").exists() and not list(home.glob("made-*")):
        raise click.UsageError(t("bench.search_not_made", folder=home))
    console = Console(stderr=True)
    with (
        TemporaryDirectory(prefix="minicpm-rag-bench-") as temporary,
        Progress(console=console, transient=True, disable=not console.is_terminal) as bar,
    ):
        task = bar.add_task(t("bench.search_building"), total=total)
        yield home or Path(temporary), lambda made: bar.update(task, completed=made)


@click.command(help="bench.rerun")
@click.option(
    "--documents", type=click.IntRange(21), default=DOCUMENTS, show_default=True, help="bench.rerun_documents"
)
@click.option("--runs", type=click.IntRange(1), default=20, show_default=True, help="bench.rerun_runs")
@click.option("--home", type=_folder, help="bench.search_home")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def rerun(documents: int, runs: int, home: Path | None, as_json: bool) -> None:
    """Measure our own work in a rerun of the page."""
    found = _rerun(home, documents, runs)
    if as_json:
        echo_json(found)
        return
    columns = ("scene", "own", "worst", "whole")
    rows = [[each.scene, *(_milliseconds(part) for part in (each.own, each.worst, each.whole))] for each in found]
    echo_table([t(f"bench.column_{column}") for column in columns], rows, right=range(1, 4))


@click.command(help="bench.start")
@click.argument("documents", type=click.Path(exists=True, path_type=Path))
@click.option("--runs", type=click.IntRange(1), default=RUNS, show_default=True, help="bench.runs")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def start(documents: Path, runs: int, as_json: bool) -> None:
    """Measure what a command costs from a shell."""
    found = _start(documents, runs)
    if as_json:
        echo_json(found)
        return
    columns = ("command", "seconds", "cpu_seconds")
    rows = [[each.what, f"{each.seconds:.2f}", f"{each.cpu_seconds:.2f}"] for each in found]
    echo_table([t(f"bench.column_{column}") for column in columns], rows, right=(1, 2))


@click.command(help="bench.embedding")
@click.option("--texts", type=click.IntRange(2), default=16, show_default=True, help="bench.embedding_texts")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def embedding(texts: int, as_json: bool) -> None:
    """Measure embedding beside onnxruntime by itself."""
    from minicpm_rag.bench.goals import ratio

    found = _embedding(texts)
    if as_json:
        echo_json(found)
        return
    columns = ("path", "threads", "together", "text_ms", "text_cpu_ms", "ratio")
    rows = [
        [
            t("bench.embedding_ours") if each.is_ours else "onnxruntime",
            str(each.threads),
            str(each.texts_in_run),
            f"{each.seconds * 1000:.1f}",
            f"{each.cpu_seconds * 1000:.1f}",
            f"{ratio(found):.2f}" if each.is_ours else "",
        ]
        for each in found
    ]
    echo_table([t(f"bench.column_{column}") for column in columns], rows, right=range(1, 6))


@click.command(help="bench.goals")
@click.argument("corpus", type=click.Path(exists=True, path_type=Path))
@click.option("--chunks", type=click.IntRange(100), default=CHUNKS, show_default=True, help="bench.search_chunks")
@click.option("--home", type=_folder, help="bench.search_home")
@click.option(
    "--documents", type=click.IntRange(21), default=DOCUMENTS, show_default=True, help="bench.rerun_documents"
)
@click.option("--documents-home", type=_folder, help="bench.goals_documents_home")
@click.option("--questions", type=click.IntRange(20), default=100, show_default=True, help="bench.search_questions")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def goals(
    corpus: Path,
    chunks: int,
    home: Path | None,
    documents: int,
    documents_home: Path | None,
    questions: int,
    as_json: bool,
) -> None:
    """Measure the goals for speed on a processor."""
    from minicpm_rag.bench import goals as reached
    from minicpm_rag.bench.search import measure

    with made_home(home, chunks) as (folder, follow):  # first: its memory is this process's
        found = reached.of_search(measure(folder, chunks, questions, follow))
    found += reached.of_embedding(_embedding())
    found += reached.of_rerun(_rerun(documents_home, documents))
    found += reached.of_start(_start(corpus))
    if as_json:
        echo_json(found)
        return
    columns = ("goal_name", "measured", "at_most", "met")
    rows = [
        [
            t(f"bench.goal_{goal.name}"),
            _amount(goal, goal.measured),
            _amount(goal, goal.most),
            t("bench.met" if goal.is_met else "bench.missed"),
        ]
        for goal in found
    ]
    echo_table([t(f"bench.column_{column}") for column in columns], rows, right=(1, 2))


def _rerun(home: Path | None, documents: int, runs: int = 20) -> list[RerunSpeed]:
    from minicpm_rag.bench.rerun import measure

    with made_home(home, documents) as (folder, follow):
        return measure(folder, documents, runs, follow)


def _start(documents: Path, runs: int = RUNS) -> list[StartSpeed]:
    from minicpm_rag.bench.start import measure

    return list(measure(documents, runs))


def _embedding(texts: int = 16) -> list[EmbeddingSpeed]:
    from minicpm_rag.bench.embedding import measure
    from minicpm_rag.embedding.choice import load_embedders
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    return list(measure(load_embedders(settings.embedder, settings.home).default, texts))


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def _amount(goal: Goal, value: float) -> str:
    from minicpm_rag.text.sizes import file_size

    if goal.unit == "bytes":
        return file_size(int(value))
    if goal.unit == "ratio":
        return f"{value:.2f}"
    return f"{value:.2f} s" if goal.most >= 0.1 else _milliseconds(value)


COMMANDS = (embedding, rerun, start, goals)
