"""The engine for a processor gives what transformers gives: greedy tokens, with drafts, prefixes and long windows."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import Any

import pytest
import torch
from golden import CHATML, CHECKPOINTS, GOLDEN, SINGLE_SAFETENSORS, copy_of, edit_json, expected

from minicpm_rag.errors import PromptTooLongError
from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.checkpoint.int8_linear import Int8Linear
from minicpm_rag.llm.decoding.drafting import Lookup
from minicpm_rag.llm.decoding.processor import ProcessorEngine, serves
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.transformers_engine import TransformersEngine
from minicpm_rag.llm.minicpm import MiniCPM_LLM

PROMPT = [1, 322, 280, 397, 379, 281, 492, 671, 429]
GREEDY = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24)


def load(name: str, **options: Any) -> Any:
    return checkpoint.load_model(GOLDEN / name, **{"device": "cpu", "precision": "float32", **options})


def run(engine: Any, prompt: Sequence[int], sampling: Sampling = GREEDY) -> list[int]:
    return list(engine.stream(prompt, sampling, Event()))


@pytest.mark.parametrize("drafting", [True, False])
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_greedy_continuations_are_those_of_the_reference(name: str, drafting: bool) -> None:
    model = load(name)
    assert serves(model)
    engine = ProcessorEngine(model, drafting=drafting)
    for case in expected(name)["chat"]:
        assert run(engine, case["input_ids"]) == case["greedy_24"]
        if "greedy_24_rep_penalty_1_02" in case:
            penalised = Sampling(temperature=0, repetition_penalty=1.02, max_new_tokens=24)
            assert run(engine, case["input_ids"], penalised) == case["greedy_24_rep_penalty_1_02"]


@pytest.mark.parametrize("weights", ["full", "int8"])
def test_repeating_text_is_drafted_and_gives_the_same_tokens(weights: str) -> None:
    model = load(SINGLE_SAFETENSORS.name, weights=weights)
    prompt = PROMPT * 20
    plain = run(TransformersEngine(model), prompt)
    fed: list[int] = []
    engine = ProcessorEngine(model)
    step = engine._step
    engine._step = lambda token, drafts, place: fed.append(len(drafts)) or step(token, drafts, place)  # type: ignore[method-assign]
    assert run(engine, prompt) == plain
    assert max(fed) == 3
    assert run(ProcessorEngine(model, drafting=False), prompt) == plain


def test_a_window_beyond_the_trained_one_rotates_as_transformers_does() -> None:
    model = load("minicpm-2b-128k-tiny")
    prompt = (PROMPT * 20)[:150]  # trained on 128
    sampling = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=12)
    wanted = run(TransformersEngine(model), prompt, sampling)
    engine = ProcessorEngine(model, drafting=False)
    assert run(engine, prompt, sampling) == wanted
    assert run(engine, prompt, sampling) == wanted  # nothing of the first run is taken for the second


def test_longrope_wider_than_trained(tmp_path: Any) -> None:
    folder = copy_of(CHATML, tmp_path / "wide")
    edit_json(folder / "config.json", max_position_embeddings=2048)
    model = checkpoint.load_model(folder, device="cpu", precision="float32")
    prompt = (PROMPT * 80)[:600]
    assert run(ProcessorEngine(model), prompt) == run(TransformersEngine(model), prompt)


def test_what_two_prompts_have_in_common_is_read_once() -> None:
    model = load(SINGLE_SAFETENSORS.name)
    engine = ProcessorEngine(model)
    first = PROMPT * 8
    run(engine, first)
    read: list[int] = []
    forward = engine._forward
    engine._forward = lambda ids, *rest: read.append(len(ids)) or forward(ids, *rest)  # type: ignore[method-assign]
    second = [*first, 5, 6, 7]
    answer = run(engine, second)
    assert read[0] == 3
    assert answer == run(ProcessorEngine(model), second)
    assert run(engine, PROMPT) == run(ProcessorEngine(model), PROMPT)


def test_a_seeded_answer_is_repeated_and_other_seeds_differ() -> None:
    engine = ProcessorEngine(load(SINGLE_SAFETENSORS.name))
    answers = [run(engine, PROMPT, Sampling(temperature=1.5, seed=seed, max_new_tokens=20)) for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]


def test_draws_follow_the_probabilities_that_top_k_and_top_p_leave() -> None:
    from minicpm_rag.llm.generation.choosing import chooser

    logits = torch.tensor([[2.0, 1.0, 0.5, -1.0, -5.0]])
    choose = chooser(Sampling(temperature=1, top_k=4, top_p=0.9, repetition_penalty=1, seed=3),
                     torch.device("cpu"), among_best=True)  # fmt: skip
    drawn = torch.bincount(torch.tensor([choose(torch.tensor([[0]]), logits) for _ in range(4000)]), minlength=5)
    kept = logits[0, :3].softmax(-1)  # these hold .93 of what top-k leaves, the first two .79
    assert torch.allclose(drawn[:3] / 4000, kept, atol=0.03)
    assert drawn[3:].sum() == 0


def test_it_ends_at_end_tokens_at_cancel_and_at_the_windows_end() -> None:
    model = load(SINGLE_SAFETENSORS.name)
    engine = ProcessorEngine(model)
    whole = run(engine, PROMPT)
    ended = Sampling(temperature=0, repetition_penalty=1, max_new_tokens=24, end_tokens=(whole[5],))
    assert run(engine, PROMPT, ended) == whole[: whole.index(whole[5])]
    cancel = Event()
    stream = engine.stream(PROMPT, GREEDY, cancel)
    taken = [next(stream), next(stream)]
    cancel.set()
    assert [*taken, *stream] == whole[: len(taken)]
    window = model.config.max_position_embeddings
    assert len(run(engine, (PROMPT * 80)[: window - 5])) == 5
    with pytest.raises(PromptTooLongError):
        run(engine, (PROMPT * 80)[:window])
    engine.shrink()
    assert run(engine, PROMPT) == whole


def test_joined_weights_are_stored_once() -> None:
    model = load(SINGLE_SAFETENSORS.name, weights="int8")
    engine = ProcessorEngine(model)
    attention = model.model.layers[0].self_attn
    joined = engine._layers[0].qkv
    assert isinstance(joined, Int8Linear) and isinstance(attention.k_proj, Int8Linear)
    start = joined.get_buffer("whole").untyped_storage().data_ptr()
    assert attention.k_proj.get_buffer("whole").untyped_storage().data_ptr() == start


def test_it_answers_for_a_folder_on_a_processor() -> None:
    llm = MiniCPM_LLM(SINGLE_SAFETENSORS, device="cpu", max_new_tokens=4, temperature=0)
    assert isinstance(llm._generator.engine._engine, ProcessorEngine)
    assert llm.running.weights == "int8"
    assert llm("hi") == llm("hi")


# Draft tokens


def test_the_longest_and_latest_match_is_the_draft() -> None:
    lookup = Lookup([1, 2, 3, 9, 2, 3, 8, 1, 2, 3])
    assert lookup.draft(3) == [9, 2, 3]  # after 1 2 3, not after the later 2 3
    lookup.add(7)
    assert lookup.draft(3) == []
    assert Lookup([5, 6, 5, 6]).draft(5) == [5, 6, 5, 6, 5]
    assert Lookup([]).draft(3) == []


def test_drafts_that_are_seldom_right_are_paused() -> None:
    lookup = Lookup([1, 2, 1, 2])
    for _ in range(16):
        assert lookup.draft(1)
        lookup.hear(1)
    assert [bool(lookup.draft(1)) for _ in range(17)] == [False] * 16 + [True]
