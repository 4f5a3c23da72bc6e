"""The models this program knows: names, sizes and what they need, computed from their published architecture.

It does not know this machine, nor what has been downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from minicpm_rag.errors import ModelError
from minicpm_rag.messages import Message
from minicpm_rag.models.refused import refused_by_name

ModelKind = Literal["chat", "embedding", "rerank"]
Precision = Literal["bfloat16", "float16", "float32"]

BYTES_PER_VALUE: dict[str, int] = {"bfloat16": 2, "float16": 2, "float32": 4}
TOKENIZER_BYTES = 8_000_000  # tokenizer and configuration files beside the weights, roughly
# CUDA context, activations of one prompt and the logits, rounded up
WORKING_BYTES = 700_000_000
# Context a question needs room for; a longer window costs memory only when it is used.
USUAL_CONTEXT_TOKENS = 4096


@dataclass(frozen=True)
class Model:
    """One downloadable model. Parameter counts follow from the architecture; `estimated` marks the others."""

    name: str
    modelscope_id: str
    kind: ModelKind
    parameters: int
    context_tokens: int
    cache_values_per_token: int = 0  # numbers kept per token of context: 2 x layers x key-value heads x head size
    stored_bytes_per_parameter: int = 2
    estimated: bool = False
    usable: bool = True  # False: `note` says why this program does not run it
    note: Message | None = None
    gguf_bytes: int = 0  # size of its GGUF file, which is also what its weights take in memory; 0 for a folder
    gguf_file: str = ""  # which file of a GGUF repository is wanted: its name or number format; "" as memory allows

    @property
    def is_gguf(self) -> bool:
        """Whether llama.cpp runs it."""
        return self.gguf_bytes > 0

    @property
    def download_bytes(self) -> int:
        """Size of the files to fetch, roughly."""
        if self.is_gguf:
            return self.gguf_bytes
        return self.parameters * self.stored_bytes_per_parameter + TOKENIZER_BYTES

    def weight_bytes(self, precision: str) -> int:
        """Size of the weights in memory, which is what each generated token has to read."""
        return self.gguf_bytes or self.parameters * BYTES_PER_VALUE[precision]

    def memory_bytes(self, precision: str, context_tokens: int = USUAL_CONTEXT_TOKENS) -> int:
        """Memory of the device it runs on: weights, the cache of a full context, and working room."""
        tokens = min(context_tokens, self.context_tokens)
        cache = tokens * self.cache_values_per_token * (2 if self.is_gguf else BYTES_PER_VALUE[precision])
        return self.weight_bytes(precision) + cache + WORKING_BYTES


def _parameters(
    *,
    vocabulary: int,
    hidden: int,
    layers: int,
    intermediate: int,
    heads: int,
    key_value_heads: int,
    head: int,
    tied: bool = True,
) -> int:
    """Count the weights of a Llama-like model."""
    attention = 2 * hidden * heads * head + 2 * hidden * key_value_heads * head
    layer = attention + 3 * hidden * intermediate + 2 * hidden
    return layers * layer + hidden + vocabulary * hidden * (1 if tied else 2)


_MINICPM_2B = _parameters(
    vocabulary=122_753, hidden=2304, layers=40, intermediate=5760, heads=36, key_value_heads=36, head=64
)
_MINICPM_2B_CACHE = 2 * 40 * 36 * 64
_MINICPM_8B = _parameters(
    vocabulary=73_448,
    hidden=4096,
    layers=32,
    intermediate=16_384,
    heads=32,
    key_value_heads=2,
    head=128,
    tied=False,
)
_MINICPM_8B_CACHE = 2 * 32 * 2 * 128
_MINICPM4_HALF_BILLION = _parameters(
    vocabulary=73_448, hidden=1024, layers=24, intermediate=4096, heads=16, key_value_heads=2, head=64
)
_MINICPM4_HALF_BILLION_CACHE = 2 * 24 * 2 * 64
_MINICPM_1B = _parameters(
    vocabulary=73_440, hidden=1536, layers=52, intermediate=3840, heads=24, key_value_heads=8, head=64
)
_MINICPM_1B_CACHE = 2 * 52 * 8 * 64
_MINICPM5_2B = _parameters(
    vocabulary=130_560, hidden=2048, layers=42, intermediate=6144, heads=16, key_value_heads=2, head=128, tied=False
)
_MINICPM5_2B_CACHE = 2 * 42 * 2 * 128
_MINICPM5_1B = _parameters(
    vocabulary=130_560, hidden=1536, layers=24, intermediate=4608, heads=16, key_value_heads=2, head=128, tied=False
)
_MINICPM5_1B_CACHE = 2 * 24 * 2 * 128


def _refused(name: str, modelscope_id: str, parameters: int) -> Model:
    """A model that people ask for and that is not run; the list says why, and what to take instead."""
    return Model(
        name, modelscope_id, "chat", parameters, USUAL_CONTEXT_TOKENS, estimated=True, usable=False,
        note=refused_by_name(name),
    )  # fmt: skip


CATALOGUE: tuple[Model, ...] = (
    Model(
        "MiniCPM-2B-sft-bf16", "OpenBMB/miniCPM-bf16", "chat", _MINICPM_2B, 4096, _MINICPM_2B_CACHE,
        note=Message("models.note.half_download"),
    ),
    Model(
        "MiniCPM-2B-sft-fp32", "OpenBMB/MiniCPM-2B-sft-fp32", "chat", _MINICPM_2B, 4096, _MINICPM_2B_CACHE,
        stored_bytes_per_parameter=4, note=Message("models.note.as_in_tutorial"),
    ),
    Model(
        "MiniCPM-2B-dpo-bf16", "OpenBMB/MiniCPM-2B-dpo-bf16", "chat", _MINICPM_2B, 4096, _MINICPM_2B_CACHE,
        note=Message("models.note.preferences"),
    ),
    # Its files hold an output head of their own.
    Model(
        "MiniCPM-2B-128k", "OpenBMB/MiniCPM-2B-128k", "chat",
        _parameters(
            vocabulary=122_760, hidden=2304, layers=40, intermediate=5760, heads=36, key_value_heads=36, head=64,
            tied=False,
        ),
        131_072, _MINICPM_2B_CACHE, estimated=True, note=Message("models.note.long_window"),
    ),
    Model("MiniCPM-1B-sft-bf16", "OpenBMB/MiniCPM-1B-sft-bf16", "chat", _MINICPM_1B, 4096, _MINICPM_1B_CACHE),
    # Latent attention; transformers caches its keys (96 a head) and values (64 a head) expanded.
    Model(
        "MiniCPM3-4B", "OpenBMB/MiniCPM3-4B", "chat", 4_074_000_000, 32_768, 62 * 40 * (96 + 64),
        estimated=True,
    ),
    Model(
        "MiniCPM4-0.5B", "OpenBMB/MiniCPM4-0.5B", "chat", _MINICPM4_HALF_BILLION, 32_768, _MINICPM4_HALF_BILLION_CACHE,
        note=Message("models.note.smallest"),
    ),
    Model(
        "MiniCPM4-0.5B-QAT-Int4", "OpenBMB/MiniCPM4-0.5B-QAT-Int4-unquantized", "chat", _MINICPM4_HALF_BILLION,
        32_768, _MINICPM4_HALF_BILLION_CACHE, estimated=True, note=Message("models.note.trained_for_four_bits"),
    ),
    Model(
        "BitCPM4-0.5B", "OpenBMB/BitCPM4-0.5B", "chat", _MINICPM4_HALF_BILLION, 32_768, _MINICPM4_HALF_BILLION_CACHE,
        estimated=True, note=Message("models.note.trained_for_three_values"),
    ),
    Model(
        "BitCPM4-1B", "OpenBMB/BitCPM4-1B", "chat", _MINICPM_1B, 32_768, _MINICPM_1B_CACHE,
        estimated=True, note=Message("models.note.trained_for_three_values"),
    ),
    Model(
        "MiniCPM4-8B", "OpenBMB/MiniCPM4-8B", "chat", _MINICPM_8B, 32_768, _MINICPM_8B_CACHE, estimated=True,
    ),
    Model(
        "MiniCPM4.1-8B", "OpenBMB/MiniCPM4.1-8B", "chat", _MINICPM_8B, 65_536, _MINICPM_8B_CACHE,
        estimated=True, note=Message("models.note.dense"),
    ),
    Model(
        "MiniCPM5-2B", "OpenBMB/MiniCPM5-2B", "chat", _MINICPM5_2B, 131_072, _MINICPM5_2B_CACHE,
        note=Message("models.note.newest"),
    ),
    Model(
        "MiniCPM5-1B", "OpenBMB/MiniCPM5-1B", "chat", _MINICPM5_1B, 131_072, _MINICPM5_1B_CACHE,
        note=Message("models.note.newest_small"),
    ),
    # Q4_K_M; where memory is ample, Q8_0 is fetched.
    Model(
        "MiniCPM4-0.5B-GGUF", "OpenBMB/MiniCPM4-0.5B-GGUF", "chat", _MINICPM4_HALF_BILLION, 32_768,
        _MINICPM4_HALF_BILLION_CACHE, estimated=True, gguf_bytes=266_000_000, note=Message("models.note.gguf"),
    ),
    Model(
        "MiniCPM5-1B-GGUF", "OpenBMB/MiniCPM5-1B-GGUF", "chat", _MINICPM5_1B, 131_072, _MINICPM5_1B_CACHE,
        gguf_bytes=688_065_920, note=Message("models.note.gguf"),
    ),
    Model(
        "MiniCPM5-2B-GGUF", "OpenBMB/MiniCPM5-2B-GGUF", "chat", _MINICPM5_2B, 131_072, _MINICPM5_2B_CACHE,
        estimated=True, gguf_bytes=1_600_000_000, note=Message("models.note.gguf"),
    ),
    _refused("MiniCPM-SALA", "OpenBMB/MiniCPM-SALA", 9_000_000_000),
    _refused("MiniCPM-V-4.6", "OpenBMB/MiniCPM-V-4.6", 1_300_000_000),
    _refused("MiniCPM-o-4.5", "OpenBMB/MiniCPM-o-4_5", 9_000_000_000),
    Model(
        "bge-m3", "BAAI/bge-m3", "embedding", 567_754_752, 8192, stored_bytes_per_parameter=4, estimated=True,
        note=Message("models.note.hundred_languages"),
    ),
    Model(
        "bge-small-zh-v1.5", "BAAI/bge-small-zh-v1.5", "embedding", 23_950_000, 512,
        stored_bytes_per_parameter=4, estimated=True, note=Message("models.note.chinese_first"),
    ),
    Model(
        "Qwen3-Embedding-0.6B", "Qwen/Qwen3-Embedding-0.6B", "embedding", 595_776_512, 32_768, estimated=True,
        note=Message("models.note.multilingual"),
    ),
    Model(
        "MiniCPM-Embedding-Light", "OpenBMB/MiniCPM-Embedding-Light", "embedding", _MINICPM4_HALF_BILLION, 8192,
        estimated=True, note=Message("models.note.own_embedder"),
    ),
    Model(
        "bge-reranker-v2-m3", "BAAI/bge-reranker-v2-m3", "rerank", 567_755_777, 8192,
        stored_bytes_per_parameter=4, estimated=True, note=Message("models.note.reorders"),
    ),
    Model(
        "MiniCPM-Reranker-Light", "OpenBMB/MiniCPM-Reranker-Light", "rerank", _MINICPM_1B, 8192,
        estimated=True, note=Message("models.note.own_reranker"),
    ),
)  # fmt: skip


def find_model(name: str) -> Model:
    """Look a model up by its name or ModelScope id, in any case; another `owner/name` is taken as it is.

    Raises ModelError that lists the names when nothing of that name is known.
    """
    wanted = name.strip().casefold()
    tests: tuple[Callable[[Model], bool], ...] = (
        lambda model: wanted in (model.name.casefold(), model.modelscope_id.casefold()),
        lambda model: model.name.casefold().startswith(wanted),  # "minicpm-2b" is the first of that family
    )
    for test in tests:
        for model in CATALOGUE:
            if wanted and test(model):
                return model
    owner, slash, repository = name.strip().partition("/")
    if slash and owner and repository and "/" not in repository:
        why = refused_by_name(repository)
        return Model(
            repository, name.strip(), "chat", 0, USUAL_CONTEXT_TOKENS, estimated=True, usable=why is None, note=why
        )
    raise ModelError("models.unknown", name=name, names=[model.name for model in CATALOGUE])
