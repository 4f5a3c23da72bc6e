"""Rewrite a checkpoint as bfloat16 safetensors once, so that every later start is fast.

An interrupted run resumes where it stopped; the target appears only when it is complete.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint.tokenizer import SMALL_FILES
from minicpm_rag.llm.checkpoint.weights import WeightFiles, find_weights, read_json, tensors
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import torch

# Bytes of a file written, which is also the most that is in host memory at once.
_SHARD_BYTES = 1 << 30
_STARTED = "started.json"
_INDEX = "model.safetensors.index.json"


def convert(folder: str | Path, target: str | Path, *, shard_bytes: int = _SHARD_BYTES) -> Path:
    """Write a bfloat16 safetensors copy of a checkpoint folder, with tokenizer and configuration.

    Does nothing where `target` is already complete. Raises CheckpointError where the folder cannot be read,
    `target` holds something else, or writing fails.
    """
    folder, target = Path(folder), Path(target)
    config = read_json(folder / "config.json")
    files = find_weights(folder)
    if target.is_dir() and (target / "config.json").is_file():
        find_weights(target)
        return target
    if target.exists() and not (target.is_dir() and not any(target.iterdir())):
        raise CheckpointError("llm.target_taken", path=target)
    partial = target.with_name(f"{target.name}.partial")
    try:
        _begin(partial, files, shard_bytes)
        _write_weights(partial, files, shard_bytes, skip_head=_is_tied(config))
        _write_small_files(folder, partial, config)
        (partial / _STARTED).unlink()
        if target.exists():
            target.rmdir()
        partial.rename(target)
    except OSError as exc:
        raise CheckpointError("llm.write_failed", path=target, why=reason_of(exc), partial=partial) from exc
    return target


def _is_tied(config: dict[str, Any]) -> bool:
    """Whether the output head is the embedding: files in `.bin` format then hold it twice."""
    return bool(config.get("tie_word_embeddings", config.get("model_type") != "llama"))


def _begin(partial: Path, files: WeightFiles, shard_bytes: int) -> None:
    """Create the folder of this run, or keep it where an earlier run on the same files left it."""
    source = {"files": [[str(path), path.stat().st_size] for path in files.files], "shard_bytes": shard_bytes}
    started = partial / _STARTED
    if started.is_file() and read_json(started) == source:
        return
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    started.write_text(json.dumps(source), encoding="utf-8")


def _write_weights(partial: Path, files: WeightFiles, shard_bytes: int, *, skip_head: bool) -> None:
    listed: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(_shards(files.files, shard_bytes, skip_head), start=1):
        path = partial / f"model-{number:05d}.safetensors"
        listed.update(dict.fromkeys(shard, path.name))
        total += sum(_target_bytes(tensor) for tensor in shard.values())
        if not path.is_file():
            _write_shard(shard, path)
    index = {"metadata": {"total_size": total}, "weight_map": listed}
    (partial / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def _shards(files: tuple[Path, ...], shard_bytes: int, skip_head: bool) -> Iterator[dict[str, torch.Tensor]]:
    """The weights in groups of about `shard_bytes`, the same on every run, still mapped from disk."""
    shard: dict[str, torch.Tensor] = {}
    size = 0
    for path in files:
        for name, tensor in tensors(path):
            if name.endswith("rotary_emb.inv_freq") or (skip_head and name == "lm_head.weight"):
                continue
            shard[name] = tensor
            size += _target_bytes(tensor)
            if size >= shard_bytes:
                yield shard
                shard, size = {}, 0
    if shard:
        yield shard


def _target_bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * 2 if tensor.is_floating_point() else tensor.nbytes


def _write_shard(shard: dict[str, torch.Tensor], path: Path) -> None:
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    unfinished = path.with_suffix(".tmp")
    converted = {
        name: tensor.to(torch.bfloat16, copy=True).contiguous() if tensor.is_floating_point() else tensor.clone()
        for name, tensor in shard.items()
    }
    try:
        save_file(converted, unfinished, metadata={"format": "pt"})
    except SafetensorError as exc:  # a full disk arrives as this: "... (os error 28)"
        number = re.search(r"os error (\d+)", str(exc))
        raise (OSError(int(number[1]), str(exc)) if number else OSError(str(exc))) from exc
    unfinished.replace(path)


def _write_small_files(folder: Path, partial: Path, config: dict[str, Any]) -> None:
    for name in ("generation_config.json", "tokenizer.json", "tokenizer.model", *SMALL_FILES):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, partial / name)
    # Remote code is not copied, so nothing may point to it.
    rest = {key: value for key, value in config.items() if key not in ("auto_map", "dtype")}
    rest["torch_dtype"] = "bfloat16"
    (partial / "config.json").write_text(json.dumps(rest, indent=1, ensure_ascii=False), encoding="utf-8")
