"""Running steps: in plain torch at first, from captured CUDA graphs as soon as the kernels are compiled.

No answer waits for a compiler. A thread compiles by running each shape of step on the spare slot; Triton caches the
result on disk, for the next start. Then each shape is captured and replayed, since launching a step's kernels one
by one takes the host longer than the GPU takes to run them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import BLOCK
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS
from minicpm_rag.llm.decoding.step import Decoder

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


class Steps:
    """The steps of one decoder. A step's shape is (sequences, tokens of each)."""

    def __init__(self, decoder: Decoder, *, drafting: bool, operations: Any = None) -> None:
        """`operations` replace the usual ones, for measurements."""
        import torch

        self._operations = operations
        self._decoder = decoder
        spare = decoder.state.spare
        self._sizes = [size for size in (1, 2, 4, 8, 16, 32) if size < 2 * spare]
        self.shapes = [(size, 1) for size in self._sizes] + ([(1, 1 + DRAFT_TOKENS)] if drafting else [])
        device = decoder.weights.device
        self._plain = plain if operations is None or device.type == "cuda" else operations
        self._rows = {size: torch.full((size,), spare, device=device) for size in self._sizes}
        self._members: dict[int, list[int]] = {}
        self._graphs: dict[tuple[int, int], tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}
        self._memory_pool: Any = None
        self._compiled = threading.Event()
        self._compiler: threading.Thread | None = None

    @property
    def captured(self) -> bool:
        """Whether steps are replayed from graphs; never on a CPU."""
        return len(self._graphs) == len(self.shapes)

    def run(self, slots: Sequence[int], tokens: int, longest: int, *, captured: bool = True) -> torch.Tensor:
        """Run `Decoder.step` on these slots, whose longest sequence has `longest` tokens; unless `captured`, in torch.

        Returns [at least len(slots), 1 + tokens] on the device, valid until the next call.
        """
        import torch

        size = next(size for size in self._sizes if size >= len(slots))
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

    def start_compiling(self, when_done: Callable[[], None]) -> None:
        """Compile the kernels in a thread, which then calls `when_done`; `capture_if_ready` does the rest."""
        self._when_done = when_done
        self._compiler = threading.Thread(target=self._compile, name="decoding-compiler", daemon=True)
        self._compiler.start()

    @property
    def ready_to_capture(self) -> bool:
        """Whether `capture_if_ready` would do something."""
        return self._compiled.is_set() and not self.captured

    def capture_if_ready(self) -> None:
        """Capture every shape once the kernels are compiled; where that fails, steps stay in plain torch."""
        if not self.ready_to_capture:
            return
        try:
            self._capture()
        except Exception as error:  # most likely too little memory: the plain steps need less
            self._graphs.clear()
            self._compiled.clear()
            _log.warning("decoding stays in plain torch and slow: its steps cannot be captured (%s)", error)

    def _capture(self) -> None:
        import torch

        self._warm_up_prefill()
        self._memory_pool = self._memory_pool or torch.cuda.graph_pool_handle()
        graphs = {}
        for size, tokens in self.shapes:
            graph = torch.cuda.CUDAGraph()
            # Other threads, such as an embedder's, may use the GPU meanwhile.
            with torch.cuda.graph(graph, pool=self._memory_pool, capture_error_mode="thread_local"):
                out = self._decoder.step(self._rows[size], tokens, self._operations, 0)
            graphs[size, tokens] = graph, out
        self._graphs = graphs

    def drop_graphs(self) -> None:
        """Free the graphs and their memory, because they are bound to the present KV cache; they are captured again."""
        if self._compiler is not None:
            self._compiler.join()
        self._graphs.clear()
        self._memory_pool = None

    def _warm_up_prefill(self) -> None:
        """Prefill into the spare block, so that no user pays for what cuBLAS and the allocator set up at first use.

        Three cases use different kernels: a whole prompt, the same after a cached block, and a short part after many
        cached blocks, as in a follow-up.
        """
        import torch

        device = self._decoder.weights.device
        length = min(2048, self._decoder.state.context)
        ids = torch.zeros(length, dtype=torch.int64, device=device)
        blocks = torch.zeros(length // BLOCK + 2, dtype=torch.int64, device=device)
        self._decoder.prefill(ids, blocks, 0, length)
        self._decoder.prefill(ids[BLOCK:], blocks, BLOCK, length)
        whole = length // BLOCK * BLOCK
        self._decoder.prefill(ids[:BLOCK], blocks, whole, whole + BLOCK)

    def _compile(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        try:
            from minicpm_rag.llm.decoding import fast

            self._operations = self._operations or fast
            # The first and the last shape (one token, and with drafts) share no kernel; each other shape shares all but
            # one with these. Triton releases the GIL while it compiles, so the threads of a group work in parallel.
            first = list(dict.fromkeys((self.shapes[0], self.shapes[-1])))
            for shapes in (first, [shape for shape in self.shapes if shape not in first]):
                with ThreadPoolExecutor(max(1, len(shapes))) as pool:
                    list(pool.map(self._compile_shape, shapes))
        except Exception as error:  # a missing C compiler, an old card: plain steps go on serving
            _log.warning("decoding stays in plain torch and slow: the kernels do not compile here (%s)", error)
            return
        self._compiled.set()
        self._when_done()

    def _compile_shape(self, shape: tuple[int, int]) -> None:
        """Run one shape of step on the spare slot, on a CUDA stream of its own."""
        import torch

        size, tokens = shape
        device = self._decoder.weights.device
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.inference_mode(), torch.cuda.device(device), torch.cuda.stream(stream):
            rows = torch.full((size,), self._decoder.state.spare, device=device)
            self._decoder.step(rows, tokens, self._operations, 0)
            stream.synchronize()
