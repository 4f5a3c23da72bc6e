"""Reads a sentence-transformers folder whose model is a BERT or an XLM-RoBERTa, so that it can run without torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from minicpm_rag.embedding.bert_graph import Shape, tensor_names
from minicpm_rag.embedding.converted import About, Source
from minicpm_rag.embedding.model_folder import read_json
from minicpm_rag.embedding.tokenizer import FastTokenizer
from minicpm_rag.errors import EmbeddingError
from minicpm_rag.messages import reason_of

if TYPE_CHECKING:
    import numpy
    from numpy.typing import NDArray

    Tensor = NDArray[numpy.float32]

WEIGHTS = "model.safetensors"
_FAMILIES = {"bert", "xlm-roberta", "roberta"}
_PREFIXES = ("", "bert.", "roberta.")  # of the tensors' names
MOST_BYTES = 2_000_000_000  # a graph in 32 bits is made on the way, and the format ends there


def is_supported(folder: Path) -> bool:
    """Whether the folder's model is a BERT that `read` can read whole."""
    try:
        config = read_json(folder / "config.json")
        kinds = [str(module["type"]).rpartition(".")[2] for module in read_json(folder / "modules.json")]
        pooling = _pooling(folder)
        weights = folder / WEIGHTS
        return (
            config["model_type"] in _FAMILIES
            and config.get("hidden_act") == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and kinds[:2] == ["Transformer", "Pooling"]
            and kinds[2:] in ([], ["Normalize"])
            and pooling is not None
            and (folder / "tokenizer.json").is_file()
            and weights.is_file()
            and weights.stat().st_size <= MOST_BYTES
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration):
        return False  # torch_embedder says what is wrong with it


def read(folder: Path) -> Source:
    """Read the model. Raises EmbeddingError where its files do not hold what they must."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        config = read_json(folder / "config.json")
        found = load_file(folder / WEIGHTS)
        tensors = _named(found, config)
        # RoBERTa's positions start after its padding index.
        first = 0 if config["model_type"] == "bert" else int(config["pad_token_id"]) + 1
        positions = tensors.pop("embeddings.position_embeddings.weight")[first:]
        positions = positions + tensors.pop("embeddings.token_type_embeddings.weight")[0]
        table = tensors.pop("embeddings.word_embeddings.weight")
        tokenizer = _tokenizer(folder)
        pooling = _pooling(folder)
        assert pooling is not None
        shape = Shape(
            hidden=int(config["hidden_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            epsilon=float(config["layer_norm_eps"]),
        )
        if missing := tensor_names(shape) - tensors.keys():
            raise KeyError(min(missing))
        return Source(
            weights=tensors,
            shape=shape,
            table=table,
            positions=positions,
            tokenizer=tokenizer,
            about=About(
                prefixes=dict(read_json(folder / "config_sentence_transformers.json").get("prompts") or {}),
                limit_tokens=len(positions),
                unknown_id=tokenizer.unknown_id,
                pooling=pooling,
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as exc:
        raise EmbeddingError("embedding.embedder_not_loaded", folder=folder, why=reason_of(exc)) from exc


def _named(found: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of the body and its embeddings in 32 bits, by their names in Hugging Face's BERT."""
    import numpy

    prefix = next(each for each in _PREFIXES if f"{each}embeddings.word_embeddings.weight" in found)
    return {
        name.removeprefix(prefix): values.astype(numpy.float32)
        for name, values in found.items()
        if name.startswith((f"{prefix}embeddings.", f"{prefix}encoder."))
    }


def _pooling(folder: Path) -> Literal["mean", "first"] | None:
    """How a text's vector is made of its tokens'; None where otherwise than by `About.pooling`."""
    module = next(module for module in read_json(folder / "modules.json") if str(module["type"]).endswith("Pooling"))
    config = read_json(folder / str(module["path"]) / "config.json")
    if not config.get("include_prompt", True):
        return None
    mode = config.get("pooling_mode")
    modes = {"mean"} if mode == "mean" else {"cls"} if mode == "cls" else set()
    for key, value in config.items():
        if key.startswith("pooling_mode_") and value:
            modes.add(key.removeprefix("pooling_mode_"))
    if modes in ({"mean"}, {"mean_tokens"}):
        return "mean"
    return "first" if modes in ({"cls"}, {"cls_token"}) else None


def _tokenizer(folder: Path) -> FastTokenizer:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    unknown = read_json(folder / "tokenizer_config.json").get("unk_token")
    unknown = unknown["content"] if isinstance(unknown, dict) else unknown
    return FastTokenizer(tokenizer, None if unknown is None else tokenizer.token_to_id(unknown))
