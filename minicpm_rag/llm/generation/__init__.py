"""Continuing token ids with a language model: how tokens are chosen, and what an engine must offer.

Ids in, ids out: text, stop strings and end-of-turn marks are `generation.text`'s. There are two kinds of engine. A
plain one (`TransformersEngine`) makes the tokens of one request and gets its queue from `Queued`. One that
decodes several requests in each step (`decoding.GraphEngine`) has a queue of its own, since only it knows when
there is memory for the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Protocol

from minicpm_rag.settings import MAX_NEW_TOKENS

if TYPE_CHECKING:
    from minicpm_rag.llm.constraint import Constraint


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen, in transformers' order: penalty, temperature, top-k, top-p, draw.

    The penalty counts prompt and new tokens alike. Temperature 0 takes the likeliest token, still after the
    penalty. `top_k` 0 and `top_p` 1 switch those off. The defaults are those of the widely copied MiniCPM tutorial,
    whose `generate` uses a `top_k` of 50. Raises ValueError where a value is impossible.
    """

    temperature: float = 0.5
    top_p: float = 0.8
    top_k: int = 50
    repetition_penalty: float = 1.02
    max_new_tokens: int = MAX_NEW_TOKENS
    seed: int | None = None
    end_tokens: tuple[int, ...] = ()
    constraint: Constraint | None = field(
        default=None, compare=False
    )  # it knows the tokens chosen so far: one for each request

    def __post_init__(self) -> None:
        if not (self.temperature >= 0 and 0 < self.top_p <= 1 and self.top_k >= 0 and self.repetition_penalty > 0):
            raise ValueError(
                "Sampling needs temperature >= 0, 0 < top_p <= 1, top_k >= 0 and repetition_penalty > 0, not "
                f"temperature={self.temperature}, top_p={self.top_p}, top_k={self.top_k}, "
                f"repetition_penalty={self.repetition_penalty}."
            )
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens must be at least 1, not {self.max_new_tokens}.")


class Engine(Protocol):
    """What makes the tokens of a request. It serves at most `slots` at once; its caller queues the others."""

    slots: int

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        """Yield new token ids; the end token is not yielded.

        Ends at an end token, after `max_new_tokens`, or within two tokens after `cancel` is set or the
        iterator is closed. Errors of torch come through unchanged, out of memory among them.
        """

    def shrink(self) -> None:
        """Give cached memory back and use a smaller cache from now on, after an out-of-memory error."""

    def close(self) -> None:
        """Free everything the engine holds; no stream may be open."""


class QueueingEngine(Protocol):
    """An engine with a queue: requests beyond its `slots` or its memory wait, and are served in order of arrival."""

    slots: int

    def stream(
        self,
        prompt_ids: Sequence[int],
        sampling: Sampling,
        cancel: Event,
        on_queue: Callable[[int], object] | None = None,
    ) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`.

        A request that must wait hears its place whenever it changes: 1 is next, 0 is being served. `on_queue` is
        called in the thread that reads the stream. Where memory runs out, the request goes on once with a smaller
        cache; raises OutOfMemoryError where that is not enough.
        """

    def close(self) -> None:
        """End every request and free everything the engine holds; those that wait end with ModelError."""
