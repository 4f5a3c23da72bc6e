"""`page`: the page in the browser or a window, from wherever the program is installed; `desktop`: an entry for it."""

from __future__ import annotations

import click

from minicpm_rag.cli.language import t


@click.command(help="page.help")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="page.port")
@click.option("--no-browser", is_flag=True, help="page.no_browser")
@click.option("--window", is_flag=True, help="page.window")
@click.option("--base-path", default="", help="serve.base_path")
@click.pass_context
def page(context: click.Context, port: int, no_browser: bool, window: bool, base_path: str) -> None:
    """Serve the page until Ctrl-C, or until its window is closed."""
    if window:
        from minicpm_rag.page.window import open_window
        from minicpm_rag.settings import load_settings

        is_default = context.get_parameter_source("port") is click.core.ParameterSource.DEFAULT
        storage = load_settings().home / "window"
        open_window("MiniCPM-RAG", port=None if is_default else port, storage=storage)
        return
    from minicpm_rag.page import server

    click.echo(t("page.starting", port=port), err=True)
    server.run(
        server_port=port,
        server_headless=no_browser,
        server_baseUrlPath=base_path.strip("/"),
        logger_hideWelcomeMessage=True,  # it is in English only, and says no more than the line above
    )


@click.group(help="desktop.help")
def desktop() -> None:
    """Add the page to the desktop's programs, or take it away."""


@desktop.command(help="desktop.install")
def install() -> None:
    """Write an entry and an icon."""
    from importlib.util import find_spec

    from minicpm_rag.page import desktop as entries

    for file in entries.install(window=find_spec("webview") is not None):
        click.echo(str(file))


@desktop.command(help="desktop.remove")
def remove() -> None:
    """Delete the entry and the icon."""
    from minicpm_rag.page import desktop as entries

    for file in entries.remove():
        click.echo(str(file))


COMMANDS: tuple[click.Command, ...] = (page, desktop)
