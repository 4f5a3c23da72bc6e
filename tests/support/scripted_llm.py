"""A language model whose words are written beforehand, for tests of what stands around a model."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from langchain_core.language_models.llms import LLM
from langchain_core.outputs import GenerationChunk
from pydantic import PrivateAttr


class ScriptedLLM(LLM):
    """Answers with the next of `answers`, a character at a time, as MiniCPM_LLM would.

    It can wait in a queue, fail after some characters, be cut off, or go on until it is stopped.
    """

    answers: list[str]
    context_tokens: int = 4096
    queue_positions: list[int] = []  # noqa: RUF012 - a pydantic field
    endless: bool = False
    error: Any = None
    fails_after: int = 5
    ending: str = ""  # why the text ended, where the model says it

    _prompts: list[str] = PrivateAttr(default_factory=list)
    _options: list[dict[str, Any]] = PrivateAttr(default_factory=list)
    _stopped: threading.Event = PrivateAttr(default_factory=threading.Event)
    _gate: threading.Event = PrivateAttr(default_factory=threading.Event)

    @property
    def prompts(self) -> list[str]:
        return self._prompts

    @property
    def options(self) -> list[dict[str, Any]]:
        return self._options

    @property
    def stopped(self) -> threading.Event:
        """Set once the stream has ended, however it did."""
        return self._stopped

    @property
    def gate(self) -> threading.Event:
        """An endless model waits for it after each character."""
        return self._gate

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def count_prompt_tokens(self, messages: Any) -> int:
        return sum(len(str(message.content)) for message in messages)

    def get_num_tokens(self, text: str) -> int:
        return len(text)

    def _call(self, prompt: str, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> str:
        return "".join(chunk.text for chunk in self._stream(prompt, stop, run_manager, **kwargs))

    def _stream(
        self,
        prompt: str,
        stop: Any = None,
        run_manager: Any = None,
        *,
        cancel: threading.Event | None = None,
        on_queue: Callable[[int], object] | None = None,
        on_end: Callable[[str], object] | None = None,
        on_anew: Callable[[], object] | None = None,
        on_thought: Callable[[str], object] | None = None,
        **kwargs: Any,
    ) -> Iterator[GenerationChunk]:
        self._prompts.append(prompt)
        self._options.append(kwargs)
        try:
            for position in self.queue_positions:
                if on_queue:
                    on_queue(position)
            text = self.answers[min(len(self._prompts), len(self.answers)) - 1]
            if not text:
                yield GenerationChunk(text="")  # LangChain refuses a stream without any
            for number, character in enumerate(text):
                if self.error is not None and number == self.fails_after:
                    raise self.error
                if cancel is not None and cancel.is_set():
                    return
                yield GenerationChunk(text=character)
            if on_end and self.ending:
                on_end(self.ending)
            while self.endless and not (cancel is not None and cancel.is_set()):
                self._gate.wait(0.01)
        finally:
            self._stopped.set()
