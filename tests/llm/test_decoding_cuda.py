"""The decoding engine on a GPU: captured kernels give the reference's ids; skipped where there is none."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from golden import CHECKPOINTS, GOLDEN

from minicpm_rag.llm.checkpoint import load_model
from minicpm_rag.llm.decoding import GraphEngine, supports
from minicpm_rag.llm.generation import Sampling

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)
SAMPLED = Sampling(temperature=0.9, top_p=0.9, top_k=40, repetition_penalty=1.1, max_new_tokens=40, seed=7)


def ready(engine: GraphEngine) -> GraphEngine:
    end = time.monotonic() + 300
    while not engine.ready and time.monotonic() < end:
        time.sleep(0.02)
    assert engine.ready
    return engine


def collect(engine: Any, ids: list[int], sampling: Sampling) -> list[int]:
    return list(engine.stream(ids, sampling, threading.Event()))


@pytest.fixture(scope="module", params=CHECKPOINTS)
def served(
    request: pytest.FixtureRequest,
) -> Iterator[tuple[str, dict[bool, GraphEngine], list[dict[str, Any]]]]:
    folder = GOLDEN / request.param
    model = load_model(folder, device="cuda", precision="float32")
    assert supports(model)
    engines = {drafting: ready(GraphEngine(model, drafting=drafting)) for drafting in (False, True)}
    yield request.param, engines, json.loads((folder / "expected.json").read_text())["chat"]
    for engine in engines.values():
        engine.close()


@pytest.mark.parametrize("drafting", [False, True], ids=["plain", "drafted"])
@pytest.mark.parametrize("penalty", [1.0, 1.02])
def test_greedy_ids_are_the_reference_s_alone_and_together(served: Any, drafting: bool, penalty: float) -> None:
    _, engines, chats = served
    key = "greedy_24" if penalty == 1 else "greedy_24_rep_penalty_1_02"
    chats = [chat for chat in chats if key in chat]
    sampling = Sampling(temperature=0, repetition_penalty=penalty, max_new_tokens=24)
    for chat in chats:
        assert collect(engines[drafting], chat["input_ids"], sampling) == chat[key]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda chat: collect(engines[drafting], chat["input_ids"], sampling), chats * 3))
    assert together == [chat[key] for chat in chats] * 3


def test_a_seeded_draw_is_the_same_plain_drafted_and_on_the_cpu(served: Any) -> None:
    name, engines, chats = served
    ids = chats[0]["input_ids"]
    on_cpu = GraphEngine(load_model(GOLDEN / name, device="cpu", precision="float32"))
    expected = collect(on_cpu, ids, SAMPLED)
    on_cpu.close()
    assert collect(engines[False], ids, SAMPLED) == expected
    assert collect(engines[True], ids, SAMPLED) == expected


def test_kernels_choose_what_plain_torch_chooses_from_steep_and_from_flat_scores() -> None:
    from minicpm_rag.llm.decoding import fast, sampling
    from minicpm_rag.llm.decoding.cache import BLOCK
    from minicpm_rag.llm.decoding.slots import Slots

    device, vocabulary = torch.device("cuda"), 122_753
    kinds = [Sampling(), Sampling(temperature=0), Sampling(temperature=1, top_p=0.95, top_k=0),
             Sampling(temperature=1, top_p=1, top_k=5), Sampling(temperature=1.5, top_p=0.9, top_k=400),
             Sampling(temperature=1, top_p=1, top_k=0)]  # fmt: skip
    torch.manual_seed(0)
    for spread in (0.01, 0.2, 1.0, 4.0):
        for tokens in (1, 8):
            slots = torch.arange(len(kinds), device=device)
            logits = torch.randn((len(kinds), tokens, vocabulary), device=device) * spread
            ids = torch.randint(0, vocabulary, (len(kinds), tokens), device=device)
            chosen = []
            for choose in (sampling.choose, fast.choose):
                state = Slots(len(kinds), 64, BLOCK, vocabulary, device)
                for number, kind in enumerate(kinds):
                    state.fill(number, [3, 5, 9], [1], kind, seed=number)
                chosen.append(choose(logits.clone(), state, slots, ids))
            assert torch.equal(*chosen)


def test_bfloat16_logits_are_as_near_to_float32_as_transformers_own() -> None:
    folder = GOLDEN / "minicpm-2b-tiny"
    ids = json.loads((folder / "expected.json").read_text())["input_ids"][0]
    exact = load_model(folder, device="cuda", precision="float32")
    rounded = load_model(folder, device="cuda", precision="bfloat16")
    with torch.inference_mode():
        wanted, theirs = (model(torch.tensor([ids], device="cuda")).logits[0, -1].float() for model in (exact, rounded))
    engine = ready(GraphEngine(rounded))
    ours = engine.logits(ids).cuda()
    engine.close()
    assert (ours - wanted).norm() < 1.5 * (theirs - wanted).norm()


@pytest.mark.parametrize("kind", [{"weights": "int8"}, {"weights": "int4"}, {"cache": "int8"}], ids=str)
def test_quantized_kernels_compute_what_plain_torch_does(kind: dict[str, Any]) -> None:
    folder = GOLDEN / "minicpm4-tiny"
    chats = json.loads((folder / "expected.json").read_text())["chat"]
    engine = ready(GraphEngine(load_model(folder, device="cuda", precision="float32"), **kind))
    plain = GraphEngine(load_model(folder, device="cpu", precision="float32"), **kind)
    short = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=6)
    for chat in chats:
        assert collect(engine, chat["input_ids"], short) == collect(plain, chat["input_ids"], short)
    engine.close()
    plain.close()


@pytest.mark.parametrize("weights", ["full", "int8", "int4"])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_products_of_published_shapes_are_what_plain_torch_computes(weights: Any, count: int) -> None:
    from minicpm_rag.llm.checkpoint.quantization import matrix
    from minicpm_rag.llm.decoding import fast, plain

    torch.manual_seed(0)
    shapes = ((6912, 2304, False), (2304, 2304, False), (11520, 2304, True), (2304, 5760, False), (9000, 1536, False))
    for outputs, columns, gated in shapes:
        stored = matrix(torch.randn((outputs, columns), device="cuda").to(torch.bfloat16) * 0.03, weights)
        rows = torch.randn((count, columns), device="cuda").to(torch.bfloat16)
        gain = torch.rand(columns, device="cuda").to(torch.bfloat16) + 0.5
        squares = rows.float().square().sum(dim=1)[None].contiguous()
        scaled = rows * gain
        if count == 1:  # in float32, or two bfloat16 numbers each
            scaled = left = rows.float() * gain.float()
            if weights != "full":
                scaled = torch.empty((2, columns), dtype=torch.bfloat16, device="cuda")
                for part in scaled:
                    part.copy_(left[0])
                    left = left - part.float()
        residual = fast.Residual(rows, gain, scaled, squares)
        options: Any = {"gated": gated, "dtype": torch.float32}
        ours = fast.project(residual, stored, 1e-5, **options)
        wanted = plain.project(plain.Residual(rows.float(), gain.float()), stored, 1e-5, **options)
        assert (ours - wanted).norm() < 0.01 * wanted.norm()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("count", [9, 16, 32])
def test_products_split_among_programs_are_what_plain_torch_computes(dtype: Any, count: int) -> None:
    from minicpm_rag.llm.checkpoint.quantization import matrix
    from minicpm_rag.llm.decoding import fast, plain

    if not fast._has_bulk_copies(torch.device("cuda")):
        pytest.skip("needs a Hopper card")
    torch.manual_seed(0)
    shapes = ((6912, 2304, False), (2304, 2304, False), (11520, 2304, True), (2304, 5760, False), (9001, 1536, False))
    for outputs, columns, gated in shapes:
        gain, next_gain = (torch.rand(size, device="cuda").to(dtype) + 0.5 for size in (columns, outputs))
        rows = torch.randn((count, columns), device="cuda").to(dtype)
        old = torch.randn((count, outputs), device="cuda").to(dtype)
        stored = matrix(torch.randn((outputs, columns), device="cuda").to(dtype) * 0.03)
        finished = torch.zeros(outputs, dtype=torch.int32, device="cuda")
        squares = rows.float().square().sum(dim=1)[None].contiguous()
        residual = fast.Residual(rows, gain, rows * gain, squares, finished)
        wanted = plain.project(plain.Residual(rows.float(), gain.float()), stored, 1e-5, gated=gated)
        for _ in range(3):  # what counts the finished programs is as it was before
            ours = fast.project(residual, stored, 1e-5, gated=gated, dtype=torch.float32)
            assert (ours - wanted).norm() < 0.01 * wanted.norm()
        if gated:
            continue
        before = fast.Residual(old, gain, old, squares, finished)
        after = fast.add(before, rows, stored, 0.3, next_gain)
        wanted = plain.add(plain.Residual(old.float(), gain), rows.float(), stored, 0.3, next_gain).rows
        assert (after.rows - wanted).norm() < 0.01 * wanted.norm()
        assert torch.allclose(after.squares.sum(dim=0), after.rows.float().square().sum(dim=1), rtol=1e-3)
        assert torch.equal(after.scaled, after.rows * next_gain)
        assert not finished.any()


@pytest.mark.parametrize("quantized", [False, True], ids=["", "int8"])
@pytest.mark.parametrize("shape", [(36, 36, 64), (16, 2, 128)], ids=str)
@pytest.mark.parametrize("tokens", [1, 8])
def test_attention_of_published_shapes_is_what_plain_torch_computes(
    shape: tuple[int, int, int], tokens: int, quantized: bool
) -> None:
    from types import SimpleNamespace

    from minicpm_rag.llm.decoding import fast, plain
    from minicpm_rag.llm.decoding.cache import BLOCK
    from minicpm_rag.llm.decoding.slots import Slots

    heads, key_heads, width = shape
    torch.manual_seed(0)
    weights: Any = SimpleNamespace(
        heads=heads, key_heads=key_heads, head_dimension=width, attention_multiplier=width**-0.5
    )
    for lengths in ([1], [2, 64, 65], [2100], [700] * 9):
        blocks = (max(lengths) + tokens) // BLOCK + 2
        size = (len(lengths) * blocks + 1, key_heads, BLOCK, width)
        stored = [torch.randn(size, device="cuda") for _ in range(2)]
        stored = [(part * 40).clamp(-127, 127).to(torch.int8) if quantized else part.bfloat16() for part in stored]
        scales = [(torch.rand(size[:3], device="cuda") * 0.02 + 0.001).half() for _ in range(2)]
        angles = torch.randn((max(lengths) + BLOCK, width // 2), device="cuda")
        rope: Any = SimpleNamespace(cos=angles.cos().repeat(1, 2), sin=angles.sin().repeat(1, 2))
        qkv = torch.randn((len(lengths) * tokens, (heads + 2 * key_heads) * width), device="cuda").bfloat16()
        slots = torch.arange(len(lengths), device="cuda")
        results = []
        for attention in (plain.attention, fast.attention):
            state = Slots(len(lengths), blocks * BLOCK, BLOCK, 10, torch.device("cuda"))
            state.blocks[:-1, :blocks] = torch.arange(1, size[0], device="cuda").view(len(lengths), blocks)
            state.length[:-1] = torch.tensor(lengths, device="cuda")
            keys, values, key_scales, value_scales = (part.clone() for part in (*stored, *scales))
            cache: Any = SimpleNamespace(
                keys=keys, values=values, key_scales=key_scales, value_scales=value_scales, quantized=quantized
            )
            result = attention(qkv.clone(), weights, cache, rope, state, slots, blocks)
            results.append([part[1:].float() for part in (keys, values, key_scales, value_scales)] + [result.float()])
        for wanted, ours in zip(*results, strict=True):
            assert (ours - wanted).norm() <= 0.02 * wanted.norm()


def test_triton_gives_a_warp_the_rows_that_the_tensor_kernel_takes_for_granted() -> None:
    from minicpm_rag.llm.decoding import fast

    assert fast._lanes_hold_rows(torch.device("cuda"))


@pytest.mark.parametrize("count", [16, 32, 64, 200])
def test_products_of_many_rows_are_what_plain_torch_computes(count: int) -> None:
    from minicpm_rag.llm.checkpoint.quantization import matrix
    from minicpm_rag.llm.decoding import fast, many, plain

    torch.manual_seed(0)
    for outputs, columns, options in (
        (11520, 2304, {"gated": True}),
        (6912, 2304, {}),
        (9001, 1536, {"multiplier": 0.5}),
    ):
        stored = matrix(torch.randn((outputs, columns), device="cuda").to(torch.bfloat16) * 0.03)
        rows = torch.randn((count, columns), device="cuda").to(torch.bfloat16)
        gain = torch.rand(columns, device="cuda").to(torch.bfloat16) + 0.5
        head: Any = options | ({"dtype": torch.float32} if "multiplier" in options else {})
        ours = fast.project(many.Residual(rows, gain), stored, 1e-5, **head)
        wanted = plain.project(plain.Residual(rows.float(), gain.float()), stored, 1e-5, **options)
        assert (ours - wanted).norm() < 0.01 * wanted.norm()
        back = matrix(torch.randn((columns, outputs), device="cuda").to(torch.bfloat16) * 0.03)
        fed = torch.randn((count, outputs), device="cuda").to(torch.bfloat16)
        added = plain.add(plain.Residual(rows.float(), gain), fed.float(), back, 0.3, gain)
        ours = fast.add(many.Residual(rows.clone(), gain), fed, back, 0.3, gain).rows
        assert (ours - added.rows).norm() < 0.01 * added.rows.norm()


@pytest.mark.parametrize("weights", ["int8", "int4"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=str)
def test_quantized_weights_are_written_out_as_plain_torch_writes_them(weights: Any, dtype: Any) -> None:
    from minicpm_rag.llm.checkpoint.quantization import matrix
    from minicpm_rag.llm.decoding import many

    torch.manual_seed(0)
    for rows, columns in ((11520, 2304), (100, 5760), (3, 64), (7, 100)):
        stored = matrix(torch.randn((rows, columns), device="cuda"), weights)
        assert torch.equal(many._full(stored, dtype), stored.full(dtype))


@pytest.mark.parametrize("cache", ["full", "int8"])
def test_portions_of_several_prompts_are_read_as_plain_torch_reads_each(cache: Any) -> None:
    from minicpm_rag.llm.decoding import fast, plain
    from minicpm_rag.llm.decoding.portion import Part

    for name in CHECKPOINTS:
        engine = GraphEngine(
            load_model(GOLDEN / name, device="cuda", precision="float32"), slots=1, drafting=False, cache=cache
        )
        decoder = engine._decoder
        if decoder.pool.blocks < 8:  # this model's context is shorter than these prompts
            engine.close()
            continue
        ids = torch.randint(3, 700, (330,), device="cuda")
        first, second = list(range(1, 6)), list(range(6, 9))
        parts = [Part(128, 72, 200, first), Part(0, 130, 130, second)]
        with torch.inference_mode():
            if cache == "full":
                wanted = [decoder.prefill(ids[:200], [Part(0, 200, 200, first)], plain)]
                wanted.append(decoder.prefill(ids[200:], [Part(0, 130, 130, second)], plain))
                expected = torch.cat(wanted)
            else:  # what a part attends to is rounded where it continues a prompt
                decoder.prefill(ids[:128], [Part(0, 128, 200, first)], plain)
                expected = decoder.prefill(ids[128:], parts, plain)
            decoder.prefill(ids[:128], [Part(0, 128, 200, first)], fast)
            ours = decoder.prefill(ids[128:], parts, fast)
            decoder._attend = plain._sdpa  # as another's attention, with kernels for what comes before
            others = decoder.prefill(ids[128:], parts, fast)
        for found in (ours, others):
            if cache == "full":
                assert torch.allclose(found, expected, rtol=1e-3, atol=1e-4)
            else:  # a number that is half way between two may be rounded to the other
                assert (found - expected).norm() < 0.005 * expected.norm()
        engine.close()


def test_an_engine_is_right_when_the_gpu_was_still_busy_as_it_was_made() -> None:
    """Its threads have streams of their own: they must not read arrays that are still to be written."""
    folder = GOLDEN / "minicpm-2b-tiny"
    chat = json.loads((folder / "expected.json").read_text())["chat"][0]
    model = load_model(folder, device="cuda", precision="float32")
    garbage = torch.full((1 << 28,), 0x7F, dtype=torch.uint8, device="cuda")
    del garbage  # what the engine's arrays are made of until they are written
    torch.cuda._sleep(4_000_000_000)
    engine = GraphEngine(model)
    assert collect(engine, chat["input_ids"], GREEDY) == chat["greedy_24"]
    assert collect(ready(engine), chat["input_ids"], GREEDY) == chat["greedy_24"]
    engine.close()


def test_closing_gives_all_device_memory_back() -> None:
    torch.cuda.synchronize()
    model = load_model(GOLDEN / "minicpm-2b-tiny", device="cuda", precision="float32")
    before = torch.cuda.memory_allocated()
    engine = ready(GraphEngine(model))
    stream = engine.stream([1, 5, 6], Sampling(max_new_tokens=400), threading.Event())
    next(stream)
    stream.close()
    held = torch.cuda.memory_allocated()
    engine.close()
    del engine
    torch.cuda.empty_cache()
    # cuBLAS keeps a workspace for each stream it has seen.
    assert torch.cuda.memory_allocated() < before + (held - before) / 4 + 80_000_000
