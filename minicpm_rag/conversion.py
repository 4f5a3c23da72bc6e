"""Rewrite a checkpoint once as bfloat16 safetensors, so that every later start is quick.

A broken run is taken up where it stopped; the target appears only when it is complete.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.errors import CheckpointError
from minicpm_rag.tokenizer import SMALL_FILES
from minicpm_rag.weights import find_weights, read_json, tensors

if TYPE_CHECKING:
    import torch

# The most that is held in host memory at once.
_SHARD_BYTES = 1 << 30


def convert(folder: str | Path, target: str | Path, *, shard_bytes: int = _SHARD_BYTES) -> Path:
    """Write a bfloat16 safetensors copy of a checkpoint folder, with tokenizer and configuration.

    Does nothing where `target` is already complete. Raises CheckpointError where the folder cannot be read
    or `target` holds something else.
    """
    folder, target = Path(folder), Path(target)
    config = read_json(folder / "config.json")
    files = find_weights(folder)
    if target.exists() and any(target.iterdir() if target.is_dir() else [target]):
        if target.is_dir() and (target / "config.json").is_file():
            find_weights(target)
            return target
        raise CheckpointError(f"{target} exists and is no checkpoint. Choose another folder, or remove it.")
    partial = target.with_name(f"{target.name}.partial")
    partial.mkdir(parents=True, exist_ok=True)
    listed: dict[str, str] = {}
    total = 0
    for number, shard in enumerate(_shards(files.files, shard_bytes), start=1):
        path = partial / f"model-{number:05d}.safetensors"
        total += sum(
            tensor.numel() * 2 if tensor.is_floating_point() else tensor.nbytes for tensor in shard.values()
        )
        listed.update(dict.fromkeys(shard, path.name))
        if not path.is_file():
            _write_shard(shard, path)
    index = {"metadata": {"total_size": total}, "weight_map": listed}
    (partial / "model.safetensors.index.json").write_text(json.dumps(index, indent=1), encoding="utf-8")
    for name in ("generation_config.json", "tokenizer.json", "tokenizer.model", *SMALL_FILES):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, partial / name)
    # Remote code is not copied, so nothing may point to it.
    config.pop("auto_map", None)
    config.pop("dtype", None)
    config["torch_dtype"] = "bfloat16"
    (partial / "config.json").write_text(json.dumps(config, indent=1, ensure_ascii=False), encoding="utf-8")
    if target.exists():
        target.rmdir()
    partial.rename(target)
    return target


def _shards(files: tuple[Path, ...], shard_bytes: int) -> Iterator[dict[str, torch.Tensor]]:
    """The weights in the same groups on every run, still mapped from disk."""
    shard: dict[str, torch.Tensor] = {}
    size = 0
    for path in files:
        for name, tensor in tensors(path):
            if name.endswith("rotary_emb.inv_freq"):
                continue
            shard[name] = tensor
            size += tensor.numel() * 2
            if size >= shard_bytes:
                yield shard
                shard, size = {}, 0
    if shard:
        yield shard


def _write_shard(shard: dict[str, torch.Tensor], path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    unfinished = path.with_suffix(".tmp")
    converted = {
        name: tensor.to(torch.bfloat16, copy=True).contiguous()
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in shard.items()
    }
    save_file(converted, unfinished, metadata={"format": "pt"})
    unfinished.replace(path)
