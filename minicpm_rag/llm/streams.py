"""Read a stream in a thread of its own, so that its reader can leave while nothing arrives; here, a model's text.

`read_in_thread` reads any stream, `read_from_thread` does so for an event loop. `stream_text` reads MiniCPM_LLM, a
RemoteLLM or any other LangChain model. Knows no passages and no citations.
"""

from __future__ import annotations

import asyncio
import contextvars
import queue
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, Union

from minicpm_rag.llm.thoughts import Anew, Thoughts
from minicpm_rag.llm.token_bounds import TOKENS_PER_MESSAGE, most_tokens
from minicpm_rag.records import Waiting

if TYPE_CHECKING:
    from langchain_core.language_models import BaseLanguageModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig

Item = TypeVar("Item")
_Item = Union[str, Waiting, "_Thought"]

POLL_SECONDS = 0.05
# A page can only stop when it gets something to draw, so it gets `Waiting` while the model is silent.
SILENCE_SECONDS = 0.5
_END: Any = object()


def read_in_thread(
    open_stream: Callable[[threading.Event, Callable[[Item], None]], Iterable[Item]],
    *,
    cancel: threading.Event | None = None,
    silence_seconds: float | None = None,
    name: str = "stream",
) -> Generator[Item | None]:
    """Yield the items of a stream, and None after every `silence_seconds` in which none came.

    `open_stream` is called in the thread. It is given an Event that is set when nobody reads any more, and a
    function that adds an item from elsewhere. Ends with the stream, or within POLL_SECONDS once `cancel` is set;
    the thread then closes the stream at its next item. An error of the stream is raised here with its type.
    """
    arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
    left = threading.Event()

    def work() -> None:
        try:
            stream = open_stream(left, arrived.put)
            try:
                for item in stream:
                    if left.is_set():
                        break
                    arrived.put(item)
            finally:
                if isinstance(stream, Generator):
                    stream.close()
        except BaseException as error:  # raised again by the reader
            arrived.put(error)
        else:
            arrived.put(_END)

    # The context carries LangChain's run, so that the callbacks of a model know their parent.
    threading.Thread(target=contextvars.copy_context().run, args=(work,), name=name, daemon=True).start()
    last = time.monotonic()
    try:
        while cancel is None or not cancel.is_set():
            try:
                item = arrived.get(timeout=POLL_SECONDS)
            except queue.Empty:
                if silence_seconds is None or time.monotonic() - last < silence_seconds:
                    continue
                item = None
            if item is _END:
                return
            if isinstance(item, BaseException):
                raise item
            last = time.monotonic()
            yield item
    finally:
        left.set()


async def read_from_thread(texts: Iterator[str], cancel: threading.Event) -> AsyncGenerator[str]:
    """Iterate in a thread of its own: those of the event loop's pool could all be occupied by waiting requests.

    Closing it, which cancelling the task does, sets `cancel`.
    """
    loop = asyncio.get_running_loop()
    arrived: asyncio.Queue[str | BaseException | None] = asyncio.Queue()

    def tell(item: str | BaseException | None) -> None:
        with suppress(RuntimeError):  # the event loop was closed: nobody reads any more
            loop.call_soon_threadsafe(arrived.put_nowait, item)

    def work() -> None:
        try:
            for text in texts:
                tell(text)
        except BaseException as exc:
            tell(exc)
        else:
            tell(None)

    threading.Thread(target=work, name="minicpm-astream", daemon=True).start()
    try:
        while (item := await arrived.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        cancel.set()


def stream_text(
    llm: BaseLanguageModel[Any],
    messages: Sequence[BaseMessage],
    *,
    cancel: threading.Event,
    config: RunnableConfig | None = None,
    on_end: Callable[[str], object] = lambda _: None,
    on_thought: Callable[[str], object] = lambda _: None,
    **options: Any,
) -> Generator[str | Waiting]:
    """Yield pieces of text, and `Waiting` while there are none: position 0 means the model reads the prompt.

    `on_thought` is called, in the reader's thread, with what the model thinks first, before the `Waiting` that comes
    for it; an `Anew` takes the place of all thoughts before it.

    A piece that is an `Anew` takes the place of all text before it. `on_end` is called with why the text ended where
    the model says it: stop, length, content_filter, or broken (a stream that ended without saying so). Ends early once
    `cancel` is set; closing it stops the model. The model's errors keep their type.
    """

    def open_stream(left: threading.Event, put: Callable[[_Item], None]) -> Iterator[_Item]:
        # Options only for our own models: another model's settings stand, and it might refuse ours.
        ours = {
            **options,
            "cancel": left,
            "on_queue": lambda position: put(Waiting(position)),
            "on_end": on_end,
            "on_anew": lambda: put(Anew("")),
            "on_thought": lambda thought: put(_Thought(thought)),
        }
        with closing(llm.stream(list(messages), config, **(ours if is_ours(llm) else {}))) as pieces:  # type: ignore[type-var]
            for piece in pieces:
                if isinstance(piece, str):
                    yield piece
                    continue
                if reason := getattr(piece, "response_metadata", {}).get("finish_reason"):
                    on_end(str(reason))
                yield str(piece.text)

    def items() -> Iterator[str | Waiting]:
        position = 0
        arriving = read_in_thread(open_stream, cancel=cancel, silence_seconds=SILENCE_SECONDS, name="model-stream")
        with closing(arriving):
            for item in arriving:
                if isinstance(item, _Thought):
                    on_thought(item.text)
                    item = Waiting(0)
                if isinstance(item, Waiting):
                    position = item.position
                if item is None:
                    yield Waiting(position)
                elif item or isinstance(item, Anew):
                    yield item

    with closing(items()) as arriving:  # type: ignore[type-var]
        yield from _without_thoughts(arriving, on_thought)


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


@dataclass(frozen=True)
class _Thought:
    """A thought on its way to the reader, through the same queue as the text."""

    text: str


def _without_thoughts(items: Iterator[str | Waiting], on_thought: Callable[[str], object]) -> Iterator[str | Waiting]:
    """Leave out the thoughts with which reasoning models begin."""
    thoughts = Thoughts()
    for item in items:
        if isinstance(item, Waiting):
            yield item
        elif isinstance(item, Anew):
            thoughts = Thoughts()
            yield item
        else:
            text = thoughts.add(item)
            if told := thoughts.told():
                on_thought(told)
            if text or isinstance(text, Anew):
                yield text
            elif thoughts.found:
                yield Waiting(0)
    rest = thoughts.finish()
    if told := thoughts.told():
        on_thought(told)
    if rest:
        yield rest
