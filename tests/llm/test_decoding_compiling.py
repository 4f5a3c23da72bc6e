"""Compiling a step's kernels side by side; here plain torch stands for the kernels."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Any

import pytest
from golden import GOLDEN

from minicpm_rag.llm.checkpoint import load_model
from minicpm_rag.llm.decoding import GraphEngine, plain
from minicpm_rag.llm.decoding.graphs import Steps


class Watched:
    """The operations of plain torch, some of which fail, and the threads that run each."""

    def __init__(self, fails: Callable[[int], bool] = lambda tokens: False, many: int = 1000) -> None:
        self.fails = fails
        self.many = many
        self.threads: dict[str, set[str]] = {}

    def are_many(self, rows: int, _weights: Any) -> bool:
        return rows > self.many

    def __getattr__(self, name: str) -> Any:
        def watched(*arguments: Any, **options: Any) -> Any:
            self.threads.setdefault(name, set()).add(threading.current_thread().name.removeprefix("decoding-compiler-"))
            if name == "begin" and self.fails(arguments[2]):
                raise RuntimeError("no compiler")
            return getattr(plain, name)(*arguments, **options)

        return watched


def compiled_with(operations: Watched) -> tuple[Steps, list[set[Any]]]:
    """Steps after compiling, and which shapes were compiled whenever it was told."""
    model = load_model(GOLDEN / "minicpm-2b-tiny", device="cpu", precision="float32")
    engine = GraphEngine(model, slots=2)
    steps = Steps(engine._decoder, drafting=True, operations=operations)
    told: list[set[Any]] = []
    steps._when_done = lambda: told.append(set(steps._compiled))
    steps._compile()
    engine.close()
    return steps, told


@pytest.mark.parametrize("cores", [2, 16])
def test_each_operation_has_a_thread_and_one_sequence_comes_first(cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    watched = Watched()
    steps, told = compiled_with(watched)
    assert told == [{(1, 1), (1, 8)}, {(1, 1), (1, 8), (2, 1), (2, 8)}]
    assert set(steps.shapes) == told[-1]
    kinds = {name: {part.rsplit("_", 1)[0] for part in found} for name, found in watched.threads.items()}
    # A whole step runs in the thread of many rows, once its operations are compiled.
    assert kinds["attention"] == {"attention", "many rows"}
    assert kinds["choose"] == {"choose", "many rows"}
    assert kinds["project"] == {"qkv", "gate_up", "head", "many rows"}
    assert kinds["add"] == {"out", "down", "many rows"}
    assert kinds["prefill_attention"] == {"many rows"}


def test_products_of_many_rows_share_a_thread() -> None:
    watched = Watched(many=0)
    compiled_with(watched)
    assert {part.rsplit("_", 1)[0] for part in watched.threads["project"] | watched.threads["add"]} == {"many rows"}


def test_shapes_that_cannot_be_compiled_are_left_out_and_without_the_first_there_are_none(
    caplog: pytest.LogCaptureFixture,
) -> None:
    steps, told = compiled_with(Watched(lambda tokens: tokens > 1))
    assert set(steps.shapes) == told[-1] == {(1, 1), (2, 1)}
    assert "steps of 2 sequences and 8 tokens stay in plain torch and slow (no compiler)" in caplog.text
    steps, told = compiled_with(Watched(lambda tokens: True))
    assert told == []
    assert not steps.ready_to_capture
