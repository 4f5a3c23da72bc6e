"""The command line: answers and tables on stdout, everything else on stderr.

Exit codes: 0 good, 1 one of our errors (as one line), 2 wrong usage, 130 Ctrl-C.
Heavy modules are imported inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

import click

from minicpm_rag import __version__
from minicpm_rag.cli.topics import COMMANDS
from minicpm_rag.errors import RAGError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="minicpm-rag")
def program() -> None:
    """Private document Q&A for MiniCPM. Nothing leaves this machine."""


for _command in COMMANDS:
    program.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        _force_utf8(stream)
    try:
        # click returns the code of `context.exit(code)`; a command that came to its end returns None.
        code = program(args=arguments, prog_name="minicpm-rag", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except RAGError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of our stdout (head, less) has gone; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _force_utf8(stream: TextIO) -> None:
    """A Chinese answer must not crash on a terminal or pipe that claims to be ASCII."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="replace")
