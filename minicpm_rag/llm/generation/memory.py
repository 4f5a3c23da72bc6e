"""What happens when a device runs out of memory: the request goes on once with a smaller cache.

An engine retries nothing by itself: it raises what torch raises, and is asked to `shrink`.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Generator, Sequence
from dataclasses import replace
from threading import Event

from minicpm_rag.errors import OutOfMemoryError
from minicpm_rag.llm.generation import Engine, Sampling

_log = logging.getLogger(__name__)


def stream_within_memory(
    engine: Engine, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event
) -> Generator[int]:
    """Yield an engine's tokens; where memory runs out, have it shrink its cache and continue from there, once.

    Raises OutOfMemoryError where that was not enough.
    """
    produced: list[int] = []
    try:
        with contextlib.closing(engine.stream(prompt_ids, sampling, cancel)) as tokens:
            for token in tokens:
                produced.append(token)
                yield token
        return
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
        _log.warning("out of memory after %d + %d tokens; retrying smaller", len(prompt_ids), len(produced))
    # Outside the except block: the error, and the tensors that its frames refer to, must be gone first.
    engine.shrink()
    rest = replace(sampling, max_new_tokens=sampling.max_new_tokens - len(produced))
    try:
        with contextlib.closing(engine.stream([*prompt_ids, *produced], rest, cancel)) as tokens:
            yield from tokens
        return
    except RuntimeError as exc:
        if not is_out_of_memory(exc):
            raise
        failure = out_of_memory(len(prompt_ids), sampling, exc)
    engine.shrink()
    raise failure


def is_out_of_memory(error: BaseException) -> bool:
    """Whether torch failed for want of memory: on a GPU, in one of its libraries, or on the host."""
    import torch

    words = str(error).lower()
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError)
        and any(
            sign in words for sign in ("out of memory", "alloc_failed", "can't allocate memory", "not enough memory")
        )
    )


def out_of_memory(prompt_tokens: int, sampling: Sampling, error: BaseException) -> OutOfMemoryError:
    """The error for the user. It is not raised `from` torch's, whose frames would keep tensors alive."""
    reason = str(error).partition("\n")[0]
    return OutOfMemoryError(
        "llm.out_of_memory", prompt_tokens=prompt_tokens, new_tokens=sampling.max_new_tokens, why=reason
    )
