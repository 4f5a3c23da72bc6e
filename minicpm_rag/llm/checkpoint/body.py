"""A MiniCPM checkpoint without its language head, each token attending to all others: embedding and rerank models.

OpenBMB trains these from MiniCPM's body with `is_causal: false` in config.json. The layers are those of the language
model, so transformers' Granite code runs them too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint import placement, read_config
from minicpm_rag.llm.checkpoint.weights import find_weights, read_json, tensors

if TYPE_CHECKING:
    import torch


def is_bidirectional(folder: Path) -> bool:
    """Whether the folder holds a MiniCPM whose tokens attend to all others. Raises CheckpointError."""
    if not (folder / "config.json").is_file():
        return False
    config = read_json(folder / "config.json")
    return config.get("model_type") == "minicpm" and config.get("is_causal") is False


@dataclass
class Body:
    """The layers, and the weights of the folder that are not theirs (a head), by name."""

    model: Any
    heads: dict[str, torch.Tensor]

    def states(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """The last layer's states [texts, tokens, hidden], normed; `mask` [texts, tokens] is 0 for padding."""
        import torch

        with torch.inference_mode():
            output = self.model(input_ids=ids, attention_mask=mask, use_cache=False)
        states: torch.Tensor = output.last_hidden_state
        return states


def load_body(folder: Path, device: str, precision: str = "auto") -> Body:
    """Load the layers and heads of a folder for which `is_bidirectional` holds.

    Raises CheckpointError where the folder lacks a weight or holds one of a wrong shape.
    """
    import torch
    from accelerate import init_empty_weights
    from transformers import AutoModel

    config = read_config(folder)
    config.is_causal = False  # transformers then masks padding only
    target = placement.choose_device(device)
    dtype = placement.choose_precision(precision, target)
    with init_empty_weights(include_buffers=False):
        model = AutoModel.from_config(config, attn_implementation="sdpa")
    wanted = {name: parameter.shape for name, parameter in model.named_parameters()}
    heads: dict[str, torch.Tensor] = {}
    missing = set(wanted)
    for path in find_weights(folder).files:
        for stored, tensor in tensors(path):
            name = stored.removeprefix("model.")  # written where the checkpoint has a head
            value = tensor.to(dtype, copy=True).to(target)
            if name not in wanted:
                heads[name] = value
                continue
            if tensor.shape != wanted[name]:
                shape, needed = str(tuple(tensor.shape)), str(tuple(wanted[name]))
                raise CheckpointError("llm.weight_shape", path=path, name=stored, shape=shape, wanted=needed)
            module, _, leaf = name.rpartition(".")
            model.get_submodule(module).register_parameter(leaf, torch.nn.Parameter(value, requires_grad=False))
            missing.discard(name)
    if missing:
        raise CheckpointError("llm.weights_missing", folder=folder, count=len(missing), name=min(missing))
    for layer in model.layers:
        layer.self_attn.is_causal = False  # where no text is padded there is no mask, and sdpa asks this
    return Body(model.to(target).eval(), heads)
