"""The folder of a sentence-transformers model: what its files say, without loading weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from minicpm_rag.errors import EmbeddingError

_MODEL_SUFFIXES = {".json", ".model", ".safetensors", ".bin"}
_MODEL_TEXTS = {"vocab.txt", "merges.txt"}
_NOT_OF_THE_MODEL = {"configuration.json"}  # a hub's own note
_TAIL_BYTES = 65_536


def require_model_folder(folder: Path) -> None:
    """Raise EmbeddingError where the folder holds no sentence-transformers model."""
    if not (folder / "modules.json").is_file():
        raise EmbeddingError("embedding.not_an_embedder", folder=folder)


def folder_revision(folder: Path, *, every_file: bool = False) -> str:
    """Sixteen hex digits that change when the model's files change.

    Of a large file the size and the last 64 KiB count: hashing 2 GB would cost seconds at each start. With
    `every_file`, texts that are no part of the model count too, as they did in version 0.1.
    """
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        known = (path.suffix in _MODEL_SUFFIXES and path.name not in _NOT_OF_THE_MODEL) or path.name in _MODEL_TEXTS
        if not known and not (every_file and path.suffix in _MODEL_SUFFIXES | {".txt"}):
            continue
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            digest.update(file.read())
    return digest.hexdigest()[:16]


def read_json(path: Path) -> Any:
    """What a JSON file of the folder says; an empty object where there is none.

    Raises ValueError where it cannot be read.
    """
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
