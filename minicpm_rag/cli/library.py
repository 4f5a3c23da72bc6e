"""`ingest`, `list`, `remove`: what is in the library, and how it gets there."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import click

from minicpm_rag.cli.language import said, t
from minicpm_rag.cli.preparing import prepare
from minicpm_rag.cli.tables import echo_json, echo_table

Names = TypeVar("Names", str, tuple[str, ...])

knowledge_base_option = click.option("--kb", "knowledge_base", help="option.kb")
json_option = click.option("--json", "as_json", is_flag=True, help="option.json")


def not_blank(context: click.Context, parameter: click.Parameter, named: Names) -> Names:
    """What is named, refused where a name is blank, as a variable of the shell that is not set leaves it.

    A blank path would be the whole current folder, a blank document all of them.
    """
    if not all(name.strip() for name in ((named,) if isinstance(named, str) else named)):
        raise click.BadParameter(t("option.blank"))
    return named


in_option = click.option(
    "--in", "held_to", callback=not_blank, multiple=True, metavar="FILE|FOLDER|TAG", help="option.in"
)


@click.command(help="ingest.help")
@click.argument("sources", callback=not_blank, nargs=-1, required=True, metavar="PATH|URL...")
@knowledge_base_option
@click.option("--sync", is_flag=True, help="ingest.sync")
@click.option("--watch", is_flag=True, help="ingest.watch")
@click.option("--password", default="", help="ingest.password")
@json_option
def ingest(
    sources: tuple[str, ...], knowledge_base: str | None, sync: bool, watch: bool, password: str, as_json: bool
) -> None:
    """Bring files, folders and web pages into a knowledge base."""
    from minicpm_rag.cli.following import PARTLY_DONE, Interruption, following, report
    from minicpm_rag.indexing import is_address, submit_ingest

    if watch and any(is_address(source) for source in sources):
        raise click.UsageError(t("ingest.no_watching"))
    if password == "-":
        password = click.prompt(t("ingest.ask_password"), hide_input=True)
    with Interruption() as interruption, following() as (settings, library, worker):
        name = knowledge_base or settings.knowledge_base

        prepare(library.embedder_of(name))

        def once() -> None:
            job = submit_ingest(library, name, sources, password=password, sync=sync)
            try:
                report(library, worker, job, interruption, as_json=as_json)
            except click.exceptions.Exit as end:
                if not watch or end.exit_code != PARTLY_DONE:  # a watch goes on, whatever becomes of one file
                    raise

        once()
        if watch:
            from watchfiles import Change, DefaultFilter
            from watchfiles import watch as changes

            usual, home = DefaultFilter(), settings.home.resolve()

            def counts(change: Change, path: str) -> bool:
                """Not what the library itself writes, should its folder be inside."""
                return usual(change, path) and not Path(path).resolve().is_relative_to(home)

            click.echo(t("ingest.watching"), err=True)
            for _ in changes(
                *sources, watch_filter=counts, stop_event=interruption, rust_timeout=500, raise_interrupt=False
            ):
                once()
            raise click.exceptions.Exit(130)


@click.command(help="remove.help")
@click.argument("sources", callback=not_blank, nargs=-1, required=True, metavar="SOURCE...")
@knowledge_base_option
@json_option
def remove(sources: tuple[str, ...], knowledge_base: str | None, as_json: bool) -> None:
    """Remove documents by title, path, address or folder."""
    from minicpm_rag.cli.following import Interruption, following, report
    from minicpm_rag.indexing import named_sources, submit_remove

    with Interruption() as interruption, following() as (settings, library, worker):
        name = knowledge_base or settings.knowledge_base
        meant = [source for named in sources for source in named_sources(library, name, named)]
        job = submit_remove(library, name, list(dict.fromkeys(meant)))
        report(library, worker, job, interruption, as_json=as_json)


@click.command("list", help="list.help")
@knowledge_base_option
@in_option
@json_option
def list_documents(knowledge_base: str | None, held_to: tuple[str, ...], as_json: bool) -> None:
    """List the documents of a knowledge base, and the files that could not be read."""
    from minicpm_rag.embedding.choice import load_embedders
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings
    from minicpm_rag.text.sizes import file_size

    settings = load_settings()
    found = load_embedders(settings.embedder, settings.home, service=settings.embedder_service)
    with Library.of(settings, found) as library:
        name = knowledge_base or settings.knowledge_base
        empty = knowledge_base is None and not library.knowledge_bases()
        rows = [] if empty else library.documents(name)
        within = library.within(name, library.scope(name, held_to)) if held_to else None
        rows = [row for row in rows if within is None or row.id in within]
        news = None if empty else library.reindex_news(name)
    if as_json:
        echo_json(rows)
        return
    if news is not None:
        click.echo(said(news), err=True)
    if not rows:
        click.echo(t("list.empty"), err=True)
        return
    columns = ("title", "status", "pages", "chunks", "size", "indexed", "tags", "source")
    echo_table(
        [t(f"column.{column}") for column in columns],
        [
            [
                row.title,
                t("status.ready") if row.status == "ready" else t("status.failed", reason=row.reason),
                f"{row.pages_indexed}/{row.pages_present}" if row.status == "ready" else "",
                str(row.chunks) if row.status == "ready" else "",
                file_size(row.size_bytes),
                row.indexed_at[:10],
                " ".join([*(f"#{tag}" for tag in row.tags), *([f"{row.folder}/"] if row.folder else [])]),
                ", ".join((row.source, *row.other_names)),
            ]
            for row in rows
        ],
        right={2, 3, 4},
    )


@click.command(help="tag.help")
@click.argument("documents", callback=not_blank, nargs=-1, required=True, metavar="FILE|FOLDER|TAG...")
@knowledge_base_option
@click.option("--add", multiple=True, metavar="TAG", help="tag.add")
@click.option("--drop", multiple=True, metavar="TAG", help="tag.drop")
@click.option("--folder", metavar="NAME", help="tag.folder")
def tag(
    documents: tuple[str, ...],
    knowledge_base: str | None,
    add: tuple[str, ...],
    drop: tuple[str, ...],
    folder: str | None,
) -> None:
    """Give documents tags, or put them into a folder of the library."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    if not (add or drop or folder is not None):
        raise click.UsageError(t("tag.nothing"))
    settings = load_settings()
    with Library.of(settings) as library:
        name = knowledge_base or settings.knowledge_base
        within = sorted(library.within(name, library.scope(name, documents)) or ())
        library.change_tags(within, add=add, drop=drop)
        if folder is not None:
            library.move(within, folder)
    click.echo(t("tag.done", count=len(within)), err=True)


COMMANDS: tuple[click.Command, ...] = (ingest, list_documents, remove, tag)
