from __future__ import annotations

import pytest

from minicpm_rag.answering.counterpart import asked_of, reason_of


@pytest.mark.parametrize(
    ("before", "thing", "asked"),
    [
        ("How much do juniors pay a year?", "veterans", "How much do veterans pay a year?"),
        ("How many days of leave do trainees get?", "managers", "How many days of leave do managers get?"),
        ("What does a service cost?", "a new tyre", "What does a new tyre cost?"),
        ("How much is a polish?", "a filling", "How much is a filling?"),
        ("Who is the treasurer?", "the secretary", "Who is the secretary?"),
        ("Do you mend bicycles?", "umbrellas", "Do you mend umbrellas?"),
        ("Can I park on Sunday?", "on Monday", "Can I park on Monday?"),
        ("What is the rent for a week?", "for a month", "What is the rent for a month?"),
        ("How much is a 2 day ticket for a child?", "for 5 days", "How much is a 5 days ticket for a child?"),
        ("What does a boat cost for two hours?", "for four hours", "What does a boat cost for four hours?"),
        ("How much is a locker for a child?", "for a week", ""),  # a week stands in no child's place
        ("When does the pool open?", "on Sundays", "When does the pool open on Sundays?"),
        ("Who signed the contract with Alder?", "the other", ""),  # of what it is the counterpart is not clear
    ],
)
def test_a_question_is_asked_again_of_another_thing(before: str, thing: str, asked: str) -> None:
    assert asked_of(thing, before) == asked


@pytest.mark.parametrize(
    ("before", "why"),
    [
        ("Which offer was chosen?", "Why was the offer chosen?"),
        ("Is the pool closed in May?", "Why is the pool closed in May?"),
        ("When does the pool open?", ""),
    ],
)
def test_why_asks_for_the_reason_of_what_was_asked(before: str, why: str) -> None:
    assert reason_of(before) == why


def test_a_long_question_is_left_alone() -> None:
    assert asked_of("seniors", f"How much do {'a ' * 200}pay?") == reason_of(f"Is {'a ' * 200}?") == ""
