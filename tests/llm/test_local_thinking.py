"""A local model that thinks: its thoughts are bounded and never part of the answer."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from threading import Event
from typing import Any

import pytest
from golden import SHARDED_BIN

from minicpm_rag.llm import checkpoint
from minicpm_rag.llm.generation import Sampling
from minicpm_rag.llm.generation.queued import Queued
from minicpm_rag.llm.minicpm import MiniCPM_LLM

_TURNS = "{% for m in messages %}<用户>{{ m['content'] }}<AI>{% endfor %}"
OPENED = _TURNS + "<think>\n"  # the template writes the opening mark, whatever it is told
SWITCHED = _TURNS + "<think>\n{% if enable_thinking is defined and not enable_thinking %}\n</think>\n\n{% endif %}"
SILENT = _TURNS + "{# <think> is up to the model #}"


class Scripts:
    """An engine that answers its first prompt with the first text, its second with the second."""

    slots = 1

    def __init__(self, tokenizer: Any, *texts: str) -> None:
        self._tokenizer = tokenizer
        self._texts = list(texts)
        self.prompts: list[str] = []
        self.asked: list[int] = []
        self.closed = 0

    def stream(self, prompt_ids: Sequence[int], sampling: Sampling, cancel: Event) -> Generator[int]:
        self.prompts.append(self._tokenizer.decode(prompt_ids))
        self.asked.append(sampling.max_new_tokens)
        ids = self._tokenizer(self._texts.pop(0), add_special_tokens=False).input_ids
        try:
            yield from ids[: sampling.max_new_tokens]
        finally:
            self.closed += 1

    def close(self) -> None:
        """Nothing to free."""


Thinker = Callable[..., tuple[MiniCPM_LLM, Scripts]]


@pytest.fixture(scope="module")
def model() -> Any:
    return checkpoint.load_model(SHARDED_BIN, device="cpu", precision="float32")


@pytest.fixture
def thinker(model: Any) -> Thinker:
    def make(template: str, *texts: str, **settings: Any) -> tuple[MiniCPM_LLM, Scripts]:
        tokenizer = checkpoint.load_tokenizer(SHARDED_BIN)
        tokenizer.chat_template = template
        engine = Scripts(tokenizer, *texts)
        llm = MiniCPM_LLM(SHARDED_BIN, model=model, tokenizer=tokenizer, engine=Queued(engine), **settings)
        return llm, engine

    return make


@pytest.mark.parametrize(
    ("template", "text"),
    [(OPENED, "先看资料。</think>\n\n十五天。"), (SILENT, "<think>先看资料。</think>\n\n十五天。")],
)
def test_thoughts_are_left_out_of_the_answer_and_of_its_tokens(thinker: Thinker, template: str, text: str) -> None:
    llm, engine = thinker(template, text, max_new_tokens=40)
    ended: list[str] = []
    thought: list[str] = []
    assert "".join(llm.stream("?", on_end=ended.append, on_thought=thought.append)) == "十五天。"
    assert ended == ["stop"]
    assert "".join(thought).strip() == "先看资料。"
    assert len(engine.prompts) == 1
    assert engine.asked[0] > 40


@pytest.mark.parametrize(("template", "opening"), [(OPENED, ""), (SILENT, "<think>")])
def test_thoughts_that_do_not_end_are_ended_and_the_answer_follows(
    thinker: Thinker, template: str, opening: str
) -> None:
    llm, engine = thinker(template, opening + "再想一想。" * 50, "十五天。", thinking_tokens=30, max_new_tokens=40)
    assert llm.invoke("?") == "十五天。"
    assert engine.prompts[1].startswith(engine.prompts[0])
    assert engine.prompts[1].endswith("</think>\n\n")
    assert "再想一想" in engine.prompts[1]
    assert len(engine.prompts[1]) < len(engine.prompts[0]) + 60
    assert engine.closed == 2


def test_no_tokens_for_thoughts_are_an_answer_at_once(thinker: Thinker) -> None:
    llm, engine = thinker(OPENED, "十五天。", thinking_tokens=0)
    assert llm.invoke("?") == "十五天。"
    assert [prompt.endswith("<think>\n</think>\n\n") for prompt in engine.prompts] == [True]


def test_a_template_that_can_turns_thinking_off(thinker: Thinker) -> None:
    llm, engine = thinker(SWITCHED, "十五天。", max_new_tokens=40)
    assert llm.invoke("?") == "十五天。"
    assert engine.prompts[0].endswith("</think>\n\n")
    assert engine.asked == [llm.max_new_tokens]


def test_an_answer_is_as_long_as_it_may_be_after_the_thoughts(thinker: Thinker) -> None:
    llm, _ = thinker(SILENT, "<think>想。</think>\n\n" + "一二三四五六七八九十" * 20, max_new_tokens=16)
    ended: list[str] = []
    answer = "".join(llm.stream("?", on_end=ended.append))
    assert ended == ["length"]
    assert 0 < llm.get_num_tokens(answer) <= 17


def test_a_model_that_does_not_think_is_not_changed(thinker: Thinker) -> None:
    llm, engine = thinker(SILENT, "十五天<这样>。")
    assert llm.invoke("?") == "十五天<这样>。"
    assert len(engine.prompts) == 1


def test_thoughts_leave_room_for_the_answer_in_a_small_window(thinker: Thinker) -> None:
    llm, engine = thinker(OPENED, "想" * 500, "十五天。", thinking_tokens=4096, max_new_tokens=100)
    assert llm.invoke("?") == "十五天。"
    assert engine.asked[0] <= llm.context_tokens
    assert engine.asked[1] == 100
