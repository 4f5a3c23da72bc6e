from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from conftest import DATA
from golden import CHATML, SHARDED_BIN
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.language_models import FakeListChatModel
from langchain_core.retrievers import BaseRetriever
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import AnswerChain, build_chain
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.errors import OutOfMemoryError, PromptTooLongError, RAGError
from minicpm_rag.fields import answer_fields
from minicpm_rag.library import Library
from minicpm_rag.records import Answer, Question, Retrieval, Rewritten, Text, Thought, Turn, Waiting
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.settings import Settings, load_settings
from minicpm_rag.text.questions import LONGEST_QUESTION

LEAVE = "工龄满十年的员工年假有多少天？"
FRANCE = "What is the capital of France?"


@pytest.fixture(scope="module")
def retriever(knowledge_home: Path, packaged_embedder: Embedder) -> Iterator[HybridRetriever]:
    """The sample documents in a real library, searched with the packaged embedder."""
    with Library(knowledge_home, embedder=packaged_embedder) as library:
        yield HybridRetriever(library=library, embedder=packaged_embedder)


def chain(retriever: BaseRetriever, llm: Any = None, settings: Settings | None = None) -> AnswerChain:
    return build_chain(settings, retriever=retriever, llm=llm)


def finished(events: list[Any]) -> Answer:
    assert isinstance(events[-1], Answer)
    assert "".join(event.text for event in events if isinstance(event, Text)) == events[-1].text
    return events[-1]


def ask(made: AnswerChain, question: str, **more: Any) -> Answer:
    return finished(list(made.stream({"question": question, **more})))


def test_the_events_come_in_order(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的为十五天。"], queue_positions=[1])
    events = list(chain(retriever, llm).stream({"question": LEAVE}))
    kinds = [type(event) for event in events]
    assert kinds[:3] == [Rewritten, Retrieval, Waiting]
    assert set(kinds[3:-1]) == {Text} and kinds[-1] is Answer
    done = finished(events)
    assert done.mode == "model" and done.tokens_per_second
    assert {"rewrite", "retrieve", "first_token", "generate"} <= done.seconds.keys()


def test_thoughts_come_before_the_answer_and_are_no_part_of_it(retriever: HybridRetriever) -> None:
    thought = "资料[1]说的是年假。"
    llm = ScriptedLLM(answers=[f"<think>{thought}</think>满十年不满二十年的为十五天。"])
    events = list(chain(retriever, llm).stream({"question": LEAVE}))
    answer = finished(events)
    assert "".join(event.text for event in events if isinstance(event, Thought)) == answer.thoughts == thought
    assert thought not in answer.text
    assert answer.seconds["think"] > 0
    kinds = [type(event) for event in events]
    assert kinds.index(Thought) < kinds.index(Text)
    fields = answer_fields(LEAVE, None, answer, "zh")
    assert thought not in json.dumps(fields, ensure_ascii=False)


def test_an_answer_is_cited_against_the_stored_page(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的员工年假为15天[4][9]。公司有三千名员工[1]。"])
    done = ask(chain(retriever, llm), LEAVE)
    (citation,) = done.citations
    metadata = citation.document.metadata
    page = retriever.library.page_text(metadata["document_id"], metadata["page"])
    assert page[citation.quote_start : citation.quote_end] == citation.quote
    assert "十五天" in citation.quote and metadata["title"] == "员工手册.pdf" and metadata["page"] == 3
    assert [done.text[start:end] for start, end in done.unsupported] == ["公司有三千名员工。"]
    assert f"天。[{citation.number}]公司" in done.text and "[9]" not in done.text


def test_the_prompt_holds_the_passages_and_the_question(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["十五天。"])
    settings = load_settings(temperature=0.3, max_new_tokens=99)
    done = ask(chain(retriever, llm, settings), LEAVE)
    assert LEAVE in llm.prompts[0] and "[1] 员工手册.pdf 第3页" in llm.prompts[0]
    assert done.documents[0].page_content in llm.prompts[0]
    assert llm.options == [{"temperature": 0.3, "max_new_tokens": 99}]


@pytest.mark.parametrize("llm", [None, ScriptedLLM(answers=["Paris."])], ids=["no-model", "model"])
def test_too_little_evidence_is_refused_before_the_model_is_called(retriever: HybridRetriever, llm: Any) -> None:
    events = list(chain(retriever, llm).stream({"question": FRANCE}))
    retrieved = next(event for event in events if isinstance(event, Retrieval))
    assert retrieved.refused and retrieved.evidence < retrieved.threshold and len(retrieved.documents) == 3
    assert finished(events).mode == "refused" and "too little evidence" in finished(events).text
    assert llm is None or llm.prompts == []


def test_a_refusal_speaks_the_language_of_the_question(retriever: HybridRetriever) -> None:
    assert "没有找到足够的依据" in ask(chain(retriever), "法国的首都叫什么名字？").text


def test_a_user_may_want_an_answer_anyway(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["Paris is the capital of France."])
    done = ask(chain(retriever, llm), FRANCE, answer_anyway=True)
    assert done.mode == "model" and done.unsupported
    assert ask(chain(retriever), FRANCE, answer_anyway=True).mode == "extractive"


def test_the_sample_questions_are_answered_without_a_model(retriever: HybridRetriever) -> None:
    lines = (DATA / "knowledge_questions.jsonl").read_text(encoding="utf-8").splitlines()
    missed = []
    for entry in map(json.loads, lines):
        done = ask(chain(retriever), entry["question"])
        numbers = list(dict.fromkeys(one.number for one in done.citations))
        assert numbers == list(range(1, len(numbers) + 1)), "they are numbered as they are read"
        assert all(done.documents[one.number - 1].id == one.document.id for one in done.citations)
        quotes = [one.quote for one in done.citations if one.document.metadata["title"] == entry["file"]]
        if done.mode != "extractive" or not any(answer in "".join(quotes) for answer in entry["answers"]):
            missed.append(entry["question"])
    assert len(missed) <= 2, missed


def test_a_table_row_is_answered_with_its_header(retriever: HybridRetriever) -> None:
    done = ask(chain(retriever), "AL-500 的单价是多少元？")
    assert "型号：AL-500" in done.text and "单价（元）：5680" in done.text
    assert done.citations[0].quote.startswith("| AL-500 |")


@pytest.mark.parametrize(
    ("rewritten", "searched"),
    [
        ("AL-500 的交货期是多少天？", "AL-500 的交货期是多少天？"),
        ("", "AL-500 的交货期呢？"),
        ("嗯" * 2000, "AL-500 的交货期呢？"),
    ],
    ids=["good", "empty", "runaway"],
)
def test_a_follow_up_is_rewritten_by_the_model(retriever: HybridRetriever, rewritten: str, searched: str) -> None:
    llm = ScriptedLLM(answers=[rewritten, "交货期为15天。"])
    history = [Turn("AL-500 的单价是多少元？", "5680 元。[1]")]
    events = list(chain(retriever, llm).stream({"question": "那它的交货期呢？", "history": history}))
    first = next(event for event in events if isinstance(event, Rewritten))
    assert (first.standalone_question, first.changed) == (searched, searched != first.question)
    assert searched in llm.prompts[-1]


def test_a_follow_up_is_completed_by_rule_without_a_model(retriever: HybridRetriever) -> None:
    history = [Turn("AL-500 的单价是多少元？", "5680 元。")]
    events = list(chain(retriever).stream({"question": "那它的交货期是几天？", "history": history}))
    assert events[0] == Rewritten("那它的交货期是几天？", "AL-500 的交货期是几天？", True)
    assert "交货期（天）：15" in finished(events).text


def test_a_question_that_stands_alone_is_not_rewritten(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["十五天。"])
    list(chain(retriever, llm).stream({"question": LEAVE, "history": [Turn("公司在哪里？", "在杭州。")]}))
    assert len(llm.prompts) == 1 and "在杭州" not in llm.prompts[0]


def test_a_question_edited_by_hand_is_taken_as_it_is(retriever: HybridRetriever) -> None:
    events = list(
        chain(retriever).stream(
            {"question": "那它呢？", "history": [Turn("一", "二")], "standalone_question": " " + LEAVE}
        )
    )
    assert events[0] == Rewritten("那它呢？", LEAVE, True)
    assert "十五天" in finished(events).text


def test_invoke_gives_the_finished_answer(retriever: HybridRetriever) -> None:
    assert isinstance(chain(retriever).invoke({"question": LEAVE}), Answer)


def test_astream_gives_the_same_events(retriever: HybridRetriever) -> None:
    async def collect() -> list[Any]:
        return [event async for event in chain(retriever).astream({"question": LEAVE})]

    assert finished(asyncio.run(collect())).text == ask(chain(retriever), LEAVE).text


def test_it_composes_with_other_runnables(retriever: HybridRetriever) -> None:
    from langchain_core.runnables import RunnableLambda

    composed = chain(retriever) | RunnableLambda(lambda done: done.mode)
    assert composed.invoke({"question": LEAVE}) == "extractive"


def test_a_question_may_come_as_a_record(retriever: HybridRetriever) -> None:
    history = (Turn("AL-500 的单价是多少元？", "5680 元。"),)
    events = list(chain(retriever).stream(Question("那它的交货期是几天？", history)))
    assert events[0] == Rewritten("那它的交货期是几天？", "AL-500 的交货期是几天？", True)
    assert finished(events).standalone_question == "AL-500 的交货期是几天？"


class Runs(BaseCallbackHandler):
    """The runs that callbacks see: (what, name or query, the run it is part of)."""

    def __init__(self) -> None:
        self.began: dict[UUID, tuple[str, str, UUID | None]] = {}
        self.ended: list[UUID] = []
        self.output: Any = None  # of the chain

    def on_chain_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **more: Any) -> None:
        self.began[run_id] = ("chain", more["name"], parent_run_id)

    def on_retriever_start(
        self, _: Any, query: str, *, run_id: UUID, parent_run_id: UUID | None = None, **more: Any
    ) -> None:
        self.began[run_id] = ("retriever", query, parent_run_id)

    def on_llm_start(self, *_: Any, run_id: UUID, parent_run_id: UUID | None = None, **more: Any) -> None:
        self.began[run_id] = ("llm", "", parent_run_id)

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **_: Any) -> None:
        self.ended.append(run_id)
        self.output = outputs

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **_: Any) -> None:
        self.ended.append(run_id)

    def on_llm_end(self, response: Any, *, run_id: UUID, **_: Any) -> None:
        self.ended.append(run_id)


@pytest.mark.parametrize("how", ["stream", "invoke", "astream"])
def test_callbacks_see_our_retriever_and_the_model_inside_the_chains_run(retriever: HybridRetriever, how: str) -> None:
    runs = Runs()
    made = chain(retriever, ScriptedLLM(answers=["十五天。"]))
    if how == "stream":
        list(made.stream({"question": LEAVE}, {"callbacks": [runs]}))
    elif how == "invoke":
        made.invoke({"question": LEAVE}, {"callbacks": [runs]})
    else:

        async def collect() -> None:
            async for _ in made.astream({"question": LEAVE}, {"callbacks": [runs]}):
                pass

        asyncio.run(collect())
    (whole,) = [number for number, (_, _, parent) in runs.began.items() if parent is None]
    assert list(runs.began.values()) == [
        ("chain", "AnswerChain", None),
        ("chain", "rewrite", whole),
        ("retriever", LEAVE, whole),
        ("llm", "", whole),
        ("chain", "proof", whole),
    ]
    assert set(runs.ended) == set(runs.began) and runs.ended[-1] == whole
    assert isinstance(runs.output, Answer) and runs.output.mode == "model"


def test_langchains_event_stream_shows_the_retriever(retriever: HybridRetriever) -> None:
    async def collect() -> list[Any]:
        return [event async for event in chain(retriever).astream_events({"question": LEAVE}, version="v2")]

    events = asyncio.run(collect())
    (found,) = [event for event in events if event["event"] == "on_retriever_end"]
    assert found["data"]["output"][0].metadata["title"] == "员工手册.pdf"
    assert [event["name"] for event in events if event["event"] == "on_chain_end"] == [
        *("rewrite", "proof", "AnswerChain"),
    ]


def test_closing_the_stream_stops_the_model(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年"], endless=True)
    events = chain(retriever, llm).stream({"question": LEAVE})
    assert any(isinstance(event, Text) for event in events)
    events.close()  # type: ignore[attr-defined]
    assert llm.stopped.wait(300)


def test_cancelling_ends_with_what_is_there_and_its_citations(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的为十五天。以上"], endless=True)
    cancel = threading.Event()
    events: list[Any] = []
    for event in chain(retriever, llm).stream({"question": LEAVE, "cancel": cancel}):
        events.append(event)
        if "".join(event.text for event in events if isinstance(event, Text)).endswith("以上"):
            cancel.set()
    done = finished(events)
    assert done.mode == "stopped" and done.text.startswith("满十年不满二十年的为十五天。[")
    assert "十五天" in done.citations[0].quote


def test_a_stop_from_another_thread_ends_the_reader(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的为十五天。以上"], endless=True)
    question = Question(LEAVE)
    answers: list[Answer] = []
    reader = threading.Thread(target=lambda: answers.append(chain(retriever, llm).invoke(question)))
    reader.start()
    while not llm.prompts:
        time.sleep(0.01)
    question.cancel.set()
    reader.join(300)
    assert not reader.is_alive() and llm.stopped.wait(300)
    assert answers[0].mode == "stopped"


def test_one_stopped_before_it_is_read_calls_no_model(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["十五天。"])
    question = Question(LEAVE)
    question.cancel.set()
    done = finished(list(chain(retriever, llm).stream(question)))
    assert (done.mode, done.text, llm.prompts) == ("stopped", "", [])


@pytest.mark.parametrize("error", [OutOfMemoryError("显存不足"), ValueError("broken")])
def test_an_error_of_the_model_keeps_its_type(retriever: HybridRetriever, error: Exception) -> None:
    llm = ScriptedLLM(answers=["满十年的为十五天。"], error=error)
    with pytest.raises(type(error)):
        list(chain(retriever, llm).stream({"question": LEAVE}))


@pytest.mark.parametrize("question", ["泵" * (LONGEST_QUESTION + 1), "\udcb1 pump"])
def test_a_question_that_is_too_long_or_no_text_is_an_error(retriever: HybridRetriever, question: str) -> None:
    key = "question_too_long" if len(question) > LONGEST_QUESTION else "question_no_text"
    for given in ({"question": question}, Question(question), Question(LEAVE, standalone=question)):
        with pytest.raises(RAGError) as caught:
            chain(retriever).invoke(given)
        assert caught.value.message.key == f"answering.{key}"
    with pytest.raises(RAGError):
        retriever.retrieve(question)


@pytest.mark.parametrize("question", ["", "  \n", None])
def test_no_question_is_an_error(retriever: HybridRetriever, question: Any) -> None:
    with pytest.raises(RAGError, match="no question"):
        list(chain(retriever).stream({"question": question}))


def test_a_question_longer_than_the_window_says_so(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["好。"], context_tokens=512)
    with pytest.raises(PromptTooLongError):
        list(chain(retriever, llm).stream({"question": LEAVE * 60, "answer_anyway": True}))


def test_a_model_that_says_nothing_gives_way_to_quotes(retriever: HybridRetriever) -> None:
    done = ask(chain(retriever, ScriptedLLM(answers=[""])), LEAVE)
    assert done.mode == "extractive" and "十五天" in done.text


def test_an_answer_without_proof_has_the_documents_words_below_it(retriever: HybridRetriever) -> None:
    done = ask(chain(retriever, ScriptedLLM(answers=["年假为九十天。"])), LEAVE)
    written, below = done.text.split("\n\n文档中的原文：\n")
    assert written == "年假为九十天。" and "十五天" in below and done.mode == "model"
    assert [done.text[start:end] for start, end in done.unsupported] == ["年假为九十天。"]
    for citation in done.citations:
        assert done.text[citation.sentence_start :].startswith(citation.quote.split("\n")[0][:6])


def test_a_proven_answer_has_nothing_below_it(retriever: HybridRetriever) -> None:
    done = ask(chain(retriever, ScriptedLLM(answers=["满十年不满二十年的员工年假为15天。"])), LEAVE)
    assert "\n" not in done.text


def test_a_model_that_loops_is_stopped(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的员工年假为15天。" * 40])
    done = ask(chain(retriever, llm), LEAVE)
    assert done.text.count("年假为15天") == 1 and "重复" in done.text and llm.stopped.wait(300)


def test_a_model_that_writes_its_prompt_again_is_stopped(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["回答：满十年不满二十年的员工年假为15天。\n问题：公司在哪里？\n回答：在杭州。"])
    done = ask(chain(retriever, llm), LEAVE)
    assert done.text.startswith("满十年") and done.text.endswith("[1]") and "杭州" not in done.text


def test_an_answer_that_the_limit_cut_says_so(retriever: HybridRetriever) -> None:
    llm = ScriptedLLM(answers=["满十年不满二十年的员工年假为15天。另外公司还有"])
    done = ask(chain(retriever, llm, load_settings(max_new_tokens=25)), LEAVE)
    assert "公司还有\n\n（回答达到长度上限" in done.text and not done.unsupported


def test_an_answer_in_the_other_language_says_so(retriever: HybridRetriever) -> None:
    done = ask(chain(retriever, ScriptedLLM(answers=["They have 15 days of annual leave per year."])), LEAVE)
    assert "没有用提问的语言" in done.text


class Notes(BaseRetriever):
    """Somebody else's retriever, without a library."""

    def _get_relevant_documents(self, query: str, **_: Any) -> list[Document]:
        return [Document("The warranty lasts 24 months.", metadata={"title": "notes"})]


@pytest.mark.parametrize(
    "llm", [None, FakeListChatModel(responses=["It lasts 24 months [3]."])], ids=["quotes", "chat"]
)
def test_any_langchain_retriever_and_model_will_do(llm: Any) -> None:
    done = ask(chain(Notes(), llm), "How long does the warranty last?")
    assert done.text.endswith("24 months.[1]")
    assert done.citations[0].quote == "The warranty lasts 24 months."


@pytest.mark.parametrize("folder", [SHARDED_BIN, CHATML], ids=lambda folder: folder.name)
def test_a_real_minicpm_answers_through_the_chain(retriever: HybridRetriever, folder: Any) -> None:
    from minicpm_rag import MiniCPM_LLM

    llm = MiniCPM_LLM(folder, device="cpu", precision="float32")
    settings = load_settings(max_new_tokens=16, temperature=0.0)
    done = ask(chain(retriever, llm, settings), "保修几天？", answer_anyway=True)
    assert done.mode == "model" and done.text and 0 < len(done.documents) <= 5
    llm.close()


async def test_rewrite_retrieval_model_and_proof_are_runs_of_the_chain(retriever: HybridRetriever) -> None:
    history = [Turn("AL-500 的单价是多少元？", "5680 元。[1]")]
    llm = ScriptedLLM(answers=["AL-500 的交货期是几天？", "交货期为15天。"])
    asked = {"question": "那它的交货期是几天？", "history": history}
    began: dict[str, list[str]] = {}
    ended = []
    async for event in chain(retriever, llm).astream_events(asked, version="v2"):
        if event["event"].endswith("_start"):
            began.setdefault(event["name"], []).append(event["run_id"])
            assert event["name"] == "AnswerChain" or began["AnswerChain"][0] in event["parent_ids"]
        elif event["event"].endswith("_end"):
            ended.append(event["name"])
    assert list(began) == ["AnswerChain", "rewrite", "ScriptedLLM", "HybridRetriever", "proof"]
    assert len(began["ScriptedLLM"]) == 2
    assert sorted(ended) == sorted(name for name, runs in began.items() for _ in runs)


def test_a_text_is_a_question(retriever: HybridRetriever) -> None:
    asked = "AL-500 的单价是多少元？"
    assert chain(retriever).invoke(asked).text == chain(retriever).invoke({"question": asked}).text
