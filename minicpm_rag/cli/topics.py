"""The commands of the command line, one file a topic.

Only click is imported at the top of these files; everything else inside the commands.
"""

from __future__ import annotations

from click import Command

from minicpm_rag.cli import ask, bench, evaluate, knowledge_bases, library, models

# Each topic lists its commands in COMMANDS.
COMMANDS: tuple[Command, ...] = (
    *library.COMMANDS,
    *ask.COMMANDS,
    *evaluate.COMMANDS,
    *knowledge_bases.COMMANDS,
    *models.COMMANDS,
    *bench.COMMANDS,
)
