"""`summarize`, `compare`, `table`: whole documents, and computations over the tables in them."""

from __future__ import annotations

import click

from minicpm_rag.cli.ask import answer
from minicpm_rag.cli.language import t
from minicpm_rag.cli.library import in_option, json_option, knowledge_base_option, not_blank
from minicpm_rag.cli.tables import echo_json, echo_table


@click.command(help="summarize.help")
@click.argument("documents", callback=not_blank, nargs=-1, required=True, metavar="FILE...")
@knowledge_base_option
@json_option
def summarize(documents: tuple[str, ...], knowledge_base: str | None, as_json: bool) -> None:
    """Summarize documents by their sections, each sentence cited."""
    answer(t("summarize.question"), knowledge_base, documents, as_json=as_json)


@click.command(help="compare.help")
@click.argument("first", callback=not_blank, metavar="FILE")
@click.argument("second", callback=not_blank, metavar="FILE")
@knowledge_base_option
@json_option
def compare(first: str, second: str, knowledge_base: str | None, as_json: bool) -> None:
    """Compare two documents sentence by sentence, what differs first."""
    answer(t("compare.question"), knowledge_base, (first, second), as_json=as_json)


@click.command(help="table.help")
@click.argument("question", required=False)
@knowledge_base_option
@in_option
@json_option
def table(question: str | None, knowledge_base: str | None, held_to: tuple[str, ...], as_json: bool) -> None:
    """List the tables in the documents, or compute an answer over them."""
    from minicpm_rag.answering.tables import compute
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    name = knowledge_base or settings.knowledge_base
    with Library.of(settings) as library:
        within = library.within(name, library.scope(name, held_to)) if held_to else None
        tables = [each for each in library.tables(name) if within is None or each.document_id in within]
        is_empty = not library.ready_documents(name)
        is_understood = question is None or compute(question, library, name, within=within) is not None
    if question is not None:
        if not is_understood:
            click.echo(t("table.not_understood"), err=True)
        answer(question, knowledge_base, held_to, as_json=as_json)
    elif as_json:
        echo_json(tables)
    elif not tables:
        click.echo(t("ask.empty", name=name) if is_empty else t("table.none"), err=True)
    else:
        echo_table(
            [t(f"column.{column}") for column in ("title", "sheet", "rows", "columns")],
            [
                [
                    each.title,
                    each.label or each.caption,
                    str(each.rows),
                    ", ".join(f"{column.name} ({column.unit or t(f'kind.{column.kind}')})" for column in each.columns),
                ]
                for each in tables
            ],
            right={2},
        )


COMMANDS: tuple[click.Command, ...] = (summarize, compare, table)
