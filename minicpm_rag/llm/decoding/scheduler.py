"""Which requests are decoded together: they join and leave between steps, while others go on.

    queue --admit--> prefilling --portion--> decoding --step--> ended
                     (slot, blocks)        (one token or more a step)

    GPU     | portion: rest of A, all of B | step: C D | portion: E | step: A B C D | ...
    host     launch ............ launch .. tokens of the step before .. launch ...

First come, first served: where there is no slot or no memory for the next request, it waits, and so do those
behind it. Knows ids, slots and blocks of the KV cache; what a step does is in `step`, how much is read between two
steps in `pace`, whether draft tokens are verified in `payoff`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError, OutOfMemoryError
from minicpm_rag.llm import torch_internals
from minicpm_rag.llm.decoding.cache import BLOCK, BlockPool
from minicpm_rag.llm.decoding.graphs import Steps
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.sequence import TokenSequence
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS
from minicpm_rag.llm.decoding.step import Decoder
from minicpm_rag.llm.generation.memory import is_out_of_memory, out_of_memory
from minicpm_rag.llm.generation.request import RequestQueue

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Step:
    """A step that was launched: its sequences, what it made of them [sequences, 1 + tokens], its beginning and end."""

    sequences: list[TokenSequence]
    result: torch.Tensor
    timed: bool
    began: Any
    done: Any


@dataclass(frozen=True)
class _Reading:
    """A portion that was launched: its sequences, whether each is still numbers, its rows, its beginning and end."""

    sequences: list[TokenSequence]
    sound: torch.Tensor
    rows: int
    began: Any
    done: Any


class Scheduler:
    """A thread that prefills prompts, decodes all running sequences in each step and hands out their tokens.

    One step is always in flight: the next is launched before the tokens of the last are read, so that the GPU
    never waits for the host. That a sequence has ended is therefore noticed one step late; what that step made
    for it is dropped.

    What a sequence with a constraint (`llm.constraint`) may write next is known only once its last token was read.
    While there is one, no step is in flight as the next is launched; those with constraints have a step of their own,
    without draft tokens, in plain torch.
    """

    def __init__(self, decoder: Decoder, steps: Steps) -> None:
        self._decoder = decoder
        self._steps = steps
        self._queue: RequestQueue[TokenSequence] = RequestQueue()
        self._prefilling: list[TokenSequence] = []
        self._decoding: list[TokenSequence] = []
        self._free_slots = list(range(decoder.state.spare))
        self._in_flight: list[_Step] = []
        self._reading: deque[_Reading] = deque()  # portions that were launched
        self._changed = threading.Condition()
        self._idle_tasks: deque[Callable[[], None]] = deque()  # for the thread, once no sequence runs
        self._stopping = False
        self.submitted = 0
        self.reused_tokens = 0  # of prompts, whose keys were in the cache
        self.steps_made = 0
        self.tokens_made = 0
        self._thread = threading.Thread(target=self._work, name="decoding", daemon=True)
        self._thread.start()

    def submit(self, sequence: TokenSequence) -> None:
        """Queue a request. Raises ModelError where the engine was closed."""
        with self._changed:
            if self._stopping:
                raise ModelError("llm.closed")
            self._queue.add(sequence)
            self.submitted += 1
            self._changed.notify()

    def wake(self) -> None:
        """Make the thread look again whether there is something to do."""
        with self._changed:
            self._changed.notify()

    def run_when_idle(self, task: Callable[[], None]) -> None:
        """Call `task` in the thread while no sequence runs, and wait for it; raises what it raises."""
        done = threading.Event()
        failure: list[BaseException] = []

        def run() -> None:
            try:
                task()
            except BaseException as error:
                failure.append(error)
            finally:
                done.set()

        with self._changed:
            if self._stopping:
                raise ModelError("llm.closed")
            self._idle_tasks.append(run)
            self._changed.notify()
        done.wait()
        if failure:
            raise failure[0]

    def halve_cache(self) -> None:
        """Replace the KV cache by one of half the size; only while no sequence runs."""
        self.free_cache()
        pool = self._decoder.pool
        self._decoder.pool = BlockPool(self._decoder.weights, max(1, pool.blocks // 2), pool.quantized)

    def free_cache(self) -> None:
        """Give the memory of the KV cache, and of the graphs that were captured on it, back to the device."""
        import torch

        self._steps.drop_graphs()
        self._decoder.pool.release()
        if self._decoder.weights.device.type == "cuda":
            torch_internals.give_back_workspaces()
            torch.cuda.empty_cache()

    def stop(self, timeout: float | None = None) -> None:
        """End the thread and every request; those that wait end with ModelError."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if threading.current_thread() is not self._thread:  # the garbage collector may call this anywhere
            self._thread.join(timeout)

    @property
    def running(self) -> list[TokenSequence]:
        """The sequences that hold a slot and memory."""
        return [*self._decoding, *self._prefilling]

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
                    self._iterate()
                except Exception as error:
                    self._in_flight = []
                    self._reading.clear()
                    self._fail(self.running, error)
                    self._decoder.pool.forget()  # a step that failed may have written anything
            self._end_all()

    def _something_to_do(self) -> bool:
        busy = len(self._queue) or self.running or self._in_flight or self._idle_tasks
        return bool(busy or self._stopping or self._steps.ready_to_capture)

    def _iterate(self) -> None:
        self._steps.capture_if_ready()
        self._drop_cancelled()
        if self._idle_tasks and not self.running and not self._in_flight:
            while self._reading:
                self._finish_reading(self._reading.popleft())
            self._idle_tasks.popleft()()
        self._admit()
        self._queue.tell_places()
        if self._prefilling:
            self._prefill()
        constrained = [sequence for sequence in self._decoding if sequence.sampling.constraint is not None]
        if constrained:
            self._land()
        free = [sequence for sequence in self._decoding if sequence.sampling.constraint is None]
        launched = [self._launch(sequences) for sequences in (free, constrained) if sequences]
        self._land()
        self._in_flight = launched

    def _land(self) -> None:
        """Read the steps that are in flight."""
        landing, self._in_flight = self._in_flight, []
        for step in landing:
            self._read(step)

    def _admit(self) -> None:
        """Give waiting requests slots and blocks, as many as are needed to fill the next portion."""
        pool = self._decoder.pool
        while (sequence := self._queue.first()) is not None and self._free_slots and not self._idle_tasks:
            unread = sum(other.prefilled - other.cached for other in self._prefilling)
            if unread >= self._portion_tokens or self._is_being_read(sequence):
                return
            if not pool.fits(sequence.room):
                self._queue.remove(sequence)
                sequence.end(OutOfMemoryError("llm.cache_too_small", tokens=sequence.room))
                continue
            # The last prompt token is never taken from the cache: the first new token comes from a step over it.
            reusable = sequence.prefilled if self._keys_can_be_reused(sequence) else 0
            taken = pool.take(sequence.ids, sequence.room, reusable)
            if taken is None:
                return
            self._queue.remove(sequence)
            sequence.tell_place(0)
            sequence.blocks, sequence.cached = taken
            self.reused_tokens += sequence.cached
            sequence.slot = self._free_slots.pop(0)
            self._prefilling.append(sequence)
            self._decoder.rope.prepare(sequence.room + 2 * DRAFT_TOKENS)

    def _is_being_read(self, sequence: TokenSequence) -> bool:
        """Whether more of this prompt's beginning will be in the cache soon, because another's is being read."""
        if not self._keys_can_be_reused(sequence):
            return False
        for other in self._prefilling:
            known = other.cached // BLOCK * BLOCK
            end = known + BLOCK
            if end <= min(sequence.prefilled, other.prefilled) and sequence.ids[:end] == other.ids[:end]:
                return self._keys_can_be_reused(other)
        return False

    @property
    def _portion_tokens(self) -> int:
        return self._steps.pace.tokens(others_wait=bool(self._decoding))

    def _keys_can_be_reused(self, sequence: TokenSequence) -> bool:
        """Whether another prompt that begins alike would have the same keys: not where rotation depends on length."""
        rope = self._decoder.rope
        return not rope.depends_on_length or sequence.room <= rope.plain_length

    def _prefill(self) -> None:
        """Launch the next portion: of each prompt, in order, as much as there is room for."""
        import torch

        device = self._decoder.weights.device
        while len(self._reading) > 1:  # one runs and one waits, so that the GPU does not: more would delay a cancel
            self._finish_reading(self._reading.popleft())
        left, members, parts = self._portion_tokens, list[TokenSequence](), list[Part]()
        for sequence in self._prefilling:
            start = sequence.cached
            count = min(sequence.prefilled - start, left)
            if count > 0:
                members.append(sequence)
                parts.append(Part(start, count, sequence.prefilled + 1, sequence.blocks))
                left -= parts[-1].rows
        try:
            if parts:
                pairs = zip(members, parts, strict=True)
                ids = [token for sequence, part in pairs for token in sequence.ids[part.start :][: part.count]]
                began = _mark(device)
                last = self._steps.prefill(torch.tensor(ids).to(device, non_blocking=True), parts)
                # Each has read all before it.
                sound, done = _to_host(~last.isnan().any(dim=1)), _mark(device)
                self._reading.append(_Reading(members, sound, sum(part.rows for part in parts), began, done))
            for sequence, part in zip(members, parts, strict=True):
                sequence.cached = part.start + part.count
                if self._keys_can_be_reused(sequence):
                    self._decoder.pool.remember(sequence.ids[: sequence.cached], sequence.blocks)
            for sequence in [one for one in self._prefilling if one.cached >= one.prefilled]:
                members = [sequence]
                self._decoder.state.fill(sequence.slot, sequence.ids, sequence.blocks, sequence.sampling, sequence.seed)
                self._prefilling.remove(sequence)
                self._decoding.append(sequence)
            if device.type == "cpu":
                self._finish_read()
        except Exception as error:  # it concerns these sequences alone
            self._fail(members, error)

    def _finish_read(self) -> None:
        """Look at the portions that are done."""
        while self._reading and (self._reading[0].done is None or self._reading[0].done.query()):
            self._finish_reading(self._reading.popleft())

    def _finish_reading(self, reading: _Reading) -> None:
        """Wait for a portion, and end the sequences whose prompts made no numbers."""
        if reading.done is not None:
            reading.done.synchronize()
            self._steps.pace.note(reading.rows, reading.began.elapsed_time(reading.done))
        for sequence, sound in zip(reading.sequences, reading.sound.tolist(), strict=True):
            if sound:
                continue
            if sequence in self.running:
                self._fail([sequence], ModelError("llm.not_a_number"))
            self._decoder.pool.forget()

    def _launch(self, sequences: list[TokenSequence]) -> _Step:
        """Start a step for sequences, all with a constraint or none, and the copy of its result to the host."""
        device = self._decoder.weights.device
        constrained = False
        for sequence in sequences:
            if sequence.sampling.constraint is not None:
                constrained = True
                self._decoder.state.allow(sequence.slot, sequence.sampling.constraint.allowed())
        expected = [sequence.foresight.tokens for sequence in sequences if sequence.foresight is not None]
        drafted = len(expected) == len(sequences) and self._steps.drafts_pay(expected)
        tokens = 1 + DRAFT_TOKENS if drafted else 1
        longest = max(sequence.room for sequence in sequences)
        slots = [sequence.slot for sequence in sequences]
        began = _mark(device)
        result = self._steps.run(slots, tokens, longest, captured=not constrained)
        return _Step(sequences, _to_host(result[: len(sequences)]), not constrained, began, _mark(device))

    def _read(self, step: _Step) -> None:
        """Wait for a step and hand out its tokens."""
        if step.done is not None:
            step.done.synchronize()
            if step.timed:
                shape = self._steps.size_for(len(step.sequences)), step.result.shape[1] - 1
                self._steps.payoff.note(shape, step.began.elapsed_time(step.done))
        self._finish_read()
        for sequence, (accepted, *tokens) in zip(step.sequences, step.result.tolist(), strict=True):
            if sequence not in self._decoding:
                continue  # it ended while this step was in flight
            self.steps_made += 1
            for token in tokens[:accepted]:
                sequence.add(token)
                ended = token in sequence.sampling.end_tokens
                if not ended:
                    self.tokens_made += 1
                    sequence.put(token)
                if ended or len(sequence.ids) >= sequence.room:
                    self._release(sequence, remember=True)
                    sequence.end()
                    break

    def _drop_cancelled(self) -> None:
        for sequence in self._queue.remove_cancelled():
            sequence.end()
        for sequence in self.running:
            if sequence.cancel.is_set():
                self._release(sequence, remember=True)
                sequence.end()

    def _release(self, sequence: TokenSequence, *, remember: bool) -> None:
        """Free what a running sequence holds; remembered blocks stay for prompts that begin with the same tokens."""
        (self._prefilling if sequence in self._prefilling else self._decoding).remove(sequence)
        if remember and self._keys_can_be_reused(sequence):
            self._decoder.pool.remember(sequence.ids[: sequence.cached], sequence.blocks)
        self._decoder.pool.give_back(sequence.blocks)
        self._free_slots.append(sequence.slot)
        sequence.slot, sequence.blocks, sequence.cached = -1, [], 0

    def _fail(self, sequences: Sequence[TokenSequence], error: Exception) -> None:
        """End these sequences with an error. Where memory ran out, they go on once with half the cache instead.

        They go back to the head of the queue, in their order, with the tokens they have. The cache is halved as an
        idle task, when `error` and the tensors its frames refer to are gone.
        """
        full = is_out_of_memory(error)
        if full and sequences and self.halve_cache not in self._idle_tasks:
            _log.warning("out of memory with %d sequences running; halving the cache", len(self.running))
            self._idle_tasks.append(self.halve_cache)
        for sequence in reversed(sequences):
            self._release(sequence, remember=False)
            if full and not sequence.retried:
                sequence.retried = True
                sequence.prefilled = len(sequence.ids) - 1
                self._queue.add(sequence, first=True)
            else:
                sequence.end(out_of_memory(sequence.prompt_length, sequence.sampling, error) if full else error)

    def _end_all(self) -> None:
        for sequence in self.running:
            self._release(sequence, remember=False)
            sequence.end()
        while (waiting := self._queue.first()) is not None:
            self._queue.remove(waiting)
            waiting.end(ModelError("llm.closed"))
        while self._idle_tasks:
            self._idle_tasks.popleft()()


def _to_host(result: torch.Tensor) -> torch.Tensor:
    """A copy on the host, complete once the device comes to a mark set after this."""
    import torch

    if result.device.type == "cpu":
        return result
    host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
    return host.copy_(result, non_blocking=True)


def _mark(device: torch.device) -> Any:
    """A moment in the device's stream of work."""
    import torch

    if device.type == "cpu":
        return None
    event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
    event.record()
    return event
