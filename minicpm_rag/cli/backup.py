"""`backup` and `restore`: the whole library in one file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from minicpm_rag.cli.language import t
from minicpm_rag.errors import SettingsError


@click.command(help="backup.help")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> None:
    """Write the whole library into one file, also while the page runs."""
    from minicpm_rag.library.backup import back_up
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    if settings.database is not None:
        raise SettingsError("library.backup_elsewhere")
    with _bar(t("backup.working")) as on_progress:
        report = back_up(settings.home, file, on_progress)
    click.echo(t("backup.done", file=file, originals=report.originals, size=report.bytes))


@click.command(help="restore.help")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--yes", is_flag=True, help="restore.yes")
def restore(file: Path, yes: bool) -> None:
    """Put a backup in place of the library."""
    from minicpm_rag.library import backup
    from minicpm_rag.settings import load_settings

    settings = load_settings()
    if settings.database is not None:
        raise SettingsError("library.backup_elsewhere")
    home = settings.home
    if not yes and (home / backup.LEDGER).exists():
        raise click.UsageError(t("restore.unsure", home=home))
    with _bar(t("restore.working")) as on_progress:
        report = backup.restore(home, file, on_progress)
    click.echo(t("restore.done", made_at=report.made_at, originals=report.originals, size=report.bytes))


@contextmanager
def _bar(words: str) -> Iterator[Callable[[int, int], object]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(words)
        yield lambda done, total: bar.update(task, completed=done, total=total)


COMMANDS: tuple[click.Command, ...] = (backup, restore)
