"""Compiling the kernels of steps, side by side, by running each operation of a step on the spare slot.

An operation has a thread of its own, which takes the shapes in turn:

    attention   [ (1, 1) ][ (1, 8) ][ (2, 1) ] ...
    choose      [ (1, 1)       ][ (1, 8) ] ...
    enter, qkv, out, ...

So many kernels are compiled at once, since Triton mostly releases the GIL meanwhile, and none twice. Products of many
rows, which cuBLAS computes, share one thread: cuBLAS keeps memory for each thread that it has seen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from minicpm_rag.llm.decoding.cache import BLOCK
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.step import Decoder

if TYPE_CHECKING:
    import torch

    from minicpm_rag.llm.checkpoint.quantization import Matrix

Shape = tuple[int, int]

_Result = TypeVar("_Result")

_MANY_ROWS = "many rows"
# Threads at most. With fewer cores those of later shapes would hold up the first.
_THREADS = 10


class Compiler:
    """The threads. `compile` begins, `result` waits; a context that ends them."""

    def __init__(self, decoder: Decoder, operations: Any) -> None:
        import torch

        self._decoder = decoder
        self._operations = operations
        self._device = decoder.weights.device
        self._stream = torch.cuda.Stream(self._device) if self._device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._running: dict[Shape, list[Future[object]]] = {}

    def __enter__(self) -> Compiler:
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads.values():
            thread.shutdown(cancel_futures=True)

    @property
    def crowded(self) -> bool:
        """Whether there are too few cores for all shapes at once."""
        return (os.cpu_count() or 1) < _THREADS

    def compile(self, shapes: Iterable[Shape]) -> None:
        """Begin with these shapes, where that is still to be done; the very first also compiles a portion."""
        for shape in shapes:
            if shape not in self._running:
                self._running[shape] = self._begin(shape, portion=not self._running)

    def result(self, shape: Shape) -> None:
        """Wait for a shape that was begun, and run a whole step of it. Raises what went wrong."""
        for operation in self._running[shape]:
            operation.result()
        size, tokens = shape

        def step() -> object:
            return self._decoder.step(self._spare_slots(size), tokens, self._operations, 0)

        self._in_thread(_MANY_ROWS, step).result()

    def _begin(self, shape: Shape, portion: bool) -> list[Future[object]]:
        size, tokens = shape
        weights, operations = self._decoder.weights, self._operations
        begun = [self._in_thread(name, run) for name, run in self._apart(size, tokens).items()]
        entered = self._in_thread("enter", lambda: operations.enter(self._zeros(size * tokens).long(), weights))
        many = operations.are_many(size * tokens, weights)
        for name, product in self._products().items():

            def run(product: Callable[[Any], object] = product) -> object:
                return product(entered.result())

            begun.append(self._in_thread(_MANY_ROWS if many else name, run))
        if portion:
            begun.append(self._in_thread(_MANY_ROWS, self._read))
        return begun

    def _apart(self, size: int, tokens: int) -> dict[str, Callable[[], object]]:
        """Each operation of a step of `size` sequences by itself, without the products.

        They work on zeros and the spare slot. What they need they make themselves, on the CUDA stream that they run on.
        """
        decoder, operations = self._decoder, self._operations
        weights, state = decoder.weights, decoder.state

        def attend() -> object:
            qkv = self._zeros(size * tokens, weights.layers[0].qkv.rows).to(weights.dtype)
            cache, slots = decoder.pool.layers[0], self._spare_slots(size)
            return operations.attention(qkv, weights, cache, decoder.rope, state, slots, 1)

        def choose() -> object:
            scores = self._zeros(size, tokens, weights.head.rows)
            return operations.choose(scores, state, self._spare_slots(size), self._zeros(size, tokens).long())

        def begin() -> object:
            return operations.begin(state, self._spare_slots(size), tokens)

        return {"attention": attend, "choose": choose, "begin": begin}

    def _products(self) -> dict[str, Callable[[Any], object]]:
        """Each product of a step by itself, given a residual stream."""
        decoder, operations, weights = self._decoder, self._operations, self._decoder.weights
        layer, gain, epsilon = weights.layers[0], weights.norm, weights.epsilon

        def added(residual: Any, matrix: Matrix) -> object:
            rows = residual.rows.new_zeros((len(residual.rows), matrix.columns))
            return operations.add(residual, rows, matrix, weights.residual_multiplier, gain)

        return {
            "qkv": lambda residual: operations.project(residual, layer.qkv, epsilon),
            "out": lambda residual: added(residual, layer.out),
            "gate_up": lambda residual: operations.project(residual, layer.gate_up, epsilon, gated=True),
            "down": lambda residual: added(residual, layer.down),
            "head": lambda residual: decoder.logits(residual, operations),
        }

    def _spare_slots(self, size: int) -> torch.Tensor:
        """The spare slot, for each of so many sequences."""
        return self._zeros(size).long() + self._decoder.state.spare

    def _zeros(self, *shape: int) -> torch.Tensor:
        import torch

        return torch.zeros(shape, device=self._device)

    def _read(self) -> object:
        return self._decoder.prefill(self._zeros(BLOCK).long(), [Part(0, BLOCK, BLOCK, [0])], self._operations)

    def _in_thread(self, name: str, work: Callable[[], _Result]) -> Future[_Result]:
        if name not in self._threads:
            self._threads[name] = ThreadPoolExecutor(1, f"decoding-compiler-{name}")
        return self._threads[name].submit(self._aside, work)

    def _aside(self, work: Callable[[], _Result]) -> _Result:
        """Do something to the end on the compiler's CUDA stream, beside what the engine's computes."""
        import torch

        with torch.inference_mode():
            if self._stream is None:
                return work()
            with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                result = work()
                self._stream.synchronize()
        return result
