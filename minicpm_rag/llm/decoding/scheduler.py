"""Who gets a slot, when, and who is told what: texts join and leave while others are decoded.

First come, first served: where there is no slot or no memory for the next text, it waits, and so do those
behind it. Knows ids, slots and pages; what a step does is in `step`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError, OutOfMemoryError
from minicpm_rag.llm.decoding.graphs import Steps
from minicpm_rag.llm.decoding.slots import GUESSES
from minicpm_rag.llm.decoding.step import Decoder
from minicpm_rag.llm.decoding.text import DONE, Text

if TYPE_CHECKING:
    import torch

_PIECE = 2048  # prompt tokens in one go (30 ms on an H200): so long do the others wait, and a cancel


class Scheduler:
    """A thread that takes texts in, steps them together and hands their tokens out.

    One step is always in flight: the next is launched before the last one's tokens are read, so that the GPU
    never waits for the host. A text that has ended is noticed one step late; that step's row is thrown away.
    """

    def __init__(self, decoder: Decoder, steps: Steps, *, guessing: bool) -> None:
        self._decoder = decoder
        self._steps = steps
        self._guessing = guessing
        self._waiting: deque[Text] = deque()
        self._filling: Text | None = None
        self._active: list[Text] = []
        self._free_slots = list(range(decoder.state.spare))
        self._flight: tuple[list[Text], torch.Tensor, Any] | None = None
        self._changed = threading.Condition()
        self._errands: deque[Callable[[], None]] = deque()  # done by the thread while nothing is in work
        self._stopping = False
        self.submitted = 0
        self.steps_made = 0
        self.tokens_made = 0
        self._thread = threading.Thread(target=self._work, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, text: Text) -> None:
        """Queue a text."""
        with self._changed:
            if self._stopping:
                raise ModelError("llm.closed")
            self._waiting.append(text)
            self.submitted += 1
            self._changed.notify()

    def wake(self) -> None:
        """Look again whether there is something to do."""
        with self._changed:
            self._changed.notify()

    def run_when_idle(self, errand: Callable[[], None]) -> None:
        """Have the thread do something when no text is in work, and wait until it has."""
        done = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                errand()
            except BaseException as error:
                failure.append(error)
            finally:
                done.set()

        with self._changed:
            self._errands.append(run)
            self._changed.notify()
        done.wait()
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """End the thread; texts still in work end where they are."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    @property
    def texts_in_work(self) -> int:
        """Texts that hold memory."""
        return len(self._active) + (self._filling is not None)

    def _work(self) -> None:
        import torch

        device = self._decoder.weights.device
        cuda = device.type == "cuda"
        stream = torch.cuda.Stream(device) if cuda else None  # type: ignore[no-untyped-call]
        with torch.inference_mode(), torch.cuda.stream(stream):
            while True:
                with self._changed:
                    self._changed.wait_for(self._something_to_do)
                    if self._stopping:
                        break
                try:
                    self._turn()
                except Exception as error:
                    self._fail(error)
            self._end_all(DONE)
            while self._errands:
                self._errands.popleft()()

    def _something_to_do(self) -> bool:
        busy = self._waiting or self._filling or self._active or self._flight or self._errands
        return bool(busy or self._stopping or self._steps.ready_to_capture)

    def _turn(self) -> None:
        self._steps.capture_if_ready()
        self._drop_unwanted()
        if self._errands and not self.texts_in_work and self._flight is None:
            self._errands.popleft()()
        self._admit()
        if self._filling is not None:
            self._fill(self._filling)
        launched = self._launch() if self._active else None
        if self._flight is not None:
            self._read(*self._flight)
        self._flight = launched

    def _admit(self) -> None:
        """Take the first waiting text in, if there are a slot and pages for it."""
        if self._filling or self._errands or not self._waiting or not self._free_slots:
            return
        text = self._waiting[0]
        rope = self._decoder.rope
        same_everywhere = not rope.depends_on_length or text.room <= rope.plain_length
        # The last prompt token always goes through a step: that is what the first new token comes from.
        reusable = text.prompt_length - 1 if same_everywhere else 0
        if not self._decoder.pool.fits(text.room):
            self._end(text, OutOfMemoryError("llm.cache_too_small", tokens=text.room))
            return
        taken = self._decoder.pool.take(text.ids, text.room, reusable)
        if taken is None:
            return
        self._waiting.popleft()
        text.pages, text.cached = taken
        text.slot = self._free_slots.pop(0)
        self._filling = text
        rope.prepare(text.room + 2 * GUESSES)

    def _fill(self, text: Text) -> None:
        """Cache the next piece of a prompt; when all but its last token are cached, the text is active."""
        import torch

        try:
            device = self._decoder.weights.device
            start, end = text.cached, min(text.cached + _PIECE, text.prompt_length - 1)
            if start < end:
                ids = torch.tensor(text.ids[start:end]).to(device, non_blocking=True)
                pages = torch.tensor(text.pages).to(device, non_blocking=True)
                self._decoder.prompt(ids, pages, start, text.prompt_length)
                text.cached = end
            if text.cached >= text.prompt_length - 1:
                self._decoder.state.fill(text.slot, text.ids, text.pages, text.sampling, text.seed)
                self._active.append(text)
                self._filling = None
        except Exception as error:  # the others are not touched by it
            self._end(text, error)

    def _launch(self) -> tuple[list[Text], torch.Tensor, Any]:
        """Start a step for the active texts and the copy of its result to the host."""
        import torch

        texts = list(self._active)
        guessed = self._guessing and len(texts) == 1 and texts[0].wants_guesses()
        tokens = 1 + GUESSES if guessed else 1
        longest = max(text.room for text in texts)
        result = self._steps.run([text.slot for text in texts], tokens, longest)
        if result.device.type != "cuda":
            return texts, result, None
        host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
        host.copy_(result, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return texts, host, event

    def _read(self, texts: list[Text], result: torch.Tensor, event: Any) -> None:
        """Hand out a step's tokens, once they are there."""
        if event is not None:
            event.synchronize()
        for text, (stand, *tokens) in zip(texts, result.tolist(), strict=False):
            if text not in self._active:
                continue  # it ended while this step was in flight
            self.steps_made += 1
            if len(tokens) > 1:
                text.note_guesses(stand)
            for token in tokens[:stand]:
                text.ids.append(token)
                text.cached = len(text.ids) - 1
                if token in text.sampling.end_tokens:
                    self._end(text, DONE)
                    break
                self.tokens_made += 1
                text.tokens.put(token)
                if len(text.ids) >= text.room:
                    self._end(text, DONE)
                    break

    def _drop_unwanted(self) -> None:
        for text in [*self._active, *([self._filling] if self._filling else []), *self._waiting]:
            if text.unwanted:
                self._end(text, DONE)

    def _end(self, text: Text, last: Any) -> None:
        """Free what a text holds and tell its reader; its full pages stay for texts that begin alike."""
        if text in self._active:
            self._active.remove(text)
        elif text is self._filling:
            self._filling = None
        elif text in self._waiting:
            self._waiting.remove(text)
        if text.slot >= 0:
            rope = self._decoder.rope
            if last is DONE and (not rope.depends_on_length or text.room <= rope.plain_length):
                self._decoder.pool.remember(text.ids[: text.cached], text.pages)
            self._decoder.pool.give_back(text.pages)
            self._free_slots.append(text.slot)
            text.slot = -1
        text.tokens.put(last)

    def _fail(self, error: Exception) -> None:
        """A step went wrong: every text in it ends with the error; those that wait are tried afresh."""
        self._flight = None
        for text in [*self._active, *([self._filling] if self._filling else [])]:
            self._end(text, error)
        self._decoder.pool.forget()

    def _end_all(self, last: Any) -> None:
        for text in [*self._active, *([self._filling] if self._filling else []), *self._waiting]:
            self._end(text, last)
