"""`eval`: a scorecard of retrieval and refusal, on a user's own documents or a public question set."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.cli.language import t
from minicpm_rag.cli.library import json_option, knowledge_base_option
from minicpm_rag.cli.tables import echo_table

if TYPE_CHECKING:
    from minicpm_rag.evaluation import Scorecard
    from minicpm_rag.evaluation.as_typed import Way
    from minicpm_rag.evaluation.question_sets import ReferenceQuestion
    from minicpm_rag.retrieval import HybridRetriever
    from minicpm_rag.workspace import Workspace

_file = click.Path(exists=True, dir_okay=False, path_type=Path)
_new_file = click.Path(dir_okay=False, writable=True, path_type=Path)
# Measures that are better the higher they are, and those that are better the lower.
_HIGHER = (
    *("recall@1", "recall@5", "mrr@5", "answer_shown", "refused"),
    *("answer_contained", "quotes_true", "quoted_right_place", "unanswerable_refused"),
)
_LOWER = ("answerable_refused",)


@click.command("eval", help="eval.help")
@click.argument("questions", nargs=-1, type=_file)
@knowledge_base_option
@click.option("--count", type=click.IntRange(min=1), help="eval.count")
@click.option("--make-questions", "draft", type=_new_file, help="eval.make_questions")
@click.option("--praised", type=_new_file, help="eval.praised")
@click.option("--calibrate", is_flag=True, help="eval.calibrate")
@click.option("--min-recall", type=click.FloatRange(0, 1), help="eval.min_recall")
@click.option("--compare", type=_file, help="eval.compare")
@click.option("--passages", multiple=True, type=_file, help="eval.passages")
@click.option("--absent", type=click.FloatRange(0, 1), default=0.0, help="eval.absent")
@click.option("--typed", type=click.Choice(["typos", "polite"]), help="eval.typed")
@click.option("--answers", is_flag=True, help="eval.answers")
@json_option
def evaluate_command(
    questions: tuple[Path, ...],
    knowledge_base: str | None,
    count: int | None,
    draft: Path | None,
    praised: Path | None,
    calibrate: bool,
    min_recall: float | None,
    compare: Path | None,
    passages: tuple[Path, ...],
    absent: float,
    typed: Way | None,
    answers: bool,
    as_json: bool,
) -> None:
    """Ask questions whose answers' places are known, and count what is found and what is refused."""
    if draft is not None:
        _draft(draft, knowledge_base, count or 30)
        return
    if praised is not None:
        _write_praised(praised, knowledge_base)
        return
    before = _baseline(compare)
    with _workspace(passages, absent) as (workspace, present):
        retriever = workspace.retriever(knowledge_base)
        asked = _asked(retriever, questions, count, present=present, typed=typed)
        scores = _scored(retriever, asked, calibrate=calibrate, are_written=bool(questions)).as_json()
        if answers:
            from minicpm_rag.evaluation.answers import evaluate_answers

            with _progress(t("eval.answering"), len(asked)) as step:
                scores["answers"] = evaluate_answers(workspace, retriever.knowledge_base, asked, on_question=step)
    _show(scores, as_json=as_json)
    worse = _worse(scores, before)
    for line in worse:
        click.echo(line, err=True)
    if worse or (min_recall is not None and scores["recall@5"] < min_recall):
        raise click.exceptions.Exit(1)


def _asked(
    retriever: HybridRetriever,
    files: Sequence[Path],
    count: int | None,
    *,
    present: Collection[str] | None,
    typed: Way | None,
) -> list[ReferenceQuestion]:
    """The questions of the files, or, without any, sentences of the documents; mistyped where that is wanted.

    Where only some documents are `present`, a question about another one has no answer.
    """
    from minicpm_rag.errors import DocumentError
    from minicpm_rag.evaluation.as_typed import as_typed
    from minicpm_rag.evaluation.question_sets import load_questions, sentence_questions

    if files:
        asked = [question for file in files for question in load_questions(file)]
        if present is not None:
            asked = [_absent(question) if question.document not in present else question for question in asked]
        if count is not None:
            asked = random.Random(0).sample(asked, min(count, len(asked)))
    else:
        asked = sentence_questions(retriever.library, retriever.knowledge_base, count or 200)
    if not asked:
        raise DocumentError("evaluation.no_sentence")
    if typed is not None:
        asked = [replace(one, text=as_typed(one.text, typed, seed)) for seed, one in enumerate(asked)]
    return asked


def _scored(
    retriever: HybridRetriever, asked: Sequence[ReferenceQuestion], *, calibrate: bool, are_written: bool
) -> Scorecard:
    """Ask, and calibrate where that is wanted: the evidence only on questions that people have written."""
    from minicpm_rag.evaluation import calibrate_abilities, calibrate_evidence, evaluate

    if calibrate:
        calibrate_abilities(retriever)
    with _progress(t("eval.asking"), len(asked)) as step:
        scorecard = evaluate(retriever, asked, on_question=step)
    if calibrate and are_written:
        calibrate_evidence(retriever, scorecard)
        scorecard = replace(scorecard, calibration=retriever.calibration())
    elif calibrate:
        click.echo(t("eval.abilities_only"), err=True)
    return scorecard


def _write_praised(file: Path, knowledge_base: str | None) -> None:
    """Write the answers that users called good as a question file."""
    from minicpm_rag.evaluation.question_sets import praised_questions
    from minicpm_rag.library.conversations import Conversations
    from minicpm_rag.library.ledger.opening import open_ledger
    from minicpm_rag.settings import load_settings

    if file.exists():
        raise click.UsageError(t("eval.draft_exists", file=file))
    settings = load_settings()
    conversations = Conversations(open_ledger(settings.home, settings.database_url))
    try:
        lines = list(praised_questions(conversations.praised(knowledge_base or settings.knowledge_base)))
    finally:
        conversations.close()
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    click.echo(t("eval.praised_written", count=len(lines), file=file))


def _absent(question: ReferenceQuestion) -> ReferenceQuestion:
    kind = question.kind if question.document is None else "removed_article"
    return replace(question, document=None, kind=kind)


@contextmanager
def _workspace(passages: Sequence[Path], absent: float) -> Iterator[tuple[Workspace, set[str] | None]]:
    """The user's workspace; with `passages`, one of a temporary library, and the ids that are in it."""
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
        with open_workspace(
            settings.model_copy(update={"home": home, "chroma_url": None, "database": None})
        ) as workspace:
            worker = Worker(workspace.library, settings.chunk_size)
            with worker, _progress(t("eval.ingesting"), len(present)) as step:
                ingest_folder(workspace.library, worker, settings.knowledge_base, folder, step)
            yield workspace, present


def _draft(file: Path, knowledge_base: str | None, count: int) -> None:
    """Write what the model drafts into a new file."""
    from minicpm_rag.errors import ModelError
    from minicpm_rag.evaluation.drafting import as_line, draft_questions

    if file.exists():
        raise click.UsageError(t("eval.draft_exists", file=file))
    with _workspace((), 0) as (workspace, _):
        retriever = workspace.retriever(knowledge_base)
        if workspace.llm is None:
            raise ModelError("evaluation.no_model_to_draft")
        shown = good = 0
        with file.open("x", encoding="utf-8") as out, _progress(t("eval.drafting"), count) as step:
            for question in draft_questions(workspace.llm, retriever.library, retriever.knowledge_base, count):
                shown += 1
                if question is not None:
                    good += 1
                    out.write(as_line(question) + "\n")
                    out.flush()  # a model is slow, and the user may stop it
                    step()
    if not good:
        file.unlink()
    click.echo(t("eval.drafted" if good else "eval.none_drafted", good=good, shown=shown, file=file), err=True)


def _baseline(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        return _flat(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError) as exc:
        raise click.UsageError(t("eval.no_baseline", file=file, reason=str(exc))) from exc


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
        t("eval.worse", name=name, before=before[name], now=value)
        for name, value in now.items()
        if (before.get(name, value) - value) * (-1 if name.rpartition(".")[2] in _LOWER else 1) > 0.01
    ]


def _show(scores: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(scores, ensure_ascii=False, indent=2))
        return
    rows = [[_words(name), _number(value)] for name, value in scores.items() if isinstance(value, int | float)]
    for kind, refused in scores["unanswerable"].items():
        rows.append(
            [
                t("eval.kind_refused", kind=kind),
                t("eval.share_of", share=refused["refused"], count=refused["questions"]),
            ]
        )
    answers = scores.get("answers", {})
    for kind, share in answers.get("kinds", {}).items():
        shown = t("eval.share_of", share=share["answer_contained"], count=share["questions"])
        rows.append([t("eval.kind_right", kind=kind), shown])
    for name, value in answers.items():
        if isinstance(value, dict):
            continue
        shown = value if isinstance(value, str) else _number(value)
        rows.append([t("eval.of_answers", measure=_words(name)), shown])
    echo_table([t("column.measure"), t("column.value")], rows, right={1})


def _words(name: str) -> str:
    """A measure's name for people: the JSON field with spaces, which is what papers call it."""
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
