"""Golden checkpoints as GGUF files in float32, written with the `gguf` package as llama.cpp's own converter does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy

from minicpm_rag.bench import gguf_file
from minicpm_rag.llm import checkpoint

NEEDS = ("xllamacpp", "gguf")
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6


def is_here() -> bool:
    """Whether llama.cpp and the package that writes its files are installed."""
    return all(importlib.util.find_spec(name) is not None for name in NEEDS)


def write_gguf(folder: Path, file: Path, *, architecture: str = "") -> Path:
    """Write a golden MiniCPM folder as one file; under another name of an architecture, llama.cpp will not know it."""
    import gguf

    model = checkpoint.load_model(folder, device="cpu", precision="float32", weights="full")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    writer = gguf_file.begin(model.config, file, "F32", architecture=architecture)
    writer.add_name(folder.name)
    _add_vocabulary(writer, folder, config["vocab_size"])
    if scaling := config.get("rope_scaling"):
        writer.add_rope_scaling_type(gguf.RopeScalingType.LONGROPE)
        writer.add_rope_scaling_orig_ctx_len(scaling["original_max_position_embeddings"])
        for length in ("long", "short"):
            writer.add_tensor(
                f"rope_factors_{length}.weight", numpy.array(scaling[f"{length}_factor"], dtype=numpy.float32)
            )
    gguf_file.finish(writer, model, "F32")
    return file


def _add_vocabulary(writer: Any, folder: Path, size: int) -> None:
    content = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    settings = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    numbers = dict(content["model"]["vocab"])
    marks = {token["content"]: token["id"] for token in content["added_tokens"] if token["special"]}
    # SentencePiece joins the pair with the best score first; tokenizer.json lists them in that order.
    scores = {
        "".join(pair.split(" ") if isinstance(pair, str) else pair): -float(rank)
        for rank, pair in enumerate(content["model"]["merges"])
    }
    tokens, found, kinds = [f"<unused{number}>" for number in range(size)], [-1e4] * size, [_CONTROL] * size
    for token, number in {**numbers, **marks}.items():
        tokens[number] = token
        found[number] = scores.get(token, -1e4)
        is_byte = len(token) == 6 and token.startswith("<0x")
        kinds[number] = _CONTROL if token in marks else _BYTE if is_byte else _NORMAL
    kinds[numbers["<unk>"]] = _UNKNOWN
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(found)
    writer.add_token_types(kinds)
    writer.add_bos_token_id(numbers["<s>"])
    writer.add_eos_token_id(numbers["</s>"])
    writer.add_unk_token_id(numbers["<unk>"])
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    if template := settings.get("chat_template"):
        writer.add_chat_template(template)
