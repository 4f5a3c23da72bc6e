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

from minicpm_rag.cli.tables import echo_table

if TYPE_CHECKING:
    from minicpm_rag.evaluation.question_sets import Question
    from minicpm_rag.workspace import Workspace

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_new_file = click.Path(dir_okay=False, writable=True, path_type=Path)
# Measures that are better the higher they are, and those that are better the lower.
_HIGHER = (
    *("recall@1", "recall@5", "mrr@5", "answer_shown", "refused"),
    *("answer_contained", "quotes_true", "quoted_right_place", "unanswerable_refused"),
)
_LOWER = ("answerable_refused",)


@click.command("eval", short_help="Measure what is found, refused and rightly cited.")
@click.argument("questions", nargs=-1, type=_file)
@click.option("--kb", "knowledge_base", help="Knowledge base.  [default: MINICPM_RAG_KNOWLEDGE_BASE]")
@click.option("--count", type=click.IntRange(min=1), help="Own sentences to ask for [200], or questions to make [30].")
@click.option("--make-questions", "draft", type=_new_file, help="Have the model draft questions into this file.")
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
    count: int | None,
    draft: Path | None,
    calibrate: bool,
    min_recall: float | None,
    compare: Path | None,
    passages: tuple[Path, ...],
    absent: float,
    answers: bool,
    as_json: bool,
) -> None:
    """Ask questions whose answers' places are known, and count what is found and what is refused.

    A line of QUESTIONS is {"question": "...", "file": "manual.pdf", "page": 3}; one without a file must be
    refused. With no QUESTIONS, sentences of the documents themselves are looked for.
    """
    if draft is not None:
        _draft(draft, knowledge_base, count or 30)
        return
    before = _baseline(compare)
    from minicpm_rag.evaluation import calibrate_abilities, calibrate_evidence, evaluate
    from minicpm_rag.evaluation.answers import evaluate_answers
    from minicpm_rag.evaluation.question_sets import load_questions, sentence_questions

    with _workspace(passages, absent) as (workspace, present):
        retriever = workspace.retriever(knowledge_base)
        asked = [question for file in questions for question in load_questions(file)]
        if present is not None:
            asked = [_absent(question) if question.document not in present else question for question in asked]
        if not questions:
            asked = sentence_questions(retriever.library, retriever.knowledge_base, count or 200)
        if calibrate:
            calibrate_abilities(retriever)
        with _progress("Asking", len(asked)) as step:
            scorecard = evaluate(retriever, asked, on_question=step)
        if calibrate and questions:
            calibrate_evidence(retriever, scorecard)
            scorecard = replace(scorecard, calibration=retriever.calibration())
        elif calibrate:
            click.echo("Measured what the embedder reads. The bar needs real questions: name a file of them.", err=True)
        scores = scorecard.as_json()
        if answers:
            with _progress("Answering", len(asked)) as step:
                scores["answers"] = evaluate_answers(workspace, retriever.knowledge_base, asked, on_question=step)
    _show(scores, as_json=as_json)
    worse = _worse(scores, before)
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
    from minicpm_rag.indexing import Worker
    from minicpm_rag.settings import load_settings
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
            worker = Worker(workspace.library, settings.chunk_size)
            with worker, _progress("Ingesting", len(present)) as step:
                ingest_folder(workspace.library, worker, settings.knowledge_base, folder, step)
            yield workspace, present


def _draft(file: Path, knowledge_base: str | None, count: int) -> None:
    """Write what the model drafts; a file that is there already is somebody's work."""
    from minicpm_rag.errors import ModelError
    from minicpm_rag.evaluation.drafting import as_line, draft_questions

    if file.exists():
        raise click.UsageError(f"{file} is there already. Name a new file for --make-questions.")
    with _workspace((), 0) as (workspace, _):
        retriever = workspace.retriever(knowledge_base)
        if workspace.llm is None:
            raise ModelError(
                "No model is here to draft questions. Get one: python -m minicpm_rag download --recommended"
            )
        shown = good = 0
        with file.open("x", encoding="utf-8") as out, _progress("Drafting", count) as step:
            for question in draft_questions(workspace.llm, retriever.library, retriever.knowledge_base, count):
                shown += 1
                if question is not None:
                    good += 1
                    out.write(as_line(question) + "\n")
                    out.flush()  # a model is slow, and a person may have enough
                    step()
    if not good:
        file.unlink()
    where = f"are in {file}; read them first" if good else "were of use"
    click.echo(f"{good} questions of {shown} drafted {where}.", err=True)


def _baseline(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return _flat(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as exc:
        raise click.UsageError(f"{file} is not what `eval --json` printed: {exc}") from exc


def _flat(scores: dict[str, Any], before: str = "") -> dict[str, float]:
    """Every rate by its whole name, such as answers.quotes_true."""
    found: dict[str, float] = {}
    for name, value in scores.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{before}{name}.")
        elif name in (*_HIGHER, *_LOWER):
            found[before + name] = value
    return found


def _worse(scores: dict[str, Any], before: dict[str, float]) -> list[str]:
    now = _flat(scores)
    return [
        f"{name} was {before[name]:.3f} and is {value:.3f}"
        for name, value in now.items()
        if (before.get(name, value) - value) * (-1 if name.rpartition(".")[2] in _LOWER else 1) > 0.01
    ]


def _show(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False, indent=2))
        return
    rows = [[_words(name), _number(value)] for name, value in scores.items() if isinstance(value, int | float)]
    for kind, refused in scores["unanswerable"].items():
        rows.append([f"{kind} refused", f"{refused['refused']:.3f} of {refused['questions']}"])
    for name, value in scores.get("answers", {}).items():
        rows.append([f"answers: {_words(name)}", value if isinstance(value, str) else _number(value)])
    echo_table(["Measure", "Value"], rows, right={1})


def _words(name: str) -> str:
    return name.replace("_", " ")


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
