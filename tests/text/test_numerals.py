from __future__ import annotations

import pytest

from minicpm_rag.text.numerals import numbers


@pytest.mark.parametrize("name", ["PM2.5", "AL-200", "USB3.0", "v1.2.10", "HX-2.5"])
def test_no_part_of_a_name_is_a_number(name: str) -> None:
    assert not numbers(f"It measures {name}.")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("No.5", {5}),
        ("2.5 hours", {2.5}),
        ("1,234.50", {1234.5}),
        ("version 1.2.10", {1, 2, 10}),
        ("PM2.5 within 2.5 hours", {2.5}),
    ],
)
def test_what_stands_by_itself_is_one(text: str, values: set[float]) -> None:
    assert numbers(text) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fourteen days, twenty-five days, seventy one days", {14, 25, 71}),
        ("twenty thousand euros", {20_000}),
        ("a hundred and twenty days", {120}),
        ("one hundred people", {100}),
        ("Two Hundred and Fifty Thousand pounds", {250_000}),
        ("one thousand five hundred and one", {1501}),
        ("between two hundred and three hundred", {200, 300}),
        ("from one thousand to two thousand", {1000, 2000}),
        ("nineteen ninety", {19, 90}),
        ("three or four", {3, 4}),
        ("one of the two", {2}),
        ("hundreds of people; a dozen eggs", {12}),
    ],
)
def test_a_number_in_words_is_one_number(text: str, values: set[float]) -> None:
    assert numbers(text) == values
