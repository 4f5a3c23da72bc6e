"""Which requests are decoded together: they join and leave between steps, while others go on.

First come, first served: where there is no slot or no memory for the next request, it waits, and so do those
behind it. Knows ids, slots and blocks of the KV cache; what a step does is in `step`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.errors import ModelError, OutOfMemoryError
from minicpm_rag.llm.decoding.cache import BlockPool
from minicpm_rag.llm.decoding.graphs import Steps
from minicpm_rag.llm.decoding.sequence import TokenSequence
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS
from minicpm_rag.llm.decoding.step import Decoder
from minicpm_rag.llm.generation.memory import is_out_of_memory, out_of_memory
from minicpm_rag.llm.generation.request import RequestQueue

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

# Prompt tokens prefilled between two steps: the other sequences, and a set `cancel`, wait for as long as that takes.
_PREFILL_TOKENS = 2048


class Scheduler:
    """A thread that prefills prompts, decodes all running sequences in each step and hands out their tokens.

    One step is always in flight: the next is launched before the tokens of the last are read, so that the GPU
    never waits for the host. That a sequence has ended is therefore noticed one step late; what that step made
    for it is dropped.

    What a sequence with a constraint (`llm.constraint`) may write next is known only once its last token was read.
    While there is one, no step is in flight, no draft tokens are verified, and plain torch computes the steps.
    """

    def __init__(self, decoder: Decoder, steps: Steps, *, drafting: bool) -> None:
        self._decoder = decoder
        self._steps = steps
        self._drafting = drafting
        self._queue: RequestQueue[TokenSequence] = RequestQueue()
        self._prefilling: TokenSequence | None = None
        self._decoding: list[TokenSequence] = []
        self._free_slots = list(range(decoder.state.spare))
        self._in_flight: tuple[list[TokenSequence], torch.Tensor, Any] | None = None
        self._changed = threading.Condition()
        self._idle_tasks: deque[Callable[[], None]] = deque()  # for the thread, once no sequence runs
        self._stopping = False
        self.submitted = 0
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
        return [*self._decoding, *([] if self._prefilling is None else [self._prefilling])]

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
                    self._in_flight = None
                    self._fail(self.running, error)
                    self._decoder.pool.forget()  # a step that failed may have written anything
            self._end_all()

    def _something_to_do(self) -> bool:
        busy = len(self._queue) or self.running or self._in_flight or self._idle_tasks
        return bool(busy or self._stopping or self._steps.ready_to_capture)

    def _iterate(self) -> None:
        self._steps.capture_if_ready()
        self._drop_cancelled()
        if self._idle_tasks and not self.running and self._in_flight is None:
            self._idle_tasks.popleft()()
        self._admit()
        self._queue.tell_places()
        if self._prefilling is not None:
            self._prefill(self._prefilling)
        if self._constrained:
            self._land()
        launched = self._launch() if self._decoding else None
        self._land()
        self._in_flight = launched

    @property
    def _constrained(self) -> list[TokenSequence]:
        return [sequence for sequence in self._decoding if sequence.sampling.constraint is not None]

    def _land(self) -> None:
        """Read the step that is in flight, if there is one."""
        if self._in_flight is not None:
            landing, self._in_flight = self._in_flight, None
            self._read(*landing)

    def _admit(self) -> None:
        """Give the first waiting request a slot and blocks, if there are any for it."""
        sequence = self._queue.first()
        if sequence is None or self._prefilling or self._idle_tasks or not self._free_slots:
            return
        if not self._decoder.pool.fits(sequence.room):
            self._queue.remove(sequence)
            sequence.end(OutOfMemoryError("llm.cache_too_small", tokens=sequence.room))
            return
        # The last prompt token is never taken from the cache: the first new token comes from a step over it.
        reusable = sequence.prefilled if self._keys_can_be_reused(sequence) else 0
        taken = self._decoder.pool.take(sequence.ids, sequence.room, reusable)
        if taken is None:
            return
        self._queue.remove(sequence)
        sequence.tell_place(0)
        sequence.blocks, sequence.cached = taken
        sequence.slot = self._free_slots.pop(0)
        self._prefilling = sequence
        self._decoder.rope.prepare(sequence.room + 2 * DRAFT_TOKENS)

    def _keys_can_be_reused(self, sequence: TokenSequence) -> bool:
        """Whether another prompt that begins alike would have the same keys: not where rotation depends on length."""
        rope = self._decoder.rope
        return not rope.depends_on_length or sequence.room <= rope.plain_length

    def _prefill(self, sequence: TokenSequence) -> None:
        """Cache the next part of a prompt; once all but its last token are cached, the sequence is decoded."""
        import torch

        try:
            device = self._decoder.weights.device
            start, end = sequence.cached, min(sequence.cached + _PREFILL_TOKENS, sequence.prefilled)
            if start < end:
                ids = torch.tensor(sequence.ids[start:end]).to(device, non_blocking=True)
                blocks = torch.tensor(sequence.blocks).to(device, non_blocking=True)
                residual = self._decoder.prefill(ids, blocks, start, sequence.prefilled + 1)
                if residual.rows[end - start - 1].isnan().any():  # it has read all before it
                    raise ModelError("llm.not_a_number")
                sequence.cached = end
            if sequence.cached >= sequence.prefilled:
                self._decoder.state.fill(sequence.slot, sequence.ids, sequence.blocks, sequence.sampling, sequence.seed)
                self._decoding.append(sequence)
                self._prefilling = None
        except Exception as error:  # it concerns this sequence alone
            self._fail([sequence], error)

    def _launch(self) -> tuple[list[TokenSequence], torch.Tensor, Any]:
        """Start a step for the decoded sequences and the copy of its result to the host."""
        import torch

        sequences = list(self._decoding)
        constrained = self._constrained
        for sequence in constrained:
            assert sequence.sampling.constraint is not None
            self._decoder.state.allow(sequence.slot, sequence.sampling.constraint.allowed())
        # A single sequence leaves room in the step: several rows cost about as much as one.
        drafted = self._drafting and len(sequences) == 1 and not constrained and sequences[0].wants_drafts()
        tokens = 1 + DRAFT_TOKENS if drafted else 1
        longest = max(sequence.room for sequence in sequences)
        slots = [sequence.slot for sequence in sequences]
        result = self._steps.run(slots, tokens, longest, captured=not constrained)
        if result.device.type != "cuda":
            return sequences, result, None
        host = torch.empty(result.shape, dtype=result.dtype, pin_memory=True)
        host.copy_(result, non_blocking=True)
        event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        event.record()
        return sequences, host, event

    def _read(self, sequences: list[TokenSequence], result: torch.Tensor, event: Any) -> None:
        """Wait for a step and hand out its tokens."""
        if event is not None:
            event.synchronize()
        for sequence, (accepted, *tokens) in zip(sequences, result.tolist(), strict=False):
            if sequence not in self._decoding:
                continue  # it ended while this step was in flight
            self.steps_made += 1
            if len(tokens) > 1:
                sequence.note_accepted(accepted)
            for token in tokens[:accepted]:
                sequence.ids.append(token)
                if sequence.sampling.constraint is not None:
                    sequence.sampling.constraint.add(token)
                sequence.cached = len(sequence.ids) - 1
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
        if sequence is self._prefilling:
            self._prefilling = None
        else:
            self._decoding.remove(sequence)
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
