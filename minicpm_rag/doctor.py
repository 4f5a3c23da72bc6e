"""Reports what this installation has, what will answer and how quickly, and what is missing.

It looks and measures; with `check` it also has the library repaired. It loads no model.
"""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from minicpm_rag.errors import CheckpointError, RAGError
from minicpm_rag.loaders import conversion
from minicpm_rag.messages import Message, joined
from minicpm_rag.models import Choice, choose, describe_folder, find_local
from minicpm_rag.models.gguf import find_gguf, read_gguf
from minicpm_rag.models.hardware import Hardware, describe, measure_bandwidth
from minicpm_rag.settings import Settings, unknown_variables, variable_of

REQUIRED = (
    *("torch", "transformers", "langchain-core", "chromadb"),
    *("sentence-transformers", "streamlit", "modelscope"),
)
# Package of an extra -> what it is for
OPTIONAL = {
    "flash-attn": "doctor.optional_gpu",
    "xllamacpp": "doctor.optional_gguf",
    "rapidocr": "doctor.optional_ocr",
}
# Share of a GPU's memory bandwidth, as `measure_bandwidth` measures it, that decoding reaches
GPU_BANDWIDTH_SHARE = 0.55


@dataclass(frozen=True)
class Finding:
    """One line of the report. `problem` means something does not work; `advice` is what to do."""

    name: Message
    value: Message
    problem: bool = False
    advice: Message | None = None


def examine(settings: Settings, *, check: bool = False) -> list[Finding]:
    """Look at everything once. A missing model is no problem: answers are quoted sentences then."""
    hardware = describe()
    system = Message("doctor.python", version=platform.python_version(), system=platform.platform())
    findings = [Finding(_words("Python"), system)]
    findings += _variables()
    findings += _packages()
    findings += _home(settings.home)
    findings += _machine(hardware)
    findings += _answering(settings, hardware)
    findings += _searching(settings)
    findings += _library(settings) if check else _ledger(settings.home, settings.database_url)
    return findings


def _words(words: object) -> Message:
    """A name or a number that is the same in every language."""
    return Message("system.words", words=words)


def _variables() -> Iterator[Finding]:
    """Variables that were meant as settings and have no effect."""
    for name in unknown_variables():
        near = difflib.get_close_matches(name, map(variable_of, Settings.model_fields), n=1)
        advice = Message("doctor.meant", variable=near[0]) if near else None
        yield Finding(_words(name), Message("doctor.no_such_setting"), True, advice)


def _packages() -> Iterator[Finding]:
    for name in (*REQUIRED, *OPTIONAL):
        version = _version(name)
        if version:
            yield Finding(_words(name), _words(version))
        elif name in OPTIONAL:
            yield Finding(_words(name), Message("doctor.not_installed"), advice=Message(OPTIONAL[name]))
        else:
            yield Finding(_words(name), Message("doctor.missing"), True, Message("doctor.install_again"))
    libreoffice = conversion.program()
    found = _words(libreoffice) if libreoffice else Message("doctor.not_installed")
    advice = None if libreoffice else Message("doctor.optional_libreoffice")
    yield Finding(_words("LibreOffice"), found, advice=advice)


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _home(home: Path) -> Iterator[Finding]:
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(existing).free
    yield Finding(Message("doctor.home"), Message("doctor.folder_free", folder=home, free=free))
    if not os.access(existing, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        yield Finding(Message("doctor.home"), Message("doctor.not_writable"), True, Message("doctor.other_home"))
    if os.name == "posix" and home.is_dir() and home.stat().st_mode & 0o077:
        yield Finding(
            Message("doctor.home"), Message("doctor.open_to_others"), True, Message("doctor.chmod", folder=home)
        )


def _machine(hardware: Hardware) -> Iterator[Finding]:
    key = "doctor.cores_with_bfloat" if hardware.processor_bfloat16 else "doctor.cores"
    yield Finding(Message("doctor.processor"), Message(key, name=hardware.processor, cores=hardware.cores))
    yield Finding(Message("doctor.memory"), Message("doctor.bytes", size=hardware.ram_bytes))
    for gpu in hardware.gpus:
        free = Message("doctor.gpu_free", name=gpu.name, free=gpu.free_bytes, total=gpu.total_bytes)
        yield Finding(Message("doctor.gpu"), free)
    if not hardware.gpus:
        advice = Message("doctor.install_cuda") if hardware.note else None
        yield Finding(Message("doctor.gpu"), hardware.note or Message("doctor.none"), advice=advice)


def _answering(settings: Settings, hardware: Hardware) -> Iterator[Finding]:
    usable = hardware.without_gpus() if settings.device == "cpu" else hardware
    if settings.device == "cuda" and not hardware.gpus:
        yield Finding(Message("doctor.device"), _words("cuda"), True, Message("doctor.no_gpu_for_cuda"))
    local = find_local(settings.home)
    for entry in local:
        if problems := joined(*entry.problems):
            name = entry.model.name
            again = None if find_gguf(entry.folder) else Message("doctor.download_model", name=name)
            yield Finding(_words(name), problems, True, again)
    if settings.model is not None:
        yield from _configured(settings.model, settings, usable)
        return
    answers_by = Message("doctor.answers_by")
    if settings.llm_url:
        server = Message("doctor.server", address=settings.llm_url)
        yield Finding(answers_by, server, advice=Message("doctor.server_not_called"))
        return
    choice = choose(usable, [entry.model for entry in local if not entry.problems])
    if choice.is_present and choice.model is not None:
        folder = next(entry.folder for entry in local if entry.model == choice.model)
        model = Message("doctor.model_in", name=choice.model.name, folder=folder)
        yield Finding(answers_by, model, advice=choice.reason)
        yield from _running(choice, settings, folder)
        yield from _better(choice)
        return
    yield Finding(answers_by, Message("doctor.quotes"))
    suits = Message("doctor.suits")
    if choice.model is not None:
        advice = Message("doctor.download_recommended", reason=choice.reason)
        yield Finding(suits, _words(choice.model.name), advice=advice)
        yield from _better(choice)
    else:
        yield Finding(suits, Message("doctor.no_model"), advice=choice.reason)


def _configured(folder: Path, settings: Settings, hardware: Hardware) -> Iterator[Finding]:
    from minicpm_rag.llm.checkpoint import read_config
    from minicpm_rag.llm.checkpoint.weights import find_weights

    answers_by = Message("doctor.answers_by")
    try:
        if (file := find_gguf(folder)) is not None:
            read_gguf(file)
        else:
            read_config(folder)
            find_weights(folder)
    except RAGError as error:
        yield Finding(answers_by, _words(folder), True, error.message)
        return
    model = describe_folder(folder)
    value = Message("doctor.model_in", name=model.name, folder=folder)
    yield Finding(answers_by, value, advice=Message("doctor.named_model"))
    choice = choose(hardware, [model])
    if choice.model != model:
        yield Finding(Message("doctor.memory_for_it"), Message("doctor.too_little"), True, choice.reason)
        return
    yield from _running(choice, settings, folder)
    yield from _better(choice)


def _better(choice: Choice) -> Iterator[Finding]:
    """What would be quicker or better here, where there is such a thing."""
    if choice.better is not None:
        yield Finding(Message("doctor.better"), choice.better)


def _running(choice: Choice, settings: Settings, folder: Path) -> Iterator[Finding]:
    from minicpm_rag.llm.checkpoint.placement import choose_weights

    assert choice.model is not None
    on_gpu = choice.device == "cuda"
    if (file := find_gguf(folder)) is not None:
        stored = read_gguf(file).format or "GGUF"
        told = Message("doctor.device_weights", device=choice.device, weights=f"{stored}, llama.cpp")
        yield Finding(Message("doctor.device"), told)
        yield _speed(choice.device, choice.model.gguf_bytes)
        return
    weights = choose_weights(settings.weights, choice.device, settings.precision)
    yield Finding(Message("doctor.device"), Message("doctor.device_weights", device=choice.device, weights=weights))
    precision, key = settings.precision, "doctor.precision_set"
    if settings.precision == "auto":
        precision = choice.precision
        key = "doctor.precision_of_gpu" if on_gpu else "doctor.precision_of_processor"
    yield Finding(Message("doctor.precision"), Message(key, precision=precision))
    yield _attention(settings.attention, on_gpu, folder)
    size = {"full": choice.model.weight_bytes(precision), "int8": choice.model.parameters}.get(
        weights, choice.model.parameters * 5 // 8
    )
    yield _speed(choice.device, size)


def _speed(device: str, size: int) -> Finding:
    """How quickly memory can deliver weights of this many bytes."""
    on_gpu = device == "cuda"
    bandwidth = measure_bandwidth(device)
    ceiling = bandwidth / max(size, 1)
    speed = Message(
        "doctor.about" if on_gpu else "doctor.at_most",
        tokens=ceiling * GPU_BANDWIDTH_SHARE if on_gpu else ceiling,
        bandwidth=int(bandwidth),
        size=size,
    )
    return Finding(Message("doctor.speed"), speed)


def _attention(wanted: str, on_gpu: bool, folder: Path) -> Finding:
    from minicpm_rag.llm.checkpoint import read_config
    from minicpm_rag.llm.decoding import attention_of_engine, would_serve

    name = Message("doctor.attention")
    if wanted == "flash_attention_2" and importlib.util.find_spec("flash_attn") is None:
        return Finding(name, _words(wanted), True, Message("doctor.no_flash_attention"))
    try:
        own = on_gpu and would_serve(read_config(folder))
    except CheckpointError:  # shown where the folder is checked
        own = False
    if not own:
        return Finding(name, _words(wanted))
    advice = Message("doctor.attention_no_effect", attention=wanted) if wanted == "eager" else None
    return Finding(name, _words(attention_of_engine(wanted)), advice=advice)


def _searching(settings: Settings) -> Iterator[Finding]:
    from minicpm_rag.embedding.choice import load_embedders

    embeddings_by = Message("doctor.embeddings_by")
    try:
        found = load_embedders(settings.embedder, settings.home, service=settings.embedder_service)
        name = found.default.name  # a server is asked for it, which tells whether it is there
        yield Finding(embeddings_by, _words(name), found.instead is not None, found.instead)
    except RAGError as error:
        yield Finding(embeddings_by, _words(settings.embedder_url or settings.embedder), True, error.message)
    if settings.reranker_url is not None:
        server = Message("doctor.server", address=settings.reranker_url)
        yield Finding(Message("doctor.reranks_with"), server)
    elif settings.reranker is not None:
        there = (settings.reranker / "config.json").is_file()
        advice = None if there else Message("doctor.reranker_no_config")
        yield Finding(Message("doctor.reranks_with"), _words(settings.reranker), not there, advice)


def _ledger(home: Path, database: str | None) -> Iterator[Finding]:
    """A problem where there is a ledger that cannot be opened."""
    from minicpm_rag.library.ledger import knowledge_bases
    from minicpm_rag.library.ledger.opening import open_ledger

    if database is None and not (home / "ledger.sqlite3").exists():
        return
    try:
        ledger = open_ledger(home, database)
        with ledger.reading() as connection:
            knowledge_bases.listed(connection)
        ledger.close()
    except RAGError as error:
        yield Finding(Message("doctor.library"), Message("doctor.not_opened"), True, error.message)


def _library(settings: Settings) -> Iterator[Finding]:
    from minicpm_rag.embedding.choice import load_embedders
    from minicpm_rag.indexing import check
    from minicpm_rag.library import Library

    name = Message("doctor.library")
    try:
        found = load_embedders(settings.embedder, settings.home, service=settings.embedder_service)
    except RAGError:  # told where embeddings are examined; only damaged documents need them here
        found = None
    try:
        with Library.of(settings, found) as library:
            report = check(library, settings.chunk_size, repair=True, ocr=settings.ocr)
    except RAGError as error:
        yield Finding(name, Message("doctor.not_checked"), True, error.message)
        return
    yield Finding(name, report.message, problem=bool(report.unmended))
