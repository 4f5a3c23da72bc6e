from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from conftest import DATA

from minicpm_rag.answering.followups import (
    COMPLETIONS,
    RULES,
    Completion,
    Rule,
    carry_over,
    deciding_rule,
    only_named,
    stands_alone,
)
from minicpm_rag.records import Turn


@dataclass(frozen=True)
class Dialogue:
    language: str
    before: str
    answer: str
    question: str
    needs: list[str]  # what the completed question must hold; empty where it stands alone

    @property
    def history(self) -> list[Turn]:
        return [Turn(self.before, self.answer)]


DIALOGUES = [
    Dialogue(**json.loads(line)) for line in (DATA / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
]


def test_the_dialogues_are_many_in_both_languages() -> None:
    languages = [dialogue.language for dialogue in DIALOGUES]
    assert min(languages.count("zh"), languages.count("en")) >= 25


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue.question)
def test_a_follow_up_is_told_from_a_question_that_stands_alone(dialogue: Dialogue) -> None:
    assert stands_alone(dialogue.question, dialogue.history) == (not dialogue.needs)


@pytest.mark.parametrize("dialogue", DIALOGUES, ids=lambda dialogue: dialogue.question)
def test_the_rule_carries_the_subject_over_and_keeps_what_is_asked(dialogue: Dialogue) -> None:
    completed = carry_over(dialogue.question, dialogue.history)
    assert all(word.lower() in completed.lower() for word in dialogue.needs), completed
    if not dialogue.needs:
        assert completed == dialogue.question


@pytest.mark.parametrize("question", ["那它多少钱？", "And the second one?"])
def test_without_history_every_question_stands_alone(question: str) -> None:
    assert stands_alone(question, [])
    assert carry_over(question, []) == question


@pytest.mark.parametrize(
    ("turns", "question", "subject"),
    [
        (["AirLeaf 200 支持哪些无线网络？", "它的电池能用多久？"], "那它多少钱？", "AirLeaf 200"),
        (
            ["Who is the director of Norrland Components?", "When did she join?"],
            "Where does she live?",
            "Norrland",
        ),
    ],
)
def test_a_subject_lasts_over_several_turns(turns: list[str], question: str, subject: str) -> None:
    assert subject in carry_over(question, [Turn(turn, "……") for turn in turns])


@pytest.mark.parametrize(
    ("rule", "question"),
    [(rule, question) for rules in RULES.values() for rule in rules for question in rule.examples],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_rule_decides_its_examples(rule: Rule, question: str) -> None:
    assert deciding_rule(question) is rule
    assert stands_alone(question, [Turn("X100 的保修期是多久？", "")]) == rule.stands_alone


@pytest.mark.parametrize("way", [way for ways in COMPLETIONS.values() for way in ways], ids=lambda way: way.how)
def test_each_way_completes_its_example(way: Completion) -> None:
    before, question, completed = way.example
    assert way.complete(question, before) == completed
    assert carry_over(question, [Turn(before, "")]) == completed


@pytest.mark.parametrize(
    ("before", "answer", "question", "completed"),
    [
        ("哪辆车里程最少？", "**Golf**（里程：28,000 km）[1]", "它每月费用多少？", "Golf每月费用多少？"),
        (
            "Which vehicle has the lowest mileage?",
            "**Golf** (Mileage: 28,000 km)[1]",
            "What does it cost a month?",
            "What does Golf cost a month?",
        ),
        ("Which vehicle is the oldest?", "**V-1 · Zoe** (Year: 2012)[1]", "And its mileage?", "Zoe's mileage?"),
        # A name with signs that mean something in a pattern
        ("哪种型号最贵？", r"**A\d\g<9>\1**（单价：9 元）[1]", "它重多少？", r"A\d\g<9>\1重多少？"),
        # What was not asked for by "which", and what no query has found, is no subject.
        ("What is the mileage of the Golf?", "**28,000 km**[1]", "How old is it?", "How old is the Golf?"),
    ],
)
def test_it_is_what_the_question_before_was_answered_with(
    before: str, answer: str, question: str, completed: str
) -> None:
    assert carry_over(question, [Turn(before, answer)]) == completed


@pytest.mark.parametrize(
    ("question", "named"),
    [
        ("华瑞涂料呢？", "华瑞涂料"),
        ("那三月的呢", "三月"),
        ("And Café Linde?", "Café Linde"),
        ("What about the second one?", "the second one"),
        ("为什么？", ""),
        ("How much does it cost?", ""),
    ],
)
def test_a_follow_up_may_only_name_another_subject(question: str, named: str) -> None:
    assert only_named(question) == named


def test_another_thing_of_another_subject_is_asked_by_itself() -> None:
    asked = [Turn("书法班每周几上课？", "资料中没有找到足够的依据。")]
    assert carry_over("那围棋初级班的学费呢？", asked) == "围棋初级班的学费是什么？"
    assert carry_over("能用多久？", [Turn("AirLeaf 200 有多重？", "4 kg")]) == "AirLeaf 200有多重，能用多久？"
    assert carry_over("那病假呢？", [Turn("How many days of leave?", "27")]) == "How many days of leave，病假呢？"
    assert "价格" in carry_over("X200 的呢？", [Turn("X100 的价格是多少？", "")])


def test_what_begins_with_a_preposition_is_no_other_object() -> None:
    asked = carry_over("And for a week?", [Turn("How much is a locker for a child?", "2 euros")])
    assert asked == "And for a week (locker for a child)?"


@pytest.mark.parametrize(
    ("before", "question", "completed"),
    [
        ("元宵灯会的预算是多少？", "端午庙会呢？", "端午庙会的预算是多少？"),
        ("后勤主任的电话是多少？", "园长呢？", "园长的电话是多少？"),
        ("后勤主任的电话是多少？", "邮箱呢？", "后勤主任的邮箱是什么？"),
        ("端午庙会的预算是多少？", "负责人呢？", "端午庙会的负责人是谁？"),
        ("端午庙会的地点在哪里？", "时间呢？", "端午庙会的时间是什么？"),
    ],
)
def test_a_follow_up_names_another_owner_or_what_else_the_owner_has(before: str, question: str, completed: str) -> None:
    assert carry_over(question, [Turn(before, "")]) == completed


@pytest.mark.parametrize(
    ("before", "question", "is_alone"),
    [
        ("How many days of leave are there?", "年假有几天，没休完的能留到明年吗？", True),
        ("Who is the warden?", "婚假要提前几天报，能不能分开休？", True),
        ("How many days of leave are there?", "能留到明年吗？", False),
        ("How many days of leave are there?", "多少天，什么时候？", False),
        ("What does the Heron cost?", "那它多少钱，坐几个人？", False),
    ],
)
def test_two_things_asked_in_another_language_go_on_with_nothing(before: str, question: str, is_alone: bool) -> None:
    history = [Turn(before, "")]
    assert stands_alone(question, history) == is_alone
    assert (carry_over(question, history) == question) == is_alone
