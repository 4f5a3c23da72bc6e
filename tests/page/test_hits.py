from __future__ import annotations

import re

import pytest

from minicpm_rag.page.html import hits


def marked(html: str) -> list[str]:
    return re.findall("<mark>(.*?)</mark>", html)


@pytest.mark.parametrize(
    ("text", "wanted", "found"),
    [
        ("Full-time colleagues have 27 days of paid leave.", "paid LEAVE", ["paid", "leave"]),
        ("员工入职满一年后，每年有十二天带薪年假。", "带薪年假有几天", ["带薪年假"]),
        ("The AL-100 costs 699.", "AL-100", ["AL", "100"]),
        ("Nothing of it.", "battery", []),
    ],
)
def test_the_words_searched_for_are_marked(text: str, wanted: str, found: list[str]) -> None:
    assert marked(hits.drawn(text, wanted)) == found


def test_a_hit_far_in_is_shown_with_the_words_around_it() -> None:
    drawn = hits.drawn("# Title\n" + "Filler words. " * 50 + "The battery lasts two days. " + "More. " * 60, "battery")
    assert marked(drawn) == ["battery"]
    assert drawn.startswith("… ") and drawn.endswith(" …") and "lasts two days" in drawn
    assert len(drawn) < hits.CHARACTERS + 40


def test_marks_of_headings_and_tables_are_left_out_and_nothing_can_act() -> None:
    drawn = hits.drawn("## Prices\n| A | B |\n| --- | --- |\n| <b>x</b> | 2 |", "price")
    assert drawn == "<mark>Prices</mark> A | B &lt;b&gt;x&lt;/b&gt; | 2"
