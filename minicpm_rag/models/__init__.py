"""Which model answers on this machine: the catalogue, what is here, and the choice with its reason.

The choice is a pure function of the machine and the models present. It does not load models.
"""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from minicpm_rag.errors import CheckpointError
from minicpm_rag.messages import Message
from minicpm_rag.models.catalogue import CATALOGUE, USUAL_CONTEXT_TOKENS, Model, Precision, find_model
from minicpm_rag.models.fetching import download, list_gguf
from minicpm_rag.models.gguf import find_gguf, gguf_files, is_later_part, read_gguf
from minicpm_rag.models.hardware import GIGABYTE, RAM_SHARE, Hardware
from minicpm_rag.models.manifest import MANIFEST, missing_files, read_manifest
from minicpm_rag.models.quickness import usual_seconds
from minicpm_rag.models.refused import refused_by_config, refused_by_name

__all__ = [
    "CATALOGUE", "Choice", "LocalModel", "Model", "choose", "describe_folder", "download", "find_local",
    "find_model", "fits", "folder_of", "list_gguf", "missing_files", "recommended", "usual_seconds",
]  # fmt: skip

# The newest comes first on a GPU: a long window, and a cache an eighth of the tutorial's model's. Then that one, and
# what a small card still holds.
_ON_GPU = (
    "MiniCPM5-2B", "MiniCPM-2B-sft-bf16", "MiniCPM-2B-sft-fp32", "MiniCPM-2B-dpo-bf16",
    "MiniCPM5-1B", "MiniCPM-1B-sft-bf16", "MiniCPM4-0.5B",
)  # fmt: skip
_ON_STRONG_PROCESSOR = ("MiniCPM5-1B", "MiniCPM4-0.5B", "MiniCPM-1B-sft-bf16")
_ON_PROCESSOR = ("MiniCPM4-0.5B", "MiniCPM5-1B", "MiniCPM-1B-sft-bf16")
STRONG_PROCESSOR_CORES = 8
GGUF_SUFFIX = "-GGUF"  # of a model's name in the catalogue, for the same model as a GGUF file
ADAPTER = "adapter_config.json"  # of a LoRA adapter, which changes the weights of a model beside it
VRAM_SHARE = 0.95  # left over for the screen and other programs


@dataclass(frozen=True)
class LocalModel:
    """A model folder on this machine; `problems` names files that are missing or short."""

    model: Model
    folder: Path
    problems: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Choice:
    """The model to answer with. `model` None: nothing fits, answers are quoted sentences."""

    model: Model | None
    device: str  # "cuda" or "cpu"
    precision: Precision
    is_present: bool
    reason: Message  # what runs, why, and how quick it is
    better: Message | None = None  # what would be quicker or better on this machine


def choose(hardware: Hardware, present: Sequence[Model]) -> Choice:
    """Choose the answering model: one that is present and fits before one that would have to be fetched."""
    here = [model for model in present if model.kind == "chat" and model.usable]
    places = [("cuda", _ON_GPU), ("cpu", _ON_STRONG_PROCESSOR if _is_strong(hardware) else _ON_PROCESSOR)]
    if not hardware.gpus:
        places = places[1:]
    for candidates, is_present in ((here, True), (list(CATALOGUE), False)):
        for device, preference in places:
            precision = _precision(hardware, device)
            fitting = [model for model in candidates if fits(model, hardware, device)]
            ways = _quickest_ways(preference, fitting, hardware) if device == "cpu" else preference
            model = _first(fitting, ways, largest=device == "cuda", only_preferred=not is_present)
            if model is not None:
                reason = _reason(model, hardware, device, is_present, here)
                return Choice(model, device, precision, is_present, reason, _better(model, hardware, device))
    smallest = min((model for model in CATALOGUE if model.kind == "chat"), key=lambda model: model.parameters)
    needed = smallest.memory_bytes(_precision(hardware, "cpu"))
    return Choice(
        None, "cpu", _precision(hardware, "cpu"), False,
        Message("models.nothing_fits", name=smallest.name, needed=needed, room=_room(hardware, "cpu")),
    )  # fmt: skip


def _quickest_ways(preference: Sequence[str], fitting: Sequence[Model], hardware: Hardware) -> list[str]:
    """The same models in the same order, each first in the way that answers soonest here: as a folder, or as GGUF."""
    usable = {model.name: model for model in fitting if hardware.llama_cpp or not model.is_gguf}
    ways: list[str] = []
    for name in preference:
        found = [usable[each] for each in (name, f"{name}{GGUF_SUFFIX}") if each in usable]
        ways += [model.name for model in sorted(found, key=lambda model: usual_seconds(model, hardware))]
    return ways


def _better(model: Model, hardware: Hardware, device: str) -> Message | None:
    """What would answer sooner than this model on a processor: the same as GGUF, a smaller one, or a GPU."""
    if device != "cpu":
        return None
    now = usual_seconds(model, hardware)
    gguf = next((each for each in CATALOGUE if each.is_gguf and each.name == f"{model.name}{GGUF_SUFFIX}"), None)
    if gguf is not None and usual_seconds(gguf, hardware) < 0.8 * now:
        key = "models.better_gguf" if hardware.llama_cpp else "models.better_with_extra"
        return Message(key, name=gguf.name, seconds=usual_seconds(gguf, hardware))
    smallest = find_model(_ON_PROCESSOR[0])
    if usual_seconds(smallest, hardware) < 0.8 * now and not model.name.startswith(smallest.name):
        return Message("models.better_small", name=smallest.name, seconds=usual_seconds(smallest, hardware))
    return None if hardware.gpus else Message("models.better_gpu", name=_ON_GPU[0])


def recommended(hardware: Hardware) -> list[Model]:
    """The set to fetch: the answering model, and a stronger embedder and reranker where they run well."""
    choice = choose(hardware, ())
    models = [] if choice.model is None else [choice.model]
    beside = choice.model.memory_bytes(choice.precision) if choice.model and choice.device == "cuda" else 0
    embedder, reranker = find_model("bge-m3"), find_model("bge-reranker-v2-m3")
    vram_left = _room(hardware, "cuda") - beside
    strong = _is_strong(hardware) and hardware.ram_bytes >= 16 * GIGABYTE
    if strong or vram_left >= embedder.memory_bytes("float16"):
        models.append(embedder)
    if vram_left >= embedder.memory_bytes("float16") + reranker.memory_bytes("float16"):
        models.append(reranker)
    return models


def fits(model: Model, hardware: Hardware, device: str) -> bool:
    """Whether the model with a usual context fits the device's memory."""
    if device == "cuda" and not hardware.gpus:
        return False
    return model.memory_bytes(_precision(hardware, device)) <= _room(hardware, device)


def folder_of(home: Path, model: Model) -> Path:
    """Where a model is kept."""
    return home / "models" / model.name


def find_local(home: Path) -> list[LocalModel]:
    """The model folders under the home folder, downloaded or copied there by hand, by name."""
    models = home / "models"
    if not models.is_dir():
        return []
    found = []
    for place in sorted(models.iterdir()):
        if find_gguf(place) is not None:
            files = gguf_files(place) if place.is_dir() else [place] if not is_later_part(place.name) else []
            found += [_local_gguf(place if len(files) == 1 else file) for file in files]
        elif place.is_dir() and any((place / name).is_file() for name in ("config.json", ADAPTER, MANIFEST)):
            found.append(LocalModel(describe_folder(place), place, tuple(missing_files(place))))
    return found


def _local_gguf(place: Path) -> LocalModel:
    """A GGUF file, or a folder with one; a file that cannot be read is listed with the reason."""
    missing = tuple(missing_files(place)) if place.is_dir() else ()
    if importlib.util.find_spec("xllamacpp") is None:
        missing += (Message("models.gguf_extra"),)
    try:
        return LocalModel(describe_folder(place), place, missing)
    except CheckpointError as error:
        nothing = Model(place.name, "", "chat", 0, USUAL_CONTEXT_TOKENS, estimated=True, usable=False)
        return LocalModel(nothing, place, missing or (error.message,))


def _is_strong(hardware: Hardware) -> bool:
    return hardware.cores >= STRONG_PROCESSOR_CORES and hardware.ram_bytes >= 8 * GIGABYTE


def _precision(hardware: Hardware, device: str) -> Precision:
    if device == "cuda":
        return "bfloat16" if all(gpu.bfloat16 for gpu in hardware.gpus) else "float16"
    return "bfloat16" if hardware.processor_bfloat16 else "float32"


def _room(hardware: Hardware, device: str) -> int:
    if device == "cuda":
        return int(hardware.vram_bytes * VRAM_SHARE)
    return int(hardware.ram_bytes * RAM_SHARE)


def _first(fitting: Sequence[Model], preference: Sequence[str], *, largest: bool, only_preferred: bool) -> Model | None:
    by_name = {model.name: model for model in fitting}
    for name in preference:
        if name in by_name:
            return by_name[name]
    if only_preferred or not fitting:
        return None
    # Others were put here on purpose: the strongest for a GPU, the quickest for a processor.
    return sorted(fitting, key=lambda model: model.parameters, reverse=largest)[0]


def _reason(model: Model, hardware: Hardware, device: str, is_present: bool, here: Sequence[Model]) -> Message:
    needed, room = model.memory_bytes(_precision(hardware, device)), _room(hardware, device)
    if device == "cuda":
        where = Message("models.on_gpu", name=model.name, needed=needed, room=room)
    else:
        why = Message("models.gpu_too_small") if hardware.gpus else Message("models.no_gpu")
        cores = hardware.cores
        seconds = max(1.0, usual_seconds(model, hardware))
        where = Message(
            "models.on_processor", name=model.name, why=why, needed=needed, room=room, cores=cores, seconds=seconds
        )
    if is_present:
        return Message("models.is_here", where=where)
    if here:
        return Message("models.to_download_instead", where=where, others=[other.name for other in here])
    return Message("models.to_download", where=where)


def describe_folder(folder: Path) -> Model:
    """Name the model of a folder or a GGUF file: by its manifest, by its name, else by what its files say.

    Raises CheckpointError for a GGUF file that cannot be read.
    """
    known = _known_model(folder)
    if (file := find_gguf(folder)) is None:
        return known or _unknown_model(folder)
    read = read_gguf(file)
    context = read.context_tokens or USUAL_CONTEXT_TOKENS
    why = refused_by_name(f"{file.name} {read.facts.get('general.name', '')}")
    model = known or Model(folder.name, "", "chat", read.parameters, context, usable=why is None)
    return replace(
        model,
        parameters=read.parameters,
        cache_values_per_token=read.cache_values_per_token,
        estimated=False,
        gguf_bytes=read.file_bytes,
        note=why or Message("models.note.gguf_here", format=read.format or "GGUF"),
    )


def _known_model(folder: Path) -> Model | None:
    manifest = read_manifest(folder)
    known = [model for model in CATALOGUE if manifest and model.modelscope_id == manifest["id"]]
    if known:
        return known[0]
    for model in CATALOGUE:
        if folder.name.casefold() in (
            model.name.casefold(),
            model.modelscope_id.partition("/")[2].casefold(),
        ):
            return model
    return None


def _adapted_model(folder: Path) -> Model:
    """The model that an adapter's folder gives: as large as its base, and usable where that is here."""
    named = str(_read(folder / ADAPTER).get("base_model_name_or_path") or "")
    base = re.split(r"[/\\]", named.rstrip("/\\"))[-1]
    places = [place for place in (Path(named).expanduser(), folder.parent / base) if (place / "config.json").is_file()]
    if not places:
        note = Message("models.note.adapter_without_base", base=named)
        return Model(folder.name, "", "chat", 0, USUAL_CONTEXT_TOKENS, estimated=True, usable=False, note=note)
    note = Message("models.note.adapter", base=base)
    return replace(describe_folder(places[0]), name=folder.name, modelscope_id="", note=note)


def _read(path: Path) -> dict[str, Any]:
    """What a JSON file of a folder says; nothing where it cannot be read."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _unknown_model(folder: Path) -> Model:
    if (folder / ADAPTER).is_file() and not (folder / "config.json").is_file():
        return _adapted_model(folder)
    config = _read(folder / "config.json")
    stored = 4 if str(config.get("torch_dtype") or config.get("dtype")) == "float32" else 2
    weights = [path for pattern in ("*.safetensors", "*.bin") for path in folder.glob(pattern)]
    layers, heads = int(config.get("num_hidden_layers") or 0), int(config.get("num_attention_heads") or 1)
    key_value_heads = int(config.get("num_key_value_heads") or heads)
    head = int(config.get("head_dim") or int(config.get("hidden_size") or 0) // heads)
    why = refused_by_config(config)
    # MiniCPM's embedding and rerank models say that their tokens attend to all others.
    answers = config.get("model_type") in ("minicpm", "minicpm3", "llama") and config.get("is_causal") is not False
    return Model(
        folder.name,
        "",
        "chat" if why is not None or answers else "embedding",
        # Packed in 4 bits; a GPU unpacks them.
        sum(path.stat().st_size for path in weights) * 2 // (1 if config.get("quantization_config") else 2 * stored),
        int(config.get("max_position_embeddings") or USUAL_CONTEXT_TOKENS),
        2 * layers * key_value_heads * head,
        stored,
        estimated=True,
        usable=why is None,
        note=why or Message("models.note.by_hand"),
    )
