"""The decoding engine on the CPU, without graphs and kernels: the same steps, slots, cache and queue."""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from waiting import wait_until

from minicpm_rag.errors import ModelError, OutOfMemoryError, PromptTooLongError
from minicpm_rag.llm.checkpoint import load_model, load_tokenizer
from minicpm_rag.llm.decoding import GraphEngine
from minicpm_rag.llm.decoding import plain as decoding_plain
from minicpm_rag.llm.decoding.processor import ProcessorEngine
from minicpm_rag.llm.decoding.weights import gather
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
NAMES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)


def model_of(name: str) -> Any:
    return load_model(GOLDEN / name, device="cpu", precision="float32")


def collect(engine: Any, ids: list[int], sampling: Sampling) -> list[int]:
    return list(engine.stream(ids, sampling, threading.Event()))


@pytest.fixture(scope="module", params=NAMES)
def golden(request: pytest.FixtureRequest) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    name = request.param
    yield model_of(name), json.loads((GOLDEN / name / "expected.json").read_text())["chat"]


@pytest.mark.parametrize("drafting", [False, True], ids=["plain", "drafted"])
@pytest.mark.parametrize("penalty", [1.0, 1.02])
def test_greedy_ids_are_the_reference_s_alone_and_together(golden: Any, drafting: bool, penalty: float) -> None:
    model, chats = golden
    key = "greedy_24" if penalty == 1 else "greedy_24_rep_penalty_1_02"
    sampling = Sampling(temperature=0, repetition_penalty=penalty, max_new_tokens=24)
    chats = [chat for chat in chats if key in chat]
    engine = GraphEngine(model, drafting=drafting)
    for chat in chats:
        assert collect(engine, chat["input_ids"], sampling) == chat[key]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda chat: collect(engine, chat["input_ids"], sampling), chats * 3))
    assert together == [chat[key] for chat in chats] * 3
    engine.close()


def test_long_prompts_with_length_dependent_rotation_agree_with_transformers() -> None:
    for name in ("minicpm-2b-128k-tiny", "minicpm4-tiny"):
        model = model_of(name)
        ids = json.loads((GOLDEN / name / "expected.json").read_text())["input_ids"][0]
        engine = GraphEngine(model)
        for length in (120, 127, 300):  # across the 128 tokens the first was trained for
            expected = collect(TransformersEngine(model_of(name)), ids[:length], GREEDY)
            assert collect(engine, ids[:length], GREEDY) == expected
        engine.close()


@pytest.fixture(scope="module")
def engine() -> Iterator[GraphEngine]:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def prompt() -> list[int]:
    return random.Random(0).choices(range(3, 750), k=300)


def held_blocks(engine: GraphEngine) -> int:
    """Blocks that running sequences hold, once the thread has had time to free them."""
    pool = engine._decoder.pool
    pool_is_idle = threading.Event()
    engine._scheduler.run_when_idle(pool_is_idle.set)
    pool.forget()
    return pool.blocks - len(pool._free)


def slow_steps(engine: GraphEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each step take a tenth of a second: a long answer goes on while others are asked, however busy we are."""
    step = engine._decoder.step

    def slow(*arguments: Any) -> Any:
        time.sleep(0.1)
        return step(*arguments)

    monkeypatch.setattr(engine._decoder, "step", slow)


def test_a_long_answer_crosses_blocks_and_stays_the_same(engine: GraphEngine, prompt: list[int]) -> None:
    sampling = Sampling(temperature=0, repetition_penalty=1.02, max_new_tokens=330)
    expected = collect(TransformersEngine(model_of("minicpm-2b-tiny")), prompt[:60], sampling)
    assert collect(engine, prompt[:60], sampling) == expected


def test_a_seeded_answer_is_the_same_alone_together_plain_and_drafted(engine: GraphEngine, prompt: list[int]) -> None:
    settings = [
        Sampling(temperature=0.3 * n, top_p=1 - 0.1 * n, top_k=10 * n, max_new_tokens=10 + 7 * n, seed=n)
        for n in range(8)
    ]
    alone = [collect(engine, prompt[: 20 + 9 * n], settings[n]) for n in range(8)]
    plain = GraphEngine(model_of("minicpm-2b-tiny"), drafting=False)
    assert [collect(plain, prompt[: 20 + 9 * n], settings[n]) for n in range(8)] == alone
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda n: collect(plain, prompt[: 20 + 9 * n], settings[n]), range(8)))
    plain.close()
    assert together == alone
    assert len({tuple(answer) for answer in alone}) == 8


def test_json_of_a_schema_is_kept_to_beside_answers_that_are_free(prompt: list[int]) -> None:
    pytest.importorskip("llguidance")
    from minicpm_rag.llm.constraint import Constraint, Vocabulary

    model, tokenizer = model_of("minicpm4-tiny"), load_tokenizer(GOLDEN / "minicpm4-tiny")
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    vocabulary = Vocabulary(tokenizer, model.config.vocab_size, end)
    colour = {"type": "object", "properties": {"colour": {"enum": ["red", "绿"]}}, "required": ["colour"]}
    count = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 7, "maximum": 9}}, "required": ["n"]}
    schemas = [schema | {"additionalProperties": False} for schema in (colour, count)]

    def held_to(schema: dict[str, Any], **options: Any) -> Sampling:
        options = {"temperature": 0, "repetition_penalty": 1, "max_new_tokens": 60, "end_tokens": (end,)} | options
        return Sampling(constraint=Constraint(vocabulary, schema), **options)

    others = [collect(make(model_of("minicpm4-tiny")), prompt[:40], held_to(colour | {"additionalProperties": False}))
              for make in (TransformersEngine, ProcessorEngine)]  # fmt: skip
    engine = GraphEngine(model)  # with draft tokens, which a constraint does without
    free = collect(engine, prompt[:40], GREEDY)
    assert [collect(engine, prompt[:40], held_to(schemas[0]))] * 2 == others
    wanted = [GREEDY, held_to(schemas[0], temperature=1.5, seed=1, top_k=3, top_p=0.5), GREEDY,
              held_to(schemas[1], temperature=1.5, seed=2, repetition_penalty=1.5), GREEDY]  # fmt: skip
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda sampling: collect(engine, prompt[:40], sampling), wanted))
    assert answers[0::2] == [free] * 3
    assert json.loads(tokenizer.decode(answers[1]))["colour"] in ("red", "绿")
    assert json.loads(tokenizer.decode(answers[3]))["n"] in (7, 8, 9)
    assert collect(engine, prompt[:40], GREEDY) == free  # nothing of a constraint stays in a slot
    engine.close()


@pytest.mark.parametrize("part", ["model.norm.weight", "model.layers.1.mlp.down_proj.weight", "lm_head.weight"])
@pytest.mark.parametrize("number", ["nan", "inf"])
def test_weights_that_are_no_numbers_are_refused_when_they_are_gathered(part: str, number: str) -> None:
    model = model_of("minicpm-1b-tiny")
    with torch.no_grad():
        model.get_parameter(part).view(-1)[-1] = float(number)
    with pytest.raises(ModelError, match="no numbers"):
        GraphEngine(model)


def test_a_prompt_whose_numbers_overflow_ends_with_an_error_and_others_go_on(prompt: list[int]) -> None:
    model = model_of("minicpm-2b-tiny")
    engine = GraphEngine(model)
    free = collect(engine, prompt[:40], GREEDY)
    embedding, row = engine._decoder.weights.embedding.data, prompt[50]
    sound = embedding[row].clone()
    embedding[row] = torch.finfo(embedding.dtype).max
    with pytest.raises(ModelError, match="no numbers"):
        collect(engine, [*prompt[:40], row, *prompt[:20]], GREEDY)
    embedding[row] = sound
    assert collect(engine, prompt[:40], GREEDY) == free
    engine.close()


def test_end_tokens_and_the_limit_end_an_answer(engine: GraphEngine, prompt: list[int]) -> None:
    free = collect(engine, prompt[:40], GREEDY)
    end = free[5]
    ended = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24, end_tokens=(end,))
    assert collect(engine, prompt[:40], ended) == free[: free.index(end)]
    assert len(collect(engine, prompt[:40], Sampling(max_new_tokens=1))) == 1


@pytest.mark.parametrize("how", ["cancel", "close"])
def test_stopping_ends_within_two_tokens_and_frees_the_blocks(engine: GraphEngine, prompt: list[int], how: str) -> None:
    cancel = threading.Event()
    stream = engine.stream(prompt[:100], Sampling(max_new_tokens=300), cancel)
    for _ in range(5):
        next(stream)
    if how == "cancel":
        cancel.set()
        assert len(list(stream)) <= 2
    else:
        stream.close()
    assert held_blocks(engine) == 0


def test_a_question_that_is_cancelled_while_it_waits_never_runs(
    prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"), slots=1)
    read: list[int] = []
    prefill = engine._decoder.prefill
    monkeypatch.setattr(engine._decoder, "prefill", lambda ids, *given: read.append(len(ids)) or prefill(ids, *given))
    with monkeypatch.context() as patch:
        slow_steps(engine, patch)
        long = engine.stream(prompt[:50], Sampling(max_new_tokens=200), threading.Event())
        next(long)
        cancel = threading.Event()
        places: list[int] = []
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: list(engine.stream(prompt[:90], Sampling(), cancel, places.append)))
            wait_until(lambda: places == [1])
            cancel.set()
            assert waiting.result(timeout=300) == []
    assert len(list(long)) == 199
    assert read == [49], "of the second nothing was read"
    engine.close()


def test_requests_wait_in_order_for_memory(prompt: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for two sequences of 128 tokens: the third waits though slots are free, and so does a small fourth."""
    model = model_of("minicpm-2b-tiny")
    engine = GraphEngine(model)
    pool = engine._decoder.pool
    del pool._free[: len(pool._free) - 4]
    pool.blocks = 4
    seen: list[str] = []  # which prompts, by their length, got memory and gave it back
    take, release = pool.take, engine._scheduler._release

    def note_taken(ids: list[int], *given: Any) -> Any:
        blocks = take(ids, *given)
        if blocks is not None:
            seen.append(f"took {len(ids)}")
        return blocks

    def note_released(sequence: Any, **given: Any) -> None:
        seen.append(f"gave {sequence.prompt_length}")
        release(sequence, **given)

    monkeypatch.setattr(pool, "take", note_taken)
    monkeypatch.setattr(engine._scheduler, "_release", note_released)

    def ask(length: int, tokens: int) -> int:
        return len(list(engine.stream(prompt[:length], Sampling(max_new_tokens=tokens, seed=1), threading.Event())))

    with ThreadPoolExecutor(4) as threads:
        jobs = []
        for number, (length, tokens) in enumerate([(20, 100), (21, 101), (22, 90), (23, 5)]):
            jobs.append(threads.submit(ask, length, tokens))
            wait_until(lambda number=number: engine._scheduler.submitted > number)  # type: ignore[misc]
        assert [job.result(timeout=300) for job in jobs] == [100, 101, 90, 5]
    assert [one for one in seen if "took" in one] == ["took 20", "took 21", "took 22", "took 23"]
    assert seen.index("gave 20") < seen.index("took 22")
    assert seen.index("gave 21") < seen.index("took 23")
    assert held_blocks(engine) == 0
    engine.close()


def test_a_request_that_waits_for_a_slot_or_for_memory_hears_its_place(
    prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"), slots=2)
    slow_steps(engine, monkeypatch)
    running = [engine.stream(prompt[:50], Sampling(max_new_tokens=200), threading.Event()) for _ in range(2)]
    for stream in running:
        next(stream)
    places: dict[str, list[int]] = {"third": [], "fourth": []}

    def ask(name: str, cancel: threading.Event) -> list[int]:
        return list(engine.stream(prompt[:50], Sampling(max_new_tokens=3), cancel, places[name].append))

    leaves = threading.Event()
    with ThreadPoolExecutor(2) as pool:
        third = pool.submit(ask, "third", leaves)
        wait_until(lambda: places["third"] == [1])
        fourth = pool.submit(ask, "fourth", threading.Event())
        wait_until(lambda: places["fourth"] == [2])
        leaves.set()
        assert third.result(timeout=300) == []
        wait_until(lambda: places["fourth"] == [2, 1])
        running[0].close()
        assert len(fourth.result(timeout=300)) == 3
    assert places == {"third": [1], "fourth": [2, 1, 0]}
    running[1].close()
    engine.close()


def full_device(engine: GraphEngine, monkeypatch: pytest.MonkeyPatch, where: str, failures: int) -> list[int]:
    """Have the device run out of memory in the next calls; gives the cache's size at each call afterwards."""
    original = getattr(engine._decoder, where)
    sizes: list[int] = []

    def cramped(*arguments: Any) -> Any:
        sizes.append(engine.memory.cache_tokens)
        if len(sizes) <= failures:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")
        return original(*arguments)

    monkeypatch.setattr(engine._decoder, where, cramped)
    return sizes


@pytest.mark.parametrize("where", ["prefill", "step"])
def test_out_of_memory_halves_the_cache_once_and_every_answer_goes_on(
    prompt: list[int], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))
    settings = [Sampling(temperature=0.7, max_new_tokens=20, seed=seed) for seed in range(3)]
    expected = [collect(engine, prompt[: 70 + seed], settings[seed]) for seed in range(3)]
    engine._decoder.pool.forget()
    before = engine.memory.cache_tokens
    streams = [engine.stream(prompt[: 70 + seed], settings[seed], threading.Event()) for seed in range(3)]
    if where == "step":
        slow_steps(engine, monkeypatch)  # the first one still goes on when the last one has begun
    with ThreadPoolExecutor(3) as pool:
        begun = [[next(stream)] for stream in streams] if where == "step" else [[], [], []]
        sizes = full_device(engine, monkeypatch, where, failures=1)
        rests = list(pool.map(list, streams))
    assert [first + rest for first, rest in zip(begun, rests, strict=True)] == expected
    assert sizes[0] == before
    assert engine.memory.cache_tokens == before // 2
    assert held_blocks(engine) == 0
    engine.close()


def test_out_of_memory_twice_says_what_to_change(prompt: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))
    full_device(engine, monkeypatch, "step", failures=2)
    with pytest.raises(OutOfMemoryError, match=r"prompt of 100 tokens.*2\.00 GiB.*max_new_tokens"):
        collect(engine, prompt[:100], GREEDY)
    assert len(collect(engine, prompt[:100], GREEDY)) == 24
    engine.close()


def test_an_engine_that_is_closed_ends_its_streams_and_takes_no_more(
    prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"), slots=1)
    slow_steps(engine, monkeypatch)
    stream = engine.stream(prompt[:50], Sampling(max_new_tokens=300), threading.Event())
    next(stream)
    places: list[int] = []
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(lambda: list(engine.stream(prompt, Sampling(), threading.Event(), places.append)))
        wait_until(lambda: places == [1])
        scheduler = engine._scheduler
        engine.close()
        with pytest.raises(ModelError, match="was closed"):
            waiting.result(timeout=300)
    assert len(list(stream)) < 200
    with pytest.raises(ModelError, match="was closed"):
        scheduler.run_when_idle(lambda: None)


def test_a_follow_up_computes_only_what_is_new(prompt: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))
    first = collect(engine, prompt[:200], GREEDY)
    follow_up = prompt[:200] + first + prompt[:30]
    fresh = GraphEngine(model_of("minicpm-2b-tiny"))
    expected = collect(fresh, follow_up, GREEDY)
    computed: list[int] = []
    original = engine._decoder.prefill

    def counting(ids: Any, *arguments: Any) -> Any:
        computed.append(len(ids))
        return original(ids, *arguments)

    monkeypatch.setattr(engine._decoder, "prefill", counting)
    assert collect(engine, follow_up, GREEDY) == expected
    assert sum(computed) == len(follow_up) - 1 - 192  # three whole blocks were there
    engine.close()
    fresh.close()


@pytest.mark.parametrize("where", ["prefill", "step"])
def test_errors_reach_their_reader_and_free_what_was_held(
    prompt: list[int], where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))

    def broken(*_arguments: Any) -> Any:
        raise MemoryError("the device is full")

    with monkeypatch.context() as patch:
        patch.setattr(engine._decoder, where, broken)
        with pytest.raises(MemoryError, match="the device is full"):
            collect(engine, prompt[:100], GREEDY)
    assert held_blocks(engine) == 0
    assert len(collect(engine, prompt[:100], GREEDY)) == 24
    engine.close()


def test_a_prompt_beyond_the_window_is_refused(engine: GraphEngine) -> None:
    with pytest.raises(PromptTooLongError) as caught:
        collect(engine, [1] * 600, GREEDY)
    assert caught.value.limit_tokens == 511


def test_shrinking_halves_the_cache_and_goes_on(prompt: list[int]) -> None:
    engine = GraphEngine(model_of("minicpm-2b-tiny"))
    before = engine.memory.cache_tokens
    expected = collect(engine, prompt[:100], GREEDY)
    engine.shrink()
    assert engine.memory.cache_tokens == before // 2
    assert collect(engine, prompt[:100], GREEDY) == expected
    engine.close()


def test_memory_is_bounded_and_reported() -> None:
    model = model_of("minicpm-2b-tiny")
    free = GraphEngine(model)
    usual = free.memory
    free.close()
    bound = usual.weights + usual.slots + usual.cache // 4
    bounded = GraphEngine(model, memory_bytes=bound)
    assert bounded.memory.total <= bound
    assert bounded.memory.cache_tokens >= usual.cache_tokens // 4 - 128
    bounded.close()
    with pytest.raises(OutOfMemoryError):
        GraphEngine(model, memory_bytes=usual.weights + usual.slots)


class Recorder:
    """A step's operations, and the logits of the first step."""

    def __init__(self) -> None:
        self.logits: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(decoding_plain, name)

    def choose(self, logits: Any, *arguments: Any) -> Any:
        if self.logits is None:
            self.logits = logits.clone()
        return decoding_plain.choose(logits, *arguments)


def test_the_cache_in_eight_bits_takes_half_and_hardly_changes_the_logits(prompt: list[int]) -> None:
    model = load_model(GOLDEN / "minicpm-2b-tiny", device="cpu", precision="bfloat16")
    logits, sizes = [], []
    for cache in ("full", "int8"):
        recorder = Recorder()
        engine = GraphEngine(model, cache=cache, drafting=False, operations=recorder)  # type: ignore[arg-type]
        collect(engine, prompt[:200], Sampling(max_new_tokens=1))
        logits.append(recorder.logits.flatten())
        sizes.append(engine.memory.cache)
        engine.close()
    assert sizes[1] < 0.6 * sizes[0]
    assert (logits[1] - logits[0]).norm() < 0.02 * logits[0].norm()


@pytest.mark.parametrize("name", ["minicpm-2b-tiny", "minicpm4-tiny"])
@pytest.mark.parametrize("cache", ["full", "int8"])
def test_flash_attn_reads_prompts_where_it_is_asked_for(
    name: str, cache: Any, prompt: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[int, int]] = []

    def flash_attn_func(query: Any, key: Any, value: Any, *, softmax_scale: float, causal: bool) -> Any:
        heard.append((query.shape[1], key.shape[1]))
        assert causal
        group = query.shape[2] // key.shape[2]
        key, value = (part.repeat_interleave(group, 2) for part in (key, value))
        scores = torch.einsum("bqhd,bkhd->bhqk", query, key) * softmax_scale
        hidden = torch.ones(scores.shape[-2:]).triu(1 + key.shape[1] - query.shape[1]).bool()
        weights = scores.masked_fill(hidden, -torch.inf).softmax(dim=-1)
        return torch.einsum("bhqk,bkhd->bqhd", weights, value)

    models = {attention: model_of(name) for attention in ("sdpa", "flash_attention_2")}  # before transformers sees it
    monkeypatch.setitem(sys.modules, "flash_attn", SimpleNamespace(flash_attn_func=flash_attn_func))
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
    answers = []
    for attention, model in models.items():
        engine = GraphEngine(model, attention=attention, cache=cache)
        assert ("flash_attention_2" in engine.attention) == (attention != "sdpa")
        # The second continues the first: its rows come after keys that only the cache has.
        answers.append([collect(engine, prompt[:length], sampling) for length in (150, 280)])
        engine.close()
        assert bool(heard) == (attention != "sdpa")
    assert answers[0] == answers[1]
    assert {(192, 192), (192, 320)} <= set(heard)


def test_steps_stay_plain_where_capturing_fails(
    engine: GraphEngine, prompt: list[int], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a GPU capturing fails for certain; the answer comes all the same."""
    expected = collect(engine, prompt[:50], GREEDY)
    engine._steps._compiled.update(engine._steps.shapes)
    assert collect(engine, prompt[:50], GREEDY) == expected
    assert "stays in plain torch" in caplog.text
    assert not engine._steps.ready_to_capture


def test_the_head_and_the_down_projection_keep_eight_bits_where_others_have_four() -> None:
    weights = gather(model_of("minicpm4-tiny"), torch.device("cpu"), "int4")
    layer = weights.layers[0]
    assert (layer.qkv.bits, layer.out.bits, layer.gate_up.bits, layer.down.bits) == (4, 4, 4, 8)
    assert weights.head.bits == weights.embedding.bits == 8
