"""Say what this installation has, what will answer and how quickly, and what is missing.

It looks and measures; with `check` it also has the library repaired. It loads no model.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.errors import RAGError
from minicpm_rag.models import Choice, choose, describe_folder, find_local
from minicpm_rag.models.hardware import GIGABYTE, Hardware, describe, measure_bandwidth

if TYPE_CHECKING:
    from minicpm_rag.settings import Settings

REQUIRED = (
    *("torch", "transformers", "langchain-core", "chromadb"),
    *("sentence-transformers", "streamlit", "modelscope"),
)
OPTIONAL = {"flash-attn": "the gpu extra", "rapidocr": "the ocr extra, to read scanned pages"}
_DOWNLOAD = "python -m minicpm_rag download"
# Share of the memory bandwidth that decoding reaches: 60 % of reading was measured on an H200 (MiniCPM-2B,
# bfloat16); a copy, which is what is measured here, moves a little more than a read.
GPU_BANDWIDTH_SHARE = 0.55


@dataclass(frozen=True)
class Finding:
    """One line of the report. `problem` means something does not work; `advice` is what to do."""

    name: str
    value: str
    problem: bool = False
    advice: str = ""


def examine(settings: Settings, *, check: bool = False) -> list[Finding]:
    """Look at everything once. A missing model is no problem: answers are quoted sentences then."""
    hardware = describe()
    findings = [Finding("Python", f"{platform.python_version()} on {platform.platform()}")]
    findings += _packages()
    findings += _home(settings.home)
    findings += _machine(hardware)
    findings += _answering(settings, hardware)
    findings += _searching(settings)
    if check:
        findings += _library(settings)
    return findings


def _packages() -> Iterator[Finding]:
    for name in (*REQUIRED, *OPTIONAL):
        version = _version(name)
        if version:
            yield Finding(name, version)
        elif name in OPTIONAL:
            yield Finding(name, "not installed", advice=f"Optional: {OPTIONAL[name]}.")
        else:
            yield Finding(name, "missing", True, "Install this project again: pip install -e .")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _home(home: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding("Home folder", f"{home}, {free / GIGABYTE:.1f} GB free")


def _machine(hardware: Hardware) -> Iterator[Finding]:
    bfloat16 = ", computes in bfloat16" if hardware.processor_bfloat16 else ""
    yield Finding("Processor", f"{hardware.processor}, {hardware.cores} cores{bfloat16}")
    yield Finding("Memory", f"{hardware.ram_bytes / GIGABYTE:.1f} GB")
    for gpu in hardware.gpus:
        free = f"{gpu.free_bytes / GIGABYTE:.1f} of {gpu.total_bytes / GIGABYTE:.1f} GB free"
        yield Finding("GPU", f"{gpu.name}, {free}")
    if not hardware.gpus:
        advice = "Install a CUDA build of torch to use it." if hardware.note else ""
        yield Finding("GPU", hardware.note or "none", advice=advice)


def _answering(settings: Settings, hardware: Hardware) -> Iterator[Finding]:
    usable = hardware.without_gpus() if settings.device == "cpu" else hardware
    if settings.device == "cuda" and not hardware.gpus:
        yield Finding("Device", "cuda", True, "No GPU can be used; set MINICPM_RAG_DEVICE=auto.")
    local = find_local(settings.home)
    broken = [entry for entry in local if entry.problems]
    for entry in broken:
        yield Finding(entry.model.name, "; ".join(entry.problems), True, f"Run: {_DOWNLOAD} {entry.model.name}")
    whole = [entry.model for entry in local if not entry.problems]
    if settings.model is not None:
        yield from _configured(settings.model, settings, usable)
        return
    if settings.llm_url:
        advice = "Named in MINICPM_RAG_LLM_URL; it is not called here."
        yield Finding("Answers by", f"the server at {settings.llm_url}", advice=advice)
        return
    choice = choose(usable, whole)
    if choice.is_present and choice.model is not None:
        folder = next(entry.folder for entry in local if entry.model == choice.model)
        yield Finding("Answers by", f"{choice.model.name} in {folder}", advice=choice.reason)
        yield from _running(choice, settings, usable)
        return
    yield Finding("Answers by", "sentences quoted from the documents, without a model")
    if choice.model is not None:
        yield Finding("Suits this machine", choice.model.name, advice=f"{choice.reason} Run: {_DOWNLOAD} --recommended")
    else:
        yield Finding("Suits this machine", "no model", advice=choice.reason)


def _configured(folder: Path, settings: Settings, hardware: Hardware) -> Iterator[Finding]:
    from minicpm_rag.llm.checkpoint import read_config
    from minicpm_rag.llm.checkpoint.weights import find_weights

    try:
        read_config(folder)
        find_weights(folder)
    except RAGError as error:
        yield Finding("Answers by", str(folder), True, str(error))
        return
    model = describe_folder(folder)
    yield Finding("Answers by", f"{model.name} in {folder}", advice="Named in MINICPM_RAG_MODEL.")
    choice = choose(hardware, [model])
    if choice.model != model:
        yield Finding("Memory for it", "too little", True, choice.reason)
        return
    yield from _running(choice, settings, hardware)


def _running(choice: Choice, settings: Settings, hardware: Hardware) -> Iterator[Finding]:
    from minicpm_rag.llm.checkpoint.placement import choose_weights

    assert choice.model is not None
    precision = choice.precision if settings.precision == "auto" else settings.precision
    why = "set" if settings.precision != "auto" else f"what the {_device_word(choice)} computes itself"
    weights = choose_weights(settings.weights, choice.device, settings.precision)
    yield Finding("Device", f"{choice.device}, weights {weights}")
    yield Finding("Precision", f"{precision} ({why})")
    attention = settings.attention
    if attention == "flash_attention_2" and importlib.util.find_spec("flash_attn") is None:
        yield Finding("Attention", attention, True, "Install the gpu extra, or leave MINICPM_RAG_ATTENTION at sdpa.")
    else:
        yield Finding("Attention", attention)
    size = {"full": choice.model.weight_bytes(precision), "int8": choice.model.parameters}.get(
        weights, choice.model.parameters * 5 // 8
    )
    bandwidth = measure_bandwidth(choice.device)
    ceiling = bandwidth / max(size, 1)
    basis = f"memory moves {bandwidth / GIGABYTE:.0f} GB/s, each token reads {size / GIGABYTE:.1f} GB"
    if choice.device == "cuda":
        yield Finding("Expected speed", f"about {ceiling * GPU_BANDWIDTH_SHARE:.0f} tokens/s ({basis})")
    else:
        yield Finding("Expected speed", f"at most {ceiling:.0f} tokens/s ({basis})")


def _device_word(choice: Choice) -> str:
    return "GPU" if choice.device == "cuda" else "processor"


def _searching(settings: Settings) -> Iterator[Finding]:
    from minicpm_rag.embedding.embedder import load_embedder

    try:
        yield Finding("Embeddings by", load_embedder(settings.embedder).name)
    except RAGError as error:
        yield Finding("Embeddings by", settings.embedder, True, str(error))
    if settings.reranker is not None:
        there = (settings.reranker / "config.json").is_file()
        advice = "" if there else "MINICPM_RAG_RERANKER names a folder without config.json."
        yield Finding("Reranks with", str(settings.reranker), not there, advice)


def _library(settings: Settings) -> Iterator[Finding]:
    from minicpm_rag.indexing import check
    from minicpm_rag.library import Library

    try:
        with Library(settings.home, embedder=None, chroma_url=settings.chroma_url) as library:
            report = check(library, repair=True)
    except RAGError as error:
        yield Finding("Library", "could not be checked", True, str(error))
        return
    yield Finding("Library", str(report))
