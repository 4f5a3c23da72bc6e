"""`ingest`, `list`, `remove`: what is in the library, and how it gets there."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from minicpm_rag.cli.tables import echo_table

knowledge_base_option = click.option(
    "--kb", "knowledge_base", help="Knowledge base.  [default: MINICPM_RAG_KNOWLEDGE_BASE]"
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH|URL...")
@knowledge_base_option
@click.option("--sync", is_flag=True, help="Also remove documents whose files have left the named folders.")
@click.option("--watch", is_flag=True, help="Stay, and ingest again whenever something there changes.")
@json_option
def ingest(sources: tuple[str, ...], knowledge_base: str | None, sync: bool, watch: bool, as_json: bool) -> None:
    """Bring files, folders and web pages into a knowledge base.

    Files that are there already, unchanged, cost nothing; a changed file replaces its old version.
    """
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_ingest
    from minicpm_rag.indexing.sources import is_address

    if watch and any(is_address(source) for source in sources):
        raise click.UsageError("Web addresses cannot be watched.")
    with Interruption() as interruption, following() as (settings, library, worker):
        name = knowledge_base or settings.knowledge_base

        def once() -> None:
            job = submit_ingest(library, name, sources, sync=sync)
            report(library, worker, job, interruption, as_json=as_json)

        once()
        if watch:
            from watchfiles import watch as changes

            click.echo("Watching; Ctrl-C ends it.", err=True)
            for _ in changes(*sources, stop_event=interruption, rust_timeout=500, raise_interrupt=False):
                once()
            raise click.exceptions.Exit(130)


@click.command(short_help="Remove documents by title, path, address or folder.")
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@knowledge_base_option
@json_option
def remove(sources: tuple[str, ...], knowledge_base: str | None, as_json: bool) -> None:
    """Remove documents, named as `list` shows them: by title, path, address, or a whole folder."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import submit_remove
    from minicpm_rag.indexing.removing import resolve

    with Interruption() as interruption, following() as (settings, library, worker):
        name = knowledge_base or settings.knowledge_base
        meant = [source for named in sources for source in resolve(library, name, named)]
        job = submit_remove(library, name, list(dict.fromkeys(meant)))
        report(library, worker, job, interruption, as_json=as_json)


@click.command("list", short_help="List the documents of a knowledge base.")
@knowledge_base_option
@json_option
def list_documents(knowledge_base: str | None, as_json: bool) -> None:
    """List the documents of a knowledge base, and the files that could not be read."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
        empty = knowledge_base is None and not library.knowledge_bases()
        rows = [] if empty else library.documents(knowledge_base or settings.knowledge_base)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=2))
        return
    if not rows:
        click.echo("Nothing is in it yet. Run: minicpm-rag ingest PATH", err=True)
        return
    echo_table(
        ["Title", "Status", "Pages", "Chunks", "Size", "Indexed", "Source"],
        [
            [
                row.title,
                row.status if row.status == "ready" else f"{row.status}: {row.reason}",
                f"{row.pages_indexed}/{row.pages_present}" if row.status == "ready" else "",
                str(row.chunks) if row.status == "ready" else "",
                _size(row.size_bytes),
                row.indexed_at[:10],
                ", ".join((row.source, *row.other_names)),
            ]
            for row in rows
        ],
        right={2, 3, 4},
    )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


COMMANDS: tuple[click.Command, ...] = (ingest, list_documents, remove)
