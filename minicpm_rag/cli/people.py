"""`people`: who signed in, what was done, tokens that act for users; for whoever may read the home folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from minicpm_rag.cli.language import t
from minicpm_rag.cli.library import json_option
from minicpm_rag.cli.tables import echo_json, echo_table

if TYPE_CHECKING:
    from minicpm_rag.library import Library


@click.group(help="people.help")
def people() -> None:
    """Users of a page with a login."""


@people.command("list", help="people.list.help")
@json_option
def list_all(as_json: bool) -> None:
    """List who has signed in."""
    with opened() as library:
        rows = library.users()
    if as_json:
        echo_json(rows)
    else:
        echo_table(
            [t("column.user"), t("column.groups"), t("column.at")],
            [[row.user, row.groups, row.seen_at] for row in rows],
        )


@people.command(help="people.audit.help")
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="people.audit.limit")
@json_option
def audit(limit: int, as_json: bool) -> None:
    """Show who did what."""
    with opened() as library:
        rows = library.audit(limit)
    if as_json:
        echo_json(rows)
    else:
        columns = [t(f"column.{one}") for one in ("at", "user", "action", "knowledge_base", "detail")]
        echo_table(columns, [[row.at, row.user, row.action, row.knowledge_base, row.detail] for row in rows])


@people.command(help="people.token.help")
@click.argument("user")
def token(user: str) -> None:
    """Make a token of the API that acts for a user."""
    made = secrets.token_urlsafe(32)
    with opened() as library:
        library.add_token(made, user)
    click.echo(made)


@people.command("end-tokens", help="people.end_tokens.help")
@click.argument("user")
def end_tokens(user: str) -> None:
    """End all tokens of a user."""
    with opened() as library:
        click.echo(t("people.ended", count=library.drop_tokens(user), user=user))


@contextmanager
def opened() -> Iterator[Library]:
    """The library of the home folder, for what needs no embedder."""
    from minicpm_rag.library import Library
    from minicpm_rag.settings import load_settings

    with Library.of(load_settings()) as library:
        yield library


COMMANDS: tuple[click.Command, ...] = (people,)
