"""The command line: answers and tables on stdout, everything else on stderr.

One file a topic; COMMANDS below lists what each offers. Only click is imported at the top of these files, heavy
modules inside the commands, so that `--help` is quick. Texts are in texts.py.
Exit codes: 0 good, 1 one of our errors (as one line), 2 wrong usage, 130 Ctrl-C.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import TextIO

import click

from minicpm_rag import __version__
from minicpm_rag.cli import (
    ask,
    backup,
    bench,
    click_language,
    evaluate,
    knowledge_bases,
    language,
    library,
    models,
    page,
    people,
    serve,
    whole,
)
from minicpm_rag.cli.language import t
from minicpm_rag.errors import RAGError
from minicpm_rag.messages import LANGUAGES, reason_of

# How the system says that output did not reach its file: no room, none left of a quota, too long, a broken disk.
NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)

COMMANDS: tuple[click.Command, ...] = (
    *page.COMMANDS,
    *serve.COMMANDS,
    *library.COMMANDS,
    *ask.COMMANDS,
    *whole.COMMANDS,
    *evaluate.COMMANDS,
    *knowledge_bases.COMMANDS,
    *backup.COMMANDS,
    *people.COMMANDS,
    *models.COMMANDS,
    *bench.COMMANDS,
)


@click.group(
    help="program.help",
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
# Only for its help and to refuse other values: `language.choose` has looked for it before.
@click.option("--lang", type=click.Choice(LANGUAGES), expose_value=False, help="program.lang")
@click.version_option(__version__, prog_name="minicpm-rag", help="program.version")
def program() -> None:
    """Private document Q&A; the commands do the work."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        _force_utf8(stream)
    arguments = sys.argv[1:] if arguments is None else arguments
    language.choose(arguments)
    click_language.install()
    try:
        return _exit_code(arguments)
    except BrokenPipeError:  # the reader of our stdout (head, less) has gone
        _silence_stdout()
        return 0
    except OSError as error:
        if error.filename is not None or error.errno not in NOT_WRITTEN:
            raise
        _silence_stdout()
        reason = t("program.not_written", why=language.said(reason_of(error)))
        with suppress(OSError):  # stderr may lead to the same disk
            click.echo(t("program.error", reason=reason), err=True)
        return 1


def _exit_code(arguments: Sequence[str]) -> int:
    """Run a command; errors that users may meet become one line each."""
    try:
        # click returns the code of `context.exit(code)`; a command that came to its end returns None.
        code = language.with_help(program)(args=arguments, prog_name="minicpm-rag", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except RAGError as error:
        click.echo(t("program.error", reason=" ".join(language.said(error.message).split())), err=True)
        return 1
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UnicodeEncodeError as error:
        if not any("\ud800" <= letter <= "\udfff" for letter in str(error.object)):
            raise
        click.echo(t("program.error", reason=t("program.no_text")), err=True)
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130


def _silence_stdout() -> None:
    """Send what is left of the output nowhere: Python tries again at exit, and would complain then."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _force_utf8(stream: TextIO) -> None:
    """A Chinese answer must not crash on a terminal or pipe that claims to be ASCII."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="replace")
