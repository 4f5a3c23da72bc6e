"""Running steps: plainly at first, from captured CUDA graphs as soon as the kernels are compiled.

No answer waits for a compiler. A thread compiles by running each kind of step on the spare slot; Triton
keeps what it made on disk, for the next start. Then each kind is captured and replayed: launching its 220
kernels one by one took a host 5 ms where running them takes 2.1.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from minicpm_rag.llm.decoding import plain
from minicpm_rag.llm.decoding.cache import PAGE
from minicpm_rag.llm.decoding.slots import GUESSES
from minicpm_rag.llm.decoding.step import Decoder

if TYPE_CHECKING:
    import torch

_log = logging.getLogger(__name__)


class Steps:
    """Steps of one decoder, by (sequences, tokens each)."""

    def __init__(self, decoder: Decoder, *, guessing: bool, operations: Any = None) -> None:
        """`operations` stand in for the usual ones: a measurement looks at them that way."""
        import torch

        self._operations = operations
        self._decoder = decoder
        spare = decoder.state.spare
        self._sizes = [size for size in (1, 2, 4, 8, 16, 32) if size < 2 * spare]
        self.kinds = [(size, 1) for size in self._sizes] + ([(1, 1 + GUESSES)] if guessing else [])
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
        """Whether steps are replayed from graphs; on a CPU nothing ever is."""
        return len(self._graphs) == len(self.kinds)

    def run(self, slots: Sequence[int], tokens: int, longest: int) -> torch.Tensor:
        """Decode the next tokens of these slots, of which the longest text has `longest` tokens.

        Returns [at least len(slots), 1 + tokens] on the device, good until the next call.
        """
        import torch

        size = next(size for size in self._sizes if size >= len(slots))
        members = [*slots, *[self._decoder.state.spare] * (size - len(slots))]
        if self._members.get(size) != members:
            rows = torch.tensor(members)
            self._rows[size].copy_(rows, non_blocking=True)
            self._members[size] = members
        graph = self._graphs.get((size, tokens))
        if graph is not None:
            graph[0].replay()
            return graph[1]
        pages = -(-(longest + 2 * tokens) // PAGE)
        return self._decoder.step(self._rows[size], tokens, self._plain, pages)

    def start_compiling(self, when_done: Callable[[], None]) -> None:
        """Compile in a thread, which calls `when_done`; `capture_if_ready` does the rest. Only for CUDA."""
        self._when_done = when_done
        self._compiler = threading.Thread(target=self._compile, name="decoding-compiler", daemon=True)
        self._compiler.start()

    @property
    def ready_to_capture(self) -> bool:
        """Whether `capture_if_ready` would do something."""
        return self._compiled.is_set() and not self.captured

    def capture_if_ready(self) -> None:
        """Capture every kind of step once the kernels are there; where that fails, steps stay plain."""
        if not self.ready_to_capture:
            return
        try:
            self._capture()
        except Exception as error:  # most likely too little memory: the plain steps need less
            self._graphs.clear()
            self._compiled.clear()
            _log.warning("decoding stays plain and slow: its steps cannot be captured (%s)", error)

    def _capture(self) -> None:
        import torch

        self._warm_prompt()
        self._memory_pool = self._memory_pool or torch.cuda.graph_pool_handle()
        graphs = {}
        for size, tokens in self.kinds:
            graph = torch.cuda.CUDAGraph()
            # Other threads, an embedder's for one, may use the GPU meanwhile.
            with torch.cuda.graph(graph, pool=self._memory_pool, capture_error_mode="thread_local"):
                out = self._decoder.step(self._rows[size], tokens, self._operations, 0)
            graphs[size, tokens] = graph, out
        self._graphs = graphs

    def drop_graphs(self) -> None:
        """Let go of the graphs and their memory; they would be captured anew, for a new cache."""
        if self._compiler is not None:
            self._compiler.join()
        self._graphs.clear()
        self._memory_pool = None

    def _warm_prompt(self) -> None:
        """A prompt into the spare page: the first one pays 0.2 s for cuBLAS and for memory.

        Whole, behind a cached page, and a short piece behind a long one as follow-ups are: other kernels each.
        """
        import torch

        device = self._decoder.weights.device
        length = min(2048, self._decoder.state.context)
        ids = torch.zeros(length, dtype=torch.int64, device=device)
        pages = torch.zeros(length // PAGE + 2, dtype=torch.int64, device=device)
        self._decoder.prompt(ids, pages, 0, length)
        self._decoder.prompt(ids[PAGE:], pages, PAGE, length)
        whole = length // PAGE * PAGE
        self._decoder.prompt(ids[:PAGE], pages, whole, whole + PAGE)

    def _compile(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        try:
            from minicpm_rag.llm.decoding import fast

            self._operations = self._operations or fast
            # One text plain and guessed have no kernel in common; the others add a kernel each to those.
            # Triton lets other threads run while it compiles.
            first = list(dict.fromkeys((self.kinds[0], self.kinds[-1])))
            for kinds in (first, [kind for kind in self.kinds if kind not in first]):
                with ThreadPoolExecutor(max(1, len(kinds))) as pool:
                    list(pool.map(self._try_out, kinds))
        except Exception as error:  # a missing C compiler, an old card: the plain steps go on serving
            _log.warning("decoding stays plain and slow: the kernels do not compile here (%s)", error)
            return
        self._compiled.set()
        self._when_done()

    def _try_out(self, kind: tuple[int, int]) -> None:
        """Run one kind of step on the spare slot, on a stream of its own."""
        import torch

        size, tokens = kind
        device = self._decoder.weights.device
        stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with torch.inference_mode(), torch.cuda.device(device), torch.cuda.stream(stream):
            rows = torch.full((size,), self._decoder.state.spare, device=device)
            self._decoder.step(rows, tokens, self._operations, 0)
            stream.synchronize()
