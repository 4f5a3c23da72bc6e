"""Text in, text out: a tokenizer and an engine.

Knows nothing of LangChain, nor of how a token is chosen or when a request is served.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from minicpm_rag.errors import ModelError, PromptTooLongError
from minicpm_rag.llm.generation import QueueingEngine, Sampling
from minicpm_rag.llm.generation.request import Cancel
from minicpm_rag.llm.generation.text_stream import Detokenizer, StopStrings, byte_tokens
from minicpm_rag.llm.thoughts import Anew, Thoughts


@dataclass(frozen=True)
class Thinking:
    """The thoughts of a model that thinks before it answers: at most so many tokens, then they are ended for it."""

    tokens: int
    opened: bool  # by the prompt; else the model writes the opening mark itself, or does not think
    opening: str = "<think>"
    closing: str = "</think>"


class TextGenerator:
    """Continues rendered prompts."""

    def __init__(
        self, engine: QueueingEngine, tokenizer: Any, window_tokens: int, vocabulary_tokens: int | None = None
    ) -> None:
        self.engine = engine
        self._vocabulary_tokens = vocabulary_tokens  # rows of the model's table; a tokenizer may know more tokens
        self._window_tokens = window_tokens
        self._tokenizer = tokenizer
        self._bytes_of = byte_tokens(tokenizer)

    def close(self) -> None:
        """End what is served and free the engine."""
        self.engine.close()

    @property
    def context_tokens(self) -> int:
        """The most tokens of prompt and answer together: the model's window, or what the cache holds."""
        memory = getattr(self.engine, "memory", None)
        return self._window_tokens if memory is None else min(self._window_tokens, memory.cache_tokens)

    def encode(self, rendered: str) -> list[int]:
        """Ids of a whole prompt, with one begin token."""
        begin = self._tokenizer.bos_token
        has_begin = bool(begin) and rendered.startswith(begin)
        ids: list[int] = self._tokenizer(rendered, add_special_tokens=not has_begin).input_ids
        return ids

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        most = self._vocabulary_tokens
        unknown = next((token for token in ids if most is not None and token >= most), None)
        if unknown is not None:
            raise ModelError("llm.token_unknown", token=self._tokenizer.decode([unknown]), number=unknown, most=most)

    def stream(
        self,
        rendered: str,
        sampling: Sampling,
        *,
        stop: Sequence[str] = (),
        cancel: threading.Event | None = None,
        on_queue: Callable[[int], object] | None = None,
        on_end: Callable[[str], object] | None = None,
        thinking: Thinking | None = None,
        on_thought: Callable[[str], object] | None = None,
    ) -> Generator[str]:
        """Yield the continuation in pieces of whole characters, up to a stop string, an end token or the window's end.

        With `thinking` its thoughts are left out and do not count among the new tokens; `on_thought` hears them.
        For `on_queue` see `QueueingEngine.stream`; `on_end` hears "stop" or "length" at the end. Closing the stream or
        setting `cancel` ends the request. Raises PromptTooLongError, ModelError for a token that the model does not
        know, and what the engine raises.
        """
        ids = self.encode(rendered)
        self._refuse_unknown(ids)
        room = self.context_tokens - len(ids)
        if room < 1:
            raise PromptTooLongError(len(ids), self.context_tokens - 1)
        sampling = replace(sampling, max_new_tokens=min(sampling.max_new_tokens, room))
        detokenizer = Detokenizer(self._tokenizer, self._bytes_of)
        thoughts = None if thinking is None else Thoughts(begins_inside=thinking.opened)
        stops = StopStrings(stop)
        stopped = Cancel(cancel)
        count = 0
        with contextlib.closing(self._tokens(ids, sampling, room, thinking, stopped, on_queue)) as tokens:
            for token, is_answer in tokens:
                count += is_answer
                text = detokenizer.add(token)
                text = stops.add(text if thoughts is None else thoughts.add(text))
                if thoughts is not None and on_thought is not None and (told := thoughts.told()):
                    on_thought(told)
                if stops.found:
                    stopped.set()  # before the text is yielded: its reader may take long to come back
                if text:
                    yield text
                if stops.found:
                    if on_end is not None:
                        on_end("stop")
                    return
        text = detokenizer.finish()
        if thoughts is not None:
            text = thoughts.add(text) + thoughts.finish()
            told = thoughts.told()
            if on_thought is not None and (told or isinstance(told, Anew)):
                on_thought(told)
        text = stops.add(text) + stops.finish()
        if text:
            yield text
        if on_end is not None and not stopped.is_set():
            on_end("stop" if count < sampling.max_new_tokens else "length")

    def _within_text(self, text: str) -> list[int]:
        """Ids of a text that stands after another: at a beginning, SentencePiece would put a space before it."""
        alone: list[int] = self._tokenizer("x", add_special_tokens=False).input_ids
        together: list[int] = self._tokenizer(f"x{text}", add_special_tokens=False).input_ids
        return together[len(alone) :]

    def _tokens(
        self,
        ids: list[int],
        sampling: Sampling,
        room: int,
        thinking: Thinking | None,
        cancel: threading.Event,
        on_queue: Callable[[int], object] | None,
    ) -> Generator[tuple[int, bool]]:
        """Yield the new tokens, each with whether it is one of the answer's."""
        if thinking is None:
            with contextlib.closing(self.engine.stream(ids, sampling, cancel, on_queue)) as tokens:
                yield from ((token, True) for token in tokens)
            return
        end = self._within_text(f"\n{thinking.closing}\n\n")
        answer = min(sampling.max_new_tokens, room // 2)  # in a small window thoughts and answer get half each
        most = max(0, min(thinking.tokens, room - answer - len(end)))
        thoughts: list[int] = []
        if most or not thinking.opened:
            whole = replace(sampling, max_new_tokens=min(room, most + sampling.max_new_tokens))
            detokenizer, text, answered = Detokenizer(self._tokenizer, self._bytes_of), "", 0
            inside, before = thinking.opened, not thinking.opened
            with contextlib.closing(self.engine.stream(ids, whole, cancel, on_queue)) as tokens:
                for token in tokens:
                    yield token, not (inside or before)
                    if not (inside or before):
                        answered += 1
                        if answered == sampling.max_new_tokens:
                            return
                        continue
                    thoughts.append(token)
                    text += detokenizer.add(token)
                    if before and (start := text.lstrip()) and not thinking.opening.startswith(start):
                        inside, before = start.startswith(thinking.opening), False
                    inside = inside and thinking.closing not in text
                    if inside and len(thoughts) >= most:
                        break
                else:
                    return
        yield from ((token, False) for token in end)
        known = [*ids, *thoughts, *end]
        left = replace(sampling, max_new_tokens=max(1, min(sampling.max_new_tokens, room - len(thoughts) - len(end))))
        with contextlib.closing(self.engine.stream(known, left, cancel, on_queue)) as tokens:
            yield from ((token, True) for token in tokens)
