"""Load a checkpoint folder as a transformers model: without remote code, network or questions on the console.

Weights are read file by file and go straight to their device in their number format; `config` says which of
transformers' architectures they are for. Knows nothing of prompts or sampling.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.llm.checkpoint import placement
from minicpm_rag.llm.checkpoint.adapter import Adapter, base_folder, grown_vocabulary, load_adapter
from minicpm_rag.llm.checkpoint.config import context_tokens, read_config
from minicpm_rag.llm.checkpoint.conversion import convert
from minicpm_rag.llm.checkpoint.folder import locate
from minicpm_rag.llm.checkpoint.packed import PACKED_NAMES, Packed, Packing, packing, unpacked
from minicpm_rag.llm.checkpoint.tokenizer import load_tokenizer
from minicpm_rag.llm.checkpoint.weights import WeightFiles, find_weights, read_json, tensors

if TYPE_CHECKING:
    import torch
    from transformers import PretrainedConfig, PreTrainedModel

__all__ = ["context_tokens", "convert", "load_model", "load_tokenizer", "locate", "read_config"]


def load_model(
    folder: str | Path,
    *,
    device: str = "auto",
    precision: str = "auto",
    attention: str = "sdpa",
    weights: str = "full",
    memory: Mapping[int | str, int] | None = None,
) -> PreTrainedModel:
    """Load a checkpoint folder, ready to generate.

    `device` auto spreads over several GPUs and the host where one GPU is too small; `memory` limits the bytes
    used per device ({0: …, "cpu": …}). For `weights` see `placement.choose_weights`: for a processor they are
    quantized here; for a GPU the model stays on the host in full, and the engine quantizes it while it copies it to
    the GPU. Raises CheckpointError naming the file that is missing, short or wrong, and ModelError or
    OutOfMemoryError where the device does not do.
    """
    # torch reads it when it is first imported. Otherwise its idle threads spin, which slows decoding on a CPU.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    folder = locate(folder)
    config = read_config(folder)
    adapter = load_adapter(folder)
    if (rows := grown_vocabulary(adapter)) is not None:
        config.vocab_size = rows
    base = base_folder(folder)
    files = find_weights(base)
    packed = packing(read_json(base / "config.json"), base / "config.json")
    target = placement.choose_device(device)
    model = _empty_model(config)
    dtype = placement.choose_precision(precision, target, placement.model_bytes(model, torch.float32))
    placement.check_attention(attention, target, dtype)
    model.set_attn_implementation(attention)
    if target.startswith("cuda"):
        # cuDNN's attention compiles a plan for each new length and thread: in decoding, for nearly every token.
        torch.backends.cuda.enable_cudnn_sdp(False)
    weights = placement.choose_weights(weights, target, precision, packed=packed is not None)
    quantize_here = weights != "full" and not target.startswith("cuda")
    if weights != "full":
        target = "cpu"
    places = placement.device_map(model, dtype, target, memory)
    try:
        keep_packed = quantize_here and weights == "int4"
        _fill(model, base, files, _stored(files, packed, adapter), dtype, places, keep_packed=keep_packed)
    except torch.OutOfMemoryError as exc:
        raise placement.out_of_memory_loading(model, dtype) from exc
    model.config.dtype = dtype
    model.name_or_path = str(folder)
    model.generation_config = _generation_config(base_folder(folder), config)
    model.eval()
    if quantize_here:
        _quantize(model, weights)
    if len(places) > 1:
        from accelerate import dispatch_model

        model = dispatch_model(model, places)
    return model


def _quantize(model: PreTrainedModel, weights: str) -> None:
    """Quantize the linear layers for a processor: with `int4` those that its kernel takes, the others to 8 bits."""
    from minicpm_rag.llm.checkpoint.int8_linear import quantize_linears

    if weights == "int4":
        from minicpm_rag.llm.checkpoint.int4_linear import pack_linears

        pack_linears(model)
    quantize_linears(model)


def _empty_model(config: PretrainedConfig) -> Any:
    """The architecture with parameters on meta and buffers (rotary frequencies) on the host, in float32."""
    from accelerate import init_empty_weights
    from transformers import AutoModelForCausalLM

    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    model.tie_weights()
    return model


def _stored(files: WeightFiles, packed: Packing | None, adapter: Adapter | None) -> Iterator[tuple[Path, str, Any]]:
    """The weights (file, name, tensor or `Packed`) that the architecture wants."""
    stored: Iterator[tuple[Path, str, Any]]
    stored = ((path, name, tensor) for path in files.files for name, tensor in tensors(path))
    if packed is not None:
        stored = unpacked(stored, packed)
    return stored if adapter is None else adapter.applied(stored)


def _fill(
    model: Any,
    folder: Path,
    files: WeightFiles,
    stored: Iterable[tuple[Path, str, Any]],
    dtype: torch.dtype,
    places: Mapping[str, Any],
    *,
    keep_packed: bool,
) -> None:
    import torch

    if keep_packed:
        from minicpm_rag.llm.checkpoint.int4_linear import replace_linear
    wanted = {name: parameter.shape for name, parameter in model.named_parameters()}
    tied = set(dict(model.named_parameters(remove_duplicate=False))) - set(wanted)
    if not any(name.endswith(PACKED_NAMES) for name in files.listed):
        _check_listed(folder, files, set(wanted))
    missing = set(wanted)
    for path, name, tensor in stored:
        # Copies of tied weights, and rotary frequencies, which old checkpoints hold too.
        if name in tied or name.endswith("rotary_emb.inv_freq"):
            continue
        if name not in wanted:
            raise CheckpointError("llm.weight_unknown", path=path, name=name)
        if tensor.shape != wanted[name]:
            shape, needed = str(tuple(tensor.shape)), str(tuple(wanted[name]))
            raise CheckpointError("llm.weight_shape", path=path, name=name, shape=shape, wanted=needed)
        # Converted on the host, so that the device never holds the wider numbers; always copied, so that
        # no tensor keeps the file mapped.
        module, _, leaf = name.rpartition(".")
        if isinstance(tensor, Packed):
            if keep_packed and replace_linear(model, module, tensor):
                missing.discard(name)
                continue
            tensor = tensor.float()
        value = tensor.to(dtype, copy=True).to(_place(name, places))
        model.get_submodule(module).register_parameter(leaf, torch.nn.Parameter(value, requires_grad=False))
        missing.discard(name)
    if missing:
        raise _missing(folder, missing, files)
    model.tie_weights()
    if len(places) == 1:
        # Moves the buffers; the parameters are already there.
        model.to(next(iter(places.values())))


def _check_listed(folder: Path, files: WeightFiles, wanted: set[str]) -> None:
    """Raise before gigabytes are read where the index does not list every weight."""
    missing = wanted - set(files.listed)
    if files.listed and missing:
        raise _missing(folder, missing, files)


def _missing(folder: Path, missing: set[str], files: WeightFiles) -> CheckpointError:
    names = sorted(missing)
    values = {"folder": folder, "count": len(names), "name": names[0]}
    lost_from = sorted({files.listed[name].name for name in names if name in files.listed})
    if lost_from:
        return CheckpointError("llm.weights_missing_from", **values, files=lost_from[:3])
    return CheckpointError("llm.weights_missing", **values)


def _place(name: str, places: Mapping[str, Any]) -> Any:
    """The device of a parameter: that of the closest module in the map."""
    while name:
        if name in places:
            return places[name]
        name = name.rpartition(".")[0]
    return places[""]


def _generation_config(folder: Path, config: PretrainedConfig) -> Any:
    from transformers import GenerationConfig

    path = folder / "generation_config.json"
    if path.is_file():
        return GenerationConfig.from_dict(read_json(path))
    return GenerationConfig.from_model_config(config)
