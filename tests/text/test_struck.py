from __future__ import annotations

import pytest

from minicpm_rag.text.amounts import amounts
from minicpm_rag.text.cells import is_blank, number
from minicpm_rag.text.sentences import sentence_spans
from minicpm_rag.text.struck import blanked, joined, marked


def test_pieces_that_are_struck_out_one_after_another_have_one_pair_of_marks() -> None:
    assert joined([("定金", False), ("3", True), ("00", True), ("500元", False)]) == "定金~~300~~500元"


def test_blanks_around_stay_outside_of_the_marks() -> None:
    assert joined([("until ", False), (" May ", True), ("June", False)]) == "until  ~~May~~ June"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bring a lamp. Bring a rope.", "~~Bring a lamp.~~ ~~Bring a rope.~~"),
        ("带头灯。\n带绳索。", "~~带头灯。~~\n~~带绳索。~~"),
        ("  \n ", "  \n "),
    ],
)
def test_each_sentence_has_marks_of_its_own(text: str, expected: str) -> None:
    assert marked(text) == expected


@pytest.mark.parametrize("text", ["~~Closed on Mondays.~~ Open daily.", "~~周一休息。~~每天开放。"])
def test_a_sentence_ends_behind_the_marks(text: str) -> None:
    assert len(sentence_spans(text)) == 2
    assert all(text[start:end].count("~~") in (0, 2) for start, end in sentence_spans(text))


@pytest.mark.parametrize("text", ["Open daily. ~~Closed on Mondays.~~", "每天开放。~~周一休息。~~"])
def test_marks_that_open_belong_to_the_next_sentence(text: str) -> None:
    assert [text[start:end].count("~~") for start, end in sentence_spans(text)] == [0, 2]


def test_no_number_that_is_struck_out_counts() -> None:
    assert [one.value for one in amounts("a fee of ~~30 pounds~~ 45 pounds")] == [45]
    found = number("~~25~~ 40")
    assert found is not None and found.value == 40
    assert is_blank("~~12~~")


@pytest.mark.parametrize("text", ["about ~~ 5 ~~ six", "~5~", "~~~\ncode\n~~~", "a ~~ b"])
def test_tildes_that_strike_nothing_out_stay(text: str) -> None:
    assert blanked(text) == text
