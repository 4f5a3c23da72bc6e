"""Read a language model's stream in a thread of its own: its reader can always stop and is kept posted.

Works with MiniCPM_LLM, a RemoteLLM and any other LangChain model. Knows no passages and no citations.
"""

from __future__ import annotations

import contextvars
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.token_bounds import TOKENS_PER_MESSAGE, most_tokens
from minicpm_rag.records import Waiting

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig

POLL_SECONDS = 0.05
# While nothing arrives, the reader hears from us: a page can only stop when it gets something to draw.
POSTED_SECONDS = 0.5
_THOUGHT, _THOUGHT_END = "<think>", "</think>"


def stream_text(
    llm: BaseLanguageModel[Any],
    messages: Sequence[BaseMessage],
    *,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
    **options: Any,
) -> Generator[str | Waiting]:
    """Yield pieces of text, and `Waiting` while there are none: position 0 means the model reads the prompt.

    Ends early once `cancel` is set; closing it stops the model. The model's errors keep their type.
    """
    arrived: queue.SimpleQueue[str | Waiting | BaseException | None] = queue.SimpleQueue()
    left = threading.Event()
    if is_ours(llm):
        options |= {"cancel": left, "on_queue": lambda position: arrived.put(Waiting(position))}
    else:
        options = {}  # another model's own settings stand; it may refuse ours

    def work() -> None:
        try:
            pieces: Any = llm.stream(list(messages), config, **options)
            try:
                for piece in pieces:
                    if left.is_set():
                        break
                    arrived.put(piece if isinstance(piece, str) else str(piece.text))
            finally:
                pieces.close()
        except BaseException as exc:  # raised again by the reader
            arrived.put(exc)
        else:
            arrived.put(None)

    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(work,), name="model-stream", daemon=True).start()
    try:
        yield from _without_thoughts(_read(arrived, cancel))
    finally:
        left.set()


def is_ours(llm: BaseLanguageModel[Any]) -> bool:
    """Tell whether the model takes `cancel` and `on_queue` and counts whole prompts."""
    return hasattr(llm, "count_prompt_tokens")


def token_counter(llm: BaseLanguageModel[Any]) -> Callable[[Sequence[BaseMessage]], int]:
    """A function that counts a prompt's tokens: exact where the model can, else an upper bound."""
    from langchain_core.language_models import BaseLanguageModel

    if is_ours(llm):
        count: Callable[[Sequence[BaseMessage]], int] = llm.count_prompt_tokens  # type: ignore[attr-defined]
        return count
    own = type(llm).get_num_tokens is not BaseLanguageModel.get_num_tokens or llm.custom_get_token_ids
    count_text = llm.get_num_tokens if own else most_tokens
    return lambda messages: sum(count_text(str(message.text)) + TOKENS_PER_MESSAGE for message in messages)


def _read(
    arrived: queue.SimpleQueue[str | Waiting | BaseException | None], cancel: threading.Event
) -> Iterator[str | Waiting]:
    position, posted = 0, time.monotonic()
    while not cancel.is_set():
        try:
            item = arrived.get(timeout=POLL_SECONDS)
        except queue.Empty:
            if time.monotonic() - posted >= POSTED_SECONDS:
                posted = time.monotonic()
                yield Waiting(position)
            continue
        if item is None:
            return
        if isinstance(item, BaseException):
            raise item
        if isinstance(item, Waiting):
            position = item.position
        if item:
            posted = time.monotonic()
            yield item


def _without_thoughts(items: Iterator[str | Waiting]) -> Iterator[str | Waiting]:
    """Leave out the `<think>...</think>` with which reasoning models begin."""
    held, stage = "", "before"  # before, in or after the thoughts; then the answer
    for item in items:
        if isinstance(item, Waiting) or stage == "answer":
            yield item
            continue
        held = (held + item).lstrip()
        if stage == "before" and held.startswith(_THOUGHT):
            stage = "in"
        if stage == "in":
            _, ended, after = held.partition(_THOUGHT_END)
            if ended:
                held, stage = after.lstrip(), "after"
            else:
                yield Waiting(0)
        if held and (stage == "after" or (stage == "before" and not _THOUGHT.startswith(held))):
            yield held
            held, stage = "", "answer"
    if held and stage != "in":
        yield held
