"""The language of the command line: the user's, or English where nothing says which one that is.

`main` chooses it once; everything printed is said by `t` (texts of the command line) or `said` (messages of the
core). It does not know what is printed.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import click

from minicpm_rag.cli import texts
from minicpm_rag.cli.tables import printable_lines
from minicpm_rag.messages import LANGUAGES, Catalogue, Language, Message, language_of_shell, text

CATALOGUE = Catalogue(texts)

_named: Language | None = None


def choose(arguments: Sequence[str]) -> None:
    """Take the language that `--lang` names, else the shell's.

    Looked for before click reads the arguments: what click says about wrong ones is in the user's language too.
    """
    global _named
    wanted = ""
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=False):
        if argument == "--lang":
            wanted = following
        elif argument.startswith("--lang="):
            wanted = argument.removeprefix("--lang=")
    _named = next((known for known in LANGUAGES if known == wanted), None) or language_of_shell()


def follow(question: str) -> None:
    """Speak the language of a question where neither `--lang` nor the shell names one (LANG=C, as in a container)."""
    global _named
    from minicpm_rag.text.questions import language_of

    _named = _named or language_of(question)


def language() -> Language:
    """The language in use."""
    return _named or "en"


def t(key: str, **values: Any) -> str:
    """One of the command line's texts in the language in use; what is put into it moves no cursor."""
    return printable_lines(CATALOGUE.text(language(), Message(key, **values)))


def said(message: Message | None) -> str:
    """A message of the core in the language in use; nothing for none."""
    return "" if message is None else printable_lines(text(language(), message))


def with_help(command: click.Command) -> click.Command:
    """A copy of a command, and of those below it, whose help is text instead of the catalogue's key.

    The first paragraph of a command's help is also its line in the list of commands.
    """
    copied = copy.copy(command)
    copied.help = t(command.help or "")
    copied.short_help = copied.help.partition("\n\n")[0]
    copied.options_metavar = t("program.options")
    copied.params = [_parameter(parameter) for parameter in command.params]
    copied._help_option = None  # click keeps the option with its text, once it was asked for help
    if isinstance(copied, click.Group):
        copied.subcommand_metavar = t("program.commands")
        copied.commands = {name: with_help(below) for name, below in copied.commands.items()}
    return copied


def _parameter(parameter: click.Parameter) -> click.Parameter:
    copied = copy.copy(parameter)
    if isinstance(copied, click.Option) and copied.help:
        copied.help = t(copied.help)
    return copied
