"""Preparing an embedding model, which takes seconds once: a bar, so that the first command does not seem to hang."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minicpm_rag.cli.language import t

if TYPE_CHECKING:
    from minicpm_rag.embedding.embedder import Embedder


def prepare(embedder: Embedder) -> None:
    """Convert the model where that was not done yet."""
    if embedder.is_prepared:
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(t("embedder.preparing"), total=1.0)
        embedder.prepare(lambda share: bar.update(task, completed=share))
