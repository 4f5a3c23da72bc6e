from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from langchain_core.documents import Document

from minicpm_rag.retrieval.matching import QuestionMatch


def equal_weights(wanted: Sequence[str]) -> dict[str, float]:
    return dict.fromkeys(wanted, 1.0)


def passage(text: str, **above: str) -> Document:
    return Document(id=text, page_content=text, metadata=above)


@pytest.mark.parametrize(
    ("question", "full", "half", "none"),
    [
        ("保修期多久？", "保修期为两年", "保留期限", "天气很好"),
        ("How long is the warranty of the pump?", "The pump's long warranty", "A red pump", "Rain fell"),
    ],
)
def test_strength_follows_what_the_passage_holds(question: str, full: str, half: str, none: str) -> None:
    match = QuestionMatch(question, equal_weights)
    strengths = [match.content_strength(passage(text)) for text in (full, half, none)]
    assert strengths[0] >= 1
    assert strengths[0] > strengths[1] > strengths[2] == 0


def test_what_stands_above_a_passage_counts_as_held() -> None:
    match = QuestionMatch("warranty of the pump", equal_weights)
    bare, titled = passage("Two years of warranty."), passage("Two years of warranty. ", title="The pump")
    assert match.strength(titled) > match.strength(bare)
    assert match.best_sentence(titled) == 1 > match.best_sentence(bare)


def test_words_in_one_sentence_count_more_than_words_apart() -> None:
    match = QuestionMatch("水泵保修", equal_weights)
    together, apart = passage("水泵保修两年。天气好。"), passage("水泵很好。保修两年。")
    assert match.best_sentence(together) == 1 > match.best_sentence(apart)


def test_function_words_are_no_part_of_what_a_sentence_holds() -> None:
    match = QuestionMatch("When is the warranty of the pump over?", equal_weights)
    sentence = passage("The pump has a warranty.")
    assert match.best_content_sentence(sentence) == 1 > match.best_sentence(sentence)
    assert match.length == pytest.approx(math.log(2))


@pytest.mark.parametrize("question", ["水泵的保修期", "“水泵的保修期”？", "WATER pump!"])
def test_a_question_found_word_for_word_is_told(question: str) -> None:
    match = QuestionMatch(question, equal_weights)
    assert match.stands_in(passage("这是水泵的保修期。A water pump."))
    assert not match.stands_in(passage("这是水泵和保修期。A pump."))


@pytest.mark.parametrize("question", ["", "?", "你好", "thanks", "who are you?"])
def test_small_talk_asks_for_nothing_and_matches_without_error(question: str) -> None:
    match = QuestionMatch(question, equal_weights)
    assert not match.asks_for_something
    assert match.content_strength(passage("你好，谢谢。Thanks, who are you?")) == 0
    assert not match.stands_in(passage("？ ?")) or len(question) > 1


def test_passages_together_cover_what_each_holds_in_part() -> None:
    match = QuestionMatch("warranty of the pump 水泵", equal_weights)
    one, other = passage("The pump, 水泵, is red."), passage("Two years of warranty.")
    assert match.coverage([one, other]) > max(match.coverage([one]), match.coverage([other])) > 0
    assert match.coverage([]) == 0


@pytest.mark.parametrize(
    ("question", "near", "far"),
    [
        ("How hot may the pump motor get?", "The motor of the pump.", "The pump works while nobody is at the motor."),
        ("水泵保修", "水泵保修两年。", "保养水源很重要，油泵也要修。"),
    ],
)
def test_nearness_tells_neighbours_of_the_question_from_words_apart(question: str, near: str, far: str) -> None:
    match = QuestionMatch(question, equal_weights)
    assert match.nearness(passage(near)) > match.nearness(passage(far))


def test_a_question_of_one_word_has_no_neighbours_to_be_near() -> None:
    assert QuestionMatch("pump", equal_weights).nearness(passage("The pump.")) == 0
