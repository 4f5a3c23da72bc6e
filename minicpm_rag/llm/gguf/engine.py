"""llama.cpp as an engine: token ids in, token ids out. Knows nothing of text.

min_p is off: llama.cpp's own default of .05 makes MiniCPM repeat itself.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.gguf.process import LlamaProcess

_POLL_SECONDS = 0.05
# In the order in which our own engines choose, see `Sampling`.
_SAMPLERS = ["penalties", "temperature", "top_k", "top_p"]


@dataclass(frozen=True)
class Schema:
    """A JSON schema that llama.cpp itself keeps the answer to."""

    content: dict[str, Any]


class GgufEngine:
    """Makes tokens with llama.cpp, see `Engine`."""

    def __init__(self, process: LlamaProcess, tokens_of: Callable[[str], list[int]]) -> None:
        """Take the process, and what splits a text that stands within another into tokens."""
        self.process = process
        self._tokens_of = tokens_of
        self.slots = process.load.slots

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: threading.Event) -> Generator[int]:
        """Yield new token ids, see `Engine.stream`; raises ModelError where llama.cpp refuses or dies."""
        connection = self.process.connection()
        finished = threading.Event()
        threading.Thread(
            target=_leave_when_cancelled, args=(connection, cancel, finished), name="gguf-cancel", daemon=True
        ).start()
        try:
            response = self.process.request(connection, "/completion", self._fields(prompt_ids, sampling))
            told = 0
            for line in response:
                if not line.startswith(b"data: "):
                    continue
                event = json.loads(line[6:])
                tokens = event.get("tokens") or []
                if told + len(tokens) < event.get("tokens_predicted", 0) and not event.get("stop"):
                    # llama.cpp holds back tokens that end inside a character, and tells only the text afterwards.
                    tokens = self._tokens_of(event["content"]) or tokens
                told = event.get("tokens_predicted", 0)
                for token in tokens:
                    if token in sampling.end_tokens:
                        return
                    yield token
                if event.get("stop") or cancel.is_set():
                    return
            if not cancel.is_set():
                raise self.process.ended()
        except (OSError, http.client.HTTPException, ValueError, AttributeError) as exc:
            # AttributeError: http.client, where the connection was shut while it read.
            if not cancel.is_set():
                raise self.process.ended() from exc
        finally:
            finished.set()
            connection.close()  # llama.cpp stops an answer that nobody reads

    def shrink(self) -> None:
        """Nothing: llama.cpp takes its memory once, when it loads."""

    def close(self) -> None:
        """End the process."""
        self.process.close()

    def _fields(self, prompt_ids: Sequence[int], sampling: Sampling) -> dict[str, Any]:
        constraint: Any = sampling.constraint
        return {
            "prompt": list(prompt_ids),
            "stream": True,
            "return_tokens": True,
            "n_predict": sampling.max_new_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": 0.0,
            "repeat_penalty": sampling.repetition_penalty,
            "repeat_last_n": self.process.load.context,  # the whole of it, prompt included
            "samplers": _SAMPLERS,
            "seed": -1 if sampling.seed is None else sampling.seed % 2**32,
            # With a prompt read in other pieces, numbers differ in their last digits: same seed, same answer.
            "cache_prompt": sampling.seed is None,
            **({"json_schema": constraint.content} if isinstance(constraint, Schema) else {}),
        }


def _leave_when_cancelled(
    connection: http.client.HTTPConnection, cancel: threading.Event, finished: threading.Event
) -> None:
    """Shut the connection once `cancel` is set, which wakes whoever waits for the first token of a long prompt."""
    while not finished.wait(_POLL_SECONDS):
        if cancel.is_set() and (opened := connection.sock) is not None:  # not yet open: look again
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            return
