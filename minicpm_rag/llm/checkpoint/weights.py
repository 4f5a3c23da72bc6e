"""The weight files of a checkpoint folder: find them, check that they are complete, read their tensors one by one.

Knows file formats, not architectures. Nothing in a file is executed: `.bin` pickles are read with `weights_only`.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.messages import Message, joined, reason_of

if TYPE_CHECKING:
    import torch

# By preference: a safetensors file is opened without reading all of it. True: an index of several files.
_LAYOUTS = (
    ("model.safetensors.index.json", True),
    ("model.safetensors", False),
    ("pytorch_model.bin.index.json", True),
    ("pytorch_model.bin", False),
)
_LFS_START = b"version https://git-lfs"


@dataclass(frozen=True)
class WeightFiles:
    """The files that hold the weights; `listed` maps each tensor to its file where an index says so."""

    files: tuple[Path, ...]
    listed: Mapping[str, Path]


def find_weights(folder: Path) -> WeightFiles:
    """The first complete set of weight files of `folder`, in the order of preference.

    Raises CheckpointError naming the file that is missing or short.
    """
    problem: CheckpointError | None = None
    for name, is_index in _LAYOUTS:
        if not (folder / name).is_file():
            continue
        try:
            return _indexed(folder / name) if is_index else _single(folder / name)
        except CheckpointError as exc:
            problem = problem or exc
    if problem is not None:
        raise problem
    raise _with_leftovers(folder, Message("llm.no_weights", folder=folder))


def _single(path: Path) -> WeightFiles:
    _check_whole(path)
    return WeightFiles((path,), {})


def _indexed(index: Path) -> WeightFiles:
    content = read_json(index)
    weight_map = content.get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise CheckpointError("llm.index_empty", path=index)
    listed = {}
    for key, name in weight_map.items():
        # A name with a folder in it could point outside the checkpoint.
        if not isinstance(name, str) or Path(name).name != name:
            raise CheckpointError("llm.index_bad_name", path=index, name=str(name))
        listed[key] = index.parent / name
    files = tuple(sorted(set(listed.values())))
    missing = [path.name for path in files if not path.is_file()]
    if missing:
        names = missing if len(missing) <= 5 else [*missing[:5], "…"]
        lacks = Message("llm.files_missing", folder=index.parent, missing=len(missing), count=len(files), names=names)
        raise _with_leftovers(index.parent, lacks)
    for path in files:
        _check_whole(path)
    metadata = content.get("metadata")
    expected = metadata.get("total_size", 0) if isinstance(metadata, dict) else 0
    present = sum(path.stat().st_size for path in files)
    if isinstance(expected, (int, float)) and present < expected:
        raise CheckpointError(
            "llm.files_too_small", folder=index.parent, size=present, index=index.name, total=int(expected)
        )
    return WeightFiles(files, listed)


def _with_leftovers(folder: Path, problem: Message) -> CheckpointError:
    """The error for this problem; it also names what a download that broke off has left in the folder."""
    leftovers = [path.name for path in folder.rglob("*.incomplete")] + [
        path.name for path in folder.glob("._____temp*") if path.is_dir() and any(path.iterdir())
    ]
    unfinished = Message("llm.download_unfinished", names=sorted(leftovers)[:3]) if leftovers else None
    return CheckpointError(joined(problem, unfinished) or problem)


def check_not_pointer(path: Path) -> None:
    """Raise CheckpointError for an empty file, and for the text that `git clone` without LFS leaves for a large one."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_LFS_START))
    except OSError as exc:
        raise CheckpointError("llm.unreadable", path=path, why=reason_of(exc)) from exc
    if not start:
        raise CheckpointError("llm.empty_file", path=path)
    if start == _LFS_START:
        raise CheckpointError("llm.lfs_pointer", path=path)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object of the checkpoint; raises CheckpointError where the file is none."""
    check_not_pointer(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as exc:
        raise CheckpointError("llm.not_json", path=path, why=reason_of(exc)) from exc
    if not isinstance(content, dict):
        raise CheckpointError("llm.not_json_object", path=path)
    return content


def _check_whole(path: Path) -> None:
    check_not_pointer(path)
    if path.suffix == ".safetensors":
        _safetensors_header(path)
    elif _starts_with(path, b"PK") and not zipfile.is_zipfile(path):
        # A zip file's directory is at its end.
        raise CheckpointError("llm.cut_short", path=path, size=path.stat().st_size)


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _safetensors_header(path: Path) -> dict[str, Any]:
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else size
        if 8 + length > size:
            raise CheckpointError("llm.cut_short_in_header", path=path, size=size)
        try:
            header = json.loads(file.read(length))
            header.pop("__metadata__", None)
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (ValueError, AttributeError, LookupError, TypeError) as exc:
            raise CheckpointError("llm.not_safetensors", path=path) from exc
    if size < 8 + length + end:
        raise CheckpointError("llm.cut_short_of", path=path, size=size, total=8 + length + end)
    return dict(header)


def tensors(path: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield (name, tensor) of one file. A tensor is mapped from disk: copy it, and drop it before the next."""
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                for key in file.keys():  # noqa: SIM118 (not a mapping)
                    yield key, file.get_tensor(key)
        except SafetensorError as exc:
            raise CheckpointError("llm.safetensors_unreadable", path=path, why=reason_of(exc)) from exc
        return
    state = _read_pickle(path)
    while state:
        key = next(iter(state))
        tensor = state.pop(key)
        if hasattr(tensor, "dtype"):
            yield key, tensor


def _read_pickle(path: Path) -> dict[str, Any]:
    import torch

    try:
        # Files written before torch 1.6 are no zip files and cannot be mapped.
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as exc:
        raise CheckpointError("llm.could_run_code", path=path) from exc
    except (EOFError, RuntimeError, ValueError, OSError, KeyError) as exc:
        raise CheckpointError("llm.damaged", path=path, why=_first_line(exc)) from exc
    nested = state.get("state_dict", state) if isinstance(state, dict) else None
    if not isinstance(nested, dict):
        raise CheckpointError("llm.no_weight_table", path=path)
    return nested


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
