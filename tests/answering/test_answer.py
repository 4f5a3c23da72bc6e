from __future__ import annotations

import threading
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import build_chain
from minicpm_rag.answering.answer import Answer
from minicpm_rag.errors import OutOfMemoryError
from minicpm_rag.records import Finished, Retrieved, Turn

HANDBOOK = Document("云杉仪器总部位于杭州。年假为十五天。", metadata={"title": "手册"})
QUESTION = "年假有多少天？"


class Handbook(BaseRetriever):
    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [HANDBOOK]


def answer(llm: ScriptedLLM | None, history: tuple[Turn, ...] = (), **more: Any) -> Answer:
    return Answer(build_chain(retriever=Handbook(), llm=llm), QUESTION, history, **more)


def test_iterating_gives_the_text_then_everything_else_is_there() -> None:
    made = answer(ScriptedLLM(answers=["年假为15天[1]。有三种。"]))
    assert (made.text, made.citations, made.mode, made.is_finished) == ("", [], None, False)
    assert "".join(made) == made.text == "年假为15天。[1]有三种。"
    assert [citation.quote for citation in made.citations] == ["年假为十五天。"]
    assert made.documents == [HANDBOOK] and made.mode == "model" and made.is_finished
    assert [made.text[start:end] for start, end in made.unsupported] == ["有三种。"]
    assert made.standalone_question == QUESTION and made.seconds["generate"] >= 0


def test_reading_it_again_replays_it_without_the_model() -> None:
    llm = ScriptedLLM(answers=["年假为15天。"])
    made = answer(llm)
    events = list(made.events())
    assert list(made.events()) == events and "".join(made) == made.text
    assert len(llm.prompts) == 1


def test_the_passages_are_there_before_the_text() -> None:
    made = answer(ScriptedLLM(answers=["年假为15天。"]))
    for event in made.events():
        if isinstance(event, Retrieved):
            assert made.documents == [HANDBOOK] and made.text == ""
            return
    raise AssertionError("nothing was retrieved")


def test_leaving_the_loop_stops_the_model_and_keeps_the_text() -> None:
    llm = ScriptedLLM(answers=["年假为15天。总部"], endless=True)
    made = answer(llm)
    pieces = iter(made)
    shown = "".join(next(pieces) for _ in range(8))
    pieces.close()  # type: ignore[attr-defined]
    assert llm.stopped.wait(5)
    assert made.mode == "stopped" and made.text.startswith(shown[:8])
    assert [citation.quote for citation in made.citations] == ["年假为十五天。"]
    assert "".join(made) == "" or isinstance(list(made.events())[-1], Finished)


def test_cancel_from_another_thread_ends_the_reader() -> None:
    llm = ScriptedLLM(answers=["年假为15天。总部"], endless=True)
    made = answer(llm)
    reader = threading.Thread(target=lambda: list(made))
    reader.start()
    while not made.text.endswith("总部"):
        pass
    made.cancel()
    assert made.mode == "stopped" and made.text.endswith("总部")
    reader.join(5)
    assert not reader.is_alive() and llm.stopped.wait(5)
    made.cancel()
    assert made.mode == "stopped"


def test_one_cancelled_before_it_is_read_calls_no_model() -> None:
    llm = ScriptedLLM(answers=["年假为15天。"])
    made = answer(llm)
    made.cancel()
    assert list(made) == [] and llm.prompts == [] and made.mode == "stopped"


def test_cancelling_a_finished_answer_changes_nothing() -> None:
    made = answer(None)
    text = "".join(made)
    made.cancel()
    assert (made.text, made.mode) == (text, "extractive")


def test_an_error_reaches_the_reader_and_the_text_before_it_stays() -> None:
    made = answer(ScriptedLLM(answers=["年假为15天。总部"], error=OutOfMemoryError("no memory"), fails_after=7))
    with pytest.raises(OutOfMemoryError):
        list(made)
    assert made.text == "年假为15天" or made.text.startswith("年假为15天")
    assert made.mode == "stopped"


def test_a_follow_up_knows_what_was_searched_for() -> None:
    made = Answer(
        build_chain(retriever=Handbook()),
        "那病假呢？",
        [Turn("正式员工的年假有多少天？", "十五天。")],
        answer_anyway=True,
    )
    list(made)
    assert made.standalone_question == "正式员工的病假有多少天？"
