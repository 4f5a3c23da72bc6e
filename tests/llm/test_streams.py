from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.language_models.fake import FakeStreamingListLLM
from langchain_core.messages import HumanMessage
from scripted_llm import ScriptedLLM

from minicpm_rag.errors import OutOfMemoryError
from minicpm_rag.llm import streams
from minicpm_rag.llm.streams import stream_text, token_counter
from minicpm_rag.llm.thoughts import Anew, Thoughts
from minicpm_rag.records import Waiting

ASKED = [HumanMessage("问题：保修期多久？")]


def stream(llm: object, cancel: threading.Event | None = None, **options: object) -> Iterator[str | Waiting]:
    return stream_text(llm, ASKED, cancel=cancel or threading.Event(), **options)  # type: ignore[arg-type]


def text_of(llm: object) -> str:
    return "".join(piece for piece in stream(llm) if isinstance(piece, str))


@pytest.mark.parametrize(
    "llm",
    [
        ScriptedLLM(answers=["保修两年。"]),
        FakeListLLM(responses=["保修两年。"]),
        FakeListChatModel(responses=["保修两年。"]),
    ],
    ids=["ours", "langchain-llm", "langchain-chat-model"],
)
def test_any_langchain_model_streams(llm: object) -> None:
    assert text_of(llm) == "保修两年。"


def test_our_models_get_the_options_others_do_not() -> None:
    llm = ScriptedLLM(answers=["好。"])
    list(stream(llm, temperature=0.1, max_new_tokens=7))
    assert llm.options == [{"temperature": 0.1, "max_new_tokens": 7}]
    assert "".join(p for p in stream(FakeListLLM(responses=["好。"]), temperature=0.1) if isinstance(p, str)) == "好。"


def test_the_place_in_the_queue_is_told() -> None:
    items = list(stream(ScriptedLLM(answers=["好。"], queue_positions=[2, 1])))
    assert [item.position for item in items if isinstance(item, Waiting)] == [2, 1]


def test_while_the_model_is_silent_its_place_in_the_queue_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "SILENCE_SECONDS", 0.05)
    llm = ScriptedLLM(answers=[""], queue_positions=[1], endless=True)
    items = stream(llm)
    assert [next(items) for _ in range(3)] == [Waiting(1)] * 3
    items.close()  # type: ignore[attr-defined]
    assert llm.stopped.wait(300)


def test_an_error_keeps_its_type_and_comes_after_the_text_before_it() -> None:
    items = stream(ScriptedLLM(answers=["保修期为两年。"], error=OutOfMemoryError("no memory"), fails_after=3))
    assert [next(items) for _ in range(3)] == list("保修期")
    with pytest.raises(OutOfMemoryError, match="no memory"):
        next(items)


def test_cancelling_ends_the_stream_and_stops_the_model() -> None:
    llm = ScriptedLLM(answers=["保修"], endless=True)
    cancel = threading.Event()
    items = stream(llm, cancel)
    assert [next(items), next(items)] == ["保", "修"]
    cancel.set()
    assert list(items) == []
    assert llm.stopped.wait(300)


def test_a_model_that_cannot_be_cancelled_does_not_hold_the_reader() -> None:
    items = stream(FakeStreamingListLLM(responses=["慢" * 100_000], sleep=0.01))
    assert next(items) == "慢"
    items.close()  # type: ignore[attr-defined]  # reading on would take longer than a test may


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("<think>\n两年还是三年？\n</think>\n\n保修两年。", "保修两年。"),
        ("\n<think></think>Two years.", "Two years."),
        ("x < y", "x < y"),
        ("<thin air", "<thin air"),
        ("<think>never ends", ""),
        ("<", "<"),
    ],
)
def test_the_thoughts_of_a_reasoning_model_are_not_shown(written: str, shown: str) -> None:
    assert text_of(ScriptedLLM(answers=[written])) == shown


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_thoughts_are_told_apart_as_they_come(piece: int) -> None:
    thoughts = Thoughts()
    written, told, shown = "\n<think>\n两年 < 三年？\n</think>\n\n保修两年。", "", ""
    for start in range(0, len(written), piece):
        shown += thoughts.add(written[start : start + piece])
        told += thoughts.told()
    assert (told.strip(), shown + thoughts.finish()) == ("两年 < 三年？", "保修两年。")


def test_what_was_taken_for_a_thought_and_never_closed_is_the_answer() -> None:
    thoughts = Thoughts(begins_inside=True)
    assert thoughts.add("保修两年。") == ""
    assert thoughts.told() == "保修两年。"
    assert thoughts.finish() == "保修两年。"
    assert isinstance(thoughts.told(), Anew)


def test_text_that_turns_out_to_be_a_thought_is_told_as_one() -> None:
    thoughts = Thoughts()
    assert thoughts.add("两年还是三年？") == "两年还是三年？"
    assert isinstance(thoughts.add("</think>\n保修两年。"), Anew)
    assert thoughts.told() == "两年还是三年？"


def test_the_reader_hears_the_thoughts_of_any_model() -> None:
    heard: list[str] = []
    llm = ScriptedLLM(answers=["<think>两年还是三年？</think>保修两年。"])
    items = stream_text(llm, ASKED, cancel=threading.Event(), on_thought=heard.append)
    assert "".join(item for item in items if isinstance(item, str)) == "保修两年。"
    assert "".join(heard) == "两年还是三年？"


def test_tokens_are_counted_by_the_model_or_bounded_from_above() -> None:
    assert token_counter(ScriptedLLM(answers=[""]))(ASKED) == len("问题：保修期多久？")
    assert token_counter(FakeListLLM(responses=[""]))(ASKED) >= 2 * len("问题：保修期多久？")
    counted = FakeListLLM(responses=[""], custom_get_token_ids=lambda text: [0] * len(text))
    assert token_counter(counted)(ASKED) == len("问题：保修期多久？") + 8
