"""`eval`: a scorecard of retrieval and refusal, on a person's own documents or a public question set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.commands.tables import echo_table

if TYPE_CHECKING:
    from minicpm_rag.evaluation.question_sets import Question
    from minicpm_rag.workspace import Workspace

_file = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("eval")
@click.option("--questions", multiple=True, type=_file, help="JSON Lines of questions; may be given again.")
@click.option("--kb", "knowledge_base", help="Knowledge base.  [default: MINICPM_RAG_KNOWLEDGE_BASE]")
@click.option("--sentences", default=200, show_default=True, help="Without --questions: own sentences to ask for.")
@click.option("--calibrate", is_flag=True, help="Measure the embedder here and keep the result beside the index.")
@click.option("--min-recall", type=click.FloatRange(0, 1), help="Exit with 1 where recall@5 is lower.")
@click.option("--compare", type=_file, help="Earlier --json output; exit with 1 where a rate got worse by 1 %.")
@click.option("--passages", multiple=True, type=_file, help="JSON Lines of passages for a library of their own.")
@click.option("--absent", type=click.FloatRange(0, 1), default=0.0, help="Share of those titles to leave out.")
@click.option("--answers", is_flag=True, help="Also let every question be answered, and check the answers.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")
def evaluate_command(
    questions: tuple[Path, ...],
    knowledge_base: str | None,
    sentences: int,
    calibrate: bool,
    min_recall: float | None,
    compare: Path | None,
    passages: tuple[Path, ...],
    absent: float,
    answers: bool,
    as_json: bool,
) -> None:
    """Ask questions whose answers' places are known, and count what is found and what is refused.

    A line of --questions is {"question": "...", "file": "manual.pdf", "page": 3}; one without a file must be
    refused. With no --questions, sentences of the documents themselves are looked for.
    """
    from minicpm_rag.evaluation import calibrate_abilities, calibrate_evidence, evaluate
    from minicpm_rag.evaluation.answers import evaluate_answers
    from minicpm_rag.evaluation.question_sets import load_questions, sentence_questions

    with _workspace(passages, absent) as (workspace, present):
        retriever = workspace.retriever(knowledge_base)
        asked = [question for file in questions for question in load_questions(file)]
        if present is not None:
            asked = [_absent(question) if question.document not in present else question for question in asked]
        if not questions:
            asked = sentence_questions(retriever.library, retriever.knowledge_base, sentences)
        if calibrate:
            calibrate_abilities(retriever)
        with _progress("Asking", len(asked)) as step:
            scorecard = evaluate(retriever, asked, on_question=step)
        if calibrate and questions:
            calibrate_evidence(retriever, scorecard)
            scorecard = replace(scorecard, calibration=retriever.calibration())
        elif calibrate:
            click.echo("Measured what the embedder reads. The bar needs real questions: --questions.", err=True)
        scores = scorecard.as_json()
        if answers:
            with _progress("Answering", len(asked)) as step:
                scores["answers"] = evaluate_answers(workspace, retriever.knowledge_base, asked, on_question=step)
    _show(scores, as_json=as_json)
    worse = _worse(scores, compare)
    for line in worse:
        click.echo(line, err=True)
    if worse or (min_recall is not None and scores["recall@5"] < min_recall):
        raise click.exceptions.Exit(1)


def _absent(question: Question) -> Question:
    return replace(question, document=None, kind=question.kind or "removed_article")


@contextmanager
def _workspace(passages: Sequence[Path], absent: float) -> Iterator[tuple[Workspace, set[str] | None]]:
    """The person's workspace; with `passages`, one of a temporary library, and the ids that are in it."""
    from minicpm_rag.evaluation.passage_sets import ingest_folder, write_passages
    from minicpm_rag.settings import load_settings
    from minicpm_rag.worker import Worker
    from minicpm_rag.workspace import open_workspace

    settings = load_settings()
    if not passages:
        with open_workspace(settings) as workspace:
            yield workspace, None
        return
    with TemporaryDirectory(prefix="minicpm-rag-eval-") as temporary:
        home, folder = Path(temporary) / "home", Path(temporary) / "passages"
        folder.mkdir()
        present = write_passages(passages, folder, absent=absent)
        with open_workspace(settings.model_copy(update={"home": home, "chroma_url": None})) as workspace:
            worker = Worker(
                workspace.library,
                chunk_characters=settings.chunk_characters,
                chunk_overlap_characters=settings.chunk_overlap_characters,
            )
            with worker, _progress("Ingesting", len(present)) as step:
                ingest_folder(workspace.library, worker, settings.knowledge_base, folder, step)
            yield workspace, present


def _worse(scores: dict[str, Any], baseline: Path | None) -> list[str]:
    if baseline is None:
        return []
    before = json.loads(baseline.read_text(encoding="utf-8"))
    return [
        f"{name} was {before[name]:.3f} and is {scores[name]:.3f}"
        for name in ("recall@1", "recall@5", "mrr@5", "answer_shown")
        if scores[name] < before.get(name, 0.0) - 0.01
    ]


def _show(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False, indent=2))
        return
    rows = [[name, _number(value)] for name, value in scores.items() if isinstance(value, int | float)]
    for kind, refused in scores["unanswerable"].items():
        rows.append([f"{kind} refused", f"{refused['refused']:.3f} of {refused['questions']}"])
    for name, value in scores.get("answers", {}).items():
        rows.append([f"answers: {name}", value if isinstance(value, str) else _number(value)])
    echo_table(["Measure", "Value"], rows, right={1})


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[], object]]:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        yield partial(bar.advance, bar.add_task(label, total=length))


COMMANDS: tuple[click.Command, ...] = (evaluate_command,)
