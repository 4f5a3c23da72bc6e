"""What a downloaded folder has to hold: which files of a repository are wanted, and whether all are there.

It does not fetch anything.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from minicpm_rag.errors import DownloadError
from minicpm_rag.messages import Message
from minicpm_rag.models.gguf import ENDING, is_later_part, parts_of

MANIFEST = ".downloaded.json"  # beside the files: where they came from, and the size and checksum of each

Files = Mapping[str, Mapping[str, Any]]  # name -> {"size": bytes, "sha256": hex or None}

_WEIGHTS_OF_OTHERS = (".onnx", ".gguf", ".h5", ".msgpack", ".ot", ".tflite", ".mlmodel")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp", ".mp4", ".pdf")
_OTHER_RUNTIMES = ("onnx/", "openvino/", "coreml/", "imgs/", "assets/", "figures/")


def gguf_choices(listing: Files) -> dict[str, int]:
    """The GGUF models of a repository that has no other weights, with the bytes of all their parts; else none."""
    if any(name.endswith((".safetensors", ".bin")) for name in listing):
        return {}
    firsts = [name for name in listing if name.lower().endswith(ENDING) and not is_later_part(name)]
    return {
        name: sum(listing[part]["size"] for part in parts_of(name) if part in listing)
        for name in firsts
        if not name.rpartition("/")[2].lower().startswith("mmproj")
    }


def superfluous(names: Sequence[str], gguf: str = "") -> list[str]:
    """Files of a repository that this program never reads, out of all its names; of GGUF files only `gguf` is read.

    Pickled weights are left out where the same weights are there as safetensors: some repositories keep both.
    Program code is left out because it is never run.
    """
    if gguf:
        return [name for name in names if name not in parts_of(gguf)]
    safe = any(name.endswith(".safetensors") and "/" not in name for name in names)
    pickles = (".bin", ".pt", ".pth", ".ckpt", ".bin.index.json") if safe else ()
    endings = (*_WEIGHTS_OF_OTHERS, *_PICTURES, ".py", ".gitattributes", ".gitignore", *pickles)
    return [name for name in names if name.lower().endswith(endings) or name.startswith(_OTHER_RUNTIMES)]


def missing_files(folder: Path, *, checksums: bool = False) -> list[Message]:
    """What a downloaded folder lacks; one copied by hand has no manifest and lacks nothing."""
    content = read_manifest(folder)
    if content is None:
        return []
    problems = []
    for name, facts in content["files"].items():
        path = folder / name
        if not path.is_file():
            problems.append(Message("models.file_missing", name=name))
        elif path.stat().st_size != facts["size"]:
            problems.append(Message("models.file_short", name=name, size=path.stat().st_size, total=facts["size"]))
        elif checksums and facts["sha256"] and _sha256(path) != facts["sha256"].lower():
            problems.append(Message("models.file_damaged", name=name))
    return problems


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a folder; None for a folder copied by hand, or where the manifest is damaged."""
    try:
        content = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(content, dict) and {"id", "revision", "files"} <= set(content)
    return content if known else None


def check_room(folder: Path, wanted: Files) -> None:
    """Raise DownloadError before the first byte where the disk is too small, rather than hours later."""
    needed = 0
    for name, facts in wanted.items():
        target = folder / name
        arrived = target if target.is_file() else target.with_name(target.name + ".incomplete")
        needed += max(0, facts["size"] - (arrived.stat().st_size if arrived.is_file() else 0))
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DownloadError("models.disk_too_small", folder=folder, free=free, needed=needed)


def is_whole(folder: Path, identifier: str, revision: str) -> bool:
    """Whether this revision of this repository is here, checked to the last byte."""
    content = read_manifest(folder)
    if content is None or (content["id"], content["revision"]) != (identifier, revision):
        return False
    return not missing_files(folder, checksums=True)


def write_manifest(folder: Path, identifier: str, revision: str, wanted: Files) -> None:
    """Write down what is to come before the first byte, so that an interrupted download can be recognised."""
    content = {"id": identifier, "revision": revision, "files": wanted}
    part = folder / f"{MANIFEST}.part"  # a manifest cut short would make the folder look like one copied by hand
    part.write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(folder / MANIFEST)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
