"""How quickly the model that is loaded answers here: one short text is asked for and timed."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from minicpm_rag.errors import ModelError

if TYPE_CHECKING:
    from minicpm_rag.llm.minicpm import MiniCPM_LLM

NEW_TOKENS = 64
_PASSAGE = (
    "The harbour office opens at 8 o'clock and closes at 18 o'clock. Ships announce themselves 24 hours before. "
    "港务处八点开门，十八点关门；船舶须提前二十四小时申报。"
)
_PROMPT = _PASSAGE + "\n\nRetell this in your own words. 请用自己的话复述。"


@dataclass(frozen=True)
class Speed:
    """What a short answer took; the rate is of the tokens after the first."""

    first_token_seconds: float
    tokens_per_second: float


def measure_speed(llm: MiniCPM_LLM) -> Speed:
    """Have the model write up to `NEW_TOKENS` tokens, and time them; another answer under way is waited for.

    Raises ModelError where it writes nothing, and what the model raises.
    """
    started = time.perf_counter()
    moments, text = [], ""
    for piece in llm.stream(_PROMPT, max_new_tokens=NEW_TOKENS):
        moments.append(time.perf_counter())
        text += piece
    tokens = llm.get_num_tokens(text)
    if len(moments) < 2 or tokens < 2:
        raise ModelError("llm.too_short_to_measure")
    rate = (tokens - 1) / max(moments[-1] - moments[0], 1e-6)
    return Speed(moments[0] - started, rate)
