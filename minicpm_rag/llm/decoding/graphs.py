"""Running steps: in plain torch at first, from captured CUDA graphs as soon as the kernels are compiled.

No answer waits for a compiler. `compiling` does its work in threads; Triton caches the result on disk, for the next
start. Then each shape is captured, one between two steps, and replayed, since launching a step's kernels one by one
takes the host longer than the GPU takes to run them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import BLOCK
from minicpm_rag.llm.decoding.compiling import Compiler
from minicpm_rag.llm.decoding.pace import MOST_TOKENS, Pace
from minicpm_rag.llm.decoding.payoff import Payoff
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS
from minicpm_rag.llm.decoding.step import Decoder

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)

_SIZES = (1, 2, 4, 8, 16, 32, 64)
# Rows of a step with draft tokens, at most; quantized weights are written out in full for more.
_MOST_ROWS = 256
_MOST_QUANTIZED_ROWS = 32


class Steps:
    """The steps of one decoder. A step's shape is (sequences, tokens of each)."""

    def __init__(self, decoder: Decoder, *, drafting: bool, operations: Any = None) -> None:
        """`operations` replace the usual ones, for measurements."""
        import torch

        self._operations = operations
        self._decoder = decoder
        self.payoff = Payoff()
        self.pace = Pace()
        spare = decoder.state.spare
        self._sizes = [size for size in _SIZES if size < 2 * spare]
        most = _MOST_ROWS if decoder.weights.layers[0].qkv.bits == 16 else _MOST_QUANTIZED_ROWS
        drafted = [(size, 1 + DRAFT_TOKENS) for size in self._sizes if size * (1 + DRAFT_TOKENS) <= most]
        self.shapes = [(size, 1) for size in self._sizes] + (drafted if drafting else [])
        device = decoder.weights.device
        self._plain = plain if operations is None or device.type == "cuda" else operations
        self._rows = {size: torch.full((size,), spare, device=device) for size in self._sizes}
        self._members: dict[int, list[int]] = {}
        self._graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}
        self._memory_pool: Any = None
        self._compiled: set[tuple[int, int]] = set()  # shapes; written by the compiling thread
        self._compiler: threading.Thread | None = None

    @property
    def captured(self) -> bool:
        """Whether all steps are replayed from graphs; never on a CPU."""
        return len(self._graphs) == len(self.shapes)

    def size_for(self, count: int) -> int:
        """Sequences of the smallest step that has room for so many."""
        return next(size for size in self._sizes if size >= count)

    def drafts_pay(self, expected: Sequence[float]) -> bool:
        """Whether a step should verify drafts, if it then makes so many tokens for each of its sequences."""
        shape = self.size_for(len(expected)), 1 + DRAFT_TOKENS
        served = shape in (self._graphs or self.shapes)  # without any graph, plain torch serves all alike
        return served and self.payoff.drafts_pay(shape[0], fmean(expected))

    def run(self, slots: Sequence[int], tokens: int, longest: int, *, captured: bool = True) -> torch.Tensor:
        """Run `Decoder.step` on these slots, whose longest sequence has `longest` tokens; unless `captured`, in torch.

        Returns [at least len(slots), 1 + tokens] on the device, valid until the next call.
        """
        import torch

        size = self.size_for(len(slots))
        members = [*slots, *[self._decoder.state.spare] * (size - len(slots))]
        if self._members.get(size) != members:
            rows = torch.tensor(members)
            self._rows[size].copy_(rows, non_blocking=True)
            self._members[size] = members
        graph = self._graphs.get((size, tokens))
        if graph is not None and captured:
            graph[0].replay()
            return graph[1]
        blocks = -(-(longest + 2 * tokens) // BLOCK)
        return self._decoder.step(self._rows[size], tokens, self._plain, blocks)

    def prefill(self, ids: torch.Tensor, parts: Sequence[Part]) -> torch.Tensor:
        """Run `Decoder.prefill`, with kernels once they are compiled."""
        operations = self._operations if self._compiled and self._operations is not None else self._plain
        return self._decoder.prefill(ids, parts, operations)

    def start_compiling(self, when_done: Callable[[], None]) -> None:
        """Compile the kernels in a thread, which calls `when_done` now and then; `capture_if_ready` does the rest."""
        self._when_done = when_done
        self._compiler = threading.Thread(target=self._compile, name="decoding-compiler", daemon=True)
        self._compiler.start()

    @property
    def ready_to_capture(self) -> bool:
        """Whether `capture_if_ready` would do something."""
        return any(shape not in self._graphs for shape in list(self._compiled))

    def capture_if_ready(self) -> None:
        """Capture a shape whose kernels are compiled; where that fails, steps stay in plain torch."""
        shape = next((one for one in self.shapes if one in self._compiled and one not in self._graphs), None)
        if shape is None:
            return
        try:
            self._capture(shape)
        except Exception as error:  # most likely too little memory: the plain steps need less
            self._graphs.clear()
            self._compiled.clear()
            _log.warning("decoding stays in plain torch and slow: its steps cannot be captured (%s)", error)

    def _capture(self, shape: tuple[int, int]) -> None:
        import torch

        size, tokens = shape
        self._memory_pool = self._memory_pool or torch.cuda.graph_pool_handle()
        self._members.pop(size, None)
        self._rows[size].fill_(self._decoder.state.spare)
        graph = torch.cuda.CUDAGraph()
        # Other threads, such as an embedder's, may use the GPU meanwhile.
        with torch.cuda.graph(graph, pool=self._memory_pool, capture_error_mode="thread_local"):
            out = self._decoder.step(self._rows[size], tokens, self._operations, 0)
        graph.replay()
        self.payoff.note_idle(shape, min(_milliseconds(graph.replay) for _ in range(2)))
        if len(self._graphs) == len(self.shapes) - 1:
            self._warm_up_prefill()
        self._graphs[shape] = graph, out

    def drop_graphs(self) -> None:
        """Free the graphs and their memory, because they are bound to the present KV cache; they are captured again."""
        if self._compiler is not None:
            self._compiler.join()
        self._graphs.clear()
        self._memory_pool = None

    def _warm_up_prefill(self) -> None:
        """Prefill into the spare block, so that no user pays for what cuBLAS and the allocator set up at first use.

        Comes last, since capturing gives back the memory that the allocator keeps.
        """
        import torch

        length = min(MOST_TOKENS, self._decoder.state.context)
        ids = torch.zeros(length, dtype=torch.int64, device=self._decoder.weights.device)
        parts = [Part(0, length, length, [0] * -(-length // BLOCK))]
        self.pace.note(length, min(_milliseconds(lambda: self.prefill(ids, parts)) for _ in range(3)))

    def _compile(self) -> None:
        try:
            from minicpm_rag.llm.decoding import fast
        except ImportError as error:
            _log.warning("decoding stays in plain torch and slow: Triton cannot be imported (%s)", error)
            return
        self._operations = self._operations or fast
        # What a single sequence needs comes first.
        first = [shape for shape in self.shapes if shape[0] == 1]
        others = [shape for shape in self.shapes if shape not in first]
        with Compiler(self._decoder, self._operations) as compiler:
            for shapes in (first, others):
                compiler.compile(shapes if compiler.crowded else first + others)
                compiled = [shape for shape in shapes if self._is_compiled(compiler, shape)]
                if shapes is first and first[0] not in compiled:
                    return  # an old card, or no C compiler: plain steps go on serving
                self.shapes = [shape for shape in self.shapes if shape not in shapes or shape in compiled]
                self._compiled.update(compiled)
                self._when_done()

    def _is_compiled(self, compiler: Compiler, shape: tuple[int, int]) -> bool:
        """Wait for a shape; steps of one that cannot be compiled stay in plain torch."""
        try:
            compiler.result(shape)
        except Exception as error:
            size, tokens = shape
            _log.warning("steps of %s sequences and %s tokens stay in plain torch and slow (%s)", size, tokens, error)
            return False
        return True


def _milliseconds(work: Callable[[], object]) -> float:
    """How long the device works at something."""
    import torch

    began, done = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    began.record()
    work()
    done.record()
    done.synchronize()
    return float(began.elapsed_time(done))
