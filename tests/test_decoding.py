"""The decoding engine on the CPU, its graphs and kernels switched off: the same steps, slots, cache and queue."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from minicpm_rag.checkpoint import load_model
from minicpm_rag.decoding import GraphEngine
from minicpm_rag.errors import OutOfMemoryError, PromptTooLongError
from minicpm_rag.generation import Sampling, TransformersEngine

GOLDEN = Path(__file__).parent / "data" / "golden"
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


@pytest.mark.parametrize("guessing", [False, True], ids=["plain", "guessed"])
@pytest.mark.parametrize("penalty", [1.0, 1.02])
def test_greedy_ids_are_the_reference_s_alone_and_together(golden: Any, guessing: bool, penalty: float) -> None:
    model, chats = golden
    key = "greedy_24" if penalty == 1 else "greedy_24_rep_penalty_1_02"
    sampling = Sampling(temperature=0, repetition_penalty=penalty, max_new_tokens=24)
    chats = [chat for chat in chats if key in chat]
    engine = GraphEngine(model, guessing=guessing)
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
