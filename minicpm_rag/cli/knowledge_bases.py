"""`kb`: the knowledge bases, their names, their index, and their way to another machine."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from minicpm_rag.cli.library import json_option, knowledge_base_option
from minicpm_rag.cli.tables import echo_table


@click.group(short_help="Make, list, rename, delete, export, import, reindex.")
def kb() -> None:
    """List, make, rename, delete, export, import and reindex knowledge bases."""


@kb.command("list")
@json_option
def list_all(as_json: bool) -> None:
    """List the knowledge bases."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
        rows = library.knowledge_bases()
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
    elif not rows:
        click.echo("There is none yet. Run: minicpm-rag ingest PATH", err=True)
    else:
        echo_table(
            ["Name", "Documents", "Pages", "Chunks", "Embedder"],
            [[row.name, str(row.documents), str(row.pages), str(row.chunks), row.embedder] for row in rows],
            right={1, 2, 3},
        )


@kb.command()
@click.argument("name")
def create(name: str) -> None:
    """Make an empty knowledge base; any name, in any script."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
        click.echo(f"Made {library.create(name).name}")


@kb.command()
@click.argument("name")
@click.argument("new_name")
def rename(name: str, new_name: str) -> None:
    """Give a knowledge base another name."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
        library.rename(name, new_name)
    click.echo(f"Renamed {name} to {new_name}")


@kb.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Really delete it.")
def delete(name: str, yes: bool) -> None:
    """Delete a knowledge base with everything in it. The files it was made from stay where they are."""
    from minicpm_rag.cli.following import Interruption, following, report

    with Interruption() as interruption, following() as (_, library, worker):
        documents = library.knowledge_base(name).documents
        if not yes:
            raise click.UsageError(f"'{name}' holds {documents} documents. To delete it, add --yes.")
        report(library, worker, library.delete(name), interruption, as_json=False, count=False)
    click.echo(f"Deleted {name} ({documents} documents)")


@kb.command(short_help="Write a knowledge base into a zip file.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@knowledge_base_option
def export(file: Path, knowledge_base: str | None) -> None:
    """Write a knowledge base into the zip file FILE: texts, chunks and vectors, no original files."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
        library.export(knowledge_base or settings.knowledge_base, file)
    click.echo(str(file))


@kb.command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--name", help="Another name than it was exported with.")
@json_option
def import_file(file: Path, name: str | None, as_json: bool) -> None:
    """Read a knowledge base that `kb export` wrote."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_import

    with Interruption() as interruption, following() as (_, library, worker):
        report(library, worker, submit_import(library, file, name), interruption, as_json=as_json)


@kb.command(short_help="Build the index anew with the embedder set now.")
@click.argument("name", required=False)
@json_option
def reindex(name: str | None, as_json: bool) -> None:
    """Build the index anew with the embedder set now; the old one answers until the new one is whole."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_reindex

    with Interruption() as interruption, following() as (settings, library, worker):
        job = submit_reindex(library, name or settings.knowledge_base)
        report(library, worker, job, interruption, as_json=as_json)


COMMANDS: tuple[click.Command, ...] = (kb,)
