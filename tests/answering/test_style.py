"""The language and length that a user chose hold for answers with and without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from scripted_llm import ScriptedLLM

from minicpm_rag.answering import build_chain
from minicpm_rag.answering.extractive import excerpts
from minicpm_rag.answering.prompt import echoes
from minicpm_rag.answering.quoting import quote
from minicpm_rag.answering.style import Style
from minicpm_rag.embedding.embedder import Embedder
from minicpm_rag.library import Library
from minicpm_rag.messages import Message, text
from minicpm_rag.records import Answer, Reading
from minicpm_rag.retrieval import HybridRetriever

LEAVE = "工龄满十年的员工年假有多少天？"
DISCOUNT = "What discount does AirView get?"


@pytest.fixture(scope="module")
def retriever(knowledge_home: Path, packaged_embedder: Embedder) -> Iterator[HybridRetriever]:
    with Library(knowledge_home, embedder=packaged_embedder) as library:
        yield HybridRetriever(library=library, embedder=packaged_embedder)


def ask(retriever: HybridRetriever, style: Style, question: str, llm: Any = None) -> Answer:
    return build_chain(retriever=retriever, llm=llm, style=style).invoke(question)


@pytest.mark.parametrize(
    ("style", "told"),
    [
        (Style(), "用简洁的中文回答问题"),
        (Style(length="short"), "用一两句中文回答问题"),
        (Style("en"), "Answer the question briefly and in English"),
        (Style("en", "detailed"), "Answer the question in detail and in English"),
        (Style("zh", "detailed"), "用详细的中文回答问题"),
    ],
)
def test_a_model_is_told_language_and_length(retriever: HybridRetriever, style: Style, told: str) -> None:
    llm = ScriptedLLM(answers=["十五天。"])
    ask(retriever, style, LEAVE, llm)
    assert told in llm.prompts[0] and LEAVE in llm.prompts[0]
    instruction = llm.prompts[0].splitlines()[0]
    assert any(echo in instruction for echo in echoes())


def test_a_model_that_answers_in_another_language_than_the_chosen_one_is_told_of(retriever: HybridRetriever) -> None:
    chinese = "工龄满十年不满二十年的员工，每年的年假一共是十五天，结转最多五天。"
    told = text("en", Message("answering.other_language"))
    assert told in ask(retriever, Style("en"), LEAVE, ScriptedLLM(answers=[chinese])).text
    assert told not in ask(retriever, Style("zh"), LEAVE, ScriptedLLM(answers=[chinese])).text


def test_without_a_model_short_is_one_sentence_and_detailed_more_than_usual(retriever: HybridRetriever) -> None:
    short, usual, detailed = (
        ask(retriever, Style(length=length), DISCOUNT).text.count("[")  # type: ignore[arg-type]
        for length in ("short", "normal", "detailed")
    )
    assert short == 1 and usual <= detailed and detailed > 1


@pytest.mark.parametrize(("style", "said"), [(Style("en"), "too little evidence"), (Style("zh"), "足够的依据")])
def test_a_refusal_is_in_the_chosen_language(retriever: HybridRetriever, style: Style, said: str) -> None:
    for question in ("法国的首都叫什么名字？", "What is the capital of France?"):
        assert said in ask(retriever, style, question).text


def test_a_computation_and_a_greeting_are_told_in_the_chosen_language(retriever: HybridRetriever) -> None:
    assert "Computed" in ask(retriever, Style("en"), "华东的金额合计是多少？").text
    assert ask(retriever, Style("en"), "你好").text.isascii()


def passage(words: str, number: int) -> Document:
    return Document(
        page_content=words, metadata={"document_id": number, "page": 1, "start": 0, "title": f"{number}.md"}
    )


def test_passages_in_the_chosen_language_are_quoted_where_one_of_them_answers() -> None:
    documents = [passage("The notice is ninety days.", 1), passage("通知期为九十天。", 2)]
    begun = Answer(standalone_question="What is the notice?", documents=documents)
    readings = [Reading(0, 26, 0.9, 0.9), Reading(0, 8, 0.9, 0.9)]

    def quoted(language: Any, read: list[Reading]) -> str:
        *_, last = quote(begun, read, page_text=None, similarity=None, style=Style(language))
        assert isinstance(last, Answer)
        return last.text

    assert "九十天" in quoted("zh", readings) and "ninety" not in quoted("zh", readings)
    silent = [readings[0], Reading(0, 8, 0.001, 0.1)]
    assert "ninety" in quoted("zh", silent), "what answers is quoted though in another language"


def test_all_passages_are_quoted_from_where_none_would_be_left() -> None:
    found = excerpts("What is the notice?", [passage("The notice is ninety days.", 1)], left_out=frozenset({1}))
    assert [one.number for one in found] == [1]
