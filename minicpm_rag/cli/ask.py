"""`ask` and `search`: an answer with its citations, and the passages alone.

The answer and its citations go to stdout, everything else to stderr.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from minicpm_rag.cli.language import follow, language, said, t
from minicpm_rag.cli.library import in_option, json_option, knowledge_base_option
from minicpm_rag.cli.preparing import prepare
from minicpm_rag.cli.shown import (
    on_one_line,
    origin,
    passage_line,
)
from minicpm_rag.cli.tables import echo_table, printable_lines
from minicpm_rag.text.questions import check_question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from minicpm_rag.records import Answer, Retrieval, Scope, Trace
    from minicpm_rag.workspace import Workspace

_CELL_CHARACTERS = 35  # of a table's cell


@click.command(help="ask.help")
@click.argument("question")
@knowledge_base_option
@in_option
@json_option
@click.option("--anyway", is_flag=True, help="ask.anyway")
@click.option("--agent", is_flag=True, help="ask.agent")
def ask(
    question: str, knowledge_base: str | None, held_to: tuple[str, ...], as_json: bool, anyway: bool, agent: bool
) -> None:
    """Answer a question from the documents, with citations."""
    if agent:
        _in_steps(question, knowledge_base, held_to, as_json=as_json)
    else:
        answer(question, knowledge_base, held_to, as_json=as_json, anyway=anyway)


def answer(
    question: str, knowledge_base: str | None, held_to: Sequence[str], *, as_json: bool, anyway: bool = False
) -> None:
    """Answer on stdout, with the citations below; what happens meanwhile on stderr."""
    from minicpm_rag.records import Answer, Question, Retrieval, Rewritten, Text, Waiting
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

    _begin(question)
    with open_workspace(load_settings()) as workspace:
        if workspace.mode == "extractive":
            click.echo(t("ask.no_model"), err=True)
        _make_ready(workspace, knowledge_base)
        retrieval: Retrieval | None = None
        end = ""  # of what is written: a summary ends with a blank line
        asked = Question(question, answer_anyway=anyway, scope=_scope(workspace, knowledge_base, held_to))
        for event in workspace.chain(knowledge_base).stream(asked):
            if isinstance(event, Rewritten) and event.changed:
                click.echo(t("ask.rewritten", question=event.standalone_question), err=True)
            elif isinstance(event, Retrieval):
                retrieval = event
            elif isinstance(event, Waiting) and event.position:
                click.echo(t("ask.waiting", position=event.position), err=True)
            elif isinstance(event, Text) and not as_json:
                if event.anew:
                    click.echo("\n")
                click.echo(printable_lines(event.text), nl=False)
                end = (end + event.text)[-2:]
            elif isinstance(event, Answer) and retrieval is not None:
                if as_json:
                    click.echo(_as_json(question, retrieval, event))
                else:
                    if not end.endswith("\n"):
                        click.echo()
                    _show(event, retrieval, is_apart=end == "\n\n")


def _in_steps(question: str, knowledge_base: str | None, held_to: Sequence[str], *, as_json: bool) -> None:
    """Have an agent answer: each step on stderr, then the answer with its citations."""
    from minicpm_rag import agent
    from minicpm_rag.fields import answer_fields
    from minicpm_rag.records import Answer, Question
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

    _begin(question)
    with open_workspace(load_settings()) as workspace:
        _make_ready(workspace, knowledge_base)
        name = knowledge_base or workspace.settings.knowledge_base
        asked = Question(question, scope=_scope(workspace, knowledge_base, held_to))
        for step in agent.run(workspace, name, asked):
            if not isinstance(step, Answer):
                arguments = ", ".join(f"{key}={value!r}" for key, value in step.arguments.items())
                click.echo(t("ask.step", name=step.name, arguments=on_one_line(arguments)), err=True)
            elif as_json:
                fields = answer_fields(question, None, step, language())
                click.echo(json.dumps(fields, ensure_ascii=False, indent=2))
            else:
                click.echo(printable_lines(step.text))
                _show(step, None)


@click.command(help="search.help")
@click.argument("question")
@knowledge_base_option
@click.option("--limit", type=click.IntRange(1, 100), help="search.limit")
@click.option("--explain", is_flag=True, help="search.explain")
@in_option
@json_option
def search(
    question: str,
    knowledge_base: str | None,
    limit: int | None,
    explain: bool,
    held_to: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the passages found for a question, with their scores; no model is asked."""
    from minicpm_rag.fields import retrieval_fields
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

    _begin(question)
    with open_workspace(load_settings()) as workspace:
        _make_ready(workspace, knowledge_base)
        scope = _scope(workspace, knowledge_base, held_to)
        found = workspace.retriever(knowledge_base).retrieve(question, limit, filter=scope)
        if as_json:
            shown = retrieval_fields(question, found, explain=explain)
            click.echo(json.dumps(shown, ensure_ascii=False, indent=2))
            return
        for number, document in enumerate(found.documents, 1):
            click.echo(passage_line(number, document))
        click.echo(t("search.evidence", evidence=found.evidence, threshold=found.threshold), err=True)
        if explain and found.trace is not None:
            _explain(found.trace)


def _begin(question: str) -> None:
    follow(question)
    if not question.strip():
        raise click.UsageError(t("ask.blank"))
    check_question(question)


def _scope(workspace: Workspace, knowledge_base: str | None, held_to: Sequence[str]) -> Scope:
    """The documents that the question is held to; all where none are named."""
    from minicpm_rag.records import Scope

    name = knowledge_base or workspace.settings.knowledge_base
    return workspace.library.scope(name, held_to) if held_to else Scope()


def _make_ready(workspace: Workspace, knowledge_base: str | None) -> None:
    """Say where the knowledge base is empty; prepare its embedder where it is not."""
    name = knowledge_base or workspace.settings.knowledge_base
    entries = {entry.name: entry for entry in workspace.library.knowledge_bases()}
    if name in entries and not entries[name].documents:
        click.echo(t("ask.empty", name=name), err=True)
    elif name in entries:
        prepare(workspace.library.embedder_of(name))


def _show(answer: Answer, retrieval: Retrieval | None, *, is_apart: bool = False) -> None:
    from minicpm_rag.answering.source_language import source_note

    if answer.note is not None and answer.mode == "extractive":
        click.echo(said(answer.note), err=True)
    if answer.citations:
        if not is_apart:
            click.echo()
        click.echo(t("ask.citations"))
        last = ""
        shown = set()  # a quote that supports two sentences is shown once
        for citation in answer.citations:
            label = f"[{citation.number}] {origin(citation.document)}"
            if (label, citation.quote) in shown:
                continue
            shown.add((label, citation.quote))
            if label != last:
                click.echo(label)
            last = label
            click.echo(f"    {on_one_line(citation.quote)}")
        if note := source_note(answer):
            click.echo(said(note), err=True)
    if answer.unsupported:
        click.echo(t("ask.unsupported", count=len(answer.unsupported)), err=True)
        for start, end in answer.unsupported:
            click.echo(f"  ? {on_one_line(answer.text[start:end])}", err=True)
    if answer.note is not None and answer.mode == "extractive":
        click.echo(said(answer.note), err=True)
    if answer.mode == "refused" and retrieval is not None and retrieval.documents:
        click.echo(t("ask.refused", evidence=retrieval.evidence, threshold=retrieval.threshold), err=True)
        click.echo(t("ask.nearest"), err=True)
        for number, document in enumerate(retrieval.documents, 1):
            click.echo(passage_line(number, document), err=True)


def _scored(score: float, rank: int | None) -> str:
    return f"{score:.3f}" + (f" #{rank}" if rank else "")


def _explain(trace: Trace) -> None:
    click.echo("\n" + t("search.dense_weight", weight=trace.dense_weight))
    columns = ("score", "keyword", "dense", "words", "fate", "place", "text")
    echo_table(
        [t(f"column.{column}") for column in columns],
        [
            [
                f"{candidate.score:.3f}",
                "" if candidate.keyword_score is None else f"{candidate.keyword_score:.2f} #{candidate.keyword_rank}",
                "" if candidate.dense_score is None else _scored(candidate.dense_score, candidate.dense_rank),
                "" if candidate.closeness is None else f"{candidate.closeness:.2f}",
                said(candidate.fate),
                _cut(origin(candidate.document)),
                _cut(on_one_line(candidate.document.page_content)),
            ]
            for candidate in trace.candidates
        ],
        right={0, 1, 2, 3},
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 1] + "…"


def _as_json(question: str, retrieval: Retrieval, answer: Answer) -> str:
    from minicpm_rag.fields import answer_fields

    return json.dumps(answer_fields(question, retrieval, answer, language()), ensure_ascii=False, indent=2)


COMMANDS: tuple[click.Command, ...] = (ask, search)
