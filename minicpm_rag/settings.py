"""Settings: one frozen object of plain values, read from `MINICPM_RAG_*` variables, built once at an edge.

Stages do not import this module's instances: they take plain values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import platformdirs
from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from minicpm_rag.errors import SettingsError
from minicpm_rag.messages import Message, joined
from minicpm_rag.records import ChunkSize, Service

# Defaults that the parts have too where they are used without settings
PASSAGES = 5
MAX_NEW_TOKENS = 512
TEMPERATURE_FROM_DOCUMENTS = 0.1
THINKING_TOKENS = 2048

_PREFIX = "MINICPM_RAG_"
_OF_SERVERS = ("API_TOKEN",)  # variables that a command reads and that are no setting


class _TooLargeError(ValueError):
    """A number over a bound that another setting gives."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


class Settings(BaseSettings):
    """All that a user may set. Each field is the variable `MINICPM_RAG_<FIELD>`."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, allow_inf_nan=False
    )

    # Where everything is kept
    home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("minicpm-rag", appauthor=False)),
        description="folder of the library, uploads and downloaded models",
    )
    knowledge_base: str = Field("default", min_length=1, description="knowledge base used when none is named")
    originals: str | None = Field(
        None, description="s3://bucket/folder, or a folder, where uploaded originals are kept beside the home folder"
    )
    database: SecretStr | None = Field(
        None, description="postgresql://user@host/database that keeps the library instead of files in the home folder"
    )
    ray: str | None = Field(
        None,
        pattern="^(auto|ray://.+)$",
        description="ray://host:10001 of a Ray cluster that reads and embeds files, or auto for one on this machine",
    )
    chroma_url: str | None = Field(None, description="http://host:port of a Chroma server instead of the embedded one")

    # The answering model
    model: Path | None = Field(None, description="folder of a MiniCPM checkpoint")
    device: Literal["auto", "cuda", "cpu"] = Field("auto", description="where the answering model runs")
    precision: Literal["auto", "bfloat16", "float16", "float32"] = Field("auto", description="number format")
    weights: Literal["auto", "full", "int8", "int4"] = Field(
        "auto", description="weight quantization; auto is int8 on a processor, full on a GPU"
    )
    key_value_cache: Literal["full", "int8"] = Field(
        "full", description="keys and values on a GPU; int8 halves their memory"
    )
    gpu_gigabytes: float | None = Field(None, gt=0, description="most that weights and cache may take on a GPU")
    attention: Literal["sdpa", "flash_attention_2", "eager"] = Field("sdpa", description="attention implementation")
    llm_url: str | None = Field(
        None,
        description="address of an OpenAI-compatible server that answers instead; several with commas share the work",
    )
    llm_model: str | None = Field(None, description="model name to ask that server for")
    llm_api_key: SecretStr | None = Field(None, description="key for that server, if it wants one")
    llm_context_tokens: int | None = Field(
        None,
        ge=512,
        description="context window of that server's model, in tokens, or of a GGUF file; else what it says, or 4096; "
        "of a GGUF file up to 8192",
    )
    llm_thinking: Literal["auto", "on", "off"] = Field(
        "auto",
        description="whether that server's model thinks first; auto turns it off where its name says that it can be",
    )
    llm_thinking_tokens: int = Field(
        THINKING_TOKENS, ge=0, description="tokens for that model's thoughts, beside those of the answer"
    )
    llm_top_p: float | None = Field(None, gt=0, le=1, description="sampling at that server, where set")
    llm_top_k: int | None = Field(None, ge=0, description="sampling at that server, where set")
    llm_min_p: float | None = Field(None, ge=0, le=1, description="sampling at that server, where set")
    llm_repetition_penalty: float | None = Field(None, gt=0, description="sampling at that server, where set")
    temperature: float = Field(
        TEMPERATURE_FROM_DOCUMENTS, ge=0, le=2, description="for answers from documents; 0 is greedy"
    )
    max_new_tokens: int = Field(MAX_NEW_TOKENS, ge=16, description="longest answer, in tokens")

    # Embedding and retrieval
    embedder: str = Field("multilingual-e5-small", description="embedding model: a packaged one, or a folder")
    embedder_url: str | None = Field(
        None, description="address of a server that embeds instead: OpenAI-compatible (ending in /v1), else TEI's own"
    )
    embedder_model: str | None = Field(None, description="model name to ask that server for; else its first")
    embedder_api_key: SecretStr | None = Field(None, description="key for that server, if it wants one")
    embedder_query_prefix: str | None = Field(None, description="what its model reads before a question, if anything")
    embedder_passage_prefix: str | None = Field(None, description="what its model reads before a passage, if anything")
    reranker: Path | None = Field(None, description="folder of a cross-encoder that reorders the passages")
    reranker_url: str | None = Field(
        None, description="address of a server that reorders instead: vLLM, Jina or Cohere (.../v1), else TEI's own"
    )
    reranker_model: str | None = Field(None, description="model name to ask that server for; else its first")
    reranker_api_key: SecretStr | None = Field(None, description="key for that server, if it wants one")
    passages: int = Field(PASSAGES, ge=1, le=50, description="passages given to the answer")
    chunk_characters: int = Field(
        ChunkSize().characters, ge=50, le=4000, description="usual length of a chunk, in characters"
    )
    chunk_overlap_characters: int = Field(
        ChunkSize().overlap_characters, ge=0, description="text repeated from the chunk before, in characters"
    )

    # The page
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="further host names under which the page may be opened (a proxy's), comma-separated"
    )
    administrators: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="e-mail addresses or subjects of users who may choose the model and see who did what, "
        "where a login is set up",
    )
    groups_claim: str = Field(
        "groups", min_length=1, description="what the login's provider calls a user's groups, to whom one may share"
    )
    upload_megabytes: int = Field(200, ge=1, description="largest file the page takes, in megabytes")
    log_format: Literal["text", "json"] = Field(
        "text", description="how the page and the servers log; json has one object a line, without texts and names"
    )
    ocr: bool = Field(True, description="read scanned pages where the ocr extra is installed")
    in_short: bool = Field(
        True, description="show a document in short, by three of its own sentences, with three questions it can answer"
    )

    @property
    def database_url(self) -> str | None:
        """The address of the database with its password."""
        return None if self.database is None else self.database.get_secret_value()

    @property
    def chunk_size(self) -> ChunkSize:
        """Both numbers about chunks as one value."""
        return ChunkSize(self.chunk_characters, self.chunk_overlap_characters)

    @property
    def embedder_service(self) -> Service | None:
        """The server that embeds, where one is set."""
        if self.embedder_url is None:
            return None
        prefixes = (self.embedder_query_prefix, self.embedder_passage_prefix)
        return Service(self.embedder_url, self.embedder_model, _secret(self.embedder_api_key), *prefixes)

    @property
    def reranker_service(self) -> Service | None:
        """The server that reorders passages, where one is set."""
        if self.reranker_url is None:
            return None
        return Service(self.reranker_url, self.reranker_model, _secret(self.reranker_api_key))

    @field_validator("hosts", "administrators", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part for each in value.split(",") if (part := each.strip().lower()))

    @field_validator("chunk_overlap_characters")
    @classmethod
    def _less_than_a_chunk(cls, overlap: int, info: ValidationInfo) -> int:
        """More than half a chunk would make many times as many chunks."""
        most = info.data.get("chunk_characters", overlap * 2) // 2
        if overlap > most:
            raise _TooLargeError(most)
        return overlap

    @field_validator("home", "model", "reranker")
    @classmethod
    def _expand_user(cls, path: Path | None) -> Path | None:
        return None if path is None else _expanded(path).absolute()

    @field_validator("embedder")
    @classmethod
    def _of_a_known_user(cls, name_or_folder: str) -> str:
        _expanded(Path(name_or_folder))  # where it is used it will be
        return name_or_folder


def _expanded(path: Path) -> Path:
    """The path with the home folder in the place of ~. Raises ValueError where there is no such user."""
    try:
        return path.expanduser()
    except RuntimeError as exc:
        raise ValueError("no such user") from exc


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()


def load_settings(**overrides: Any) -> Settings:
    """Read the settings from the environment; keyword arguments win over it.

    Raises SettingsError naming each bad variable, its value and what is allowed.
    """
    try:
        return Settings(**overrides)
    except ValidationError as exc:
        raise SettingsError("settings.unusable", problems=joined(*map(_problem, exc.errors()))) from exc


def variable_of(field: str) -> str:
    """The variable that a setting is read from."""
    return _PREFIX + field.upper()


def unknown_variables() -> list[str]:
    """Variables of the environment that are called like settings and are none: mistyped ones have no effect."""
    known = {*map(variable_of, (*Settings.model_fields, *_OF_SERVERS))}
    return sorted(name for name in os.environ if name.upper().startswith(_PREFIX) and name.upper() not in known)


def _problem(error: Mapping[str, Any]) -> Message:
    """What is wrong with one setting: pydantic names the kind of error, and the bounds in `ctx`."""
    name = str(error["loc"][0])
    stated = {"variable": variable_of(name), "value": error["input"]}
    bounds = error.get("ctx", {})
    match error["type"]:
        case "int_parsing" | "int_from_float" | "int_type":
            return Message("settings.not_whole", **stated)
        case "float_parsing" | "float_type" | "finite_number":
            return Message("settings.not_a_number", **stated)
        case "bool_parsing" | "bool_type":
            return Message("settings.not_a_switch", **stated)
        case "greater_than_equal":
            return Message("settings.at_least", **stated, least=bounds["ge"])
        case "less_than_equal":
            return Message("settings.at_most", **stated, most=bounds["le"])
        case "greater_than":
            return Message("settings.more_than", **stated, bound=bounds["gt"])
        case "literal_error":
            return Message("settings.not_allowed", **stated, allowed=get_args(Settings.model_fields[name].annotation))
        case "string_too_short":
            return Message("settings.empty", **stated)
        case "value_error" if isinstance(too_large := bounds["error"], _TooLargeError):
            return Message("settings.at_most", **stated, most=too_large.most)
        case "value_error":  # raised by our own look at a path
            return Message("settings.no_such_user", **stated)
        case "extra_forbidden":
            return Message("settings.unknown", **stated)
    return Message("settings.other", **stated, why=error["msg"])
