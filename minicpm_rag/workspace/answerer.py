"""Which model answers: chosen from the settings and what is downloaded, and loaded when it is needed.

Knows no library and no chain.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from minicpm_rag.errors import CheckpointError, ModelError
from minicpm_rag.settings import Settings

if TYPE_CHECKING:
    from minicpm_rag.llm.minicpm import MiniCPM_LLM
    from minicpm_rag.llm.remote import RemoteLLM


@dataclass(frozen=True)
class Server:
    """An OpenAI-compatible server, the model to ask it for, and its key."""

    address: str
    model: str | None = None
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Answerer:
    """What answers: a model (its folder or GGUF file), a server, or (neither) quoted sentences."""

    folder: Path | None = None
    server: Server | None = None


def configured(settings: Settings) -> Answerer:
    """A configured folder, else a configured server, else the best downloaded model, else quotes.

    Raises CheckpointError where the configured folder is not the folder of a model.
    """
    if settings.model is not None:
        try:
            return Answerer(folder=model_folder(settings.model, settings.home))
        except CheckpointError as exc:
            raise CheckpointError(
                "models.configured", setting=f"MINICPM_RAG_MODEL={settings.model}", why=exc.message
            ) from exc
    if settings.llm_url is not None:
        key = settings.llm_api_key
        secret = None if key is None else key.get_secret_value()
        return Answerer(server=Server(settings.llm_url, settings.llm_model, secret))
    return _downloaded(settings)


def model_folder(named: str | Path, home: Path) -> Path:
    """The place of the model that is named: a folder, a GGUF file, or the name or hub id of one that was downloaded.

    Raises CheckpointError that says what was named instead.
    """
    from minicpm_rag.llm.checkpoint.folder import locate
    from minicpm_rag.models import find_model, folder_of
    from minicpm_rag.models.gguf import ENDING, find_gguf

    folder = Path(named).expanduser().absolute()
    if not folder.exists():
        with contextlib.suppress(ModelError):
            downloaded = folder_of(home, find_model(Path(named).as_posix()))
            folder = downloaded if downloaded.is_dir() else folder
        if (home / "models" / Path(named).name).suffix == ENDING and not folder.exists():
            folder = home / "models" / Path(named).name
    if find_gguf(folder) is not None:
        return folder
    return locate(folder if folder.exists() else named)


def _downloaded(settings: Settings) -> Answerer:
    from minicpm_rag.models import choose, find_local

    local = [found for found in find_local(settings.home) if not found.problems]
    if not local:
        return Answerer()
    from minicpm_rag.models.hardware import describe

    hardware = describe()
    if settings.device == "cpu":
        hardware = hardware.without_gpus()
    choice = choose(hardware, [found.model for found in local])
    chosen = [found.folder for found in local if choice.is_present and found.model == choice.model]
    return Answerer(folder=chosen[0]) if chosen else Answerer()


def load(answerer: Answerer, settings: Settings) -> MiniCPM_LLM | RemoteLLM | None:
    """Load the model; None where sentences are quoted."""
    from minicpm_rag.models.gguf import find_gguf

    if answerer.folder is not None and find_gguf(answerer.folder) is not None:
        from minicpm_rag.llm.gguf.gguf_llm import GgufLLM

        return GgufLLM(
            answerer.folder,
            device=settings.device,
            temperature=settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            thinking_tokens=settings.llm_thinking_tokens,
            window=settings.llm_context_tokens,
        )
    if answerer.folder is not None:
        from minicpm_rag.llm.minicpm import MiniCPM_LLM

        return MiniCPM_LLM(
            answerer.folder,
            device=settings.device,
            precision=settings.precision,
            attention=settings.attention,
            weights=settings.weights,
            key_value_cache=settings.key_value_cache,
            gpu_gigabytes=settings.gpu_gigabytes,
            temperature=settings.temperature,
            max_new_tokens=settings.max_new_tokens,
            thinking_tokens=settings.llm_thinking_tokens,
        )
    if answerer.server is not None:
        return connected(answerer.server, settings)
    return None


def connected(server: Server, settings: Settings) -> RemoteLLM:
    """The server as a language model, with the settings that are meant for it."""
    from minicpm_rag.llm.remote import connect

    return connect(
        server.address,
        server.model,
        server.key,
        settings.llm_context_tokens,
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        thinking=settings.llm_thinking,
        thinking_tokens=settings.llm_thinking_tokens,
        top_p=settings.llm_top_p,
        top_k=settings.llm_top_k,
        min_p=settings.llm_min_p,
        repetition_penalty=settings.llm_repetition_penalty,
    )
