"""Many requests at once: portions of several prompts, shared beginnings, draft tokens where they pay."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from golden import GOLDEN
from waiting import wait_until

from minicpm_rag.llm.checkpoint import load_model
from minicpm_rag.llm.decoding import GraphEngine
from minicpm_rag.llm.decoding.pace import MOST_TOKENS, Pace
from minicpm_rag.llm.decoding.payoff import Foresight, Payoff
from minicpm_rag.llm.decoding.portion import Part
from minicpm_rag.llm.decoding.slots import DRAFT_TOKENS
from minicpm_rag.llm.generation import Sampling

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)


def collect(engine: Any, ids: list[int], sampling: Sampling = GREEDY) -> list[int]:
    return list(engine.stream(ids, sampling, threading.Event()))


def together(engine: Any, prompts: list[list[int]], sampling: Sampling = GREEDY) -> list[list[int]]:
    with ThreadPoolExecutor(len(prompts)) as pool:
        return list(pool.map(lambda ids: collect(engine, ids, sampling), prompts))


@pytest.fixture
def engine() -> Iterator[GraphEngine]:
    engine = GraphEngine(load_model(GOLDEN / "minicpm4-tiny", device="cpu", precision="float32"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompt() -> list[int]:
    return random.Random(1).choices(range(3, 700), k=400)


def test_forty_questions_at_once_get_the_reference_s_answers(engine: GraphEngine) -> None:
    """More than there are slots; the engine drafts for all of them together."""
    chats = json.loads((GOLDEN / "minicpm4-tiny" / "expected.json").read_text())["chat"]
    chats = (chats * 40)[:40]
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)
    assert together(engine, [chat["input_ids"] for chat in chats], sampling) == [chat["greedy_24"] for chat in chats]


@pytest.mark.parametrize("cache", ["full", "int8"])
def test_a_portion_of_several_prompts_gives_what_each_gives_alone(cache: Any, prompt: list[int]) -> None:
    engine = GraphEngine(load_model(GOLDEN / "minicpm-1b-tiny", device="cpu", precision="float32"), cache=cache)
    ids = torch.tensor(prompt)
    first, second, third = [1, 2, 3], [4, 5, 6], [7]
    parts = [Part(0, 130, 130, first), Part(0, 100, 192, second), Part(0, 40, 40, third)]
    with torch.inference_mode():
        for layer in engine._decoder.pool.layers:
            layer.keys[8] = 1  # another's, which must stay as it is
        alone = [engine._decoder.prefill(ids[:130], parts[:1]), engine._decoder.prefill(ids[130:230], parts[1:2]),
                 engine._decoder.prefill(ids[230:270], parts[2:])]  # fmt: skip
        assert torch.allclose(engine._decoder.prefill(ids[:270], parts), torch.cat(alone), atol=1e-5)
        assert all((layer.keys[8] == 1).all() for layer in engine._decoder.pool.layers)
    engine.close()


def test_prompts_are_read_in_portions_between_the_steps_of_others(
    engine: GraphEngine, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [collect(engine, ids) for ids in (prompt[:100], prompt[50:350])]
    engine._decoder.pool.forget()
    monkeypatch.setattr(Pace, "tokens", lambda self, others_wait: 64)
    calls: list[str] = []
    prefill, step = engine._decoder.prefill, engine._decoder.step
    monkeypatch.setattr(engine._decoder, "prefill", lambda *given: calls.append("portion") or prefill(*given))

    def step_once_both_are_there(*given: Any) -> Any:
        if calls.count("step") == 3:  # a fast engine would have ended the first answer before the second is asked for
            wait_until(lambda: engine._scheduler.submitted == submitted + 2)
        calls.append("step")
        return step(*given)

    monkeypatch.setattr(engine._decoder, "step", step_once_both_are_there)
    submitted = engine._scheduler.submitted
    stream = engine.stream(prompt[:100], GREEDY, threading.Event())
    first = next(stream)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(collect, engine, prompt[50:350])
        assert [[first, *stream], second.result(timeout=300)] == expected
    last = len(calls) - 1 - calls[::-1].index("portion")
    assert "portion portion" not in " ".join(calls[calls.index("step") : last])
    assert calls.count("portion") == 2 + 5


def test_what_several_prompts_begin_with_is_read_once(
    engine: GraphEngine, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    prompts = [prompt[:256] + [number] * 20 for number in range(10, 16)]
    fresh = GraphEngine(load_model(GOLDEN / "minicpm4-tiny", device="cpu", precision="float32"))
    expected = [collect(fresh, ids) for ids in prompts]
    fresh.close()
    read: list[int] = []
    prefill = engine._decoder.prefill
    monkeypatch.setattr(engine._decoder, "prefill", lambda ids, *given: read.append(len(ids)) or prefill(ids, *given))
    assert together(engine, prompts) == expected
    assert sum(read) == 256 + 6 * 19
    assert engine.reused_tokens == 5 * 256
    assert engine.memory.remembered_tokens >= 256


def test_a_quoting_text_is_seen_to_be_foretold_and_a_free_one_is_not() -> None:
    passage = random.Random(2).sample(range(100, 900), 60)
    foresight = Foresight(passage)
    for token in [7, *passage]:
        foresight.add(token)
    assert foresight.tokens > 4
    for token in range(1000, 1030):
        foresight.add(token)
    assert foresight.tokens < 1.1


def test_drafts_are_verified_where_they_make_more_tokens_than_they_take_time() -> None:
    payoff = Payoff()
    drafted = (8, 1 + DRAFT_TOKENS)
    payoff.note_idle((8, 1), 2.0)
    payoff.note_idle(drafted, 3.0)
    assert not payoff.drafts_pay(8, 1.45)
    assert payoff.drafts_pay(8, 1.6)
    for _ in range(40):
        payoff.note((8, 1), 4.0)  # with long texts: the drafts' part of the time is less
    assert payoff.drafts_pay(8, 1.45)
    for _ in range(40):
        payoff.note(drafted, 8.0)
    assert not payoff.drafts_pay(8, 1.9)


def test_others_wait_for_as_many_prompt_tokens_as_take_forty_milliseconds() -> None:
    pace = Pace()
    pace.note(2048, 80.0)
    assert pace.tokens(others_wait=True) == 1024
    assert pace.tokens(others_wait=False) == MOST_TOKENS
    pace.note(64, 10.0)  # so few tell little
    assert pace.tokens(others_wait=True) == 1024
    for _ in range(30):
        pace.note(1024, 10_000.0)
    assert pace.tokens(others_wait=True) == 64
