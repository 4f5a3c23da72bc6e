"""`page`: the page in the browser, started from wherever the program is installed."""

from __future__ import annotations

import click

from minicpm_rag.cli.language import t


@click.command(help="page.help")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="page.port")
@click.option("--no-browser", is_flag=True, help="page.no_browser")
def page(port: int, no_browser: bool) -> None:
    """Serve the page until Ctrl-C."""
    from minicpm_rag.page import server

    click.echo(t("page.starting", port=port), err=True)
    server.run(server_port=port, server_headless=no_browser)


COMMANDS = (page,)
