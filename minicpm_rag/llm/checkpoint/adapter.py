"""LoRA adapters as peft, LLaMA-Factory and swift save them: found beside or on their base, merged into its weights.

The format is peft's: adapter_config.json and adapter_model.safetensors (or .bin), in which a layer's change is
lora_B @ lora_A times lora_alpha / r, or lora_alpha / sqrt(r) with `use_rslora`; with `use_dora` the sum's rows are
then given the lengths in `lora_magnitude_vector`. `modules_to_save` are weights that replace the base's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint.weights import read_json, tensors

if TYPE_CHECKING:
    import torch

    Stored = tuple[Path, str, Any]  # file, name and weight: a tensor or a `packed.Packed`

CONFIG = "adapter_config.json"
_WEIGHTS = ("adapter_model.safetensors", "adapter_model.bin")
_PREFIX = "base_model.model."  # of each name; what follows is the base's own
# The parts of a change, and by which each is told: of a linear layer, and of an embedding, which is stored turned.
_PARTS = {
    ".lora_A.weight": "a", ".lora_B.weight": "b", ".lora_embedding_A": "embedding_a",
    ".lora_embedding_B": "embedding_b", ".lora_magnitude_vector": "lengths",
    ".lora_magnitude_vector.weight": "lengths",
}  # fmt: skip


def adapter_weights(folder: Path) -> Path | None:
    """The file of the adapter that a folder holds; None where it holds none."""
    if not (folder / CONFIG).is_file():
        return None
    return next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)


def base_folder(folder: Path) -> Path:
    """The folder whose config.json and weights count: the adapter's base, or the folder itself where it has its own.

    Raises CheckpointError that names the base where it is not on this machine.
    """
    if (folder / "config.json").is_file() or not (folder / CONFIG).is_file():
        return folder
    named = str(read_json(folder / CONFIG).get("base_model_name_or_path") or "")
    name = re.split(r"[/\\]", named.rstrip("/\\"))[-1]
    places = [Path(named).expanduser(), folder / named, folder.parent / name, folder.parent.parent / name]
    for place in places if name else []:
        if (place / "config.json").is_file():
            return place
    raise CheckpointError("llm.adapter_without_base", folder=folder, base=named, place=folder.parent / name)


def tokenizer_folder(folder: Path) -> Path:
    """The folder whose tokenizer counts: an adapter may bring its own, with tokens that it has added."""
    own = any((folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))
    return folder if own else base_folder(folder)


@dataclass
class Adapter:
    """The changes to a base's weights, by the weights' names there."""

    path: Path
    config: Mapping[str, Any]
    changes: dict[str, dict[str, torch.Tensor]] = field(default_factory=dict)
    replaced: dict[str, torch.Tensor] = field(default_factory=dict)

    def applied(self, stored: Iterable[Stored]) -> Iterator[Stored]:
        """The base's weights with this adapter's changes, in float32 where they are changed.

        Raises CheckpointError where a change is of a weight that the base does not have, or of another shape.
        """
        left = dict(self.changes)
        for path, name, weight in stored:
            if name in self.replaced:
                continue
            change = left.pop(name, None)
            try:
                yield path, name, weight if change is None else self._merged(name, weight, change)
            except RuntimeError as exc:  # matrices that do not fit
                raise CheckpointError("llm.adapter_misfit", path=self.path, name=name) from exc
        if left:
            raise CheckpointError("llm.adapter_misfit", path=self.path, name=min(left))
        for name, weight in self.replaced.items():
            yield self.path, name, weight

    def _merged(self, name: str, weight: torch.Tensor, change: Mapping[str, torch.Tensor]) -> torch.Tensor:
        wide = weight.float()
        if "embedding_a" in change:
            return wide + (change["embedding_b"].float() @ change["embedding_a"].float()).T * self._scale(name, change)
        wide = wide + change["b"].float() @ change["a"].float() * self._scale(name, change)
        if "lengths" in change:
            wide = wide * (change["lengths"].float() / wide.norm(dim=1))[:, None]
        return wide

    def _scale(self, name: str, change: Mapping[str, torch.Tensor]) -> float:
        rank = len(change["a"] if "a" in change else change["embedding_a"])
        alpha = float(self.config.get("lora_alpha") or rank)
        module = name.removesuffix(".weight")
        for pattern, value in (self.config.get("alpha_pattern") or {}).items():
            if re.match(rf"(.*\.)?({pattern})$", module):  # as peft matches it
                alpha = float(value)
        return alpha / (math.sqrt(rank) if self.config.get("use_rslora") else rank)


def load_adapter(folder: Path) -> Adapter | None:
    """The adapter of a folder; None where it holds none.

    Raises CheckpointError where it is of another kind than LoRA, or damaged.
    """
    path = adapter_weights(folder)
    if path is None:
        if (folder / "config.json").is_file() or not (folder / CONFIG).is_file():
            return None
        raise CheckpointError("llm.adapter_without_weights", folder=folder, names=list(_WEIGHTS))
    config = read_json(folder / CONFIG)
    kind = str(config.get("peft_type") or "LORA")
    if kind != "LORA" or config.get("fan_in_fan_out"):
        raise CheckpointError("llm.adapter_kind", path=folder / CONFIG, kind=kind)
    adapter = Adapter(path, config)
    for stored, tensor in tensors(path):
        _sort(adapter, stored.removeprefix(_PREFIX).replace(".modules_to_save.", ".").replace(".default", ""), tensor)
    for name, change in adapter.changes.items():
        if not {"a", "b"} <= change.keys() and not {"embedding_a", "embedding_b"} <= change.keys():
            raise CheckpointError("llm.weights_missing", folder=folder, count=1, name=name)
    return adapter


def _sort(adapter: Adapter, name: str, tensor: torch.Tensor) -> None:
    for ending, part in _PARTS.items():
        if name.endswith(ending):
            weight = name.removesuffix(ending) + ".weight"
            adapter.changes.setdefault(weight, {})[part] = tensor.clone()
            return
    adapter.replaced[name.replace(".base_layer.", ".")] = tensor.clone()


def grown_vocabulary(adapter: Adapter | None) -> int | None:
    """Rows of the embedding or head that the adapter brings: it may have added tokens to its base's."""
    for name, tensor in ({} if adapter is None else adapter.replaced).items():
        if name.endswith(("embed_tokens.weight", "lm_head.weight")):
            return len(tensor)
    return None
