"""The folder that is meant where people name a checkpoint, or the right sentence where it cannot be used."""

from __future__ import annotations

import re
from pathlib import Path

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint import adapter
from minicpm_rag.models.refused import refused_by_name

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def locate(named: str | Path) -> Path:
    """The folder that is named, `~` expanded; it holds a config.json or an adapter.

    Raises CheckpointError that says what was named instead: a repository, a file, a folder of something else.
    """
    folder = Path(named).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file() and not (folder / adapter.CONFIG).is_file():
            raise _no_checkpoint(folder)
        return folder
    if folder.suffix == ".gguf":
        raise CheckpointError("llm.gguf", path=folder)
    if folder.is_file():
        raise CheckpointError("llm.a_file", path=folder, folder=folder.parent)
    if _REPOSITORY.fullmatch(str(named)):
        if (why := refused_by_name(str(named))) is not None:
            raise CheckpointError("models.refused", name=str(named), why=why)
        raise CheckpointError("llm.a_repository", id=str(named))
    raise CheckpointError("llm.not_a_folder", folder=folder)


def _no_checkpoint(folder: Path) -> CheckpointError:
    if packed := sorted(folder.glob("*.gguf")):
        return CheckpointError("llm.gguf", path=packed[0])
    inside = [place.name for place in sorted(folder.iterdir()) if (place / "config.json").is_file()]
    if inside:
        return CheckpointError("llm.folder_inside", folder=folder, names=inside[:3])
    return CheckpointError("llm.no_config", folder=folder)
