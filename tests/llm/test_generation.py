"""Engines: the reference's continuations, transformers' own sampling, stopping at once, room for memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from threading import Event
from typing import Any

import pytest
import torch
from golden import CHATML, CHECKPOINTS, GOLDEN, SINGLE_SAFETENSORS, expected

from minicpm_rag.errors import OutOfMemoryError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.memory import is_out_of_memory, stream_within_memory
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)
PROMPT = [1, 322, 280, 397, 379, 281, 492, 671, 429]


@pytest.fixture(scope="module")
def model() -> Any:
    return checkpoint.load_model(SINGLE_SAFETENSORS, device="cpu", precision="float32")


def run(engine: Any, prompt: Sequence[int], sampling: Sampling, cancel: Event | None = None) -> list[int]:
    return list(engine.stream(prompt, sampling, cancel or Event()))


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_greedy_continuations_are_those_of_the_reference(name: str) -> None:
    engine = TransformersEngine(checkpoint.load_model(GOLDEN / name, device="cpu", precision="float32"))
    for case in expected(name)["chat"]:
        assert run(engine, case["input_ids"], GREEDY) == case["greedy_24"]
        if "greedy_24_rep_penalty_1_02" in case:
            penalised = Sampling(temperature=0, repetition_penalty=1.02, max_new_tokens=24)
            assert run(engine, case["input_ids"], penalised) == case["greedy_24_rep_penalty_1_02"]


def test_a_prompt_read_in_pieces_gives_the_same_answer(model: Any) -> None:
    prompt = (PROMPT * 50)[:400]  # more than one piece on a CPU
    with torch.inference_mode():
        whole = model.generate(
            torch.tensor([prompt]), do_sample=False, max_new_tokens=12, eos_token_id=None, pad_token_id=0
        )
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
    assert run(TransformersEngine(model), prompt, sampling) == whole[0, len(prompt) :].tolist()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sampling_draws_what_transformers_draws(model: Any, seed: int) -> None:
    torch.manual_seed(seed)
    with torch.inference_mode():
        drawn = model.generate(
            torch.tensor([PROMPT]),
            do_sample=True,
            temperature=0.9,
            top_p=0.8,
            top_k=40,
            repetition_penalty=1.1,
            max_new_tokens=30,
            eos_token_id=None,
            pad_token_id=0,
        )
    sampling = Sampling(temperature=0.9, top_p=0.8, top_k=40, repetition_penalty=1.1, max_new_tokens=30, seed=seed)
    assert run(TransformersEngine(model), PROMPT, sampling) == drawn[0, len(PROMPT) :].tolist()


def test_same_seed_same_tokens_whatever_else_is_drawn(model: Any) -> None:
    engine = TransformersEngine(model)
    sampling = Sampling(temperature=1.5, max_new_tokens=40, seed=7)
    first = run(engine, PROMPT, sampling)
    tokens = []
    for token in engine.stream(PROMPT, sampling, Event()):
        torch.rand(3)
        tokens.append(token)
    assert tokens == first
    assert run(engine, PROMPT, Sampling(temperature=1.5, max_new_tokens=40, seed=8)) != first
    assert run(engine, PROMPT, Sampling(temperature=1.5, max_new_tokens=40)) != run(
        engine, PROMPT, Sampling(temperature=1.5, max_new_tokens=40)
    )


def test_any_end_token_ends_and_is_not_yielded(model: Any) -> None:
    engine = TransformersEngine(model)
    free = run(engine, PROMPT, GREEDY)
    end = free[5]
    ended = run(engine, PROMPT, Sampling(temperature=0, repetition_penalty=1, end_tokens=(9999, end)))
    assert ended == free[: free.index(end)]


def test_cancel_and_close_stop_within_two_tokens(model: Any) -> None:
    engine = TransformersEngine(model)
    cancel = Event()
    tokens = engine.stream(PROMPT, GREEDY, cancel)
    next(tokens)
    cancel.set()
    assert len(list(tokens)) < 2
    tokens = engine.stream(PROMPT, GREEDY, Event())
    next(tokens)
    tokens.close()
    assert list(tokens) == []


def test_cancel_is_seen_between_the_layers_of_a_prompt(model: Any) -> None:
    cancel = Event()
    reached: list[int] = []
    engine = TransformersEngine(model)
    hooks = [
        layer.register_forward_hook(lambda *_, number=number: (reached.append(number), cancel.set())[0])
        for number, layer in enumerate(model.base_model.layers)
    ]
    try:
        assert run(engine, PROMPT * 50, GREEDY, cancel) == []
    finally:
        for hook in hooks:
            hook.remove()
    assert reached == [0]
    assert len(run(engine, PROMPT, GREEDY)) > 0
    engine.close()


def test_longer_than_trained_goes_in_whole() -> None:
    folder = GOLDEN / "minicpm-2b-128k-tiny"
    model = checkpoint.load_model(folder, device="cpu", precision="float32")
    prompt = expected(folder.name)["input_ids"][0]
    first = run(TransformersEngine(model), prompt, Sampling(temperature=0, repetition_penalty=1, max_new_tokens=1))
    assert first == [expected(folder.name)["argmax_all"][0][-1]]


def test_a_long_text_leaves_no_trace_in_the_next() -> None:
    folder = GOLDEN / "minicpm-2b-128k-tiny"
    engine = TransformersEngine(checkpoint.load_model(folder, device="cpu", precision="float32"))
    long = expected(folder.name)["input_ids"][0]
    middling = [*long[:140]]
    alone = run(engine, middling, GREEDY)
    run(engine, long, GREEDY)
    assert run(engine, middling, GREEDY) == alone


def test_after_shrinking_the_answer_is_the_same() -> None:
    model = checkpoint.load_model(CHATML, device="cpu", precision="float32")
    case = expected(CHATML.name)["chat"][0]
    engine = TransformersEngine(model)
    engine.shrink()
    assert run(engine, case["input_ids"], GREEDY) == case["greedy_24"]


@pytest.mark.parametrize(
    "bad",
    [
        {"temperature": -1},
        {"top_p": 0},
        {"top_p": 1.2},
        {"top_k": -1},
        {"repetition_penalty": 0},
        {"max_new_tokens": 0},
    ],
    ids=str,
)
def test_impossible_sampling_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(bad))):
        Sampling(**bad)


# Memory


class Cramped:
    """An engine that runs out of memory where the script says: a number of tokens before each failure."""

    slots = 1

    def __init__(self, *failures: int, error: type[RuntimeError] = torch.OutOfMemoryError) -> None:
        self.failures = list(failures)
        self.error = error
        self.shrunk = 0
        self.prompts: list[list[int]] = []

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        self.prompts.append(list(prompt_ids))
        room = self.failures.pop(0) if self.failures else sampling.max_new_tokens
        for token in range(len(prompt_ids), len(prompt_ids) + sampling.max_new_tokens):
            if token - len(prompt_ids) >= room:
                raise self.error("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
            yield token

    def shrink(self) -> None:
        self.shrunk += 1

    def close(self) -> None:
        pass


def test_one_retry_goes_on_where_memory_ran_out() -> None:
    engine = Cramped(3)
    tokens = list(stream_within_memory(engine, [0, 1], Sampling(max_new_tokens=8), Event()))
    assert tokens == list(range(2, 10))
    assert engine.prompts == [[0, 1], [0, 1, 2, 3, 4]]
    assert engine.shrunk == 1


def test_a_second_failure_says_what_to_change() -> None:
    engine = Cramped(3, 0)
    tokens = stream_within_memory(engine, [0, 1], Sampling(max_new_tokens=8), Event())
    with pytest.raises(OutOfMemoryError, match=r"prompt of 2 tokens.*2\.00 GiB.*max_new_tokens"):
        list(tokens)
    assert engine.shrunk == 2


def test_other_errors_pass_unchanged() -> None:
    class Broken(Cramped):
        def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
            raise RuntimeError("device-side assert")
            yield 0

    engine = Broken()
    with pytest.raises(RuntimeError, match="device-side assert"):
        list(stream_within_memory(engine, [0], Sampling(), Event()))
    assert engine.shrunk == 0


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: out of memory",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        "[enforce fail] DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes.",
    ],
)
def test_out_of_memory_is_recognised_in_all_its_forms(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))
    assert not is_out_of_memory(RuntimeError("size mismatch"))
