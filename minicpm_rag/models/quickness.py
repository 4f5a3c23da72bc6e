"""How long a usual document question takes on a processor, estimated from what was measured once.

Processor seconds a token, measured on one processor (docs/decisions.md; `bench cpu` measures them again). Another
machine differs by a factor of two or so; the ways of running a model differ much less in their ratio, which a choice
depends on.
"""

from __future__ import annotations

from dataclasses import dataclass

from minicpm_rag.models.catalogue import Model
from minicpm_rag.models.hardware import Hardware

USUAL_PROMPT_TOKENS, USUAL_ANSWER_TOKENS = 1000, 128
# Reading a prompt keeps every core busy; writing waits for memory, which a few cores use up.
_MOST_WRITING_CORES = 4


@dataclass(frozen=True)
class _Way:
    """Processor seconds a token: to read and to write, a billion parameters; to write, a gigabyte of weights."""

    reading: float
    writing: float
    writing_bytes: float = 0.0


# Our own engine in 8 bits, where the processor multiplies bfloat16 itself and where it does not; llama.cpp.
_OURS, _OURS_IN_FLOAT32 = _Way(0.0063, 0.113), _Way(0.025, 0.098)
_LLAMA_CPP = _Way(0.0165, 0.034, 0.034)


def usual_seconds(model: Model, hardware: Hardware) -> float:
    """Seconds from a question with passages of 1,000 tokens to the end of an answer of 128, on the processor."""
    ours = _OURS if hardware.processor_bfloat16 else _OURS_IN_FLOAT32
    way = _LLAMA_CPP if model.is_gguf else ours
    billions, gigabytes = model.parameters / 1e9, model.gguf_bytes / 1e9
    reading = USUAL_PROMPT_TOKENS * billions * way.reading
    writing = USUAL_ANSWER_TOKENS * (billions * way.writing + gigabytes * way.writing_bytes)
    return reading / max(1, hardware.cores) + writing / max(1, min(hardware.cores, _MOST_WRITING_CORES))
