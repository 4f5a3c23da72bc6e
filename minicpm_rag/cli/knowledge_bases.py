"""`kb`: the knowledge bases, their names, their index, and their way to another machine."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from minicpm_rag.cli.language import said, t
from minicpm_rag.cli.library import json_option, knowledge_base_option
from minicpm_rag.cli.preparing import prepare
from minicpm_rag.cli.tables import echo_json, echo_table


@click.group(help="kb.help")
def kb() -> None:
    """List, make, rename, delete, export, import and reindex knowledge bases."""


@kb.command("list", help="kb.list.help")
@json_option
def list_all(as_json: bool) -> None:
    """List the knowledge bases."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    with Library.of(load_settings()) as library:
        rows = library.knowledge_bases()
    if as_json:
        echo_json(rows)
    elif not rows:
        click.echo(t("kb.none"), err=True)
    else:
        echo_table(
            [t(f"column.{column}") for column in ("name", "documents", "pages", "chunks", "embedder")],
            [[row.name, str(row.documents), str(row.pages), str(row.chunks), row.embedder] for row in rows],
            right={1, 2, 3},
        )


@kb.command(help="kb.create.help")
@click.argument("name")
def create(name: str) -> None:
    """Make an empty knowledge base."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    with Library.of(load_settings()) as library:
        click.echo(t("kb.created", name=library.create(name).name))


@kb.command(help="kb.rename.help")
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a knowledge base another name."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    with Library.of(load_settings()) as library:
        library.rename(name, new_name)
    click.echo(t("kb.renamed", name=name, new_name=new_name))


@kb.command(help="kb.delete.help")
@click.argument("name")
@click.option("--yes", is_flag=True, help="kb.delete.yes")
def delete(name: str, yes: bool) -> None:
    """Delete a knowledge base with everything in it."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_delete

    with Interruption() as interruption, following() as (_, library, worker):
        documents = library.knowledge_base(name).documents
        if not yes:
            raise click.UsageError(t("kb.delete.unsure", name=name, documents=documents))
        report(library, worker, submit_delete(library, name), interruption, as_json=False, count=False)
    click.echo(t("kb.deleted", name=name, documents=documents))


@kb.command(help="kb.export.help")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@knowledge_base_option
def export(file: Path, knowledge_base: str | None) -> None:
    """Write a knowledge base into a zip file."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library.of(settings) as library:
        library.export(knowledge_base or settings.knowledge_base, file)
    click.echo(str(file))


@kb.command(help="kb.share.help")
@click.argument("name")
@click.argument("who", required=False)
@click.argument("level", required=False, type=click.Choice(["none", "read", "write", "manage"]))
def share(name: str, who: str | None, level: str | None) -> None:
    """Say who may use a knowledge base where users sign in, or change it."""
    from minicpm_rag.library import Library
    from minicpm_rag.records import LEVELS
    from minicpm_rag.settings import load_settings

    with Library.of(load_settings()) as library:
        if who is not None:
            kind, _, grantee = who.partition(":")
            if kind not in ("everyone", "user", "group") or level is None or bool(grantee) is (kind == "everyone"):
                raise click.UsageError(t("kb.share.usage"))
            wanted = next((one for one in LEVELS if one == level), None)
            library.share(name, kind, grantee, wanted)  # type: ignore[arg-type]
        found = library.sharing(name)
        rows = [["everyone", found.everyone or "none"]]
        rows += [[f"{one.kind}:{library.shown(one.name)}", one.level] for one in found.grants]
    echo_table([t("column.who"), t("column.level")], rows)


@kb.command("import", help="kb.import.help")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="kb.import.name")
@json_option
def import_file(file: Path, name: str | None, as_json: bool) -> None:
    """Read a knowledge base that `kb export` wrote."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_import

    with Interruption() as interruption, following() as (_, library, worker):
        report(library, worker, submit_import(library, file, name), interruption, as_json=as_json)


@kb.command(help="kb.reindex.help")
@click.argument("name", required=False)
@json_option
def reindex(name: str | None, as_json: bool) -> None:
    """Build the index again with the embedder that is set now."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_reindex

    with Interruption() as interruption, following() as (settings, library, worker):
        job = submit_reindex(library, name or settings.knowledge_base)
        if library.embedder is not None:
            prepare(library.embedder)
        report(library, worker, job, interruption, as_json=as_json)


@click.command(help="move.help")
@click.option("--to", "target", required=True, help="move.to")
def move(target: str) -> None:
    """Copy the library into a PostgreSQL database, or from there into a folder."""
    from rich.console import Console

    from minicpm_rag.indexing import move_library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    console = Console(stderr=True)
    with console.status("") if console.is_terminal else nullcontext() as status:

        def follow(table: str, rows: int) -> None:
            if status is not None:
                status.update(t("move.progress", table=table, rows=rows))

        click.echo(said(move_library(settings.home, settings.database_url, target, follow)))


COMMANDS: tuple[click.Command, ...] = (kb, move)
