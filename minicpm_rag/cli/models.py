"""`models`, `download`, `convert`, `doctor`: getting a model to answer with, and seeing what is missing."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from minicpm_rag.cli.language import said, t
from minicpm_rag.cli.tables import echo_table

if TYPE_CHECKING:
    from minicpm_rag.models.catalogue import Model
    from minicpm_rag.models.hardware import Hardware

PROGRESS_SECONDS = 5.0  # between lines where stderr is no terminal


@click.command(help="models.help")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def models(as_json: bool) -> None:
    """List the models: sizes, what fits this machine, what is here."""
    from minicpm_rag.models import CATALOGUE, choose, find_local
    from minicpm_rag.models.hardware import describe
    from minicpm_rag.settings import load_settings

    hardware = describe()
    local = find_local(load_settings().home)
    here = {entry.model.name: "incomplete" if entry.problems else "yes" for entry in local}
    # A GGUF model that is here tells more of itself than the catalogue.
    found = {entry.model.name: entry.model for entry in local}
    known = [*(found.pop(model.name, model) for model in CATALOGUE), *found.values()]
    choice = choose(hardware, [entry.model for entry in local if not entry.problems])
    table = [
        {**_facts(model, hardware), "here": here.get(model.name, ""), "chosen": choice.model == model}
        for model in known
    ]
    if as_json:
        told = {"models": table, "choice": choice.reason, "better": choice.better or ""}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2, default=str))
        return
    columns = (
        *("name", "kind", "parameters", "context", "download", "memory", "float32", "fits", "question", "here"),
        "modelscope",
    )
    rows = [_cells(model, row) for model, row in zip(known, table, strict=True)]
    echo_table(["", *(t(f"column.{column}") for column in columns)], rows, right={3, 4, 5, 6, 7, 9})
    click.echo("\n" + t("models.legend"))
    click.echo(said(choice.reason))
    if choice.better is not None:
        click.echo(t("models.better", words=said(choice.better)))
    for model in known:
        if model.note:
            click.echo("  " + t("models.about", name=model.name, words=said(model.note)))


def _facts(model: Model, hardware: Hardware) -> dict[str, Any]:
    """What there is to know of a model on this machine, as JSON has it."""
    from minicpm_rag.models import fits

    device = next((name for name in ("cuda", "cpu") if fits(model, hardware, name)), "")
    return {
        "name": model.name,
        "modelscope_id": model.modelscope_id,
        "kind": model.kind,
        "parameters": model.parameters,
        "context_tokens": model.context_tokens,
        "download_bytes": model.download_bytes,
        "memory_bytes": {name: model.memory_bytes(name) for name in ("bfloat16", "float32")},
        "estimated": model.estimated,
        "question_seconds": _question_seconds(model, hardware) if device == "cpu" else None,
        "fits": {"cuda": "GPU", "cpu": "processor"}.get(device, "no") if model.usable else "no",
        "note": model.note or "",
    }


def _cells(model: Model, facts: Mapping[str, Any]) -> list[str]:
    """A model's row of the table."""
    from minicpm_rag.text.sizes import file_size

    return [
        "*" if facts["chosen"] else "",
        model.name,
        t(f"kind.{model.kind}"),
        f"{'~' if model.estimated else ''}{model.parameters / 1e9:.2f} G",
        f"{model.context_tokens:,}",
        file_size(model.download_bytes),
        file_size(model.memory_bytes("bfloat16")),
        file_size(model.memory_bytes("float32")),
        t(f"fits.{facts['fits']}"),
        "" if facts["question_seconds"] is None else f"{facts['question_seconds']} s",
        t(f"here.{facts['here']}") if facts["here"] else "",
        model.modelscope_id,
    ]


def _question_seconds(model: Model, hardware: Hardware) -> int | None:
    """Whole seconds that a usual question takes on the processor; None for a model that does not answer."""
    from minicpm_rag.models import usual_seconds

    answers = model.kind == "chat" and model.usable and model.parameters
    return max(1, round(usual_seconds(model, hardware))) if answers else None


@click.command(help="download.help")
@click.argument("name", required=False)
@click.option("--recommended", is_flag=True, help="download.recommended")
@click.option("--revision", default="master", show_default=True, help="download.revision")
@click.option("--file", "file", metavar="NAME", help="download.file")
@click.option("--files", "only_list", is_flag=True, help="download.files")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="download.dir")
def download(
    name: str | None, recommended: bool, revision: str, file: str | None, only_list: bool, directory: Path | None
) -> None:
    """Fetch a model from ModelScope, going on where an earlier try broke off."""
    from minicpm_rag.models import download as fetch
    from minicpm_rag.models import find_model, folder_of
    from minicpm_rag.models import recommended as recommended_for
    from minicpm_rag.models.hardware import describe
    from minicpm_rag.settings import load_settings

    if recommended == (name is not None) or (recommended and directory is not None):
        raise click.UsageError(t("download.which"))
    if name is None and (file is not None or only_list):
        raise click.UsageError(t("download.which_file"))
    home = load_settings().home
    wanted = [find_model(name)] if name is not None else recommended_for(describe())
    if only_list:
        _echo_files(wanted[0], directory or folder_of(home, wanted[0]), revision)
        return
    if file is not None:
        wanted = [replace(wanted[0], gguf_file=file)]
    if not wanted:
        click.echo(t("download.none_fits"))
    for model in wanted:
        progress = _Progress(model)
        folder = fetch(model, directory or folder_of(home, model), revision=revision, on_progress=progress)
        progress.end()
        click.echo(str(folder))
        variable = {"embedding": "MINICPM_RAG_EMBEDDER", "rerank": "MINICPM_RAG_RERANKER"}.get(model.kind)
        if variable or directory is not None:
            click.echo(t("download.use", setting=f"{variable or 'MINICPM_RAG_MODEL'}={folder}"), err=True)


def _echo_files(model: Model, folder: Path, revision: str) -> None:
    """The GGUF files of a repository with their sizes; the one that would be fetched is marked."""
    from minicpm_rag.models import list_gguf
    from minicpm_rag.text.sizes import file_size

    files = list_gguf(model, folder, revision=revision)
    if not files:
        click.echo(t("download.no_gguf", id=model.modelscope_id))
        return
    rows = [["*" if found.chosen else "", found.name, file_size(found.size)] for found in files]
    echo_table(["", t("column.name"), t("column.download")], rows, right={2})


@click.command(help="convert.help")
@click.argument("folder", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def convert(folder: Path, target: Path) -> None:
    """Write a bfloat16 safetensors copy of the checkpoint FOLDER to TARGET; it loads much quicker."""
    from minicpm_rag.llm.checkpoint import convert as convert_checkpoint

    click.echo(str(convert_checkpoint(folder, target)))


@click.command(help="doctor.help")
@click.option("--check", is_flag=True, help="doctor.check")
@click.option("--json", "as_json", is_flag=True, help="option.json")
def doctor(check: bool, as_json: bool) -> None:
    """Say what is installed, what answers and how quickly, and what is missing."""
    from minicpm_rag.doctor import examine
    from minicpm_rag.errors import RAGError
    from minicpm_rag.settings import load_settings

    findings = examine(load_settings(), check=check)
    problems = [finding for finding in findings if finding.problem]
    if as_json:
        lines = [
            {
                "name": finding.name,
                "value": finding.value,
                "ok": not finding.problem,
                "advice": finding.advice or "",
            }
            for finding in findings
        ]
        click.echo(json.dumps({"ok": not problems, "findings": lines}, ensure_ascii=False, indent=2, default=str))
    else:
        echo_table(
            ["", "", ""],
            [["!" if one.problem else "", said(one.name), said(one.value)] for one in findings],
            right=set(),
        )
        for finding in findings:
            if finding.advice:
                line = t("models.about", name=said(finding.name), words=said(finding.advice))
                click.echo(f"! {line}" if finding.problem else line)
    if problems:
        raise RAGError("system.need_attention", count=len(problems), names=[said(one.name) for one in problems])


@click.command("test-server", help="test_server.help")
@click.argument("address", required=False)
@click.option("--model", help="test_server.model")
def test_server(address: str | None, model: str | None) -> None:
    """Say whether an OpenAI-compatible server answers, with which models, and how soon."""
    from minicpm_rag.settings import load_settings
    from minicpm_rag.workspace import open_workspace

    settings = load_settings()
    named = address or settings.llm_url
    if named is None:
        raise click.UsageError(t("test_server.no_address"))
    key = None if settings.llm_api_key is None else settings.llm_api_key.get_secret_value()
    with open_workspace(settings) as workspace:
        found = workspace.test_server(named, model or settings.llm_model, key)
    click.echo(t("test_server.models", models=found.models))
    click.echo(
        t(
            "test_server.answers",
            model=found.model,
            seconds=found.first_token_seconds,
            tokens=found.context_tokens,
        )
    )


class _Progress:
    """How far a download is, on stderr: one line rewritten on a terminal, a line now and then elsewhere."""

    def __init__(self, model: Model) -> None:
        self._name = model.name
        self._started = time.monotonic()
        self._first: int | None = None
        self._shown = 0.0
        self._terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        from rich.cells import cell_len

        now = time.monotonic()
        self._first = done if self._first is None else self._first
        if done < total and now - self._shown < (0.2 if self._terminal else PROGRESS_SECONDS):
            return
        self._shown = now
        speed = (done - self._first) / max(now - self._started, 0.001)
        percent = 100 * done // max(total, 1)
        text = t("download.progress", name=self._name, percent=percent, size=total, speed=int(speed))
        if self._terminal:
            text = "\r" + text + " " * (78 - cell_len(text))  # over the longer line before it
        click.echo(text, err=True, nl=not self._terminal)

    def end(self) -> None:
        if self._terminal and self._shown:
            click.echo("", err=True)


COMMANDS: tuple[click.Command, ...] = (models, download, convert, test_server, doctor)
